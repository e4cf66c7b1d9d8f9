"""`headway connector webhook`, from nothing to hints: a real sandbox tells a real API of its meetings."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests
import sqlalchemy as sa

from headway_pipeline.api.app import build_api
from headway_pipeline.model.errors import StoreError
from headway_pipeline.model.workspaces import Connector
from headway_pipeline.sandbox.exchange import Reply, Request
from headway_pipeline.sandbox.server import Sandbox
from headway_pipeline.sandbox.webhooks import (
    FathomForgery,
    GongForgery,
    GongSender,
    forged_fathom_delivery,
    gong_payload,
    sample_delivery,
)
from headway_pipeline.sandbox.world import World
from headway_pipeline.settings import current_settings
from headway_pipeline.store import Store
from headway_pipeline.store.configured import open_configured_store
from headway_pipeline.store.tables import audit_log
from headway_pipeline_tests.api.fakes import FakeLauncher
from headway_pipeline_tests.api.serving import served
from headway_pipeline_tests.cli.conftest import Headway
from headway_pipeline_tests.sandbox_fixtures import ACCESS_KEY, API_TOKEN, SECRET_KEY, call, company
from headway_pipeline_tests.store.refusing import refused_entries
from headway_pipeline_tests.worlds import use_home

YESTERDAY = datetime.now(tz=UTC) - timedelta(days=1)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    calls = [call(f"call-{number}", started_at=YESTERDAY, source="fathom") for number in range(2)]
    calls.append(call("gong-1", started_at=YESTERDAY))
    with Sandbox(World((replace(company(*calls), api_token=API_TOKEN),))) as made:
        yield made


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home_template: Path) -> Iterator[Store]:
    import shutil

    shutil.copytree(home_template, tmp_path / "home")
    opened = open_configured_store(use_home(tmp_path / "home", monkeypatch))
    opened.workspaces.add("Acme")
    yield opened
    opened.close()


@contextmanager
def api(store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The API behind a real server, whose address is HEADWAY_PUBLIC_URL."""
    app = build_api(store, current_settings(), launcher=FakeLauncher(), now=lambda: datetime.now(tz=UTC))
    with served(app) as address:
        monkeypatch.setenv("HEADWAY_PUBLIC_URL", address)
        yield address


def connect(headway: Headway, sandbox: Sandbox, source: str) -> None:
    credentials = (
        {"access_key": ACCESS_KEY, "secret_key": SECRET_KEY} if source == "gong" else {"api_token": API_TOKEN}
    )
    address = sandbox.base_url if source == "gong" else sandbox.fathom_url
    given = ("--workspace-id", "acme", "--type", source, "--base-url", address, "--credentials", "-")
    assert headway("connector", "add", *given, stdin=json.dumps(credentials)).code == 0


def connector(store: Store, name: str) -> Connector:
    return store.connectors.find(store.workspaces.find("acme").id, name)


ASK = ("connector", "webhook", "--workspace-id", "acme", "--format", "json")


