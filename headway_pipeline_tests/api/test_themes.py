"""Themes over the API, and what holds for every creation and edit: once, and of the state that was read."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from fastapi.testclient import TestClient

from headway_pipeline.model.access import Role
from headway_pipeline.model.errors import StaleEditError
from headway_pipeline.model.workspaces import Workspace
from headway_pipeline.store import Store

Clients = Callable[..., TestClient]

THEME = {"name": "AI Features", "description": "AI-powered features", "color": "#6366F1", "icon": "sparkles"}


@pytest.fixture
def place(acme: Workspace) -> str:
    return f"/api/v1/workspaces/{acme.id}/themes"


@pytest.fixture
def editor(client_of: Clients, acme: Workspace) -> TestClient:
    return client_of(acme, Role.EDITOR)


def test_the_theme_of_the_guide_is_made_and_read(editor: TestClient, place: str) -> None:
    made = editor.post(place, json=THEME)
    assert made.status_code == 201
    assert {name: made.json()[name] for name in THEME} == THEME
    assert editor.get(made.headers["location"]).json() == made.json()
    assert [one["name"] for one in editor.get(place).json()["items"]] == ["AI Features"]


@pytest.mark.parametrize(
    "change",
    [
        {"name": ""},
        {"name": "a\nb"},
        {"name": 7},
        {"description": "a\x00"},
        {"description": "x" * 4001},
        {"color": "red;background:url(//evil.example)"},
        {"icon": "<script>"},
        {"sort_order": "1"},
        {"sort_order": 2**31},
        {"is_default": 1},
        {"colour": "#fff"},
    ],
)
def test_a_theme_that_no_page_or_database_should_hold_is_refused(
    editor: TestClient, place: str, change: dict[str, object]
) -> None:
    assert editor.post(place, json=THEME | change).status_code == 422


def test_blanks_around_a_name_go(editor: TestClient, place: str) -> None:
    assert editor.post(place, json={"name": "  Exports "}).json()["name"] == "Exports"


def test_a_theme_is_archived_and_brought_back(editor: TestClient, place: str) -> None:
    location = editor.post(place, json=THEME).headers["location"]
    archived = editor.patch(location, json={"is_archived": True}, headers={"If-Match": "*"})
    assert archived.json()["archived_at"] is not None
    assert editor.get(place).json()["items"] == []
    assert len(editor.get(f"{place}?archived=true").json()["items"]) == 1
    back = editor.patch(location, json={"is_archived": False}, headers={"If-Match": archived.headers["etag"]})
    assert back.json()["archived_at"] is None
    assert len(editor.get(place).json()["items"]) == 1


def test_of_two_edits_of_one_state_the_second_is_refused(
    editor: TestClient, place: str, store: Store, acme: Workspace
) -> None:
    made = editor.post(place, json=THEME)
    guard = {"If-Match": made.headers["etag"]}
    assert editor.patch(made.headers["location"], json={"name": "One"}, headers=guard).status_code == 200
    refused = editor.patch(made.headers["location"], json={"name": "Two"}, headers=guard)
    assert (refused.status_code, refused.json()["type"]) == (412, "/problems/edited-meanwhile")
    assert [row.theme.name for row in store.themes.list(acme.id)] == ["One"]


def test_an_edit_is_held_against_its_state_where_it_is_written(store: Store, acme: Workspace) -> None:
    """Both read the same state and passed the comparison; only the first may write."""
    row = store.themes.add(acme.id, "Exports")
    store.themes.edit(row.theme.id, name="One", seen_at=row.updated_at)
    with pytest.raises(StaleEditError):
        store.themes.edit(row.theme.id, name="Two", seen_at=row.updated_at)
    assert store.themes.find(acme.id, str(row.theme.id)).theme.name == "One"


def test_what_did_not_change_is_not_sent_again(editor: TestClient, place: str) -> None:
    made = editor.post(place, json=THEME)
    location, etag = made.headers["location"], made.headers["etag"]
    unchanged = editor.get(location, headers={"If-None-Match": f'"other", W/{etag}'})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    editor.patch(location, json={"icon": "bolt"}, headers={"If-Match": etag})
    assert editor.get(location, headers={"If-None-Match": etag}).status_code == 200


def test_a_repeated_request_with_its_key_makes_nothing_again(
    editor: TestClient, place: str, store: Store, acme: Workspace
) -> None:
    key = {"Idempotency-Key": "theme-1"}
    first, second = (editor.post(place, json=THEME, headers=key) for _ in range(2))
    assert first.status_code == second.status_code == 201
    assert first.json() == second.json()
    assert first.headers["location"] == second.headers["location"]
    assert second.headers["idempotency-replayed"] == "true"
    assert len(store.themes.list(acme.id)) == 1
    assert len(store.audit_log.list(acme.id)) == 1
    assert editor.post(place, json=THEME | {"name": "Other"}, headers=key).status_code == 422


def test_a_key_of_one_token_means_nothing_to_another(client_of: Clients, place: str, acme: Workspace) -> None:
    key = {"Idempotency-Key": "theme-1"}
    assert client_of(acme, Role.EDITOR).post(place, json=THEME, headers=key).status_code == 201
    assert client_of(acme, Role.EDITOR).post(place, json=THEME, headers=key).status_code == 409


def test_a_creation_that_failed_may_be_tried_again_with_its_key(editor: TestClient, place: str) -> None:
    editor.post(place, json=THEME)
    key = {"Idempotency-Key": "theme-1"}
    assert editor.post(place, json=THEME, headers=key).status_code == 409
    location = editor.get(place).json()["items"][0]["id"]
    editor.patch(f"{place}/{location}", json={"name": "Other"}, headers={"If-Match": "*"})
    assert editor.post(place, json=THEME, headers=key).status_code == 201


def test_of_concurrent_requests_with_one_key_one_makes_the_theme(
    editor: TestClient, place: str, store: Store, acme: Workspace
) -> None:
    def ask(_number: int) -> tuple[int, str]:
        answer = editor.post(place, json=THEME, headers={"Idempotency-Key": "theme-1"})
        return answer.status_code, answer.json().get("type", "")

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(ask, range(16)))
    assert set(answers) <= {(201, ""), (409, "/problems/conflict")}
    assert (201, "") in answers
    assert len(store.themes.list(acme.id)) == 1


def test_every_change_is_in_the_audit_log_with_who_made_it(
    client_of: Clients, editor: TestClient, place: str, acme: Workspace
) -> None:
    location = editor.post(place, json=THEME).headers["location"]
    editor.patch(location, json={"name": "Exports", "icon": "bolt"}, headers={"If-Match": "*"})
    log = f"/api/v1/workspaces/{acme.id}/audit-log"
    assert editor.get(log).status_code == 403
    entries = client_of(acme, Role.ADMIN).get(log).json()["items"]
    assert [(one["action"], one["details"]) for one in entries] == [
        ("theme.edit", {"changed": ["icon", "name"]}),
        ("theme.add", {}),
    ]
    assert entries[0]["actor"].startswith("token editor (")
    assert "Exports" not in json.dumps(entries)


def test_the_audit_log_comes_in_pages_each_entry_once(
    client_of: Clients, store: Store, acme: Workspace, globex: Workspace
) -> None:
    for number in range(7):
        store.audit_log.record(acme.id, actor="a", action="x.y", subject=str(number))
        store.audit_log.record(globex.id, actor="a", action="x.y", subject="foreign")
    client, log = client_of(acme, Role.ADMIN), f"/api/v1/workspaces/{acme.id}/audit-log?limit=3"
    seen, cursor = [], ""
    while cursor is not None:
        page = client.get(log + (f"&cursor={cursor}" if cursor else "")).json()
        seen += [one["subject"] for one in page["items"]]
        cursor = page["next"]
        store.audit_log.record(acme.id, actor="a", action="x.y", subject="new")
    assert seen == [str(number) for number in reversed(range(7))]
    assert client.get(f"{log}&cursor=abc").status_code == 400


@pytest.mark.parametrize(("given", "status"), [(7, 201), (7.0, 201), (7.5, 422), ("7", 422), (True, 422), (-1, 422)])
def test_a_whole_number_is_what_json_schema_calls_one(
    editor: TestClient, place: str, given: object, status: int
) -> None:
    assert editor.post(place, json={"name": "Exports", "sort_order": given}).status_code == status


def test_what_is_no_etag_is_no_state_of_long_ago(editor: TestClient, place: str) -> None:
    location = editor.post(place, json={"name": "Exports"}).headers["location"]
    answers = [
        editor.patch(location, json={}, headers={"If-Match": given}) for given in ('"old"', "old", '"a", W/"b"')
    ]
    assert [answer.status_code for answer in answers] == [412, 422, 412]
    assert editor.patch(location, json={}).json()["type"] == "/problems/unguarded-edit"
    assert editor.patch(location, json={"name": 7}).status_code == 422
