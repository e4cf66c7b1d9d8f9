"""A local Fathom: meetings of External API v1, served from a `World` as Fathom serves them, its quirks included.

Ten records a page whatever is asked, newest first; a page token that is a page number over meetings that come and go
meanwhile; filters on the time a meeting was created, which is after its end; a transcript that is null, then empty,
then there. Whose meetings are served is decided by the API key, which is a user's.
"""

from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import Any

from headway_pipeline.sandbox.exchange import Reply, Request, html_reply, json_reply, no_page
from headway_pipeline.sandbox.fathom_answers import FathomAnswers
from headway_pipeline.sandbox.fathom_callers import FathomCaller, callers_by_key
from headway_pipeline.sandbox.fathom_requests import RefusedError
from headway_pipeline.sandbox.rules import ErrorForm, FathomRules
from headway_pipeline.sandbox.world import NEVER, World

__all__ = ["PREFIX", "FathomApi"]

#: What the base URL of a connector ends in.
PREFIX = "/external/v1"


class FathomApi:
    """Answers requests; knows no socket.

    Args:
        world: what there is to serve.
        clock: aware UTC; decides when meetings and transcripts appear.
        base_url: where links to calls lead.

    Attributes:
        rules: may be replaced at any time.
    """

    def __init__(self, world: World, clock: Callable[[], datetime], base_url: str) -> None:
        self._clock = clock
        self._base_url = base_url
        self.rules = FathomRules()
        self.serve(world)

    def serve(self, world: World) -> None:
        """Answer from this world from now on; quotas, tokens and webhooks stand."""
        self._callers = callers_by_key(world)

    def caller_of(self, request: Request) -> FathomCaller | None:
        """Whose key a request carries; None: nobody's."""
        return self._callers.get(request.headers.get("x-api-key", ""))

    def answer(self, request: Request) -> Reply:
        """The reply to one request."""
        rules = self.rules
        try:
            value = self._value(request, rules)
        except RefusedError as refused:
            return _refusal(refused, rules.error_form)
        return no_page() if value is None else json_reply(HTTPStatus.OK, value)

    def _value(self, request: Request, rules: FathomRules) -> dict[str, Any] | None:
        now = self._clock()
        caller = self._let_in(request, rules, now)
        if request.method != "GET":
            return None
        parts = request.path.removeprefix(PREFIX).strip("/").split("/")
        return FathomAnswers(caller, now, self._base_url, rules).value(parts, request)

    def _let_in(self, request: Request, rules: FathomRules, now: datetime) -> FathomCaller:
        caller = self.caller_of(request)
        if caller is None:
            raise RefusedError(HTTPStatus.UNAUTHORIZED, "Unauthorized")
        if now >= (caller.user.deactivated_at or NEVER):
            raise RefusedError(rules.deactivated_status, "Unauthorized")
        return caller


def _refusal(refused: RefusedError, form: ErrorForm) -> Reply:
    match form:
        case ErrorForm.ERROR | ErrorForm.MESSAGE:
            return json_reply(refused.status, {form.value: refused.error})
        case ErrorForm.TEXT:
            return Reply(refused.status, refused.error.encode(), {"Content-Type": "text/plain;charset=utf-8"})
        case ErrorForm.EMPTY:
            return Reply(refused.status)
        case ErrorForm.HTML:
            return html_reply(refused.status, f"<!doctype html><title>Error</title><h1>{refused.error}</h1>")
