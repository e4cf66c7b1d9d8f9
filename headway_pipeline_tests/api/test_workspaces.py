"""Workspaces over the API: operators make them, tokens see their own."""

from collections.abc import Callable

from fastapi.testclient import TestClient

from headway_pipeline.model.access import Role
from headway_pipeline.model.workspaces import Workspace

Clients = Callable[..., TestClient]
PLACE = "/api/v1/workspaces"


def test_an_operator_adds_lists_and_deactivates_workspaces(client_of: Clients, acme: Workspace) -> None:
    operator = client_of(role=Role.OPERATOR)
    made = operator.post(PLACE, json={"name": "Globex", "vendor_domains": ["@Globex.example"]})
    assert made.status_code == 201
    assert (made.json()["slug"], made.json()["vendor_domains"]) == ("globex", ["globex.example"])
    assert [one["slug"] for one in operator.get(PLACE).json()["items"]] == ["acme", "globex"]
    stopped = operator.patch(
        made.headers["location"], json={"is_active": False}, headers={"If-Match": made.headers["etag"]}
    )
    assert stopped.json()["is_active"] is False
    assert [one["slug"] for one in operator.get(PLACE).json()["items"]] == ["acme"]
    assert len(operator.get(f"{PLACE}?inactive=true").json()["items"]) == 2
    again = operator.patch(made.headers["location"], json={"is_active": True}, headers={"If-Match": "*"})
    assert again.json()["is_active"] is True


def test_a_token_of_a_workspace_neither_lists_nor_makes_others(client_of: Clients, acme: Workspace) -> None:
    admin = client_of(acme, Role.ADMIN)
    assert admin.get(PLACE).status_code == 403
    assert admin.post(PLACE, json={"name": "Mine"}).status_code == 403
    assert admin.get(f"{PLACE}/acme").json()["name"] == "Acme"


def test_an_admin_edits_its_workspace_but_does_not_stop_it(client_of: Clients, acme: Workspace) -> None:
    admin = client_of(acme, Role.ADMIN)
    etag = admin.get(f"{PLACE}/{acme.id}").headers["etag"]
    assert admin.patch(f"{PLACE}/{acme.id}", json={"is_active": False}, headers={"If-Match": etag}).status_code == 403
    edited = admin.patch(f"{PLACE}/{acme.id}", json={"name": "Acme 2"}, headers={"If-Match": etag})
    assert (edited.json()["name"], edited.json()["slug"]) == ("Acme 2", "acme")


def test_an_inactive_workspace_can_be_read_and_not_changed(client_of: Clients, acme: Workspace) -> None:
    operator, editor = client_of(role=Role.OPERATOR), client_of(acme, Role.EDITOR)
    operator.patch(f"{PLACE}/{acme.id}", json={"is_active": False}, headers={"If-Match": "*"})
    assert editor.get(f"{PLACE}/{acme.id}/themes").status_code == 200
    assert editor.post(f"{PLACE}/{acme.id}/themes", json={"name": "x"}).status_code == 409


def test_a_slug_that_is_taken_is_a_conflict(client_of: Clients, acme: Workspace) -> None:
    assert client_of(role=Role.OPERATOR).post(PLACE, json={"name": "Acme"}).status_code == 409


def test_a_name_without_letters_needs_a_slug(client_of: Clients) -> None:
    operator = client_of(role=Role.OPERATOR)
    assert operator.post(PLACE, json={"name": "東京"}).status_code == 422
    assert operator.post(PLACE, json={"name": "東京", "slug": "tokyo"}).status_code == 201
