"""Deliveries of webhooks: genuine ones leave a hint, and nobody learns anything from the others."""

import time
import uuid
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from cryptography.fernet import Fernet
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx2 import Response

from headway_pipeline.api.app import build_api
from headway_pipeline.api.deliveries import MOST_REFUSED
from headway_pipeline.api.routes.webhooks import REFUSED_AFTER_S
from headway_pipeline.ingestion.delivery_counts import WRITTEN_EVERY
from headway_pipeline.model.errors import DatabaseUnavailableError
from headway_pipeline.model.workspaces import Connector, Credentials
from headway_pipeline.settings import Settings
from headway_pipeline.sources.webhooks import LARGEST_BODY_BYTES, WebhookDelivery
from headway_pipeline.store import Store
from headway_pipeline.store.sealing import CredentialSealer
from headway_pipeline.store.tables import webhook_counts, webhook_events
from headway_pipeline.store.webhooks import Webhooks
from headway_pipeline_tests.api.fakes import FakeLauncher
from headway_pipeline_tests.sandbox_fixtures import MovableClock
from headway_pipeline_tests.webhooks import (
    FATHOM_SECRET,
    NOW,
    URL,
    fathom_body,
    fathom_delivery,
    gong_body,
    gong_delivery,
    shown_key,
)

OTHER_SECRET = "whsec_c29tZWJvZHkgZWxzZQ=="


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock(NOW)


@pytest.fixture
def app(store: Store, settings: Settings, clock: MovableClock) -> FastAPI:
    return build_api(store, settings, launcher=FakeLauncher(), now=clock)


@pytest.fixture
def fathom(store: Store) -> Connector:
    workspace = store.workspaces.add("Acme")
    connector = store.connectors.add(workspace.id, "fathom", credentials=Credentials({"api_token": "t"}))
    store.webhooks.save(connector, FATHOM_SECRET, url="https://headway.example/f", remote_id="wh_1", now=NOW)
    return connector


@pytest.fixture
def gong(store: Store, fathom: Connector) -> Connector:
    credentials = Credentials({"access_key": "a", "secret_key": "b"})
    connector = store.connectors.add(fathom.workspace_id, "gong", credentials=credentials)
    store.webhooks.save(connector, shown_key(), url=URL, remote_id=None, now=NOW)
    return connector


Deliver = Callable[..., Response]


@pytest.fixture
def deliver(client_of: Callable[..., TestClient]) -> Deliver:
    client = client_of()

    def post(connector: Connector, delivery: WebhookDelivery, *, path: str | None = None) -> Response:
        address = path or f"/webhooks/{connector.connector_type}/{connector.id}"
        return client.post(address, headers=list(delivery.headers), content=delivery.body)

    return post


def counted(app: FastAPI, store: Store, connector: Connector) -> dict[str, int]:
    app.state.deliveries.close()
    counts = store.webhooks.counts(connector.workspace_id, NOW.date())
    return {one.outcome: one.count for one in counts if one.connector_id == connector.id}


def without(delivery: WebhookDelivery, name: str) -> WebhookDelivery:
    return WebhookDelivery([header for header in delivery.headers if header[0] != name], delivery.body)


def test_a_genuine_delivery_leaves_one_hint_however_often_it_comes(
    app: FastAPI, store: Store, fathom: Connector, gong: Connector, deliver: Deliver
) -> None:
    for connector, delivery in ((fathom, fathom_delivery()), (gong, gong_delivery())):
        answers = [deliver(connector, delivery) for _ in range(3)]
        assert [(answer.status_code, answer.content) for answer in answers] == [(204, b"")] * 3
    assert [(hint.connector_id, hint.external_id) for hint in store.hints.due()] == [
        (fathom.id, "123456789"),
        (gong.id, "7782342274025937895"),
    ]
    assert counted(app, store, fathom) == {"news": 1, "repeated": 2}


def forgeries(fathom: Connector) -> Sequence[tuple[str, WebhookDelivery, str | None]]:
    """Reason it is counted under ("" for no connector's), the delivery, the path where it is another one."""
    genuine = fathom_delivery()
    return [
        ("bad_signature", fathom_delivery(secret=OTHER_SECRET), None),
        ("bad_signature", WebhookDelivery(genuine.headers, genuine.body + b" "), None),
        ("expired", fathom_delivery(at=NOW - timedelta(minutes=6)), None),
        ("expired", fathom_delivery(at=NOW + timedelta(minutes=6)), None),
        ("malformed", without(genuine, "webhook-signature"), None),
        ("malformed", WebhookDelivery([*genuine.headers, genuine.headers[0]], genuine.body), None),
        ("malformed", fathom_delivery(b"no json"), None),
        ("malformed", fathom_delivery(b'{"title": "no meeting"}'), None),
        ("", genuine, f"/webhooks/fathom/{uuid.UUID(int=7)}"),
        ("", genuine, "/webhooks/fathom/no-id-at-all"),
        ("", genuine, f"/webhooks/gong/{fathom.id}"),
        ("", genuine, f"/webhooks/files/{fathom.id}"),
        ("", genuine, f"/webhooks/nothing/{fathom.id}"),
    ]


