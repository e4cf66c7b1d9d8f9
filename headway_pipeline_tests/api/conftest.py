"""An application over an empty store, and clients with tokens."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from headway_pipeline.api.app import build_api
from headway_pipeline.model.access import Role
from headway_pipeline.model.workspaces import Workspace
from headway_pipeline.settings import Settings, load_settings
from headway_pipeline.store import Store
from headway_pipeline_tests.api.fakes import FakeLauncher


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings({"HEADWAY_HOME": str(tmp_path)}, tmp_path)


@pytest.fixture
def launcher() -> FakeLauncher:
    return FakeLauncher()


@pytest.fixture
def app(store: Store, settings: Settings, launcher: FakeLauncher) -> FastAPI:
    return build_api(store, settings, launcher=launcher, now=lambda: datetime.now(tz=UTC))


@pytest.fixture
def acme(store: Store) -> Workspace:
    return store.workspaces.add("Acme")


@pytest.fixture
def globex(store: Store) -> Workspace:
    return store.workspaces.add("Globex")


@pytest.fixture
def client_of(app: FastAPI, store: Store) -> Iterator[Callable[..., TestClient]]:
    """Makes clients: `client_of(acme, Role.EDITOR)`, `client_of()` without a token, `client_of(role=OPERATOR)`."""
    made: list[TestClient] = []

    def client(workspace: Workspace | None = None, role: Role | None = None) -> TestClient:
        headers = {}
        if role is not None:
            workspace_id = None if workspace is None else workspace.id
            _, secret = store.api_tokens.create(role.value, role, workspace_id=workspace_id)
            headers["Authorization"] = f"Bearer {secret}"
        made.append(TestClient(app, base_url="http://127.0.0.1:8000", headers=headers, raise_server_exceptions=False))
        return made[-1]

    yield client
    for one in made:
        one.close()
