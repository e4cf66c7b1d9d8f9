"""The HTTP server under a sandbox: reads requests, sends replies, breaks connections where it is told to."""

import contextlib
import socket
import struct
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from headway_pipeline.sandbox.exchange import Reply, Request, json_reply

__all__ = ["LOOPBACK", "Listener"]

LOOPBACK = "127.0.0.1"
#: A batch of requests to a language model may be this long.
LARGEST_REQUEST_BYTES = 256 * 1024 * 1024
#: In how many bits a body trickles.
BITS = 10


class Listener(ThreadingHTTPServer):
    """Keeps count of its open connections, so that stopping ends them.

    Attributes:
        answer: makes the reply to a request; called from many threads.
        to_reset: connections to hang up on.
        is_stopped: ends what replies wait for.
    """

    daemon_threads = True
    #: Many clients may come at once.
    request_queue_size = 128
    answer: Callable[[Request], Reply]

    def __init__(self, port: int) -> None:
        self._open: set[socket.socket] = set()
        self.to_reset: set[socket.socket] = set()
        self.is_stopped = threading.Event()
        super().__init__((LOOPBACK, port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember the connection, then answer in a thread."""
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Close a connection, or break it."""
        self._open.discard(request)
        if request in self.to_reset:
            # Closed at once: the base class would say farewell first.
            self.to_reset.discard(request)
            self.close_request(request)
        else:
            super().shutdown_request(request)

    def server_close(self) -> None:
        """Close, and break what is open."""
        self.is_stopped.set()
        super().server_close()
        for connection in [*self._open]:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Show an error of the sandbox; that a client hung up is none."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "sandbox"
    server: Listener
    #: One write an answer, sent at once: small answers must not wait for each other.
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
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
        if reply.wait_s and self.server.is_stopped.wait(reply.wait_s):
            self.close_connection = True
            return
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self._send_body(reply)
        if reply.cut_after is not None:
            self._reset()

    def _send_body(self, reply: Reply) -> None:
        body = reply.body[: reply.cut_after]
        size = -(-len(body) // BITS) if reply.trickle_s and body else max(1, len(body))
        for start in range(0, len(body), size):
            if start and self.server.is_stopped.wait(reply.trickle_s / BITS):
                self.close_connection = True
                return
            self.wfile.write(body[start : start + size])
            self.wfile.flush()
        self.wfile.flush()

    def _reset(self) -> None:
        """Hang up without a farewell: closing with lingering switched off sends a reset."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.server.to_reset.add(self.connection)
        self.close_connection = True