def test_every_forgery_gets_the_same_answer_and_leaves_nothing_but_a_count(
    app: FastAPI, store: Store, fathom: Connector, deliver: Deliver
) -> None:
    expected: dict[str, int] = {}
    answers = set()
    for reason, delivery, path in forgeries(fathom):
        answer = deliver(fathom, delivery, path=path)
        assert answer.status_code == 403, reason
        headers = {name: value for name, value in answer.headers.items() if name != "date"}
        answers.add((answer.content, tuple(sorted(headers.items()))))
        if reason:
            expected[reason] = expected.get(reason, 0) + 1
    assert len(answers) == 1
    assert store.hints.due() == []
    assert counted(app, store, fathom) == expected


def test_a_connector_that_is_there_is_refused_as_slowly_as_one_that_is_not(
    store: Store, fathom: Connector, deliver: Deliver
) -> None:
    def took(path: str | None) -> float:
        started = time.perf_counter()
        deliver(fathom, fathom_delivery(secret=OTHER_SECRET), path=path)
        return time.perf_counter() - started

    known = min(took(None) for _ in range(3))
    unknown = min(took(f"/webhooks/fathom/{uuid.UUID(int=7)}") for _ in range(3))
    assert min(known, unknown) >= REFUSED_AFTER_S
    # No threshold of speed: far less than what a database and a signature cost apart.
    assert abs(known - unknown) < REFUSED_AFTER_S


def test_a_replay_after_its_time_is_refused_and_within_it_changes_nothing(
    store: Store, fathom: Connector, gong: Connector, deliver: Deliver, clock: MovableClock
) -> None:
    genuine = ((fathom, fathom_delivery()), (gong, gong_delivery()))
    for connector, delivery in genuine:
        assert deliver(connector, delivery).status_code == 204
    store.hints.mark_handled([hint.id for hint in store.hints.due()], NOW)
    clock.pass_by(timedelta(minutes=4))
    assert [deliver(connector, delivery).status_code for connector, delivery in genuine] == [204, 204]
    assert store.hints.due() == []
    clock.pass_by(timedelta(minutes=4))
    assert [deliver(connector, delivery).status_code for connector, delivery in genuine] == [403, 403]


def test_what_was_signed_for_another_connector_is_refused(
    store: Store, fathom: Connector, gong: Connector, deliver: Deliver
) -> None:
    credentials = Credentials({"access_key": "c", "secret_key": "d"})
    other = store.connectors.add(gong.workspace_id, "gong", name="other", credentials=credentials)
    store.webhooks.save(other, shown_key(), url=f"{URL}/other", remote_id=None, now=NOW)
    assert deliver(other, gong_delivery()).status_code == 403
    assert deliver(other, gong_delivery(webhook_url=f"{URL}/other")).status_code == 204


def test_what_is_too_large_is_refused_before_it_is_read(store: Store, fathom: Connector, deliver: Deliver) -> None:
    assert deliver(fathom, fathom_delivery(b" " * (LARGEST_BODY_BYTES + 1))).status_code == 413
    assert store.hints.due() == []


def test_a_disabled_connectors_deliveries_are_taken_and_forgotten_if_they_are_genuine(
    app: FastAPI, store: Store, fathom: Connector, deliver: Deliver
) -> None:
    store.connectors.disable(fathom.id)
    assert deliver(fathom, fathom_delivery()).status_code == 204
    assert deliver(fathom, fathom_delivery(secret=OTHER_SECRET)).status_code == 403
    assert store.hints.due() == []
    assert counted(app, store, fathom) == {"not_in_use": 1, "bad_signature": 1}


def test_a_test_of_the_webhook_asks_for_nothing(store: Store, gong: Connector, deliver: Deliver) -> None:
    assert deliver(gong, gong_delivery(gong_body(isTest=True))).status_code == 204
    assert store.hints.due() == []


