"""Ingests over the API: written down first, done by Dagster, followed here."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from fastapi.testclient import TestClient

from headway_pipeline.api.launching import RunState
from headway_pipeline.model.access import Role
from headway_pipeline.model.workspaces import Workspace
from headway_pipeline.settings import Settings
from headway_pipeline.store import Store
from headway_pipeline_tests.api.fakes import FakeLauncher

Clients = Callable[..., TestClient]


@pytest.fixture
def place(acme: Workspace) -> str:
    return f"/api/v1/workspaces/{acme.id}/ingests"


@pytest.fixture
def editor(client_of: Clients, acme: Workspace) -> TestClient:
    return client_of(acme, Role.EDITOR)


def today() -> date:
    return datetime.now(tz=UTC).date()


def test_an_ingest_becomes_a_run_that_can_be_followed(
    editor: TestClient, place: str, launcher: FakeLauncher, store: Store, acme: Workspace
) -> None:
    connector = store.connectors.add(acme.id, "gong", uses_environment=True)
    launcher.run_id = "run-1"
    launcher.known["run-1"] = RunState.QUEUED
    asked = editor.post(place, json={"days_back": 30, "connector_type": "gong", "limit": 50})
    assert asked.status_code == 202
    assert (asked.json()["state"], asked.json()["run_id"], asked.json()["limit"]) == ("queued", "run-1", 50)
    (request,) = launcher.asked
    assert (request.slug, request.since, request.until) == ("acme", today() - timedelta(days=30), today())
    launcher.known["run-1"] = RunState.SUCCEEDED
    assert editor.get(asked.headers["location"]).json()["state"] == "succeeded"
    launcher.known.clear()
    assert editor.get(asked.headers["location"]).json()["state"] == "unknown"
    store.connectors.disable(connector.id)
    refused = editor.post(place, json={"connector_type": "gong"})
    assert (refused.status_code, refused.json()["detail"]) == (
        422,
        "the workspace has no active connector to that source",
    )


def test_where_no_dagster_answers_the_request_waits_and_says_so(
    editor: TestClient, place: str, store: Store, acme: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("headway_pipeline.store.ingest_requests.CLAIM", timedelta(0))
    asked = editor.post(place, json={})
    assert asked.status_code == 202
    assert asked.json()["state"] == "waiting"
    assert "no Dagster answers" in asked.json()["words"]
    (waiting,) = store.ingest_requests.waiting()
    assert (str(waiting.id), waiting.since) == (asked.json()["id"], today() - timedelta(days=7))
    store.workspaces.edit(acme.id, is_active=False)
    assert store.ingest_requests.waiting() == []


def test_while_the_api_may_still_be_asking_for_a_run_the_sensor_keeps_away(
    editor: TestClient, place: str, store: Store
) -> None:
    """A webserver that gave no answer in time may start the run a moment later."""
    assert editor.post(place, json={}).json()["run_id"] is None
    assert store.ingest_requests.waiting() == []


def test_the_first_run_that_is_noted_stays(store: Store, acme: Workspace) -> None:
    request = store.ingest_requests.add(acme.id, today(), today(), requested_by="t")
    store.ingest_requests.record_run(acme.id, request.id, "run-1")
    store.ingest_requests.record_run(acme.id, request.id, "run-2")
    assert store.ingest_requests.find(acme.id, request.id).run_id == "run-1"


def test_days_that_make_no_sense_are_refused(
    editor: TestClient, place: str, settings: Settings, store: Store
) -> None:
    day = timedelta(days=1)
    for body in (
        {"days_back": 3, "since": str(today())},
        {"since": str(today()), "until": str(today() - day)},
        {"until": str(today() + day)},
        {"since": str(settings.start_date - day)},
        {"days_back": -1},
        {"days_back": 99999999},
        {"since": "yesterday"},
        {"since": int(datetime.now(tz=UTC).timestamp()) // 86_400 * 86_400},
        {"since": f"{today()}T00:00:00"},
        {"until": "0001-01-03"},
        {"until": "9999-12-31"},
        {"limit": 0},
        {"connector_type": "nothing"},
        {"connector_type": "GONG; drop"},
    ):
        assert editor.post(place, json=body).status_code == 422, body
    assert editor.get(place).json()["items"] == []


def test_viewers_follow_and_do_not_ask(client_of: Clients, editor: TestClient, place: str, acme: Workspace) -> None:
    location = editor.post(place, json={}).headers["location"]
    viewer = client_of(acme, Role.VIEWER)
    assert viewer.get(location).status_code == 200
    assert viewer.post(place, json={}).status_code == 403


def test_requests_are_listed_newest_first_in_pages(editor: TestClient, place: str) -> None:
    asked = [editor.post(place, json={"days_back": number}).json()["id"] for number in range(5)]
    first = editor.get(f"{place}?limit=3").json()
    rest = editor.get(f"{place}?limit=3&cursor={first['next']}").json()
    assert [one["id"] for one in first["items"] + rest["items"]] == asked[::-1]
    assert rest["next"] is None


def test_a_request_of_another_workspace_is_not_there(
    editor: TestClient, place: str, store: Store, globex: Workspace
) -> None:
    foreign = store.ingest_requests.add(globex.id, today(), today(), requested_by="t")
    assert editor.get(f"{place}/{foreign.id}").status_code == 404
    assert editor.get(place).json()["items"] == []
