"""What a request passes before any route sees it."""

import asyncio
import pkgutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts
from fastapi.testclient import TestClient

from headway_pipeline.api import routes
from headway_pipeline.api.access import AsAdmin, AsOperator, AsViewer, Gate, OperatorGate, TenantGate
from headway_pipeline.api.app import build_api
from headway_pipeline.api.wall import SECURITY_HEADERS
from headway_pipeline.model.access import Role
from headway_pipeline.model.errors import DatabaseUnavailableError
from headway_pipeline.model.workspaces import Workspace
from headway_pipeline.settings import Settings
from headway_pipeline.store import Store
from headway_pipeline.store.workspaces import Workspaces
from headway_pipeline_tests.api.fakes import FakeLauncher

Clients = Callable[..., TestClient]


@pytest.fixture
def probed(app: FastAPI) -> FastAPI:
    """Routes that only say who came through."""

    @app.get("/api/v1/workspaces/{workspace_id}/probe")
    def as_viewer(tenant: AsViewer) -> str:
        return tenant.workspace.slug

    @app.post("/api/v1/workspaces/{workspace_id}/probe")
    def as_admin(tenant: AsAdmin) -> str:
        return tenant.workspace.slug

    @app.get("/api/v1/probe")
    def as_operator(operator: AsOperator) -> str:
        return operator.name

    return app


def gates(route: RouteContext) -> list[object]:
    """Whom a route lets in, by what it depends on itself."""
    return [
        dependency.call
        for dependency in route.dependant.dependencies
        if isinstance(dependency.call, Gate | TenantGate | OperatorGate)
    ]


def test_every_route_declares_whom_it_is_for(app: FastAPI) -> None:
    for route in iter_route_contexts(app.routes):
        assert isinstance(route.original_route, APIRoute)
        assert len(gates(route)) == 1, route.path
        is_guarded = (route.path or "").startswith("/api/")
        assert is_guarded != isinstance(gates(route)[0], Gate), route.path


