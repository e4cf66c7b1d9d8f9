"""A local Gong: the calls of API v2, served from a `World` as Gong serves them, its quirks included.

A hundred records a page whatever is asked; a page token that is a page number over calls that come and go meanwhile;
a filter without a match is a 404; a POST reads its cursor from the body only; ids are text beyond 2**53. Whose calls
are served is decided by the key.
"""

import itertools
from collections.abc import Callable, Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any

from headway_pipeline.sandbox.exchange import Reply, Request, json_reply, no_page
from headway_pipeline.sandbox.gong.answers import SCOPES, GongAnswers
from headway_pipeline.sandbox.gong.callers import GongCaller, basic_pair, bearer_token, gong_callers_of
from headway_pipeline.sandbox.gong.requests import RefusedError
from headway_pipeline.sandbox.oauth import TokenDesk
from headway_pipeline.sandbox.quotas import GongQuotas
from headway_pipeline.sandbox.rules import GongRules
from headway_pipeline.sandbox.world import World

__all__ = ["GongApi"]

#: Where an app exchanges a refresh token.
TOKEN_PATH = "/oauth2/generate-customer-token"  # noqa: S105  # an address, no secret


class GongApi:
    """Answers requests; knows no socket.

    Args:
        world: what there is to serve.
        clock: aware UTC; decides when calls appear and cursors expire.
        base_url: where links to calls lead.

    Attributes:
        rules: may be replaced at any time.
    """

    def __init__(self, world: World, clock: Callable[[], datetime], base_url: str) -> None:
        self._clock = clock
        self._base_url = base_url
        self._request_ids = (f"sandbox{number:012x}" for number in itertools.count(1))
        self._tokens = TokenDesk()
        self._quotas = GongQuotas()
        self.rules = GongRules()
        self.serve(world)

    def serve(self, world: World) -> None:
        """Answer from this world from now on; quotas and tokens stand."""
        self._callers = gong_callers_of(world)

    def caller_of(self, request: Request) -> GongCaller | None:
        """Whose key a request carries; None: nobody's."""
        header = request.headers.get("authorization", "")
        client_id = self._tokens.client_of(bearer_token(header), self._clock())
        callers = self._callers
        return callers.by_pair.get(basic_pair(header)) if client_id is None else callers.by_client.get(client_id)

    def answer(self, request: Request) -> Reply:
        """The reply to one request."""
        try:
            value = self._value(request)
        except RefusedError as refused:
            headers = {} if refused.retry_after_s is None else {"Retry-After": str(refused.retry_after_s)}
            return self._json(refused.status, {"errors": list(refused.errors)}, headers)
        return no_page() if value is None else self._json(HTTPStatus.OK, value)

    def _json(self, status: HTTPStatus, value: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Reply:
        return json_reply(status, {"requestId": next(self._request_ids), **value}, headers)

    def _value(self, request: Request) -> dict[str, Any] | None:
        rules, now = self.rules, self._clock()
        if (request.method, request.path) == ("POST", TOKEN_PATH):
            return self._issued(request, rules, now)
        caller = self._let_in(request, rules, now)
        route = _route(request)
        if route not in SCOPES:
            return None
        if SCOPES[route] not in caller.scopes:
            is_directory = route == ("GET", "/v2/workspaces")
            status = HTTPStatus.FORBIDDEN if is_directory else rules.missing_scope_status
            raise RefusedError(status, f"the key lacks the scope {SCOPES[route]}")
        return GongAnswers(caller.calls, caller.sees_calls, now, self._base_url, rules).value(route, request)

    def _let_in(self, request: Request, rules: GongRules, now: datetime) -> GongCaller:
        if not rules.is_caller_trusted:
            raise RefusedError(HTTPStatus.FORBIDDEN, "requests from this address are not allowed")
        caller = self.caller_of(request)
        is_at_generic_host = request.headers.get("host", "").startswith("localhost:")
        if caller is None or now >= caller.expires_at or (is_at_generic_host and rules.is_generic_host_closed):
            raise RefusedError(HTTPStatus.UNAUTHORIZED, "Invalid access key or access key secret")
        wait_s = self._quotas.take(caller.quota_owner, now, rules)
        if wait_s is not None:
            raise RefusedError(HTTPStatus.TOO_MANY_REQUESTS, "API rate limit exceeded", retry_after_s=wait_s)
        return caller

    def _issued(self, request: Request, rules: GongRules, now: datetime) -> dict[str, Any]:
        """New tokens; the parameters of the grant are in the query, the app's secret in Basic authentication."""
        app = self._callers.apps.get(basic_pair(request.headers.get("authorization", "")))
        if app is None:
            raise RefusedError(HTTPStatus.UNAUTHORIZED, "invalid_client")
        issued = self._tokens.exchange(app, request.query, now, rules.access_token_life)
        if issued is None:
            raise RefusedError(HTTPStatus.BAD_REQUEST, "invalid_grant")
        scope = " ".join(sorted(app.scopes))
        return {**issued.answer, "scope": scope, "api_base_url_for_customer": self._base_url}


def _route(request: Request) -> tuple[str, str]:
    """Method and path, as `SCOPES` has them."""
    match request.path.strip("/").split("/"):
        case ["v2", "calls", _] if request.method == "GET":
            return "GET", "/v2/calls/*"
        case parts:
            return request.method, "/" + "/".join(parts)