def test_a_database_that_is_down_lets_the_source_deliver_again(
    store: Store, fathom: Connector, deliver: Deliver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_given: object, **_named: object) -> None:
        raise DatabaseUnavailableError("the database is gone", "wait")

    with monkeypatch.context() as broken:
        broken.setattr(Webhooks, "find", down)
        answer = deliver(fathom, fathom_delivery())
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert deliver(fathom, fathom_delivery()).status_code == 204
    assert len(store.hints.due()) == 1


def test_a_secret_that_does_not_open_lets_the_source_deliver_again(
    store: Store, fathom: Connector, deliver: Deliver, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = CredentialSealer([Fernet.generate_key().decode()])
    monkeypatch.setattr(Webhooks, "secret", lambda webhooks, webhook: lost.open_key(webhook.envelope, "any"))
    answer = deliver(fathom, fathom_delivery())
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")


def test_whoever_forges_without_end_is_not_looked_at_and_holds_up_nobody_else(
    store: Store, fathom: Connector, gong: Connector, deliver: Deliver, clock: MovableClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("headway_pipeline.api.routes.webhooks.REFUSED_AFTER_S", 0.0)
    forged = fathom_delivery(secret=OTHER_SECRET)
    assert {deliver(fathom, forged).status_code for _ in range(MOST_REFUSED)} == {403}
    answer = deliver(fathom, forged)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "61")
    # Behind one proxy all senders have one address: other connectors' deliveries pass.
    assert deliver(gong, gong_delivery()).status_code == 204
    clock.pass_by(timedelta(seconds=61))
    assert deliver(fathom, forged).status_code == 403
    assert deliver(fathom, fathom_delivery(at=clock.now)).status_code == 204


def test_a_flood_at_addresses_that_nobody_was_given_is_one_sender_and_fills_no_memory(
    fathom: Connector, deliver: Deliver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was remembered of a refusal was the address: 10,000 of 30 kB each, for whoever asks."""
    monkeypatch.setattr("headway_pipeline.api.routes.webhooks.REFUSED_AFTER_S", 0.0)
    forged = fathom_delivery(secret=OTHER_SECRET)
    names = [f"{number:0>3000}" for number in range(MOST_REFUSED + 1)]
    answers = [deliver(fathom, forged, path=f"/webhooks/fathom/{name}").status_code for name in names]
    assert answers == [403] * MOST_REFUSED + [429]


def test_a_flood_of_forgeries_fills_no_table(
    app: FastAPI, store: Store, fathom: Connector, deliver: Deliver, clock: MovableClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("headway_pipeline.api.routes.webhooks.REFUSED_AFTER_S", 0.0)
    writes: list[tuple[Any, ...]] = []
    write = Webhooks.count

    def noted(webhooks: Webhooks, *given: Any) -> None:
        writes.append(given)
        write(webhooks, *given)

    monkeypatch.setattr(Webhooks, "count", noted)
    for number in range(20):
        deliver(fathom, fathom_delivery(fathom_body(number), delivery_id=f"msg_{number}", secret=OTHER_SECRET))
    assert writes == []
    clock.pass_by(WRITTEN_EVERY)
    deliver(fathom, fathom_delivery(secret=OTHER_SECRET))
    assert len(writes) == 1
    with store.database.reading() as connection:
        rows = [connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
                for table in (webhook_events, webhook_counts)]  # fmt: skip
    assert rows == [0, 1]
    assert counted(app, store, fathom) == {"bad_signature": 21}


def test_counts_of_several_processes_add_up_and_outlive_a_database_that_is_down(
    app: FastAPI, store: Store, fathom: Connector, deliver: Deliver, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(fathom, fathom_delivery())
    with monkeypatch.context() as broken:

        def down(*_given: object) -> None:
            raise DatabaseUnavailableError("the database is gone", "wait")

        broken.setattr(Webhooks, "count", down)
        app.state.deliveries.close()
    assert counted(app, store, fathom) == {"news": 1}
    deliver(fathom, fathom_delivery())
    deliver(fathom, fathom_delivery())
    assert counted(app, store, fathom) == {"news": 1, "repeated": 2}


def test_nothing_of_a_delivery_is_logged(
    store: Store, fathom: Connector, deliver: Deliver, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level("DEBUG")
    body = b'{"recording_id": 1, "title": "planted-words"}'
    deliver(fathom, fathom_delivery(body))
    deliver(fathom, fathom_delivery(body, secret=OTHER_SECRET))
    said = caplog.text
    assert "planted-words" not in said
    assert FATHOM_SECRET not in said
    assert "v1," not in said
