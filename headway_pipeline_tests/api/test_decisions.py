"""Accepting, dismissing and moving over the API."""

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from headway_pipeline.ingestion.erasure import ErasureRequest, erase
from headway_pipeline.model.access import Role
from headway_pipeline.model.erasure import ErasureScope
from headway_pipeline.store import Store
from headway_pipeline_tests.store.filed import Desk, desk, one_item
from headway_pipeline_tests.store.rows import NOW

Clients = Callable[..., TestClient]
ROOT = "/api/v1/workspaces/acme"


@pytest.fixture
def at(store: Store) -> Desk:
    return desk(store)


@pytest.fixture
def editor(at: Desk, client_of: Clients) -> TestClient:
    return client_of(at.at.workspace, Role.EDITOR)


def ids(client: TestClient, path: str, **query: Any) -> list[str]:
    return [row["id"] for row in client.get(ROOT + path, params=query).json()["items"]]


def test_a_feature_is_dismissed_and_taken_back(at: Desk, editor: TestClient) -> None:
    key = str(one_item(at))
    at.file(at.exports)
    body = {"verdict": "dismiss", "note": "small talk"}
    for _ in range(2):
        answer = editor.put(f"{ROOT}/features/{key}/verdict", json=body)
        assert answer.status_code == 200, answer.text
    (decision,) = answer.json()["decisions"]
    assert (decision["kind"], decision["decided_by"], decision["note"]) == ("dismiss", "editor", "small talk")
    assert ids(editor, "/features") == ids(editor, "/inbox") == []
    assert ids(editor, "/features", decided="dismiss") == [key]
    assert editor.delete(f"{ROOT}/features/{key}/verdict").json()["decisions"] == []
    assert ids(editor, "/features") == [key]


def test_an_item_of_the_inbox_is_moved_to_a_theme_and_back(at: Desk, editor: TestClient) -> None:
    key = str(one_item(at))
    at.file(None)
    moved = editor.put(f"{ROOT}/features/{key}/theme", json={"theme_id": str(at.billing)})
    assert moved.json()["theme"] == "Billing"
    assert (ids(editor, "/features"), ids(editor, "/inbox")) == ([key], [])
    assert editor.delete(f"{ROOT}/features/{key}/theme").json()["theme"] is None
    assert ids(editor, "/inbox") == [key]


def test_who_decided_what_is_in_the_audit_log_without_the_note(
    at: Desk, editor: TestClient, client_of: Clients
) -> None:
    key = str(one_item(at))
    at.file(at.exports)
    editor.put(f"{ROOT}/features/{key}/verdict", json={"verdict": "accept", "note": "Rosa says so"})
    editor.put(f"{ROOT}/features/{key}/theme", json={"theme_id": None})
    log = client_of(at.at.workspace, Role.ADMIN).get(f"{ROOT}/audit-log")
    assert [entry["action"] for entry in log.json()["items"]] == ["feature.move", "feature.accept"]
    message = at.store.reading.messages(at.id)[0]["id"]
    assert {entry["subject"] for entry in log.json()["items"]} == {f"message {message}"}
    assert "Rosa" not in log.text


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("verdict", {"verdict": "perhaps"}, 422),
        ("verdict", {"verdict": "accept", "theme_id": None}, 422),
        ("verdict", {"verdict": "accept", "note": "x" * 2001}, 422),
        ("verdict", {"verdict": "accept", "note": "a\0b"}, 422),
        ("theme", {}, 422),
        ("theme", {"theme_id": "exports"}, 422),
        ("theme", {"theme_id": str(uuid.UUID(int=7))}, 404),
    ],
)
def test_what_cannot_be_decided_is_refused(
    at: Desk, editor: TestClient, path: str, body: dict[str, object], status: int
) -> None:
    key = one_item(at)
    assert editor.put(f"{ROOT}/features/{key}/{path}", json=body).status_code == status
    assert editor.get(f"{ROOT}/features/{key}").json()["decisions"] == []


def test_nobody_decides_about_what_is_not_theirs_or_only_shown_to_them(
    at: Desk, store: Store, client_of: Clients
) -> None:
    key = one_item(at)
    body = {"verdict": "dismiss"}
    viewer = client_of(at.at.workspace, Role.VIEWER)
    assert viewer.put(f"{ROOT}/features/{key}/verdict", json=body).status_code == 403
    stranger = client_of(store.workspaces.add("Globex"), Role.EDITOR)
    assert stranger.put(f"{ROOT}/features/{key}/verdict", json=body).status_code == 404
    assert stranger.put(f"/api/v1/workspaces/globex/features/{key}/verdict", json=body).status_code == 404
    theirs = store.themes.add(store.workspaces.find("globex").id, "Theirs").theme.id
    editor = client_of(at.at.workspace, Role.EDITOR)
    assert editor.put(f"{ROOT}/features/{key}/theme", json={"theme_id": str(theirs)}).status_code == 404


def test_what_was_decided_about_a_call_goes_with_it_out_of_the_audit_log_too(
    at: Desk, editor: TestClient, client_of: Clients, tmp_path: Path
) -> None:
    key = str(one_item(at))
    editor.put(f"{ROOT}/features/{key}/verdict", json={"verdict": "accept"})
    request = ErasureRequest(at.at.workspace, ErasureScope.MESSAGE, "gong:700", tmp_path)
    erase(at.store, request, actor="test", now=lambda: NOW)
    log = client_of(at.at.workspace, Role.ADMIN).get(f"{ROOT}/audit-log")
    assert key not in log.text
    assert editor.get(f"{ROOT}/features/{key}").status_code == 404


def test_a_method_that_is_not_taken_is_answered_with_those_that_are(at: Desk, editor: TestClient) -> None:
    answer = editor.patch(f"{ROOT}/features/{one_item(at)}/verdict", json={})
    assert (answer.status_code, answer.headers["allow"]) == (405, "DELETE, PUT")
