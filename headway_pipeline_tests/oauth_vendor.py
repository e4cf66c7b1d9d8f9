"""A vendor with OAuth behind a real server: refresh tokens that are taken once, access tokens that end."""

import base64
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from urllib.parse import parse_qsl

from headway_pipeline.model.workspaces import Credentials
from headway_pipeline.sandbox.exchange import Reply, Request, json_reply

CLIENT = ("the-client-id", "the-client-secret")
TOKEN_PATH = "/oauth2/token"


class OAuthVendor:
    """A fault for a sandbox: answers its token endpoint and turns away access tokens that are not the newest.

    Attributes:
        renewals: refresh tokens that came, with whether they were taken.
        seen: authorization headers of other requests, and what they were answered.
        base_url_for_customer: named in token answers where set.
        before_answer: called with the number of the renewal before it is answered.
        instead: a reply to all other requests that carry a good token; None lets them pass.
    """

    def __init__(self, clock: Callable[[], datetime], *, in_query: bool = False, in_header: bool = False) -> None:
        self.clock = clock
        self.in_query = in_query
        self.in_header = in_header
        self.refresh_token = "refresh-0"
        self.access_token = "access-0"
        self.ends_at = clock() + timedelta(hours=1)
        self.renewals: list[tuple[str, bool]] = []
        self.seen: list[tuple[str, int]] = []
        self.base_url_for_customer: str | None = None
        self.before_answer: Callable[[int], Reply | None] = lambda _number: None
        self.instead: Callable[[Request], Reply | None] = lambda _request: None
        self._lock = threading.Lock()

    def credentials(self, token_url: str, **more: str) -> Credentials:
        """What a connector is given at first."""
        return Credentials(
            {
                "client_id": CLIENT[0],
                "client_secret": CLIENT[1],
                "refresh_token": "refresh-0",
                "token_url": f"{token_url}{TOKEN_PATH}",
                **more,
            }
        )

    @property
    def taken(self) -> list[str]:
        """Refresh tokens that were taken."""
        return [token for token, is_taken in self.renewals if is_taken]

    def __call__(self, request: Request, /) -> Reply | None:
        if request.path == TOKEN_PATH:
            return self._token(request)
        given = request.headers.get("authorization", "")
        is_good = given == f"Bearer {self.access_token}" and self.clock() < self.ends_at
        self.seen.append((given, 200 if is_good else 401))
        return self.instead(request) if is_good else json_reply(401, {"errors": [f"bad token {given}"]})

    def _token(self, request: Request) -> Reply:
        form = dict(parse_qsl(request.body.decode()))
        grant = dict(request.query) if self.in_query else form
        pair = base64.b64encode(":".join(CLIENT).encode()).decode()
        is_client = (
            request.headers.get("authorization") == f"Basic {pair}"
            if self.in_header
            else (form.get("client_id"), form.get("client_secret")) == CLIENT
        )
        with self._lock:
            number = len(self.renewals) + 1
            is_taken = is_client and grant.get("refresh_token") == self.refresh_token
            self.renewals.append((grant.get("refresh_token", ""), is_taken))
            if is_taken:
                self.refresh_token, self.access_token = f"refresh-{number}", f"access-{number}"
                self.ends_at = self.clock() + timedelta(hours=1)
        instead = self.before_answer(number)
        if instead is not None:
            return instead
        if not is_taken:
            return json_reply(400, {"error": "invalid_grant", "was": grant.get("refresh_token")})
        named = {"api_base_url_for_customer": self.base_url_for_customer} if self.base_url_for_customer else {}
        return json_reply(
            200,
            {
                "access_token": f"access-{number}",
                "refresh_token": f"refresh-{number}",
                "expires_in": 3600,
                "token_type": "bearer",
                **named,
            },
        )
