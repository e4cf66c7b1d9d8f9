"""Days with something to do, on both databases: what a run would find to do now, and nothing else."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa

from headway_pipeline.model.ledger import MessageState, Reason, ReasonCode
from headway_pipeline.model.workspaces import ConnectorHealth
from headway_pipeline.store import Lease, Store
from headway_pipeline.store.tables import transcripts
from headway_pipeline.store.unfinished import Hold, Need, UnfinishedDay
from headway_pipeline_tests.store.rows import DAY, NOW, Place, call, lease, place, transcript
from headway_pipeline_tests.store.test_watch import analyse

#: The store's clock is the real one.
LATER = datetime.now(tz=UTC) + timedelta(hours=1)
SOONER = datetime.now(tz=UTC) - timedelta(hours=1)


@pytest.fixture
def at(store: Store) -> Place:
    return place(store)


@pytest.fixture
def held(store: Store, at: Place) -> Iterator[Lease]:
    with lease(store, at) as one:
        yield one


def listed(store: Store, at: Place, held: Lease, external_id: str = "700", *, content_hash: str = "v1") -> UUID:
    (recorded,) = store.listings.record_page(
        held, at.connector.id, [call(external_id, content_hash=content_hash)], NOW
    )
    return recorded.message_id


def transcribed(store: Store, at: Place, held: Lease) -> UUID:
    message_id = listed(store, at, held)
    store.transcripts.record(held, message_id, transcript(), content_hash="v1")
    return message_id


def found(store: Store) -> list[tuple[date, Need, Hold]]:
    return [(one.day, one.need, one.hold) for one in store.unfinished.days()]


def fail_listing(store: Store, at: Place, held: Lease, *days: date, error: str | None = "the source is down") -> None:
    store.listings.record(
        held,
        at.connector.id,
        dict.fromkeys(days, 0),
        run_id="r",
        started_at=NOW,
        ended_at=NOW,
        errors=dict.fromkeys(days, error) if error else {},
    )


def test_an_empty_ledger_has_nothing_to_do(store: Store, at: Place) -> None:
    assert found(store) == []


def test_a_day_that_was_not_listed_to_its_end_is_to_be_listed_until_it_is(
    store: Store, at: Place, held: Lease
) -> None:
    fail_listing(store, at, held, DAY)
    (one,) = store.unfinished.days()
    assert (one.slug, one.day, one.need, one.hold) == ("acme", DAY, Need.LISTING, Hold.FAILURE)
    assert one.changed_at is not None
    fail_listing(store, at, held, DAY, error=None)
    assert found(store) == []


def test_a_paused_connector_is_left_alone_until_its_time(store: Store, at: Place, held: Lease) -> None:
    fail_listing(store, at, held, DAY)
    listed(store, at, held)
    paused = ConnectorHealth.PAUSED_UNTIL
    store.connectors.record_health(at.connector.id, paused, resume_at=LATER)
    assert found(store) == []
    store.connectors.record_health(at.connector.id, paused, resume_at=SOONER)
    assert found(store) == [(DAY, Need.LISTING, Hold.FAILURE), (DAY, Need.TRANSCRIPTS, Hold.NOTHING)]


def test_a_disabled_connectors_days_and_calls_are_nobodys(store: Store, at: Place, held: Lease) -> None:
    fail_listing(store, at, held, DAY)
    listed(store, at, held)
    store.connectors.disable(at.connector.id)
    assert found(store) == []


def test_a_call_that_fell_outside_its_run_is_asked_for(store: Store, at: Place, held: Lease) -> None:
    listed(store, at, held)
    assert found(store) == [(DAY, Need.TRANSCRIPTS, Hold.NOTHING)]


@pytest.mark.parametrize("state", [MessageState.AWAITING_TRANSCRIPT, MessageState.NO_TRANSCRIPT])
def test_a_transcript_is_asked_for_again_when_its_time_has_come(
    state: MessageState, store: Store, at: Place, held: Lease
) -> None:
    message_id = listed(store, at, held)
    reason = Reason(ReasonCode.NOT_READY, "not there yet")
    for next_attempt_at, expected in ((LATER, []), (SOONER, [(DAY, Need.TRANSCRIPTS, Hold.NOTHING)])):
        store.messages.move(held, message_id, state, reason, next_attempt_at=next_attempt_at)
        assert found(store) == expected


def test_a_call_that_was_given_up_for_good_is_not_asked_for(store: Store, at: Place, held: Lease) -> None:
    gave_up = Reason(ReasonCode.GAVE_UP, "too old")
    store.messages.move(held, listed(store, at, held), MessageState.NO_TRANSCRIPT, gave_up)
    assert found(store) == []


@pytest.mark.parametrize(
    ("code", "hold"),
    [
        (ReasonCode.SOURCE_FAILED, Hold.FAILURE),
        (ReasonCode.SOURCE_PAUSED, Hold.FAILURE),
        (ReasonCode.LIMIT, None),
    ],
)
def test_why_a_call_waits_for_its_transcript_decides_how(
    code: ReasonCode, hold: Hold | None, store: Store, at: Place, held: Lease
) -> None:
    store.messages.wait(held, [listed(store, at, held)], Reason(code, "words"))
    assert found(store) == ([] if hold is None else [(DAY, Need.TRANSCRIPTS, hold)])


def test_a_call_that_changed_is_hydrated_again_and_a_postponed_one_when_its_time_has_come(
    store: Store, at: Place, held: Lease
) -> None:
    message_id = transcribed(store, at, held)
    store.messages.wait(held, [message_id], Reason(ReasonCode.NO_THEMES, "none"))
    assert found(store) == []
    listed(store, at, held, content_hash="v2")
    assert found(store) == [(DAY, Need.TRANSCRIPTS, Hold.NOTHING)]
    store.transcripts.postpone(held, message_id, LATER)
    assert found(store) == []
    store.transcripts.postpone(held, message_id, SOONER)
    store.transcripts.record(held, message_id, transcript(), content_hash="v2")
    assert found(store) == [(DAY, Need.READING, Hold.NOTHING)]
    with store.database.reading() as connection:
        assert connection.execute(sa.select(transcripts.c.next_attempt_at)).scalar_one() is None


@pytest.mark.parametrize(
    ("code", "hold"),
    [
        (None, Hold.NOTHING),
        (ReasonCode.MODEL_FAILED, Hold.FAILURE),
        (ReasonCode.MODEL_PAUSED, Hold.FAILURE),
        (ReasonCode.BUDGET, Hold.BUDGET),
        (ReasonCode.NO_THEMES, None),
        (ReasonCode.ANSWER_PENDING, None),
        (ReasonCode.LIMIT, None),
    ],
)
def test_why_a_call_waits_for_its_reading_decides_how(
    code: ReasonCode | None, hold: Hold | None, store: Store, at: Place, held: Lease
) -> None:
    message_id = transcribed(store, at, held)
    if code is not None:
        store.messages.wait(held, [message_id], Reason(code, "words"))
    assert found(store) == ([] if hold is None else [(DAY, Need.READING, hold)])


def test_a_call_that_could_not_be_filed_is_read_on(store: Store, at: Place) -> None:
    message_id = analyse(store, at, "1", filed_at=None)
    assert found(store) == []
    with lease(store, at) as held:
        for code, hold in ((ReasonCode.MODEL_FAILED, [Hold.FAILURE]), (ReasonCode.ANSWER_PENDING, [])):
            store.messages.wait(held, [message_id], Reason(code, "words"), states=[MessageState.ANALYSED.value])
            assert [one.hold for one in store.unfinished.days()] == hold


@pytest.mark.parametrize("is_read", [False, True], ids=["before its transcript", "after it"])
def test_what_was_set_aside_returns_to_its_stage_when_its_time_has_come(
    is_read: bool, store: Store, at: Place, held: Lease
) -> None:
    message_id = transcribed(store, at, held) if is_read else listed(store, at, held)
    need = Need.READING if is_read else Need.TRANSCRIPTS
    for at_time, expected in ((LATER, []), (SOONER, [(DAY, need, Hold.NOTHING)])):
        reason = Reason(ReasonCode.MODEL_FAILED, "odd")
        store.messages.quarantine(held, message_id, reason, next_attempt_at=at_time)
        assert found(store) == expected


def test_a_bad_record_waits_for_its_source_and_for_no_time(store: Store, at: Place, held: Lease) -> None:
    store.listings.record_bad_record(held, at.connector.id, "gong", "1", DAY, "no start", {}, NOW)
    assert found(store) == []


def test_many_calls_of_a_day_are_one_line_and_workspaces_have_their_own(store: Store) -> None:
    for name in ("Acme", "Other"):
        at = place(store, name)
        with lease(store, at) as held:
            for number in range(3):
                listed(store, at, held, str(number))
    assert [(one.slug, one.day) for one in store.unfinished.days()] == [("acme", DAY), ("other", DAY)]


def test_a_closed_workspace_has_nothing_to_do(store: Store, at: Place, held: Lease) -> None:
    listed(store, at, held)
    fail_listing(store, at, held, DAY)
    with store.database.writing() as connection:
        connection.execute(sa.text("UPDATE workspaces SET is_active = :no"), {"no": False})
    assert store.unfinished.days() == []


def test_the_day_is_utc_whatever_the_session_says(store: Store, at: Place, held: Lease) -> None:
    late = call("1", hours=11.9)
    store.listings.record_page(held, at.connector.id, [late], NOW)
    if not store.database.is_sqlite:
        with store.database.as_login().writing() as connection:
            name = connection.execute(sa.text("SELECT current_database()")).scalar_one()
            connection.execute(sa.text(f"ALTER DATABASE \"{name}\" SET timezone = 'Pacific/Auckland'"))
        store.database.engine.dispose()
    assert store.unfinished.days() == [
        UnfinishedDay("acme", DAY, Need.TRANSCRIPTS, Hold.NOTHING, store.unfinished.days()[0].changed_at)
    ]
