import socket
from datetime import timedelta

import pytest
import requests

from headway_pipeline.model.errors import ConfigurationError
from headway_pipeline.sandbox.exchange import Logged, Reply, Request, json_reply
from headway_pipeline.sandbox.server import Sandbox
from headway_pipeline.sandbox.world import World
from headway_pipeline_tests.sandbox_fixtures import ACCESS_KEY, NOW, SECRET_KEY, Instead, call, world_of

KEYS = (ACCESS_KEY, SECRET_KEY)


def test_it_listens_on_the_loopback_address_only() -> None:
    with Sandbox(World()) as sandbox:
        assert sandbox.base_url.startswith("http://127.0.0.1:")


def test_a_taken_port_is_said_in_words() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=str(port)):
            Sandbox(World(), port=port)


def test_every_request_is_logged_with_what_it_asked_for() -> None:
    with Sandbox(world_of(call())) as sandbox, requests.Session() as session:
        session.auth = KEYS
        body = {"filter": {"callIds": ["1", "2"]}, "cursor": "c"}
        session.post(f"{sandbox.base_url}/v2/calls/transcript", json=body, timeout=5)
        session.get(f"{sandbox.base_url}/v2/calls?cursor=d", timeout=5)
        session.post(f"{sandbox.base_url}/v2/calls/extensive", data=b"no JSON", timeout=5)
        assert [*sandbox.requests] == [
            Logged("POST", "/v2/calls/transcript", 404, "c", 2),
            Logged("GET", "/v2/calls", 400, "d", 0),
            Logged("POST", "/v2/calls/extensive", 400, None, 0),
        ]
        assert sandbox.count("/v2/calls") == 1
        sandbox.forget_requests()
        assert [*sandbox.requests] == []


def test_the_first_fault_that_answers_replaces_the_reply() -> None:
    asked: list[str] = []

    def passes(request: Request, /) -> Reply | None:
        asked.append(request.path)
        return None

    with Sandbox(world_of(call())) as sandbox:
        sandbox.faults += [
            passes,
            Instead(json_reply(500, {}), path="/v2/users", times=1),
            Instead(json_reply(503, {}), path="/v2/users", times=2),
        ]
        statuses = [requests.get(f"{sandbox.base_url}/v2/users", auth=KEYS, timeout=5).status_code for _ in range(4)]
    assert statuses == [500, 503, 503, 200]
    assert asked == ["/v2/users"] * 4


def test_a_cut_reply_resets_the_connection_in_its_middle() -> None:
    with Sandbox(World()) as sandbox:
        sandbox.faults.append(Instead(Reply(200, b"0123456789", cut_after=4)))
        with socket.create_connection(("127.0.0.1", int(sandbox.base_url.rpartition(":")[2])), timeout=5) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            with pytest.raises(ConnectionResetError):
                drain(client)


def drain(client: socket.socket) -> None:
    """Read until the other side hangs up."""
    while client.recv(1024):
        pass


def test_the_world_can_change_between_two_requests() -> None:
    with Sandbox(world_of(call())) as sandbox:

        def titles() -> list[str]:
            body: dict[str, object] = {"filter": {}}
            answer = requests.post(f"{sandbox.base_url}/v2/calls/extensive", json=body, auth=KEYS, timeout=5)
            return [row["metaData"]["title"] for row in answer.json()["calls"]]

        before = titles()
        sandbox.world = world_of(call(title="Renamed"), call("call-2", started_at=NOW + timedelta(1), title="New"))
        assert (before, titles()) == (["Rollout review"], ["Renamed", "New"])


def test_stopping_ends_open_connections() -> None:
    with requests.Session() as session:
        session.auth = KEYS
        with Sandbox(world_of(call())) as sandbox:
            address = f"{sandbox.base_url}/v2/users"
            assert session.get(address, timeout=5).status_code == 200
        with pytest.raises(requests.ConnectionError):
            session.get(address, timeout=5)


def test_a_body_of_absurd_length_is_not_read() -> None:
    with (
        Sandbox(World()) as sandbox,
        socket.create_connection(("127.0.0.1", int(sandbox.base_url.rpartition(":")[2]))) as client,
    ):
        client.settimeout(5)
        client.sendall(b"POST /v2/calls/extensive HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n")
        assert client.recv(64).startswith(b"HTTP/1.1 413")


def test_nothing_is_written_to_the_console(capfd: pytest.CaptureFixture[str]) -> None:
    with Sandbox(World()) as sandbox:
        requests.get(f"{sandbox.base_url}/nowhere", timeout=5)
        with socket.create_connection(("127.0.0.1", int(sandbox.base_url.rpartition(":")[2]))) as client:
            client.sendall(b"GET / HTTP/1.1\r\n")
    assert capfd.readouterr() == ("", "")
