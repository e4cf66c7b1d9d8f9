"""Connectors over the API: made from each source's declaration, credentials in and never out."""

import json
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from headway_pipeline.api.app import build_api
from headway_pipeline.api.connector_bodies import new_connector_body
from headway_pipeline.api.routes.connectors import MOST_CHECKS
from headway_pipeline.ingestion.checkup import Verdict
from headway_pipeline.model.access import Role
from headway_pipeline.model.workspaces import ConnectorHealth, Credentials, Workspace
from headway_pipeline.sandbox.server import Sandbox
from headway_pipeline.settings import Settings
from headway_pipeline.sources import discovery
from headway_pipeline.sources.contract import CredentialField, Source
from headway_pipeline.sources.fathom import FathomSource
from headway_pipeline.store import Store
from headway_pipeline_tests.api.fakes import FakeLauncher
from headway_pipeline_tests.worlds import sandbox_call, world

Clients = Callable[..., TestClient]

GONG = {"connector_type": "gong", "gong_access_key": "planted-access", "gong_secret_key": "planted-secret"}
FATHOM = {"connector_type": "fathom", "fathom_api_token": "planted-token"}
OAUTH = {"client_id": "planted-id", "client_secret": "planted-client", "refresh_token": "planted-refresh"}


@pytest.fixture
def place(acme: Workspace) -> str:
    return f"/api/v1/workspaces/{acme.id}/connectors"


@pytest.fixture
def admin(client_of: Clients, acme: Workspace) -> TestClient:
    return client_of(acme, Role.ADMIN)


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        (GONG, {"access_key": "planted-access", "secret_key": "planted-secret"}),
        (FATHOM | {"fathom_api_token": " planted-token\n"}, {"api_token": "planted-token"}),
        ({"connector_type": "gong", **OAUTH}, OAUTH),
    ],
)
def test_the_fields_of_the_guide_make_a_connector_whose_credentials_are_sealed(
    admin: TestClient, place: str, store: Store, acme: Workspace, body: dict[str, str], kept: Mapping[str, str]
) -> None:
    answer = admin.post(place, json=body)
    assert answer.status_code == 201
    connector = store.connectors.find(acme.id, answer.json()["id"])
    assert dict(store.connectors.credentials(connector)) == dict(kept)
    assert admin.get(answer.headers["location"]).json() == answer.json()


