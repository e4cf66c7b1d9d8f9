"""HEAD wherever GET is (RFC 9110, 9.3.2): the same answer, without its body."""

import http.client
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from fastapi.testclient import TestClient

from headway_pipeline.api.access import OPEN
from headway_pipeline.model.access import Role
from headway_pipeline.model.filters import MessageFilter
from headway_pipeline.store import Store
from headway_pipeline_tests.api.serving import served
from headway_pipeline_tests.store.filed import Desk, desk, one_item
from headway_pipeline_tests.store.rows import DAY

Clients = Callable[..., TestClient]


@pytest.fixture
def at(store: Store) -> Desk:
    return desk(store)


def addresses(app: FastAPI, at: Desk) -> list[str]:
    """One address a GET route, of things that are there."""
    features = [one_item(at, f"c{number}", hours=number) for number in range(3)]
    at.file(at.exports)
    (message, *_) = at.store.reading.message_page(at.id, MessageFilter(), after=None, limit=1).rows
    named = {
        "workspace_id": "acme",
        "connector_id": at.at.connector.id,
        "theme_id": at.exports,
        "feature_id": features[0],
        "message_id": message["id"],
        "ingest_id": at.store.ingest_requests.add(at.id, DAY, DAY, requested_by="test").id,
    }
    found = [path.format(**named) for path, methods in app.openapi()["paths"].items() if "get" in methods]
    # A page that is not the last one has a link.
    return [*found, "/api/v1/workspaces/acme/features?limit=1"]


@pytest.mark.parametrize("who", ["operator", "viewer", "stranger", "nobody"])
def test_every_route_answers_a_head_as_it_answers_a_get_but_for_the_body(
    app: FastAPI, at: Desk, store: Store, client_of: Clients, who: str
) -> None:
    clients: dict[str, Callable[[], TestClient]] = {
        "operator": lambda: client_of(role=Role.OPERATOR),
        "viewer": lambda: client_of(at.at.workspace, Role.VIEWER),
        "stranger": lambda: client_of(store.workspaces.add("Globex"), Role.ADMIN),
        "nobody": client_of,
    }
    client = clients[who]()
    statuses = set()
    # Who has no token may not ask often.
    for address in addresses(app, at)[: 10 if who == "nobody" else None]:
        whole, head = client.get(address), client.head(address)
        assert (head.status_code, head.headers, head.content) == (whole.status_code, whole.headers, b""), address
        statuses.add(whole.status_code)
    expected = {"operator": {200}, "viewer": {200, 403}, "stranger": {200, 403, 404}, "nobody": {200, 401}}
    assert statuses == expected[who]


def test_a_head_tells_whether_something_is_as_it_was(at: Desk, client_of: Clients) -> None:
    viewer = client_of(at.at.workspace, Role.VIEWER)
    address = f"/api/v1/workspaces/acme/features/{one_item(at)}"
    etag = viewer.head(address).headers["etag"]
    assert viewer.head(address, headers={"If-None-Match": etag}).status_code == 304


def test_an_address_that_is_only_written_to_takes_no_head(at: Desk, client_of: Clients) -> None:
    editor = client_of(at.at.workspace, Role.EDITOR)
    answer = editor.head(f"/api/v1/workspaces/acme/features/{one_item(at)}/verdict")
    assert (answer.status_code, answer.headers["allow"], answer.content) == (405, "DELETE, PUT", b"")
    listing = editor.delete("/api/v1/workspaces/acme/themes")
    assert (listing.status_code, listing.headers["allow"]) == (405, "GET, HEAD, POST")


def test_a_head_takes_a_turn_of_its_token_and_is_logged_as_what_it_is(
    at: Desk, client_of: Clients, caplog: pytest.LogCaptureFixture
) -> None:
    viewer = client_of(at.at.workspace, Role.VIEWER)
    with caplog.at_level("INFO", "headway_pipeline.api.requests"):
        viewer.head("/api/v1/workspaces/acme/themes")
    (line,) = caplog.messages
    assert line.startswith("HEAD /api/v1/workspaces/{workspace_id}/themes 200 ")


def test_a_file_is_not_read_on_for_a_head_and_the_connection_stays_of_use(app: FastAPI) -> None:
    written: list[int] = []
    most = 100_000

    @app.get("/long", dependencies=[OPEN])
    def write_long() -> StreamingResponse:
        def lines() -> Iterator[str]:
            for number in range(most):
                written.append(number)
                yield f"{number}\n"

        return StreamingResponse(lines(), media_type="text/csv")

    with served(app) as url:
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
        for _ in range(2):
            connection.request("HEAD", "/long")
            answer = connection.getresponse()
            assert (answer.status, answer.headers["content-type"]) == (200, "text/csv; charset=utf-8")
            assert answer.read() == b""
        connection.request("GET", "/health")
        assert connection.getresponse().read() == b'{"status":"ok"}'
        connection.close()
    assert len(written) < most / 10
