"""Plain HTTP clients of the local Gong and Fathom, for tests that meet them as a stranger would."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import requests

from headway_pipeline.sandbox.server import Sandbox
from headway_pipeline_tests.sandbox_fixtures import ACCESS_KEY, API_TOKEN, SECRET_KEY, MovableClock


@dataclass
class GongClient:
    """Asks the local Gong; with the keys of the fixtures' company unless it is given others."""

    sandbox: Sandbox
    clock: MovableClock
    auth: tuple[str, str] | None = (ACCESS_KEY, SECRET_KEY)
    headers: dict[str, str] = field(default_factory=dict)
    base_url: str = ""

    def get(self, path: str, **query: str) -> requests.Response:
        base_url = self.base_url or self.sandbox.base_url
        return requests.get(base_url + path, params=query, auth=self.auth, headers=self.headers, timeout=5)

    def post(self, path: str, body: Any, **query: str) -> requests.Response:
        base_url = self.base_url or self.sandbox.base_url
        return requests.post(
            base_url + path, json=body, params=query, auth=self.auth, headers=self.headers, timeout=5
        )

    def page(self, cursor: str | None = None, selector: Any = None, **wanted: Any) -> dict[str, Any]:
        """A page of the extensive listing; `calls` is empty where nothing matches."""
        body = {"filter": wanted, "contentSelector": selector} | ({} if cursor is None else {"cursor": cursor})
        answer: dict[str, Any] = self.post("/v2/calls/extensive", body).json()
        return {"calls": [], "records": {}} | answer

    def titles(self, **wanted: Any) -> list[str | None]:
        """The titles of all that is listed."""
        return [row["metaData"].get("title") for page in self.walk(**wanted) for row in page["calls"]]

    def walk(self, **wanted: Any) -> Iterator[dict[str, Any]]:
        """Page after page."""
        cursor = None
        while True:
            page = self.page(cursor, **wanted)
            yield page
            cursor = page["records"].get("cursor")
            if cursor is None:
                return

    def transcripts(self, *numbers: str) -> list[str]:
        """Of which of these calls there is a transcript."""
        answer = self.post("/v2/calls/transcript", {"filter": {"callIds": [*numbers]}})
        return [row["callId"] for row in answer.json().get("callTranscripts", ())]


@dataclass
class FathomClient:
    """Asks the local Fathom; with the key of the fixtures' company unless it is given another."""

    sandbox: Sandbox
    clock: MovableClock
    api_token: str = API_TOKEN
    headers: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, **query: Any) -> requests.Response:
        headers = self.headers or {"X-Api-Key": self.api_token}
        return requests.get(self.sandbox.fathom_url + path, params=query, headers=headers, timeout=5)

    def meetings(self, **query: Any) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.get("/meetings", **query).json()["items"]
        return items

    def titles(self, **query: Any) -> list[str]:
        """The titles of one page."""
        return [row["title"] for row in self.meetings(**query)]

    def walk(self, **query: Any) -> Iterator[dict[str, Any]]:
        """Page after page."""
        while True:
            page: dict[str, Any] = self.get("/meetings", **query).json()
            yield page
            if not page["next_cursor"]:
                return
            query = {**query, "cursor": page["next_cursor"]}
