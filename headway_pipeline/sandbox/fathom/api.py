"""A local Fathom: meetings of External API v1, served from a `World` as Fathom serves them, its quirks included.

Ten records a page whatever is asked, newest first; a page token that is a page number over meetings that come and go
meanwhile; filters on the time a meeting was created, which is after its end; a transcript that is null, then empty,
then there. Whose meetings are served is decided by the API key, which is a user's.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from email.utils import format_datetime
from http import HTTPStatus
from secrets import compare_digest
from typing import Any
from urllib.parse import parse_qsl

from headway_pipeline.sandbox.exchange import Reply, Request, html_reply, json_reply, no_page
from headway_pipeline.sandbox.fathom.answers import FathomAnswers
from headway_pipeline.sandbox.fathom.callers import FathomCaller, fathom_callers_of
from headway_pipeline.sandbox.fathom.requests import RefusedError, is_heavy
from headway_pipeline.sandbox.fathom.webhooks import Webhook, WebhookBook
from headway_pipeline.sandbox.oauth import TokenDesk
from headway_pipeline.sandbox.quotas import FathomQuotas, Standing
from headway_pipeline.sandbox.rules import ErrorForm, FathomRules
from headway_pipeline.sandbox.world import NEVER, Company, SandboxCall, World

__all__ = ["PREFIX", "FathomApi"]

#: What the base URL of a connector ends in.
PREFIX = "/external/v1"


class FathomApi:
    """Answers requests; knows no socket.

    Args:
        world: what there is to serve.
        clock: aware UTC; decides when meetings and transcripts appear.
        base_url: where links to calls lead.
        post: sends a body to an address, later.

    Attributes:
        rules: may be replaced at any time.
    """

    def __init__(
        self, world: World, clock: Callable[[], datetime], base_url: str, post: Callable[[str, bytes], None]
    ) -> None:
        self._clock = clock
        self._base_url = base_url
        self._post = post
        self._tokens = TokenDesk()
        self._quotas = FathomQuotas()
        self._webhooks = WebhookBook()
        self._lock = threading.Lock()
        self._answers = self._refusals = 0
        self.rules = FathomRules()
        self.serve(world)

    def serve(self, world: World) -> None:
        """Answer from this world from now on; quotas, tokens and webhooks stand."""
        self._callers = fathom_callers_of(world)

    @property
    def webhooks(self) -> tuple[Webhook, ...]:
        """What is registered, oldest first."""
        return self._webhooks.hooks

    def seen_by(self, owner: str) -> tuple[Company, list[SandboxCall]]:
        """The company of whoever made a webhook, and the meetings that its owner sees now.

        Raises:
            KeyError: nobody of that label is served.
        """
        found = {
            caller.label: caller for caller in (*self._callers.by_key.values(), *self._callers.by_client.values())
        }
        caller, now = found[owner], self._clock()
        return caller.calls.company, [call for call in caller.calls.all if caller.view.sees(call, now)]

    def caller_of(self, request: Request) -> FathomCaller | None:
        """Whose key a request carries; None: nobody's."""
        callers, headers = self._callers, request.headers
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return callers.by_key.get(headers.get("x-api-key", ""))
        return callers.by_client.get(self._tokens.client_of(token.strip(), self._clock()) or "")

    def answer(self, request: Request) -> Reply:
        """The reply to one request."""
        rules, now = self.rules, self._clock()
        standing: Standing | None = None
        try:
            if (request.method, request.path) == ("POST", f"{PREFIX}/oauth2/token"):
                return json_reply(HTTPStatus.OK, self._issued(request, rules, now))
            caller = self._let_in(request, rules, now)
            standing = self._quotas.take(caller.quota_owner, now, rules, is_heavy=is_heavy(request))
            if standing.is_refused:
                raise self._too_many(standing, rules, now)
            reply = self._reply(request, caller, rules, now)
        except RefusedError as refused:
            reply = _refusal(refused, rules.error_form)
        return self._with_rate_headers(reply, standing, rules)

    def _let_in(self, request: Request, rules: FathomRules, now: datetime) -> FathomCaller:
        caller = self.caller_of(request)
        if caller is None:
            raise RefusedError(HTTPStatus.UNAUTHORIZED, "Unauthorized")
        if now >= (caller.user.deactivated_at or NEVER):
            raise RefusedError(rules.deactivated_status, "Unauthorized")
        return caller

    def _reply(self, request: Request, caller: FathomCaller, rules: FathomRules, now: datetime) -> Reply:
        match request.method, request.path.removeprefix(PREFIX).strip("/").split("/"):
            case "POST", ["webhooks"]:
                hook = self._webhooks.create(caller.label, request.json_object(), now)
                return json_reply(HTTPStatus.CREATED, hook)
            case "DELETE", ["webhooks", hook_id]:
                self._webhooks.delete(caller.label, hook_id)
                return Reply(HTTPStatus.NO_CONTENT)
            case "GET", parts:
                value = FathomAnswers(caller, now, self._base_url, rules).value(parts, request)
                return no_page() if value is None else self._sent(request, value)
            case _:
                return no_page()

    def _sent(self, request: Request, value: Mapping[str, Any]) -> Reply:
        """The answer, or the promise to send it to an address of the client's."""
        elsewhere = request.query.get("destination_url")
        reply = json_reply(HTTPStatus.OK, value)
        if elsewhere is None or "/recordings/" not in request.path:
            return reply
        self._post(elsewhere, reply.body)
        return json_reply(HTTPStatus.OK, {"destination_url": elsewhere})

    def _issued(self, request: Request, rules: FathomRules, now: datetime) -> Mapping[str, object]:
        """New tokens; everything is in the form."""
        form = dict(parse_qsl(request.body.decode("utf-8", "replace")))
        app = self._callers.apps.get(form.get("client_id", ""))
        if app is None or not compare_digest(app.client_secret.encode(), form.get("client_secret", "").encode()):
            raise RefusedError(HTTPStatus.UNAUTHORIZED, "invalid_client")
        issued = self._tokens.exchange(app, form, now, rules.access_token_life)
        if issued is None:
            raise RefusedError(HTTPStatus.BAD_REQUEST, "invalid_grant")
        return issued.answer

    def _too_many(self, standing: Standing, rules: FathomRules, now: datetime) -> RefusedError:
        with self._lock:
            self._refusals += 1
            as_date = self._refusals <= rules.retry_dates
        # An HTTP date has no fractions of a second: the next whole one, lest it be too early.
        until = (now + timedelta(seconds=standing.reset_s, microseconds=999_999)).replace(microsecond=0)
        retry_after = format_datetime(until, usegmt=True) if as_date else str(standing.reset_s)
        return RefusedError(HTTPStatus.TOO_MANY_REQUESTS, "Too many requests", retry_after)

    def _with_rate_headers(self, reply: Reply, standing: Standing | None, rules: FathomRules) -> Reply:
        with self._lock:
            self._answers += 1
            is_left_out = rules.headers_left_out is not None and self._answers % rules.headers_left_out == 0
        if standing is None or standing.limit is None or not rules.has_rate_headers or is_left_out:
            return reply
        told = {
            "RateLimit-Limit": str(standing.limit),
            "RateLimit-Remaining": str(standing.remaining),
            "RateLimit-Reset": str(standing.reset_s),
        }
        return replace(reply, headers={**reply.headers, **told})


def _refusal(refused: RefusedError, form: ErrorForm) -> Reply:
    """An error in one of the forms it may have."""
    headers = {} if refused.retry_after is None else {"Retry-After": refused.retry_after}
    match form:
        case ErrorForm.ERROR | ErrorForm.MESSAGE:
            return json_reply(refused.status, {form.value: refused.error}, headers)
        case ErrorForm.TEXT:
            headers["Content-Type"] = "text/plain;charset=utf-8"
            return Reply(refused.status, refused.error.encode(), headers)
        case ErrorForm.EMPTY:
            return Reply(refused.status, headers=headers)
        case ErrorForm.HTML:
            return html_reply(refused.status, f"<!doctype html><title>Error</title><h1>{refused.error}</h1>", headers)
