"""What people decide holds through every run, on both databases."""

import threading
import uuid
from collections.abc import Callable
from dataclasses import replace

import pytest
import sqlalchemy as sa

from headway_pipeline.model.decisions import Aspect, DecisionKind
from headway_pipeline.model.errors import HeadwayError, InputError, UnknownThingError
from headway_pipeline.model.features import FeatureType, Filing, ThemeScore
from headway_pipeline.model.filters import Decided, FeatureFilter
from headway_pipeline.store import Store
from headway_pipeline.store.messages import purge
from headway_pipeline.store.placing import NOTHING, decided_in, hold_call, place_item
from headway_pipeline.store.tables import decisions, features
from headway_pipeline_tests.store.filed import Desk, desk, one_item
from headway_pipeline_tests.store.rows import DAY, NOW, SPEECH, call, item, lease, place


@pytest.fixture
def at(store: Store) -> Desk:
    return desk(store)


def filed(at: Desk) -> uuid.UUID:
    found = one_item(at)
    at.file(at.exports)
    return found


def scores(at: Desk) -> list[tuple[object, ...]]:
    table = features.c
    query = sa.select(table.theme_id, table.theme_score, table.second_theme_id, table.second_theme_score)
    with at.store.database.reading() as connection:
        return [tuple(row) for row in connection.execute(query)]


def test_a_moved_feature_stands_under_its_new_theme_at_once(at: Desk) -> None:
    key = filed(at)
    at.store.decisions.move(at.id, key, at.billing, decided_by="rosa", note=" not exports ")
    found = at.store.reading.feature(at.id, key)
    assert found.theme == "Billing"
    (decision,) = found.decisions
    assert (decision.kind, decision.theme, decision.decided_by) == (DecisionKind.MOVE, "Billing", "rosa")
    assert decision.note == "not exports"
    assert scores(at) == [(at.billing, 0.3, at.exports, 0.8)]


def test_a_moved_feature_stays_there_when_its_call_is_filed_again_under_other_themes(at: Desk) -> None:
    key = filed(at)
    at.store.decisions.move(at.id, key, at.billing, decided_by="rosa")
    third = at.store.themes.add(at.id, "Onboarding").theme.id
    at.file(third)
    assert at.themes() == {key: "Billing"}
    assert scores(at) == [(at.billing, 0.3, third, 0.8)]


def test_an_item_is_moved_from_the_inbox_to_a_theme_and_back_and_stays(at: Desk) -> None:
    key = one_item(at)
    at.file(None)
    at.store.decisions.move(at.id, key, at.exports, decided_by="rosa")
    assert at.themes() == {key: "Exports"}
    assert scores(at) == [(at.exports, 0.0, at.billing, 0.3)]
    at.store.decisions.move(at.id, key, None, decided_by="rosa")
    at.store.themes.add(at.id, "Onboarding")
    at.file(at.exports)
    assert at.themes() == {key: None}


def test_a_move_to_a_theme_that_was_archived_since_holds_no_more(at: Desk) -> None:
    key = filed(at)
    at.store.decisions.move(at.id, key, at.billing, decided_by="rosa")
    at.store.themes.archive(at.billing)
    at.file(at.exports)
    assert at.themes() == {key: "Exports"}


def test_undoing_a_move_brings_back_what_the_analyst_thinks_now(at: Desk) -> None:
    key = filed(at)
    at.store.decisions.move(at.id, key, at.billing, decided_by="rosa")
    third = at.store.themes.add(at.id, "Onboarding").theme.id
    at.file(third)
    at.store.decisions.undo(at.id, key, Aspect.THEME)
    assert at.themes() == {key: "Onboarding"}
    at.store.decisions.undo(at.id, key, Aspect.THEME)
    assert at.themes() == {key: "Onboarding"}