def test_fathom_is_registered_once_delivers_and_is_removed(
    headway: Headway, store: Store, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(headway, sandbox, "fathom")
    with api(store, monkeypatch) as address:
        made = headway(*ASK, "fathom")
        shown = json.loads(made.out)
        assert shown["url"] == f"{address}/webhooks/fathom/{connector(store, 'fathom').id}"
        assert (made.code, shown["is_believed"], shown["remote_id"]) == (0, True, sandbox.webhooks[0].id)
        secret = sandbox.webhooks[0].secret
        assert secret not in made.out + made.err

        assert json.loads(headway(*ASK, "fathom").out) == shown
        assert len(sandbox.webhooks) == 1

        assert sandbox.send_webhooks() == [204, 204]
        assert sandbox.send_webhooks() == [204, 204]
        assert len(store.hints.due()) == 2
        assert {hint.occurred_at.date() for hint in store.hints.due() if hint.occurred_at} == {YESTERDAY.date()}

        now = datetime.now(tz=UTC)
        genuine = sample_delivery(sandbox.webhooks[0], now)
        for forgery in FathomForgery:
            forged = forged_fathom_delivery(forgery, genuine, secret, now)
            answer = requests.post(forged.url, data=forged.body, headers=dict(forged.headers), timeout=10)
            assert answer.status_code == 403, forgery
        assert len(store.hints.due()) == 2

        removed = headway(*ASK, "fathom", "--remove")
        assert (removed.code, json.loads(removed.out)["is_gone_at_source"]) == (0, True)
        assert [*sandbox.webhooks] == []
        answer = requests.post(genuine.url, data=genuine.body, headers=dict(genuine.headers), timeout=10)
        assert answer.status_code == 403
        assert headway(*ASK, "fathom", "--remove").code == 1
    with store.database.reading() as connection:
        actions = connection.execute(
            sa.select(audit_log.c.action).where(audit_log.c.action.like("%webhook%"))
        ).scalars()
        assert sorted(actions) == ["connector.webhook", "connector.webhook_removed"]
    assert secret.encode() not in (current_settings().home / "headway.db").read_bytes()


def test_a_webhook_whose_entry_in_the_audit_log_is_refused_is_taken_back_at_the_source(
    headway: Headway, store: Store, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(headway, sandbox, "fathom")
    with api(store, monkeypatch):
        with refused_entries(store):
            assert headway(*ASK, "fathom").code == 1
        assert [*sandbox.webhooks] == []
        assert store.webhooks.find(connector(store, "fathom").id) is None
        assert headway(*ASK, "fathom").code == 0
        with refused_entries(store):
            assert headway(*ASK, "fathom", "--remove").code == 1
        assert store.webhooks.find(connector(store, "fathom").id) is not None


def test_gong_is_set_up_by_hand_with_the_steps_and_the_key(
    headway: Headway, store: Store, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(headway, sandbox, "gong")
    sender = GongSender()
    with api(store, monkeypatch) as address:
        told = headway(*ASK, "gong")
        url = f"{address}/webhooks/gong/{connector(store, 'gong').id}"
        assert f"exactly this address: {url}" in told.err
        assert "Signed JWT header" in told.err
        assert json.loads(told.out)["is_believed"] is False

        refused = headway(*ASK, "gong", "--public-key", "-", stdin="no key")
        assert (refused.code, json.loads(headway(*ASK, "gong").out)["is_believed"]) == (1, False)
        assert headway(*ASK, "gong", "--public-key", "-", stdin=f"{sender.public_key}\n").code == 0

        body = gong_payload(sandbox.world.companies[0], sandbox.world.companies[0].calls[-1], address, YESTERDAY)
        now = datetime.now(tz=UTC)
        genuine = sender.delivery(body, url, now)
        for delivery, status in [
            (genuine, 204),
            (genuine, 204),
            *((sender.forged(forgery, body, url, now), 403) for forgery in GongForgery),
        ]:
            answer = requests.post(delivery.url, data=delivery.body, headers=dict(delivery.headers), timeout=10)
            assert answer.status_code == status
    assert len(store.hints.due()) == 1
    shown = headway(*ASK, "gong")
    assert json.loads(shown.out)["deliveries"]["news"] == 1
    assert "1 news" in shown.err


def test_another_public_address_is_told_to_fathom_and_the_former_webhook_goes(
    headway: Headway, store: Store, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(headway, sandbox, "fathom")
    for address in ("https://old.example", "https://new.example/"):
        monkeypatch.setenv("HEADWAY_PUBLIC_URL", address)
        assert headway(*ASK, "fathom").code == 0
    assert [hook.url for hook in sandbox.webhooks] == [
        f"https://new.example/webhooks/fathom/{connector(store, 'fathom').id}"
    ]


def test_a_webhook_whose_secret_cannot_be_kept_is_taken_back(
    headway: Headway, store: Store, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fathom tells the secret once and lists no webhooks: what is lost could be removed by hand only."""
    connect(headway, sandbox, "fathom")
    monkeypatch.setenv("HEADWAY_PUBLIC_URL", "https://headway.example")

    def fail(*_given: object, **_named: object) -> None:
        raise StoreError("the disk is full", "make room")

    monkeypatch.setattr("headway_pipeline.store.webhooks.Webhooks.save", fail)
    assert headway(*ASK, "fathom").code == 1
    assert sandbox.webhooks == ()


def test_an_answer_that_is_lost_is_not_asked_for_twice(
    headway: Headway, store: Store, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(headway, sandbox, "fathom")
    monkeypatch.setenv("HEADWAY_PUBLIC_URL", "https://headway.example")

    def broken(request: Request) -> Reply | None:
        return Reply(503) if request.path.endswith("/webhooks") else None

    sandbox.faults.append(broken)
    assert headway(*ASK, "fathom").code == 1
    assert sandbox.count("/external/v1/webhooks") == 1
    assert store.webhooks.find(connector(store, "fathom").id) is None


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("", "HEADWAY_PUBLIC_URL is not set"),
        ("http://headway.example", "https"),
        ("https://user:pw@headway.example", "https"),
        ("ftp://headway.example", "https"),
        ("https://headway.example?key=1", "https"),
    ],
)
def test_an_address_that_sources_must_not_deliver_to_is_refused(
    headway: Headway, store: Store, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, address: str, words: str
) -> None:
    connect(headway, sandbox, "fathom")
    monkeypatch.setenv("HEADWAY_PUBLIC_URL", address)
    refused = headway(*ASK, "fathom")
    assert (refused.code, words in refused.err, "pw" in refused.err) == (1, True, False)
    assert sandbox.webhooks == ()


def test_a_source_without_webhooks_says_so(
    headway: Headway, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADWAY_PUBLIC_URL", "https://headway.example")
    (tmp_path / "files").mkdir()
    headway(
        "connector", "add", "--workspace-id", "acme", "--type", "files", "--setting", f"path={tmp_path / 'files'}"
    )
    assert "sends no webhooks" in headway(*ASK, "files").err
