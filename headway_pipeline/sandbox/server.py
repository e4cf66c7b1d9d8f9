"""The sandbox as a real HTTP server on the loopback address, with a log of requests and a place for faults."""

import contextlib
import socket
import struct
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from headway_pipeline.model.errors import ConfigurationError
from headway_pipeline.sandbox.call_page import find_call_page
from headway_pipeline.sandbox.exchange import Fault, Logged, Reply, Request, json_reply
from headway_pipeline.sandbox.fathom import PREFIX, FathomApi
from headway_pipeline.sandbox.gong import GongApi
from headway_pipeline.sandbox.rules import FathomRules, GongRules
from headway_pipeline.sandbox.world import World

__all__ = ["Sandbox"]

LOOPBACK = "127.0.0.1"
LARGEST_REQUEST_BYTES = 10 * 1024 * 1024
#: How long stopping may take.
POLL_S = 0.01


class Sandbox:
    """A local Gong and a local Fathom. Use it as a context manager, or call `start` and `stop`.

    Attributes:
        faults: asked before each answer; add and remove at any time.
    """

    def __init__(
        self, world: World, clock: Callable[[], datetime] = lambda: datetime.now(tz=UTC), port: int = 0
    ) -> None:
        """Takes the port; nothing is answered before `start`.

        Args:
            world: what to serve.
            clock: aware UTC; cursors expire and meetings appear by it.
            port: 0 for any free one.

        Raises:
            ConfigurationError: the port is taken.
        """
        try:
            self._server = _Server((LOOPBACK, port), _Handler)
        except OSError as error:
            raise ConfigurationError(
                f"port {port} of {LOOPBACK} cannot be had ({error.strerror})",
                "stop what listens there, or take another",
            ) from error
        self._server.answer = self._answer
        self._thread: threading.Thread | None = None
        self._clock = clock
        self._lock = threading.Lock()
        self._log: list[Logged] = []
        self.faults: list[Fault] = []
        self._world = world
        self._gong = GongApi(world, clock, self.base_url)
        self._fathom = FathomApi(world, clock, self.base_url)

    @property
    def base_url(self) -> str:
        """The address to give a Gong connector."""
        return f"http://{LOOPBACK}:{self._server.server_port}"

    @property
    def generic_gong_url(self) -> str:
        """The address all companies share; the keys of one with a host of its own may be refused there."""
        return f"http://localhost:{self._server.server_port}"

    @property
    def fathom_url(self) -> str:
        """The address to give a Fathom connector."""
        return self.base_url + PREFIX

    @property
    def world(self) -> World:
        """What is served; set it to serve something else from the next request on."""
        return self._world

    @world.setter
    def world(self, world: World) -> None:
        self._world = world
        self._gong.serve(world)
        self._fathom.serve(world)

    def change_world(self, change: Callable[[World], World]) -> None:
        """Serve what `change` makes of the present world; of several at once, none is lost."""
        with self._lock:
            self.world = change(self._world)

    @property
    def gong_rules(self) -> GongRules:
        """How the local Gong behaves where the real one may in several ways; set them at any time."""
        return self._gong.rules

    @gong_rules.setter
    def gong_rules(self, rules: GongRules) -> None:
        self._gong.rules = rules

    @property
    def fathom_rules(self) -> FathomRules:
        """How the local Fathom behaves where the real one may in several ways; set them at any time."""
        return self._fathom.rules

    @fathom_rules.setter
    def fathom_rules(self, rules: FathomRules) -> None:
        self._fathom.rules = rules

    @property
    def requests(self) -> tuple[Logged, ...]:
        """Every request answered so far, in order."""
        with self._lock:
            return tuple(self._log)

    def count(self, path: str) -> int:
        """How many requests to `path` were answered."""
        return sum(logged.path == path for logged in self.requests)

    def forget_requests(self) -> None:
        """Empty the log."""
        with self._lock:
            self._log.clear()

    def start(self) -> None:
        """Answer requests, in threads of their own."""
        self._thread = threading.Thread(target=self._server.serve_forever, args=(POLL_S,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop answering, and break what connections are open."""
        if self._thread is not None:
            self._server.shutdown()
            self._thread.join()
            self._thread = None
        self._server.server_close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def _answer(self, request: Request) -> Reply:
        reply = next((made for fault in [*self.faults] if (made := fault(request)) is not None), None)
        if reply is None:
            reply = self._served(request)
        with self._lock:
            self._log.append(_logged(request, reply))
        return reply

    def _served(self, request: Request) -> Reply:
        if request.method == "GET" and request.path == "/call":
            return find_call_page(self._world, request)
        if request.path.startswith(f"{PREFIX}/"):
            return self._fathom.answer(request)
        return self._gong.answer(request)


def _logged(request: Request, reply: Reply) -> Logged:
    body = (request.json_object() or {}) if request.method == "POST" else {}
    wanted = body.get("filter")
    ids = wanted.get("callIds") if isinstance(wanted, dict) else None
    return Logged(
        method=request.method,
        path=request.path,
        status=reply.status,
        page_token=body.get("cursor") if request.method == "POST" else request.query.get("cursor"),
        ids_count=len(ids) if isinstance(ids, list) else 0,
    )


class _Server(ThreadingHTTPServer):
    """Keeps count of its open connections, so that stopping ends them."""

    daemon_threads = True
    answer: Callable[[Request], Reply]

    def __init__(self, *args: Any, **named: Any) -> None:
        self._open: set[socket.socket] = set()
        self.to_reset: set[socket.socket] = set()
        super().__init__(*args, **named)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        if request in self.to_reset:
            # Closed at once: the base class would say farewell first.
            self.to_reset.discard(request)
            self.close_request(request)
        else:
            super().shutdown_request(request)

    def server_close(self) -> None:
        super().server_close()
        for connection in [*self._open]:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A client that hangs up is no defect of the server's.
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "sandbox"
    server: _Server
    #: One write an answer, sent at once: small answers must not wait for each other.
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the name is the base class's
        """Nothing on the console; `Sandbox.requests` is the log."""

    def _serve(self) -> None:
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length) > LARGEST_REQUEST_BYTES:
            self.close_connection = True
            self._send(json_reply(413, {"errors": ["the request body is too long, or of unknown length"]}))
            return
        parts = urlsplit(self.path)
        parameters = parse_qsl(parts.query, keep_blank_values=True)
        request = Request(
            method=self.command,
            path=parts.path,
            query=dict(parameters),
            parameters=parameters,
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(int(length)),
        )
        self._send(self.server.answer(request))

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body[: reply.cut_after])
        self.wfile.flush()
        if reply.cut_after is not None:
            self._reset()

    def _reset(self) -> None:
        """Hang up without a farewell: closing with lingering switched off sends a reset."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.server.to_reset.add(self.connection)
        self.close_connection = True