def test_a_dismissed_item_is_in_no_listing_and_no_count(at: Desk) -> None:
    kept, other = at.read(call(), item(SPEECH[:40]), item(SPEECH[50:90], char_start=50))
    at.file({kept: at.exports, other: None})
    for key in (kept, other):
        at.store.decisions.dismiss(at.id, key, decided_by="rosa")
    assert at.themes() == {}
    assert at.store.filings.counts(at.id, [DAY]) == {}
    assert at.store.reading.summary(at.id).features == 0
    only = FeatureFilter(decided=Decided.DISMISS)
    assert [found.id for found in at.store.reading.features(at.id, only)] == [kept]
    assert [found.id for found in at.store.reading.inbox(at.id, only)] == [other]
    under = replace(only, theme_ids=(at.exports,))
    assert [found.theme for found in at.store.reading.features(at.id, under)] == ["Exports"]


def test_a_dismissed_item_stays_away_when_its_call_is_filed_again_and_comes_back_when_undone(at: Desk) -> None:
    key = filed(at)
    at.store.decisions.dismiss(at.id, key, decided_by="rosa")
    at.store.themes.add(at.id, "Onboarding")
    at.file(at.billing)
    assert at.themes() == {}
    assert scores(at) == []
    at.store.decisions.undo(at.id, key, Aspect.VERDICT)
    assert at.themes() == {key: "Billing"}


def test_decisions_hold_when_the_call_is_read_again_for_the_item_keeps_its_id(at: Desk) -> None:
    moved, dismissed = at.read(call(), item(SPEECH[:40]), item(SPEECH[50:90], char_start=50))
    at.file(at.exports)
    message_id = at.store.decisions.move(at.id, moved, at.billing, decided_by="rosa")
    at.store.decisions.dismiss(at.id, dismissed, decided_by="rosa")
    again = [replace(item(SPEECH[4:44], char_start=4), title="Other words"), item(SPEECH[52:92], char_start=52)]
    assert at.read_again(message_id, *again) == [moved, dismissed]
    at.file(at.exports)
    assert at.themes() == {moved: "Billing"}


def test_a_reading_that_misses_the_item_does_not_lose_the_decision(at: Desk) -> None:
    key = filed(at)
    message_id = at.store.decisions.dismiss(at.id, key, decided_by="rosa")
    at.read_again(message_id, item(SPEECH[100:140], char_start=100, kind=FeatureType.BUG_REPORT))
    with pytest.raises(UnknownThingError):
        at.store.reading.feature(at.id, key)
    at.read_again(message_id, item(SPEECH[:40]))
    at.file(at.exports)
    assert at.themes() == {}


def test_the_last_verdict_counts_and_stands_beside_a_move(at: Desk) -> None:
    key = filed(at)
    at.store.decisions.dismiss(at.id, key, decided_by="rosa")
    at.store.decisions.move(at.id, key, at.billing, decided_by="carl")
    assert at.themes() == {}
    at.store.decisions.accept(at.id, key, decided_by="carl")
    found = at.store.reading.feature(at.id, key)
    assert [(one.kind.value, one.theme) for one in found.decisions] == [("accept", None), ("move", "Billing")]
    assert found.theme == "Billing"


def test_an_accepted_item_remembers_where_it_stood(at: Desk) -> None:
    key = filed(at)
    at.store.decisions.accept(at.id, key, decided_by="rosa")
    at.store.themes.add(at.id, "Onboarding")
    at.file(at.billing)
    found = at.store.reading.feature(at.id, key)
    assert (found.theme, found.decisions[0].theme) == ("Billing", "Exports")


def test_what_was_dismissed_and_is_accepted_after_all_is_accepted_where_it_stands_again(at: Desk) -> None:
    key = filed(at)
    at.store.decisions.dismiss(at.id, key, decided_by="rosa")
    at.store.decisions.accept(at.id, key, decided_by="rosa")
    (decision,) = at.store.reading.feature(at.id, key).decisions
    assert (decision.kind, decision.theme_id) == (DecisionKind.ACCEPT, at.exports)
    (labelled,) = at.store.reading.decided_calls(at.id)
    assert [(one.is_theme_decided, one.theme) for one in labelled.items] == [(True, "Exports")]


