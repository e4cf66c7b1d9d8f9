import gzip
import socket
import threading
import time
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import pytest

from headway_pipeline.model.errors import (
    BadCredentialsError,
    Failing,
    MissingPermissionError,
    RateLimitedError,
    RequestRefusedError,
    SourceContractError,
    SourceError,
    TransientSourceError,
    WrongHostError,
)
from headway_pipeline.sandbox.exchange import Reply, Request, html_reply, json_reply
from headway_pipeline.sandbox.server import Sandbox
from headway_pipeline.sandbox.world import World
from headway_pipeline.sources.gate import CostClass
from headway_pipeline.sources.rest import RestClient
from headway_pipeline_tests.sandbox_fixtures import Instead, OpenGate

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SECRET = "c2VjcmV0LW9mLXRoZS1rZXk="
PATH = "/v2/anything"


class Server:
    """A server that gives whatever reply a test sets, and a client of it."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.gate = OpenGate()
        self.client = self.client_with()

    def client_with(self, *, timeout_s: float = 5.0, largest_answer_bytes: int = 100_000) -> RestClient:
        return RestClient(
            source="murmur",
            base_url=self.sandbox.base_url,
            headers={"Authorization": f"Basic {SECRET}"},
            gate=self.gate,
            timeout_s=timeout_s,
            secrets=("the-secret-key",),
            now=lambda: NOW,
            largest_answer_bytes=largest_answer_bytes,
        )

    def will_answer(self, reply: Reply) -> None:
        self.sandbox.faults[:] = [Instead(reply)]

    def get(self) -> dict[str, object]:
        return self.client.get_json(PATH, {"q": "1"})


@pytest.fixture
def server() -> Iterator[Server]:
    with Sandbox(World()) as sandbox:
        yield Server(sandbox)


def test_an_object_comes_back_with_its_texts_fit_for_a_database(server: Server) -> None:
    server.will_answer(Reply(200, b'{"a": "x\\u0000y\\ud83d", "b": ["\\ud83d\\ude00"], "c": NaN}'))
    assert server.get() == {"a": "xy\N{REPLACEMENT CHARACTER}", "b": ["\U0001f600"], "c": None}


def test_the_request_carries_its_headers_its_query_and_its_body(server: Server) -> None:
    seen: list[Request] = []

    def echo(request: Request, /) -> Reply:
        seen.append(request)
        return json_reply(200, {})

    server.sandbox.faults[:] = [echo]
    server.get()
    server.client.post_json(PATH, {"n": 1}, cost=CostClass.HEAVY)
    assert [(request.method, request.path, dict(request.query)) for request in seen] == [
        ("GET", PATH, {"q": "1"}),
        ("POST", PATH, {}),
    ]
    assert seen[0].headers["authorization"] == f"Basic {SECRET}"
    assert seen[1].json_object() == {"n": 1}
    assert server.gate.admitted == [CostClass.NORMAL, CostClass.HEAVY]


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (json_reply(401, {"errors": ["no"]}), BadCredentialsError),
        (html_reply(401, "<html>log in</html>"), BadCredentialsError),
        (json_reply(403, {}), MissingPermissionError),
        (json_reply(400, {"errors": ["filter"]}), RequestRefusedError),
        (json_reply(404, {}), RequestRefusedError),
        (json_reply(422, {}), RequestRefusedError),
        (html_reply(404, "<html>nothing here</html>"), WrongHostError),
        (html_reply(200, "<!doctype html><p>Welcome"), WrongHostError),
        (Reply(200, b"\n <html>", {"Content-Type": "application/json"}), WrongHostError),
        (Reply(301, b"", {"Location": "https://elsewhere.example/"}), WrongHostError),
        (Reply(307, b"", {"Location": "/same/host"}), WrongHostError),
        (json_reply(500, {}), TransientSourceError),
        (html_reply(502, "<html>bad gateway</html>"), TransientSourceError),
        (json_reply(503, {}), TransientSourceError),
        (Reply(200, b'{"calls": [{"meta'), TransientSourceError),
        (Reply(200, b'{"calls": "\xff"}'), TransientSourceError),
        (Reply(200, b""), TransientSourceError),
        (Reply(200, b"[" * 100_000), TransientSourceError),
        (Reply(200, b'{"calls": []}', cut_after=5), TransientSourceError),
        (Reply(200, b"not gzip", {"Content-Encoding": "gzip"}), TransientSourceError),
        (json_reply(200, [1]), SourceContractError),
        (Reply(204), SourceContractError),
    ],
)
def test_every_way_to_fail_has_its_error(server: Server, reply: Reply, expected: type[SourceError]) -> None:
    server.will_answer(reply)
    with pytest.raises(expected) as raised:
        server.get()
    assert type(raised.value) is expected
    assert raised.value.at.source == "murmur"
    assert raised.value.at.endpoint == PATH
    assert raised.value.remedy


def test_the_host_of_a_redirect_is_never_asked(server: Server) -> None:
    with Sandbox(World()) as elsewhere:
        server.will_answer(Reply(307, b"", {"Location": f"{elsewhere.base_url}{PATH}"}))
        with pytest.raises(WrongHostError):
            server.get()
        assert elsewhere.requests == ()


def test_g15_a_401_says_that_the_address_may_be_wrong(server: Server) -> None:
    server.will_answer(json_reply(401, {}))
    with pytest.raises(BadCredentialsError, match="base URL"):
        server.get()


def test_a_refusal_hands_its_text_to_the_source_only(server: Server) -> None:
    long_text = "x" * 5000
    server.will_answer(json_reply(404, {"errors": ["No calls found", long_text]}))
    with pytest.raises(RequestRefusedError) as raised:
        server.get()
    assert "No calls found" in raised.value.body
    assert raised.value.at == Failing("murmur", PATH, 404)
    assert len(raised.value.body) == 2000
    assert len(str(raised.value)) < 500


@pytest.mark.parametrize("padding", [0, 1960, 1980])
@pytest.mark.parametrize("status", [400, 401, 403, 500])
def test_no_error_repeats_a_credential_the_source_echoes(server: Server, status: int, padding: int) -> None:
    echoed = {"errors": ["." * padding + f"bad header Basic {SECRET}, the-secret-key"]}
    server.will_answer(json_reply(status, echoed))
    with pytest.raises(SourceError) as raised:
        server.get()
    shown = "".join(traceback.format_exception(raised.value)) + getattr(raised.value, "body", "")
    assert not [part for part in (SECRET, SECRET[:8], "the-secret", "bad header Basic c") if part in shown]


@pytest.mark.parametrize(
    ("status", "header", "wait_s"),
    [
        (429, "7", 7.0),
        (429, "20000", 20_000.0),
        (429, format_datetime(datetime(2026, 11, 20, 12, 1, 30, tzinfo=UTC), usegmt=True), 90.0),
        (429, format_datetime(datetime(2026, 11, 20, 11, tzinfo=UTC), usegmt=True), 0.0),
        (429, "soon", None),
        (429, None, None),
        (503, "30", 30.0),
    ],
)
def test_a_wait_is_read_in_seconds_and_as_a_date(
    server: Server, status: int, header: str | None, wait_s: float | None
) -> None:
    server.will_answer(json_reply(status, {}, {} if header is None else {"Retry-After": header}))
    with pytest.raises(RateLimitedError) as raised:
        server.get()
    assert raised.value.retry_after_s == wait_s
    assert server.gate.answers[-1].retry_after_s == wait_s


def test_the_gate_is_told_of_every_outcome(server: Server) -> None:
    for reply in (json_reply(200, {}), json_reply(404, {}), Reply(200, b"{}", cut_after=1)):
        server.will_answer(reply)
        try:
            server.get()
        except SourceError:
            continue
    assert [(answer.endpoint, answer.status) for answer in server.gate.answers] == [
        (PATH, 200),
        (PATH, 404),
        (PATH, None),
    ]
    assert server.gate.answers[0].headers["content-type"].startswith("application/json")


def test_a_closed_gate_lets_nothing_out(server: Server) -> None:
    def refuse(_cost: CostClass, /) -> None:
        raise RateLimitedError("the day's budget is spent", at=Failing("murmur"), retry_after_s=60.0)

    server.gate.admit = refuse  # type: ignore[method-assign]
    with pytest.raises(RateLimitedError):
        server.get()
    assert server.sandbox.requests == ()
    assert server.gate.answers == []


def test_an_answer_without_end_is_given_up_decompressed(server: Server) -> None:
    packed = gzip.compress(b'{"a": "' + b"x" * 2_000_000 + b'"}')
    assert len(packed) < 100_000
    server.will_answer(Reply(200, packed, {"Content-Encoding": "gzip"}))
    with pytest.raises(SourceContractError, match="longer than"):
        server.get()


def test_silence_and_absence_are_transient(server: Server) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        client = RestClient(
            source="murmur", base_url=f"http://127.0.0.1:{port}/", headers={}, gate=server.gate, timeout_s=0.05
        )
        with pytest.raises(TransientSourceError, match="in time"):
            client.get_json(PATH)
    with pytest.raises(TransientSourceError, match="failed or broke off"):
        client.get_json(PATH)
    assert [answer.status for answer in server.gate.answers] == [None, None]


def test_an_impossible_address_is_a_wrong_host(server: Server) -> None:
    client = RestClient(source="murmur", base_url="http://[::g]", headers={}, gate=server.gate)
    with pytest.raises(WrongHostError):
        client.get_json(PATH)


def test_a_broken_header_is_not_repeated(server: Server) -> None:
    client = RestClient(
        source="murmur",
        base_url=server.sandbox.base_url,
        headers={"Authorization": "Bearer the-secret-key\nX: 1"},
        gate=server.gate,
    )
    with pytest.raises(WrongHostError) as raised:
        client.get_json(PATH)
    assert "the-secret-key" not in "".join(traceback.format_exception(raised.value))


def test_the_environment_has_no_say_in_where_requests_go(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    server.will_answer(json_reply(200, {"ok": True}))
    assert server.get() == {"ok": True}


def test_requests_share_a_connection(server: Server) -> None:
    server.will_answer(json_reply(200, {}))
    opened: list[object] = []
    real_connect = socket.socket.connect

    def counting_connect(self: socket.socket, address: Any) -> None:
        opened.append(address)
        real_connect(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", counting_connect)
        for _ in range(3):
            server.get()
    assert len(opened) == 1


@pytest.mark.parametrize("head", ["Content-Length: 100000\r\n", "Transfer-Encoding: chunked\r\n", ""])
def test_an_answer_that_trickles_is_given_up_at_its_deadline(server: Server, head: str) -> None:
    """It is never silent for as long as the time-out, so nothing else would end it."""
    stop = threading.Event()

    def trickle(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65_536)
            connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{head}\r\n".encode())
            for _ in range(200):
                if stop.wait(0.02):
                    return
                try:
                    connection.sendall(b"1\r\n \r\n" if "chunked" in head else b" ")
                except OSError:
                    return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=trickle, args=(listener,))
        thread.start()
        client = RestClient(
            source="murmur",
            base_url=f"http://127.0.0.1:{listener.getsockname()[1]}",
            headers={},
            gate=server.gate,
            timeout_s=5.0,
            deadline_s=0.3,
        )
        started = time.monotonic()
        with pytest.raises(TransientSourceError, match=r"no complete answer within 0\.3 s"):
            client.get_json(PATH)
        took_s = time.monotonic() - started
        stop.set()
        thread.join()
    assert 0.25 < took_s < 3
    assert server.gate.answers[-1].status is None


def test_new_credentials_are_sent_and_old_ones_stay_hidden(server: Server) -> None:
    seen: list[str] = []

    def echo(request: Request, /) -> Reply:
        seen.append(request.headers["authorization"])
        return json_reply(400, {"was": f"{SECRET} the-new-token"})

    server.sandbox.faults[:] = [echo]
    server.client.authorize({"Authorization": "Bearer the-new-token"}, ("the-new-token",))
    with pytest.raises(RequestRefusedError) as raised:
        server.get()
    assert seen == ["Bearer the-new-token"]
    assert SECRET not in raised.value.body
    assert "the-new-token" not in raised.value.body
