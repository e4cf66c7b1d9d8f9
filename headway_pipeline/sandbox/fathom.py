"""A local Fathom: meetings of External API v1, served from a `World` as Fathom serves them, its quirks included.

Ten records a page whatever is asked, newest first; a page token that is a page number; filters on the time a meeting
was created, which is after its end; a transcript that is null, then empty, then there. Whose meetings are served is
decided by the API key.
"""

import base64
import binascii
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

from headway_pipeline.sandbox.exchange import Reply, Request, json_reply, no_page
from headway_pipeline.sandbox.fathom_shapes import created_at, meeting, recording_id, teams_of, transcript_of
from headway_pipeline.sandbox.world import Company, SandboxCall, World

__all__ = ["PREFIX", "FathomApi"]

#: What the base URL of a connector ends in.
PREFIX = "/external/v1"
PAGE_SIZE = 10
#: A transcript is null for the first half of this after its meeting was created, and empty for the second.
READY_AFTER = timedelta(minutes=2)


class _RefusedError(Exception):
    """A request the API answers with an error body."""

    def __init__(self, status: HTTPStatus, error: str) -> None:
        super().__init__(error)
        self.status = status
        self.error = error


class FathomApi:
    """Answers requests; knows no socket.

    Args:
        world: what there is to serve.
        clock: aware UTC; a meeting appears when it is created, its transcript later.
        base_url: where links to calls lead.
    """

    def __init__(self, world: World, clock: Callable[[], datetime], base_url: str) -> None:
        self._world = world
        self._clock = clock
        self._base_url = base_url
        self._calls = {
            company.api_token: sorted(company.calls_in("fathom"), key=_newest_first) for company in world.companies
        }

    def answer(self, request: Request) -> Reply:
        """The reply to one request."""
        try:
            company = self._company_of(request)
            value = self._value(company, request) if request.method == "GET" else None
        except _RefusedError as refused:
            return json_reply(refused.status, {"error": refused.error})
        return no_page() if value is None else json_reply(HTTPStatus.OK, value)

    def _value(self, company: Company, request: Request) -> dict[str, Any] | None:
        match request.path.removeprefix(PREFIX).strip("/").split("/"):
            case ["meetings"]:
                return self._meetings(company, request.query)
            case ["recordings", number, "transcript"]:
                return {"transcript": self._transcript(self._call(company, number)) or []}
            case ["teams"]:
                return _page(teams_of(company), request.query)
            case _:
                return None

    def _company_of(self, request: Request) -> Company:
        given = request.headers.get("x-api-key", "")
        for company in self._world.companies:
            if hmac.compare_digest(given.encode("utf-8", "replace"), company.api_token.encode("utf-8", "replace")):
                return company
        raise _RefusedError(HTTPStatus.UNAUTHORIZED, "Unauthorized")

    def _visible(self, company: Company) -> list[SandboxCall]:
        now = self._clock()
        return [call for call in self._calls[company.api_token] if created_at(call) <= now]

    def _meetings(self, company: Company, query: Mapping[str, str]) -> dict[str, Any]:
        after = _moment(query, "created_after", datetime.min.replace(tzinfo=UTC))
        before = _moment(query, "created_before", datetime.max.replace(tzinfo=UTC))
        found = [call for call in self._visible(company) if after < created_at(call) < before]
        # A type nobody has made is no error.
        page = _page([] if query.get("meeting_type") else found, query)
        with_transcript = query.get("include_transcript") == "true"
        with_crm = query.get("include_crm_matches") == "true"
        page["items"] = [
            meeting(company, call, self._base_url, with_speakers=with_transcript, with_crm=with_crm)
            | ({"transcript": self._transcript(call)} if with_transcript else {})
            for call in page["items"]
        ]
        return page

    def _transcript(self, call: SandboxCall) -> list[dict[str, Any]] | None:
        age = self._clock() - created_at(call)
        if not call.utterances or age < READY_AFTER / 2:
            return None
        return [] if age < READY_AFTER else transcript_of(call)

    def _call(self, company: Company, number: str) -> SandboxCall:
        for call in self._visible(company):
            if str(recording_id(call)) == number:
                return call
        raise _RefusedError(HTTPStatus.NOT_FOUND, "Recording not found")


def _newest_first(call: SandboxCall) -> tuple[float, str]:
    return -created_at(call).timestamp(), call.id


def _page(rows: Sequence[Any], query: Mapping[str, str]) -> dict[str, Any]:
    """The page a token leads to, or the first; the last one's token is null."""
    number = _page_number(query.get("cursor"))
    first = (number - 1) * PAGE_SIZE
    has_more = first + PAGE_SIZE < len(rows)
    return {
        "limit": PAGE_SIZE,
        "next_cursor": _token(number + 1) if has_more else None,
        "items": list(rows[first : first + PAGE_SIZE]),
    }


def _token(page_number: int) -> str:
    return base64.b64encode(json.dumps({"page_num": page_number}, separators=(",", ":")).encode()).decode()


def _page_number(token: str | None) -> int:
    if token is None:
        return 1
    try:
        number = json.loads(base64.b64decode(token, validate=True))["page_num"]
    except (binascii.Error, ValueError, TypeError, LookupError, RecursionError):
        number = None
    if not isinstance(number, int) or number < 1:
        raise _RefusedError(HTTPStatus.BAD_REQUEST, "cursor is invalid")
    return number


def _moment(query: Mapping[str, str], name: str, otherwise: datetime) -> datetime:
    given = query.get(name)
    if given is None:
        return otherwise
    try:
        moment = datetime.fromisoformat(given)
    except ValueError as error:
        raise _RefusedError(HTTPStatus.BAD_REQUEST, f"{name} is not an ISO 8601 timestamp") from error
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
