"""No change without its entry: where the entry cannot be written, nothing is changed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from headway_pipeline.model.access import Role
from headway_pipeline.store import Store
from headway_pipeline_tests.api.neighbours import Neighbour, settled
from headway_pipeline_tests.store.refusing import refused_entries
from headway_pipeline_tests.store.tenants import everything

WORKSPACE = "/api/v1/workspaces/{workspace_id}"
FEATURE = f"{WORKSPACE}/features/{{feature_id}}"
#: Notes of how a connector answers, counts of deliveries and hints are no changes by people.
UNRECORDED = {f"POST {WORKSPACE}/connectors/{{connector_id}}/check", "POST /webhooks/{source}/{connector_id}"}
#: What is used by merely asking.
ASKING = {"api_tokens", "idempotency_keys"}


@dataclass(frozen=True)
class Change:
    """A request that changes something, and the action of its entry."""

    request: str
    action: str
    body: dict[str, Any] | None = None


CHANGES = (
    Change("POST /api/v1/workspaces", "workspace.add", {"name": "Initech"}),
    Change(f"PATCH {WORKSPACE}", "workspace.edit", {"name": "Another"}),
    Change(f"POST {WORKSPACE}/themes", "theme.add", {"name": "Reports"}),
    Change(f"PATCH {WORKSPACE}/themes/{{theme_id}}", "theme.edit", {"name": "Reports"}),
    Change(f"POST {WORKSPACE}/ingests", "ingest.add", {"since": "2026-11-20", "until": "2026-11-20"}),
    Change(f"PUT {FEATURE}/verdict", "feature.dismiss", {"verdict": "dismiss"}),
    Change(f"DELETE {FEATURE}/verdict", "feature.undo_verdict"),
    Change(f"PUT {FEATURE}/theme", "feature.move", {"theme_id": None}),
    Change(f"DELETE {FEATURE}/theme", "feature.undo_move"),
    Change(
        f"POST {WORKSPACE}/connectors",
        "connector.add",
        {"connector_type": "fathom", "fathom_api_token": "t", "name": "New"},
    ),
    Change(
        f"PATCH {WORKSPACE}/connectors/{{connector_id}}",
        "connector.edit",
        {"name": "Renamed"},
    ),
)


@pytest.fixture
def acme(store: Store) -> Neighbour:
    return settled(store, "Acme", base_url="http://127.0.0.1:9", minutes=0)


def rows(store: Store) -> dict[str, list[str]]:
    return {name: found for name, found in everything(store).items() if name not in ASKING}


def test_every_route_that_changes_something_is_looked_at_here(app: FastAPI) -> None:
    routes = {f"{method.upper()} {path}" for path, found in app.openapi()["paths"].items() for method in found}
    writing = {route for route in routes if not route.startswith("GET")}
    assert writing - UNRECORDED == {change.request for change in CHANGES}


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.action)
def test_a_change_whose_entry_is_refused_is_none(
    store: Store, client_of: Callable[..., TestClient], acme: Neighbour, change: Change
) -> None:
    client = client_of(role=Role.OPERATOR)
    method, _, path = change.request.partition(" ")

    def ask() -> int:
        address = path.format(**acme.names)
        return client.request(method, address, json=change.body, headers={"If-Match": "*"}).status_code

    if change.action == "feature.undo_move":
        client.put(FEATURE.format(**acme.names) + "/theme", json={"theme_id": None})
    before = rows(store)
    with refused_entries(store):
        assert ask() >= 500
    assert rows(store) == before
    assert ask() < 300
    after = rows(store)
    assert len(after["audit_log"]) == len(before["audit_log"]) + 1
    assert any(change.action in entry for entry in set(after["audit_log"]) - set(before["audit_log"]))
    assert {name for name in after if after[name] != before[name]} > {"audit_log"}