def test_no_response_log_or_entry_ever_holds_a_credential(
    admin: TestClient, place: str, store: Store, acme: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", "headway_pipeline")
    made = admin.post(place, json=GONG, headers={"Idempotency-Key": "once"})
    location, etag = made.headers["location"], made.headers["etag"]
    edited = {"gong_access_key": "planted-2", "gong_secret_key": "planted-3", "base_url": "https://x.api.gong.io"}
    answers = [
        made,
        admin.patch(location, json=edited, headers={"If-Match": etag}),
        admin.post(place, json={**GONG, "gong_secret_key": {"planted": 1}}),
        admin.post(place, json={**GONG, "name": "x", "base_url": "https://planted-host.example/planted"}),
        admin.post(place, json={**GONG, "name": "x", "client_id": "planted-id"}),
        admin.post(place, json={**GONG, "connector_type": "planted-type"}),
        admin.post(place, content=json.dumps(GONG)[:-1], headers={"Content-Type": "application/json"}),
        admin.get(place),
    ]
    assert [answer.status_code for answer in answers] == [201, 200, 422, 422, 422, 422, 400, 200]
    told = "".join(f"{answer.text}{answer.headers}" for answer in answers if answer is not answers[3])
    entries = "".join(str(entry) for entry in store.audit_log.list(acme.id))
    assert "planted" not in told + caplog.text + entries
    # Of an address the host is named, for that is what the words are about; the path is not.
    assert "planted-host.example is no address of Gong" in answers[3].text


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"base_url": "https://evil.example"}, "no address of Gong"),
        ({"base_url": "http://api.gong.io"}, "https only"),
        ({"base_url": "http://127.0.0.1:8950"}, "no address of Gong"),
        ({"base_url": "http://169.254.169.254/latest"}, "no address of Gong"),
        ({"gong_secret_key": "   "}, "errors"),
        ({"gong_secret_key": None}, "errors"),
        ({"name": "a\x00b"}, "errors"),
        ({"name": "a\ud800b"}, "errors"),
        ({"name": "x" * 201}, "errors"),
        ({"name": " \t "}, "errors"),
        ({"api_token": "x"}, "errors"),
        ({"uses_environment": True}, "errors"),
        ({"settings": {"path": ["/etc"]}}, "errors"),
        ({"connector_type": "files", "settings": {"path": ["/etc"]}}, "errors"),
    ],
)
def test_what_a_connector_may_not_be_is_refused_and_nothing_is_made(
    admin: TestClient, place: str, store: Store, acme: Workspace, change: dict[str, object], words: str
) -> None:
    body = json.dumps(GONG | change)
    answer = admin.post(place, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert words in answer.text
    assert store.connectors.list(acme.id, active_only=False) == []


def test_oauth_is_sent_to_the_vendor_only(admin: TestClient, place: str) -> None:
    body = {"connector_type": "gong", **OAUTH, "token_url": "https://evil.example/token"}
    assert admin.post(place, json=body).status_code == 422


def test_another_address_needs_the_credentials_again(
    admin: TestClient, place: str, store: Store, acme: Workspace
) -> None:
    made = admin.post(place, json=GONG)
    guard = {"If-Match": made.headers["etag"]}
    address = {"base_url": "https://us-1.api.gong.io/v2/"}
    refused = admin.patch(made.headers["location"], json=address, headers=guard)
    assert (refused.status_code, "credentials again" in refused.text) == (422, True)
    keys = {"gong_access_key": "new", "gong_secret_key": "new"}
    edited = admin.patch(made.headers["location"], json=address | keys, headers=guard)
    assert edited.json()["base_url"] == "https://us-1.api.gong.io"
    assert dict(store.connectors.credentials(store.connectors.find(acme.id, "gong"))) == {
        "access_key": "new",
        "secret_key": "new",
    }


def test_an_edit_without_its_state_or_of_an_older_one_is_refused(admin: TestClient, place: str) -> None:
    made = admin.post(place, json=GONG)
    location, guard = made.headers["location"], {"If-Match": made.headers["etag"]}
    assert admin.patch(location, json={"name": "Sales"}).status_code == 428
    renamed = admin.patch(location, json={"name": "Sales"}, headers=guard)
    assert renamed.json()["name"] == "Sales"
    assert admin.patch(location, json={"name": "Support"}, headers=guard).status_code == 412
    assert admin.patch(location, json={"name": "Support"}, headers={"If-Match": "*"}).status_code == 200


def test_a_connector_is_deactivated_and_taken_up_again_with_its_credentials(
    admin: TestClient, place: str, store: Store, acme: Workspace
) -> None:
    location = admin.post(place, json=GONG).headers["location"]
    store.connectors.record_health(store.connectors.find(acme.id, "gong").id, ConnectorHealth.OK, ok=True)
    stopped = admin.patch(location, json={"is_active": False}, headers={"If-Match": "*"}).json()
    assert (stopped["is_active"], stopped["health"]) == (False, "ok")
    assert admin.get(place).json()["items"] == []
    assert [one["name"] for one in admin.get(f"{place}?inactive=true").json()["items"]] == ["gong"]
    assert admin.patch(location, json={"is_active": True}, headers={"If-Match": "*"}).json()["is_active"]
    assert "secret_key" in store.connectors.credentials(store.connectors.find(acme.id, "gong"))


def test_what_the_operator_connected_at_the_keyboard_can_be_stopped_but_not_turned(
    admin: TestClient, place: str, store: Store, acme: Workspace
) -> None:
    own = store.connectors.add(acme.id, "gong", uses_environment=True)
    files = store.connectors.add(acme.id, "files", settings={"path": ["/calls"]})
    anything = {"If-Match": "*"}
    keys = {"gong_access_key": "mine", "gong_secret_key": "mine"}
    for connector, body in [
        (own, keys | {"base_url": "https://x.api.gong.io"}),
        (own, {"settings": {"workspace": ["Sales"]}}),
        (files, {"is_active": True}),
        (files, keys),
    ]:
        assert admin.patch(f"{place}/{connector.id}", json=body, headers=anything).status_code == 403
    for connector in (own, files):
        answer = admin.patch(f"{place}/{connector.id}", json={"is_active": False}, headers=anything)
        assert answer.status_code == 200
    assert store.connectors.find(acme.id, "gong").uses_environment


def test_a_name_that_is_taken_is_a_conflict_also_by_renaming(admin: TestClient, place: str) -> None:
    assert admin.post(place, json=GONG).status_code == 201
    assert admin.post(place, json=GONG).status_code == 409
    second = admin.post(place, json=GONG | {"name": "second"})
    renamed = admin.patch(second.headers["location"], json={"name": "gong"}, headers={"If-Match": "*"})
    assert renamed.status_code == 409


def test_a_renamed_connector_leaves_its_first_name_to_another(admin: TestClient, place: str) -> None:
    first = admin.post(place, json=GONG)
    admin.patch(first.headers["location"], json={"name": "old"}, headers={"If-Match": "*"})
    assert admin.post(place, json=GONG).status_code == 201


def test_settings_are_replaced_by_name(admin: TestClient, place: str) -> None:
    made = admin.post(place, json=GONG | {"settings": {"workspace": ["Sales", "Support"]}})
    assert made.json()["settings"] == {"workspace": ["Sales", "Support"]}
    edited = admin.patch(
        made.headers["location"], json={"settings": {"workspace": ["Success"]}}, headers={"If-Match": "*"}
    )
    assert edited.json()["settings"] == {"workspace": ["Success"]}


def test_a_viewer_sees_connectors_and_changes_none(
    client_of: Clients, admin: TestClient, place: str, acme: Workspace
) -> None:
    location = admin.post(place, json=GONG).headers["location"]
    viewer = client_of(acme, Role.VIEWER)
    assert viewer.get(location).status_code == 200
    assert viewer.post(place, json=FATHOM).status_code == 403
    assert viewer.patch(location, json={"is_active": False}, headers={"If-Match": "*"}).status_code == 403
    assert viewer.post(f"{location}/check").status_code == 403


def test_a_connector_of_another_workspace_is_not_there(
    client_of: Clients, admin: TestClient, place: str, store: Store, globex: Workspace
) -> None:
    foreign = store.connectors.add(globex.id, "gong", credentials=Credentials({"access_key": "a", "secret_key": "b"}))
    assert admin.get(f"{place}/{foreign.id}").status_code == 404
    assert admin.patch(f"{place}/{foreign.id}", json={"name": "x"}, headers={"If-Match": "*"}).status_code == 404
    assert admin.post(f"{place}/{foreign.id}/check").status_code == 404


def test_sources_that_do_not_answer_hold_a_few_requests_and_no_more(
    admin: TestClient, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every thread of the API that waited for one would be one that reads and checks tokens for nobody."""
    trying, may_answer = threading.Semaphore(0), threading.Event()

    def check(*_: object) -> Verdict:
        trying.release()
        may_answer.wait(30)
        return Verdict(ConnectorHealth.OK, "it works")

    monkeypatch.setattr("headway_pipeline.ingestion.checkup.check_connector", check)
    location = admin.post(place, json=GONG).headers["location"]
    with ThreadPoolExecutor(MOST_CHECKS) as others:
        waiting = [others.submit(admin.post, f"{location}/check") for _ in range(MOST_CHECKS)]
        for _ in waiting:
            assert trying.acquire(timeout=30)
        refused = admin.post(f"{location}/check")
        may_answer.set()
        assert [one.result().status_code for one in waiting] == [200] * MOST_CHECKS
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "10")
    assert admin.post(f"{location}/check").status_code == 200


def test_a_check_says_whether_the_credentials_are_good(
    store: Store, settings: Settings, acme: Workspace, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Sandbox(world(sandbox_call(1))) as sandbox:
        host = sandbox.base_url.removeprefix("http://")
        monkeypatch.setenv("HEADWAY_ALLOWED_HOSTS", host)
        allowed = replace(settings, allowed_hosts=frozenset({host}))
        app = build_api(store, allowed, launcher=FakeLauncher(), now=lambda: datetime.now(tz=UTC))
        _, secret = store.api_tokens.create("t", Role.ADMIN, workspace_id=acme.id)
        keys = {"gong_access_key": "the-access-key", "base_url": sandbox.base_url}
        with TestClient(app, base_url="http://localhost", headers={"Authorization": f"Bearer {secret}"}) as client:
            good = client.post(place, json=GONG | keys | {"gong_secret_key": "the-secret-key"})
            bad = client.post(place, json=GONG | keys | {"name": "bad"})
            checks = [client.post(f"{one.headers['location']}/check").json() for one in (good, bad)]
            shown = client.get(bad.headers["location"]).json()
    assert [(one["is_usable"], one["health"]) for one in checks] == [(True, "ok"), (False, "bad_credentials")]
    assert shown["health"] == "bad_credentials"
    assert "planted" not in str(checks) + str(shown)


class Zendesk(FathomSource):
    """A source of somebody else's, with a key of its own and no OAuth."""

    name = "zendesk_talk"
    label = "Zendesk Talk"
    credential_fields = (CredentialField("key", "API key", ("zendesk_talk_key",), "ZENDESK_TALK_KEY"),)
    oauth = None


def test_a_source_that_is_installed_later_needs_no_change_here(
    store: Store, settings: Settings, acme: Workspace, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources: dict[str, type[Source]] = {**discovery.discover(), Zendesk.name: Zendesk}
    monkeypatch.setattr("headway_pipeline.api.app.discover", lambda: sources)
    app = build_api(store, settings, launcher=FakeLauncher(), now=lambda: datetime.now(tz=UTC))
    _, secret = store.api_tokens.create("t", Role.ADMIN, workspace_id=acme.id)
    with TestClient(app, base_url="http://localhost", headers={"Authorization": f"Bearer {secret}"}) as client:
        body = {"connector_type": "zendesk_talk", "zendesk_talk_key": "k"}
        assert client.post(place, json=body).status_code == 201
    shown = app.openapi()["components"]["schemas"]["NewZendeskTalkConnector"]
    assert "zendesk_talk_key" in shown["properties"]
    assert shown["required"] == ["connector_type", "zendesk_talk_key"]


def test_openapi_offers_no_source_of_the_operators(app: FastAPI) -> None:
    schemas = app.openapi()["components"]["schemas"]
    assert {name for name in schemas if name.startswith("New") and name.endswith("Connector")} == {
        "NewGongConnector",
        "NewFathomConnector",
    }
    assert all(
        schemas["NewGongConnector"]["properties"][name]["writeOnly"]
        for name in ("gong_access_key", "gong_secret_key", "client_secret", "refresh_token")
    )


def test_one_source_alone_needs_nothing_to_tell_it_apart() -> None:
    assert new_connector_body({"zendesk_talk": Zendesk}).__name__ == "NewZendeskTalkConnector"