def test_health_is_open_and_says_that_the_database_answers(client_of: Clients) -> None:
    answer = client_of().get("/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_without_a_token_nothing_under_api_is_there(probed: FastAPI, client_of: Clients, acme: Workspace) -> None:
    for path in (f"/api/v1/workspaces/{acme.id}/probe", "/api/v1/no-such-thing"):
        answer = client_of().get(path)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_token_of_one_workspace_cannot_tell_whether_another_one_exists(
    probed: FastAPI, client_of: Clients, acme: Workspace, globex: Workspace
) -> None:
    client = client_of(acme, Role.ADMIN)
    assert client.get(f"/api/v1/workspaces/{acme.slug}/probe").json() == "acme"
    foreign = client.get(f"/api/v1/workspaces/{globex.id}/probe")
    missing = client.get("/api/v1/workspaces/nobody/probe")
    assert foreign.status_code == missing.status_code == 404
    assert foreign.json() == missing.json()
    assert "globex" not in foreign.text


def test_for_a_token_of_one_workspace_no_other_one_is_even_looked_for(
    probed: FastAPI, client_of: Clients, acme: Workspace, globex: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time that a search takes would tell whether there is one."""
    searched: list[str] = []
    find = Workspaces.find

    def noted(workspaces: Workspaces, named: str) -> Workspace:
        searched.append(named)
        return find(workspaces, named)

    monkeypatch.setattr(Workspaces, "find", noted)
    client = client_of(acme, Role.VIEWER)
    for named in (globex.slug, str(globex.id), "nobody"):
        assert client.get(f"/api/v1/workspaces/{named}/probe").status_code == 404
    for named in (acme.slug, str(acme.id), str(acme.id).upper(), acme.id.hex):
        assert client.get(f"/api/v1/workspaces/{named}/probe").status_code == 200
    assert set(searched) == {str(acme.id)}


def test_a_role_may_do_what_those_below_it_may_and_no_more(
    probed: FastAPI, client_of: Clients, acme: Workspace
) -> None:
    path = f"/api/v1/workspaces/{acme.id}/probe"
    answers = {
        role: (client.get(path).status_code, client.post(path).status_code, client.get("/api/v1/probe").status_code)
        for role in Role
        for client in [client_of(None if role is Role.OPERATOR else acme, role)]
    }
    assert answers == {
        Role.VIEWER: (200, 403, 403),
        Role.EDITOR: (200, 403, 403),
        Role.ADMIN: (200, 200, 403),
        Role.OPERATOR: (200, 200, 200),
    }


def test_a_revoked_token_opens_nothing(probed: FastAPI, client_of: Clients, acme: Workspace, store: Store) -> None:
    client = client_of(acme, Role.VIEWER)
    path = f"/api/v1/workspaces/{acme.id}/probe"
    assert client.get(path).status_code == 200
    store.api_tokens.revoke(str(store.api_tokens.list(acme.id)[0].id))
    assert client.get(path).status_code == 401


def test_every_response_carries_the_security_headers(client_of: Clients) -> None:
    for path in ("/health", "/openapi.json", "/nowhere", "/api/v1/x"):
        answer = client_of().get(path)
        assert {name: answer.headers[name] for name in SECURITY_HEADERS} == SECURITY_HEADERS


def test_a_body_larger_than_what_is_read_is_refused_while_it_comes(
    probed: FastAPI, client_of: Clients, acme: Workspace
) -> None:
    client = client_of(acme, Role.ADMIN)
    chunks = (b"x" * 65536 for _ in range(1000))
    path = f"/api/v1/workspaces/{acme.id}/probe"
    assert client.post(path, content=chunks).status_code == 413
    assert client.post(path, content=b"x" * (256 * 1024 + 1)).status_code == 413


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8000", 200),
        ("LOCALHOST", 200),
        ("[::1]:8000", 200),
        ("headway.example", 200),
        ("headway.example:443", 200),
        ("evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("evil.example:8000", 421),
        ("", 421),
    ],
)
def test_a_page_that_gives_its_own_name_this_machines_address_gets_nothing(
    store: Store, settings: Settings, host: str, status: int
) -> None:
    public = replace(settings, public_url="https://headway.example")
    app = build_api(store, public, launcher=FakeLauncher(), now=lambda: datetime.now(tz=UTC))
    with TestClient(app) as client:
        assert client.get("/openapi.json", headers={"Host": host}).status_code == status
        assert client.get("/health", headers={"Host": host}).status_code == 200


def test_a_form_of_another_site_changes_nothing(client_of: Clients, acme: Workspace, store: Store) -> None:
    client, path = client_of(acme, Role.ADMIN), f"/api/v1/workspaces/{acme.id}/themes"
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        answer = client.post(path, content=b'{"name": "x"}', headers={"Content-Type": kind})
        assert answer.status_code == 415, kind
    assert store.themes.list(acme.id) == []


def test_no_other_site_is_told_that_it_may_ask(client_of: Clients, acme: Workspace) -> None:
    answer = client_of().options(
        f"/api/v1/workspaces/{acme.id}/themes",
        headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"},
    )
    assert answer.status_code == 401
    assert not [name for name in answer.headers if name.startswith("access-control-")]


@pytest.mark.parametrize(
    "body", [b"{", b"\xff\xfe", b"[" * 100_000, b'{"name": NaN}', b"null", b'"x"', b'{"name": "x"} trailing']
)
def test_what_is_no_json_object_is_refused_and_is_no_defect(client_of: Clients, acme: Workspace, body: bytes) -> None:
    answer = client_of(acme, Role.ADMIN).post(
        f"/api/v1/workspaces/{acme.id}/themes", content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code in {400, 422}
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_database_that_is_down_is_told_without_where_it_is(
    app: FastAPI, client_of: Clients, store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def down() -> None:
        raise DatabaseUnavailableError("the database db.internal:5432/headway cannot be reached", "see that it runs")

    monkeypatch.setattr(store, "ping", down)
    answer = client_of().get("/health")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "db.internal" not in answer.text
    assert "db.internal" in caplog.text


def test_the_log_has_a_line_a_request_without_query_or_token(
    client_of: Clients, acme: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "headway_pipeline.api")
    client = client_of(acme, Role.VIEWER)
    client.get(f"/api/v1/workspaces/{acme.id}/themes?archived=true&name=planted")
    client.get("/api/v1/planted")
    lines = [record.getMessage() for record in caplog.records if record.name.endswith(".requests")]
    assert [line.split(" ms ")[0].rsplit(" ", 1)[0] for line in lines] == [
        "GET /api/v1/workspaces/{workspace_id}/themes 400",
        "GET (none) 404",
    ]
    assert "planted" not in caplog.text
    assert client.headers["authorization"].split()[1] not in caplog.text


def test_a_slow_body_is_given_up(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headway_pipeline.api.wall.BODY_DEADLINE_S", 0.05)
    sent: list[Any] = []

    async def never() -> Any:
        await asyncio.sleep(60)

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/webhooks/gong/1",
        "raw_path": b"/webhooks/gong/1",
        "query_string": b"",
        "headers": [(b"host", b"localhost")],
        "client": ("127.0.0.1", 1),
    }
    asyncio.run(app(scope, never, send))
    assert sent[0]["status"] == 408


def test_every_module_of_routes_is_part_of_the_application(app: FastAPI) -> None:
    modules = {found.name for found in pkgutil.iter_modules(routes.__path__)}
    endpoints = {str(route.endpoint.__module__) for route in iter_route_contexts(app.routes) if route.endpoint}
    assert {name.rsplit(".", 1)[1] for name in endpoints if ".routes." in name} == modules


def test_every_route_describes_itself_and_its_refusals(app: FastAPI) -> None:
    described = app.openapi()
    for path, methods in described["paths"].items():
        for method, route in methods.items():
            assert route["summary"], (method, path)
            assert route["description"], (method, path)
            refusals = {"405", "413", "421", "429", "500", "503"}
            if path.startswith("/api/"):
                refusals |= {"401", "403", "404", "422"}
                assert route["security"] == [{"token": []}], (method, path)
            for status in refusals:
                content = route["responses"][status]["content"]
                assert list(content) == ["application/problem+json"], (method, path, status)
    assert "Problem" in described["components"]["schemas"]


def test_every_route_is_in_its_document(app: FastAPI) -> None:
    text = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
    for path, methods in app.openapi()["paths"].items():
        for method in methods:
            assert f"`{method.upper()} {path.removeprefix('/api/v1')}`" in text


def test_a_parameter_that_is_not_known_is_refused(probed: FastAPI, client_of: Clients, acme: Workspace) -> None:
    answer = client_of(acme, Role.VIEWER).get(f"/api/v1/workspaces/{acme.id}/probe?sorce=gong")
    assert answer.status_code == 400
    assert "sorce" not in answer.text


def test_a_defect_of_ours_is_told_without_its_message(
    app: FastAPI, client_of: Clients, caplog: pytest.LogCaptureFixture
) -> None:
    secret = "-".join(["sk", "planted"])

    @app.get("/broken")
    def broken() -> None:
        raise RuntimeError(secret)

    answer = client_of().get("/broken")
    assert answer.status_code == 500
    assert answer.json()["type"] == "/problems/failed"
    assert secret not in answer.text + caplog.text
    assert "RuntimeError" in caplog.text
