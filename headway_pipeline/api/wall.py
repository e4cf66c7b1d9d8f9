"""What a request passes before any route sees it, and what every response carries.

In this order: the host it names, how often its address asks, its token, how often that is used, its body. Plain ASGI,
for all of it comes before a body is read or parsed.
"""

import asyncio
import hashlib
import hmac
import ipaddress
import logging
import math
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from urllib.parse import urlsplit

from anyio import to_thread
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from headway_pipeline.api.access import bearer_secret
from headway_pipeline.api.problems import problem_of
from headway_pipeline.api.rates import Buckets, Lately, Limits
from headway_pipeline.api.wiring import Wiring
from headway_pipeline.model.access import Caller
from headway_pipeline.model.errors import (
    NotAuthenticatedError,
    TooLargeError,
    TooManyRequestsError,
    TooSlowError,
)
from headway_pipeline.sources.webhooks import LARGEST_BODY_BYTES

__all__ = ["SECURITY_HEADERS", "Wall"]

#: Everything under it is behind a token and speaks JSON.
GUARDED = "/api/"
#: The largest bodies by where they go; anything else takes none.
LARGEST_BODIES: Mapping[str, int] = {GUARDED: 256 * 1024, "/webhooks/": LARGEST_BODY_BYTES}
#: A body must be there within this.
BODY_DEADLINE_S = 30.0
#: Load balancers ask by whatever name they have; there is nothing to steal.
ANY_HOST = frozenset({"/health"})
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "[::1]"})

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

    def __init__(self, app: ASGIApp, *, wiring: Wiring, limits: Limits) -> None:
        self._app = app
        self._wiring = wiring
        public = urlsplit(wiring.settings.public_url or "").netloc.lower()
        self._hosts = LOOPBACK_HOSTS | ({public, public.rpartition(":")[0]} - {""})
        self._addresses = Buckets(limits.address)
        self._tokens = Buckets(limits.token)
        self._failures = Buckets(limits.failure)
        #: SHA-256 of tokens that opened something: a program with a revoked one must not shut out whoever shares its
        #: address, and who guesses has none of these.
        self._opened = Lately()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it here."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # A HEAD is a GET whose body stays away (RFC 9110, 9.3.2), and nothing behind here knows another.
        method = scope["method"]
        scope = {**scope, "method": "GET"} if method == "HEAD" else scope
        answering = _Answering(scope, send, method)
        try:
            headers = Headers(scope=scope)
            self._require_host(scope, headers)
            address = _address(scope)
            _require_turn(self._addresses.take(address))
            is_guarded = scope["path"].startswith(GUARDED)
            secret = bearer_secret(headers.get("authorization")) if is_guarded else None
            if is_guarded:
                scope["headway_caller"] = await self._caller(secret, address)
            body = await _whole_body(scope, headers, receive)
            if is_guarded:
                _require_json(headers, body)
                scope["headway_body_hash"] = hmac.new((secret or "").encode(), body, hashlib.sha256).hexdigest()
            await self._app(scope, _replayed(body, receive), answering.send)
        except Exception as error:
            if answering.has_begun:
                raise
            await problem_of(error)(scope, receive, answering.send)
        finally:
            answering.log()

    def _require_host(self, scope: Scope, headers: Headers) -> None:
        """A page of another site can give its own name this machine's address; the browser then names that host."""
        host = headers.get("host", "").lower()
        name = host if host.endswith("]") else host.rpartition(":")[0] or host
        if scope["path"] not in ANY_HOST and not {host, name} & self._hosts:
            raise HTTPException(HTTPStatus.MISDIRECTED_REQUEST)

    async def _caller(self, secret: str | None, address: str) -> Caller:
        digest = hashlib.sha256((secret or "").encode()).digest()
        if digest not in self._opened:
            _require_turn(self._failures.wait(address))
        caller = None
        if secret is not None:
            caller = await to_thread.run_sync(self._wiring.store.api_tokens.caller, secret)
        if caller is None:
            self._opened.forget(digest)
            self._failures.take(address)
            raise NotAuthenticatedError(
                "there is no token here, or one that opens nothing",
                "send `Authorization: Bearer …` with a token of `headway token create`",
            )
        self._opened.see(digest)
        _require_turn(self._tokens.take(str(caller.token_id)))
        return caller


class _Answering:
    """Sends a response with the headers that each one carries, and writes its line of the log.

    Args:
        method: what was asked for; the scope may say another one.
    """

    def __init__(self, scope: Scope, send: Send, method: str, clock: Callable[[], float] = time.perf_counter) -> None:
        self._scope = scope
        self._send = send
        self._method = method
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
            if self._method == "HEAD":
                # The response is whole now: the server says so to who streams a file, and no more of it is read.
                await self._send({"type": "http.response.body", "body": b"", "more_body": False})
        elif self._method != "HEAD":
            await self._send(message)

    def log(self) -> None:
        """One line a request. The route's form stands for the path, and queries stay out: both may hold names."""
        route = self._scope.get("route")
        caller: Caller | None = self._scope.get("headway_caller")
        logger.info(
            "%s %s %s %.1f ms %s",
            self._method,
            getattr(route, "path", "(none)"),
            self._status,
            1000 * (self._clock() - self._started),
            caller.token_id if caller else "-",
        )


def _address(scope: Scope) -> str:
    """Who counts as one address; of the newer protocol a household has a whole /64."""
    host = (scope.get("client") or ("unknown",))[0]
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return str(host)
    return str(ipaddress.ip_network((address, 64), strict=False)) if address.version == 6 else str(address)


def _require_turn(wait_s: float) -> None:
    if wait_s > 0:
        raise TooManyRequestsError(
            "too many requests", "wait as long as Retry-After says", retry_after_s=math.ceil(wait_s)
        )


def _require_json(headers: Headers, body: bytes) -> None:
    """A form of another site cannot send this type without asking first."""
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if body and kind != "application/json":
        raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)


async def _whole_body(scope: Scope, headers: Headers, receive: Receive) -> bytes:
    """The body, counted while it comes.

    Raises:
        TooLargeError: it is larger than what is taken there.
        TooSlowError: it does not come in time.
    """
    most = next((most for start, most in LARGEST_BODIES.items() if scope["path"].startswith(start)), 0)
    too_large = TooLargeError(f"the body is larger than {most} bytes", "send less at once")
    declared = headers.get("content-length", "")
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
