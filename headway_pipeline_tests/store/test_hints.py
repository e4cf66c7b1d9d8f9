from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from headway_pipeline.model.calls import Call
from headway_pipeline.model.ledger import MessageState, Reason, ReasonCode
from headway_pipeline.model.workspaces import Connector, Credentials
from headway_pipeline.store import Store
from headway_pipeline.store.hints import KEPT
from headway_pipeline.store.tables import webhook_events

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.fixture
def connector(store: Store) -> Connector:
    workspace = store.workspaces.add("Acme")
    return store.connectors.add(workspace.id, "gong", credentials=Credentials({"access_key": "a", "secret_key": "b"}))


def keep(store: Store, connector: Connector, delivery_id: str, minutes: int = 0, *, is_test: bool = False) -> bool:
    return store.hints.record(
        connector,
        delivery_id,
        external_id="7",
        occurred_at=NOW - timedelta(days=1),
        received_at=NOW + timedelta(minutes=minutes),
        is_test=is_test,
    )


def test_a_delivery_is_kept_once_however_often_it_comes(store: Store, connector: Connector) -> None:
    assert [keep(store, connector, "msg-1", minutes) for minutes in range(3)] == [True, False, False]
    (hint,) = store.hints.due()
    assert (hint.workspace_id, hint.connector_id, hint.external_id) == (connector.workspace_id, connector.id, "7")
    assert (hint.occurred_at, hint.received_at) == (NOW - timedelta(days=1), NOW)


def test_two_connectors_may_be_told_the_same(store: Store, connector: Connector) -> None:
    other = store.connectors.add(connector.workspace_id, "gong", name="other", credentials=Credentials({"k": "v"}))
    assert keep(store, connector, "msg-1")
    assert keep(store, other, "msg-1")
    assert len(store.hints.due()) == 2


def test_what_was_done_about_is_no_longer_due_and_does_not_come_back(store: Store, connector: Connector) -> None:
    keep(store, connector, "msg-1", 1)
    keep(store, connector, "msg-2", 0)
    later, sooner = sorted(store.hints.due(), key=lambda hint: hint.received_at, reverse=True)
    assert [hint.id for hint in store.hints.due()] == [sooner.id, later.id]
    store.hints.mark_handled([sooner.id], NOW)
    assert [hint.id for hint in store.hints.due()] == [later.id]
    assert not keep(store, connector, "msg-2")
    assert [hint.id for hint in store.hints.due()] == [later.id]
    store.hints.mark_handled([], NOW)


def test_a_test_of_the_webhook_asks_for_nothing(store: Store, connector: Connector) -> None:
    assert keep(store, connector, "msg-1", is_test=True)
    assert store.hints.due() == []


def test_two_processes_that_get_one_delivery_keep_one(
    open_test_store: Callable[[], Store], store: Store, connector: Connector
) -> None:
    assert [keep(each, connector, "msg-1") for each in (store, open_test_store())] == [True, False]


def listed(store: Store, connector: Connector, started_at: datetime, *, error: str | None = None) -> None:
    """The connector lists the day of the hints."""
    day = (NOW - timedelta(days=1)).date()
    with store.leases.hold(connector.workspace_id, "run") as lease:
        store.listings.record(
            lease,
            connector.id,
            {day: 1},
            run_id="run",
            started_at=started_at,
            ended_at=started_at,
            errors={day: error} if error else {},
        )


@pytest.mark.parametrize(
    ("minutes", "error", "is_listed"), [(-1, None, False), (0, None, True), (5, None, True), (5, "down", False)]
)
def test_a_hint_knows_the_days_that_were_listed_to_the_end_since_it_came(
    minutes: int, error: str | None, is_listed: bool, store: Store, connector: Connector
) -> None:
    keep(store, connector, "msg-1")
    listed(store, connector, NOW + timedelta(minutes=minutes), error=error)
    (hint,) = store.hints.due()
    assert hint.slug == "acme"
    assert hint.listed_since == (frozenset({(NOW - timedelta(days=1)).date()}) if is_listed else frozenset())


def test_hints_that_nobody_can_follow_do_not_stand_in_the_way(store: Store, connector: Connector) -> None:
    keep(store, connector, "msg-1")
    store.connectors.disable(connector.id)
    assert store.hints.due() == []


def test_hints_of_a_source_that_cannot_be_listed_do_not_stand_before_those_of_others(
    store: Store, connector: Connector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("headway_pipeline.store.hints.MOST_DUE_OF_ONE", 2)
    other = store.connectors.add(connector.workspace_id, "gong", name="other", credentials=Credentials({"k": "v"}))
    for number in range(4):
        keep(store, connector, f"msg-{number}", number)
    keep(store, other, "msg-9", 9)
    assert [(hint.connector_id, hint.received_at.minute) for hint in store.hints.due()] == [
        (connector.id, 0),
        (connector.id, 1),
        (other.id, 9),
    ]


def test_what_was_handled_a_month_ago_is_forgotten_and_what_was_not_is_kept(
    store: Store, connector: Connector
) -> None:
    for number in range(3):
        keep(store, connector, f"msg-{number}")
    first, second, third = store.hints.due()
    store.hints.mark_handled([first.id], NOW)
    store.hints.mark_handled([second.id], NOW + KEPT + timedelta(seconds=1))
    with store.database.reading() as connection:
        kept = connection.execute(sa.select(webhook_events.c.id)).scalars().all()
    assert set(kept) == {second.id, third.id}


@pytest.mark.parametrize(("is_test", "is_hastened"), [(False, True), (True, False)])
def test_a_call_that_awaits_its_transcript_is_asked_for_at_once_when_its_source_hints_at_it(
    is_test: bool, is_hastened: bool, store: Store, connector: Connector
) -> None:
    """Else the run that the hint leads to would find the call, and leave it until its next attempt hours later."""
    days = [(NOW - timedelta(days=1)).date()]
    with store.leases.hold(connector.workspace_id, "run") as lease:
        called = Call("gong", "7", NOW - timedelta(days=1), content_hash="v1")
        (recorded,) = store.listings.record_page(lease, connector.id, [called], NOW)
        reason = Reason(ReasonCode.NOT_READY, "not there yet")
        state, later = MessageState.AWAITING_TRANSCRIPT, NOW + timedelta(hours=12)
        store.messages.move(lease, recorded.message_id, state, reason, next_attempt_at=later)
    assert store.transcripts.awaiting(connector.workspace_id, days, NOW) == []
    keep(store, connector, "msg-1", is_test=is_test)
    due = store.transcripts.awaiting(connector.workspace_id, days, NOW)
    assert [message.external_id for message in due] == (["7"] if is_hastened else [])
