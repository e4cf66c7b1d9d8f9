"""What a request passes before any route sees it."""

from collections.abc import Callable

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts
from fastapi.testclient import TestClient

from headway_pipeline.api.access import AsAdmin, AsOperator, AsViewer, Gate, OperatorGate, TenantGate
from headway_pipeline.api.wall import SECURITY_HEADERS
from headway_pipeline.model.access import Role
from headway_pipeline.model.workspaces import Workspace
from headway_pipeline.store import Store

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