def test_what_is_not_there_is_not_decided_about(at: Desk, store: Store) -> None:
    key = filed(at)
    other = place(store, "Globex").workspace.id
    theirs = store.themes.add(other, "Theirs").theme.id
    decide = at.store.decisions
    refused: list[tuple[type[Exception], Callable[[], object]]] = [
        (UnknownThingError, lambda: decide.accept(at.id, uuid.uuid4(), decided_by="rosa")),
        (UnknownThingError, lambda: decide.dismiss(other, key, decided_by="rosa")),
        (UnknownThingError, lambda: decide.undo(other, key, Aspect.VERDICT)),
        (UnknownThingError, lambda: decide.move(at.id, key, theirs, decided_by="rosa")),
        (InputError, lambda: decide.accept(at.id, key, decided_by="rosa", note="x" * 2001)),
        (InputError, lambda: decide.accept(at.id, key, decided_by="rosa", note="a\0b")),
        (InputError, lambda: decide.accept(at.id, key, decided_by="rosa", note="a\ud800b")),
    ]
    for error, call_ in refused:
        with pytest.raises(error):
            call_()
    store.themes.archive(at.billing)
    with pytest.raises(InputError, match="archived"):
        decide.move(at.id, key, at.billing, decided_by="rosa")
    with store.database.reading() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(decisions)).scalar_one() == 0


def test_a_decision_needs_no_lease_and_waits_for_no_run(at: Desk) -> None:
    key = filed(at)
    with lease(at.store, at.at):
        at.store.decisions.dismiss(at.id, key, decided_by="rosa")
    assert at.themes() == {}


def meanwhile(do: Callable[[], object]) -> tuple[threading.Thread, list[object]]:
    """`do` in another thread; what it answered or raised is put into the list."""
    said: list[object] = []

    def run() -> None:
        try:
            said.append(do())
        except HeadwayError as error:
            said.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, said


def test_a_decision_waits_for_the_filing_of_its_call_and_holds_after_it(at: Desk) -> None:
    """Decided in the middle of it, the item would be put back by a run that had looked before."""
    key = filed(at)
    message_id = at.store.reading.feature(at.id, key).message.id
    with at.store.database.writing() as connection:
        hold_call(connection, at.id, message_id)
        before = decided_in(connection, at.id, message_id).get(key, NOTHING)
        thread, said = meanwhile(lambda: at.store.decisions.dismiss(at.id, key, decided_by="rosa"))
        thread.join(0.3)
        assert said == []
        filing = Filing(at.billing, (ThemeScore(at.billing, 0.9),))
        place_item(connection, at.store.database, NOW, key, filing, before)
    thread.join()
    assert said == [message_id]
    assert (at.themes(), scores(at)) == ({}, [])


def test_nothing_is_decided_about_a_call_that_is_purged_meanwhile(at: Desk) -> None:
    """A person's note may quote the call: it must not outlive it."""
    key = filed(at)
    message_id = at.store.reading.feature(at.id, key).message.id
    with at.store.database.writing() as connection:
        purge(connection, at.id, message_id)
        thread, said = meanwhile(lambda: at.store.decisions.dismiss(at.id, key, decided_by="rosa", note=SPEECH))
        thread.join(0.3)
    thread.join()
    assert [type(one) for one in said] == [UnknownThingError]
    with at.store.database.reading() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(decisions)).scalar_one() == 0


def test_a_decision_that_comes_first_goes_with_the_call(at: Desk) -> None:
    key = filed(at)
    at.store.decisions.dismiss(at.id, key, decided_by="rosa", note=SPEECH)
    with lease(at.store, at.at) as held:
        at.store.listings.record_page(held, at.at.connector.id, [call(is_private=True)], NOW)
    with at.store.database.reading() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(decisions)).scalar_one() == 0
