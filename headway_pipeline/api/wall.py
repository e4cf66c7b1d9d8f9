"""What a request passes before any route sees it: a token, a bounded body; and what every response carries.

Plain ASGI, for it must see the request before its body is read or parsed.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping

from anyio import to_thread
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from headway_pipeline.api.access import bearer_secret
from headway_pipeline.api.problems import problem_of
from headway_pipeline.api.wiring import Wiring
from headway_pipeline.model.access import Caller
from headway_pipeline.model.errors import NotAuthenticatedError, TooLargeError, TooSlowError
from headway_pipeline.sources.webhooks import LARGEST_BODY_BYTES

__all__ = ["SECURITY_HEADERS", "Wall"]

#: Everything under it is behind a token.
GUARDED = "/api/"
#: The largest bodies by where they go; anything else takes none.
LARGEST_BODIES: Mapping[str, int] = {GUARDED: 256 * 1024, "/webhooks/": LARGEST_BODY_BYTES}
#: A body must be there within this.
BODY_DEADLINE_S = 30.0

#: Nothing here is a page, and nothing here belongs into a page of somebody else's.
SECURITY_HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

logger = logging.getLogger("headway_pipeline.api.requests")


class Wall:
    """The outermost part of the application."""

    def __init__(self, app: ASGIApp, *, wiring: Wiring) -> None:
        self._app = app
        self._wiring = wiring

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it here."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answering = _Answering(scope, send)
        try:
            scope["headway_caller"] = await self._caller(scope)
            body = await _whole_body(scope, receive)
            await self._app(scope, _replayed(body, receive), answering.send)
        except Exception as error:  # whatever it is, the caller gets a problem and no trace
            if answering.has_begun:
                raise
            await problem_of(error)(scope, receive, answering.send)
        finally:
            answering.log()

    async def _caller(self, scope: Scope) -> Caller | None:
        if not scope["path"].startswith(GUARDED):
            return None
        secret = bearer_secret(Headers(scope=scope).get("authorization"))
        caller = None
        if secret is not None:
            caller = await to_thread.run_sync(self._wiring.store.api_tokens.caller, secret)
        if caller is None:
            raise NotAuthenticatedError(
                "there is no token here, or one that opens nothing", "send `Authorization: Bearer …`"
            )
        return caller


class _Answering:
    """Sends a response with the headers that each one carries, and writes its line of the log."""

    def __init__(self, scope: Scope, send: Send, clock: Callable[[], float] = time.perf_counter) -> None:
        self._scope = scope
        self._send = send
        self._clock = clock
        self._started = clock()
        self._status: int | None = None

    @property
    def has_begun(self) -> bool:
        return self._status is not None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in SECURITY_HEADERS.items():
                headers.setdefault(name, value)
        await self._send(message)

    def log(self) -> None:
        """One line a request. Queries stay out: filters hold names; and so does whatever a path spells badly."""
        route = self._scope.get("route")
        caller: Caller | None = self._scope.get("headway_caller")
        logger.info(
            "%s %s %s %.1f ms %s",
            self._scope["method"],
            getattr(route, "path", "(none)"),
            self._status,
            1000 * (self._clock() - self._started),
            caller.token_id if caller else "-",
        )


async def _whole_body(scope: Scope, receive: Receive) -> bytes:
    """The body, counted while it comes.

    Raises:
        TooLargeError: it is larger than what is taken there.
        TooSlowError: it does not come in time.
    """
    most = next((most for start, most in LARGEST_BODIES.items() if scope["path"].startswith(start)), 0)
    too_large = TooLargeError(f"the body is larger than {most} bytes", "send less at once")
    declared = Headers(scope=scope).get("content-length", "")
    if declared.isdecimal() and int(declared[:20]) > most:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_DEADLINE_S):
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    break
                body += message.get("body", b"")
                if len(body) > most:
                    raise too_large
                if not message.get("more_body"):
                    break
    except TimeoutError:
        raise TooSlowError(
            f"the body did not come within {BODY_DEADLINE_S:g} s", "send it at once, or over a better line"
        ) from None
    return bytes(body)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body once more, and then what really comes."""
    is_given = False

    async def replay() -> Message:
        nonlocal is_given
        if is_given:
            return await receive()
        is_given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
