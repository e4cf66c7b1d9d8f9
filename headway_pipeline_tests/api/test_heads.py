"""Whoever connects and asks for nothing keeps no place."""

import http.client
import socket
import time
from urllib.parse import urlsplit

import pytest
from fastapi import FastAPI

from headway_pipeline.api import heads
from headway_pipeline_tests.api.serving import served

HEALTH = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


def connected(url: str, sent: bytes) -> socket.socket:
    parts = urlsplit(url)
    made = socket.create_connection((parts.hostname, parts.port), timeout=30)
    made.sendall(sent)
    return made


def answered(connection: socket.socket) -> bytes:
    """All that comes until the server closes."""
    found = b""
    while more := connection.recv(65536):
        found += more
    return found


@pytest.mark.parametrize(
    ("sent", "answers"),
    [(b"", 0), (b"GET /health HT", 0), (HEALTH, 1), (HEALTH + HEALTH[:20], 1), (HEALTH + HEALTH, 2)],
)
def test_a_connection_that_sends_no_head_is_closed(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch, sent: bytes, answers: int
) -> None:
    monkeypatch.setattr(heads, "HEAD_DEADLINE_S", 0.2)
    with served(app) as url, connected(url, sent) as connection:
        assert answered(connection).count(b"HTTP/1.1 200 OK") == answers


def test_whoever_is_answered_slowly_is_answered(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heads, "HEAD_DEADLINE_S", 0.1)

    @app.get("/slow")
    def answer_slowly() -> str:
        time.sleep(0.5)
        return "done"

    with served(app) as url:
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
        connection.request("GET", "/slow")
        assert connection.getresponse().read() == b'"done"'
        connection.close()
