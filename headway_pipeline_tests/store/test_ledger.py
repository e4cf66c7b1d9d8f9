"""The ledger: every listed call in one state, moves that are allowed, counts that reconcile."""

import uuid
from datetime import timedelta
from itertools import product

import pytest
import sqlalchemy as sa

from headway_pipeline.model.calls import Segment, Side, Transcript
from headway_pipeline.model.errors import StoreError
from headway_pipeline.model.features import Filing, Sentiment, ThemeScore, themes_hash
from headway_pipeline.model.ledger import TRANSITIONS, MessageState, Reason, ReasonCode, may_follow
from headway_pipeline.store import Store
from headway_pipeline.store.tables import (
    decisions,
    extracted_features,
    messages,
    model_answers,
    sightings,
    transcripts,
)
from headway_pipeline_tests.store.rows import DAY, NOW, SPEECH, Place, call, item, lease, place, transcript

ALL_DERIVED = ("transcripts", "relevance_scores", "extracted_features", "evidence", "features")


def row_counts(store: Store) -> dict[str, int]:
    with store.database.reading() as connection:
        return {
            name: connection.execute(sa.text(f"SELECT count(*) FROM {name}")).scalar_one() for name in ALL_DERIVED
        }


def everything(store: Store) -> dict[str, list[tuple[object, ...]]]:
    """Every row of the ledger's tables, to compare before and after."""
    with store.database.reading() as connection:
        return {
            name: sorted(map(tuple, connection.execute(sa.text(f"SELECT * FROM {name}")).all()), key=str)
            for name in ("messages", *ALL_DERIVED)
        }


def go_all_the_way(store: Store, at: Place) -> None:
    """One call through every stage, filed under one theme."""
    theme = store.themes.add(at.workspace.id, "Exports").theme
    current = themes_hash(store.themes.current(at.workspace.id))
    with lease(store, at) as held:
        (recorded,) = store.listings.record_page(held, at.connector.id, [call()], NOW)
        store.transcripts.record(held, recorded.message_id, transcript(), content_hash="v1")
        (due,) = store.relevance_scores.awaiting(at.workspace.id, [DAY], current, NOW)
        store.relevance_scores.record(
            held,
            due.id,
            is_relevant=True,
            confidence=0.9,
            reason="names exports",
            best=[ThemeScore(theme.id, 0.9)],
            text_hash=due.text_hash,
            themes_hash=current,
            analyst="test",
            analyst_version="1",
        )
        (due,) = store.extractions.awaiting(at.workspace.id, [DAY], NOW)
        store.extractions.record(
            held,
            due.id,
            text_hash=due.text_hash,
            items=[item(SPEECH[:40])],
            sentiment=Sentiment.NEGATIVE,
            sentiment_score=-0.5,
            analyst="test",
            analyst_version="1",
        )
        (matching,) = store.filings.awaiting(at.workspace.id, [DAY], current, NOW)
        filing = Filing(theme.id, (ThemeScore(theme.id, 0.8),))
        store.filings.record(held, matching.id, current, {matching.items[0].id: filing})


def test_a_call_goes_from_its_listing_to_its_theme(store: Store) -> None:
    at = place(store)
    go_all_the_way(store, at)
    (found,) = store.reading.features(at.workspace.id)
    assert (found.theme, found.message.external_id, found.evidence[0].quote) == ("Exports", "700", SPEECH[:40])
    assert (found.evidence[0].speaker, found.evidence[0].side) == ("Rosa", "customer")
    assert row_counts(store) == dict.fromkeys(ALL_DERIVED, 1)
    assert store.filings.counts(at.workspace.id, [DAY])[DAY].by_theme == {"Exports": 1}


def test_listing_an_unchanged_call_again_changes_no_row_but_its_sighting(store: Store) -> None:
    at = place(store)
    go_all_the_way(store, at)
    before = everything(store)
    later = NOW + timedelta(hours=1)
    with lease(store, at) as held:
        (recorded,) = store.listings.record_page(held, at.connector.id, [call()], later)
        assert recorded.change == "unchanged"
        assert store.transcripts.awaiting(at.workspace.id, [DAY], later) == []
        assert store.extractions.awaiting(at.workspace.id, [DAY], later) == []
        current = themes_hash(store.themes.current(at.workspace.id))
        assert store.relevance_scores.awaiting(at.workspace.id, [DAY], current, later) == []
        assert store.filings.awaiting(at.workspace.id, [DAY], current, later) == []
    assert everything(store) == before
    with store.database.reading() as connection:
        assert connection.execute(sa.select(sightings.c.last_listed_at)).scalar_one() == later


def test_a_changed_call_is_hydrated_again_and_the_same_words_change_nothing_downstream(store: Store) -> None:
    at = place(store)
    go_all_the_way(store, at)
    with lease(store, at) as held:
        (recorded,) = store.listings.record_page(held, at.connector.id, [call(content_hash="v2")], NOW)
        assert recorded.change == "changed"
        (due,) = store.transcripts.awaiting(at.workspace.id, [DAY], NOW)
        details = store.transcripts.details(at.workspace.id, [due.id])[due.id]
        assert (due.state, details.content_hash) == (MessageState.ANALYSED, "v2")
        state = store.transcripts.record(held, due.id, transcript(), content_hash="v2")
        assert state == MessageState.ANALYSED
        assert store.transcripts.awaiting(at.workspace.id, [DAY], NOW) == []
    assert row_counts(store) == dict.fromkeys(ALL_DERIVED, 1)


def test_two_connectors_that_list_one_call_make_one_message_with_two_sightings(store: Store) -> None:
    at = place(store)
    second = store.connectors.add(at.workspace.id, "gong", name="second key")
    with lease(store, at) as held:
        store.listings.record_page(held, at.connector.id, [call()], NOW)
        (recorded,) = store.listings.record_page(held, second.id, [call()], NOW)
    assert recorded.change == "unchanged"
    assert store.messages.counts(at.workspace.id) == {"gong": {MessageState.LISTED: 1}}


def test_calls_whose_ids_differ_in_the_last_digit_and_share_a_title_are_both_kept(store: Store) -> None:
    at = place(store)
    with lease(store, at) as held:
        page = [call("9007199254740993001"), call("9007199254740993002")]
        store.listings.record_page(held, at.connector.id, page, NOW)
    found = [row["external_id"] for row in store.reading.messages(at.workspace.id)]
    assert sorted(found) == ["9007199254740993001", "9007199254740993002"]


def test_a_call_that_stands_twice_on_one_page_is_one_message(store: Store) -> None:
    at = place(store)
    with lease(store, at) as held:
        changes = [row.change for row in store.listings.record_page(held, at.connector.id, [call(), call()], NOW)]
    assert changes == ["new", "unchanged"]


def test_of_a_private_call_only_the_id_and_the_day_are_kept(store: Store) -> None:
    at = place(store)
    with lease(store, at) as held:
        (recorded,) = store.listings.record_page(held, at.connector.id, [call(is_private=True)], NOW)
    assert recorded.change == "private"
    with store.database.reading() as connection:
        row = connection.execute(sa.select(messages)).mappings().one()
    assert (row["state"], row["title"], row["raw"], row["participants"], row["url"]) == (
        "private",
        None,
        {},
        [],
        None,
    )
    assert row["occurred_at"] == NOW.replace(hour=0)


def test_a_call_that_turns_private_is_purged_of_everything_derived(store: Store) -> None:
    at = place(store)
    go_all_the_way(store, at)
    with store.database.writing() as connection:
        message_id = connection.execute(sa.select(messages.c.id)).scalar_one()
        connection.execute(
            model_answers.insert().values(
                workspace_id=at.workspace.id,
                fingerprint="f",
                stage="extract",
                provider="p",
                model="m",
                prompt_version="1",
                message_id=message_id,
                state="answered",
                raw_text=SPEECH,
            )
        )
    with lease(store, at) as held:
        store.listings.record_page(held, at.connector.id, [call(is_private=True)], NOW)
    assert row_counts(store) == dict.fromkeys(ALL_DERIVED, 0)
    with store.database.reading() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(model_answers)).scalar() == 0
        assert connection.execute(sa.select(messages.c.title)).scalar_one() is None


def test_a_private_call_that_is_made_public_starts_over(store: Store) -> None:
    at = place(store)
    with lease(store, at) as held:
        store.listings.record_page(held, at.connector.id, [call(is_private=True)], NOW)
        store.listings.record_page(held, at.connector.id, [call()], NOW)
    (row,) = store.reading.messages(at.workspace.id)
    assert (row["state"], row["title"], row["reason"]) == ("listed", "Weekly sync", None)


def test_a_short_call_ends_as_too_short_and_says_how_short(store: Store) -> None:
    at = place(store)
    with lease(store, at) as held:
        (recorded,) = store.listings.record_page(held, at.connector.id, [call()], NOW)
        state = store.transcripts.record(held, recorded.message_id, transcript("Wrong number."), content_hash="v1")
    assert state == MessageState.TOO_SHORT
    assert store.reading.messages(at.workspace.id)[0]["reason"].startswith("too_short: 13 characters")


def test_what_ended_as_it_should_is_one_line_of_the_status_however_each_call_words_it(store: Store) -> None:
    """A model has its own words for every call that is about nothing: a line each would bury what waits."""
    at = place(store)
    with lease(store, at) as held:
        for number, words in enumerate(("Wrong number.", "Wrong number, sorry.")):
            (recorded,) = store.listings.record_page(held, at.connector.id, [call(str(number))], NOW)
            store.transcripts.record(held, recorded.message_id, transcript(words), content_hash="v1")
    assert len({row["reason"] for row in store.reading.messages(at.workspace.id)}) == 2
    (row,) = store.reading.status(at.workspace.id)["reasons"]
    assert (row["calls"], row["reason"], len(row["examples"])) == (2, "too_short", 2)


def test_only_moves_of_the_ledger_are_made(store: Store) -> None:
    at = place(store)
    reason = Reason(ReasonCode.REFUSED, "for a test")
    with lease(store, at) as held:
        (recorded,) = store.listings.record_page(held, at.connector.id, [call()], NOW)
        for before, after in product(MessageState, MessageState):
            with store.database.writing() as connection:
                connection.execute(messages.update().values(state=before.value))
            if may_follow(before, after):
                store.messages.move(held, recorded.message_id, after, reason)
            else:
                with pytest.raises(StoreError, match="cannot go from"):
                    store.messages.move(held, recorded.message_id, after, reason)
            expected = after if may_follow(before, after) else before
            assert store.reading.messages(at.workspace.id)[0]["state"] == expected.value


def test_every_state_can_be_left_or_is_meant_to_stay() -> None:
    assert set(TRANSITIONS) == set(MessageState)
    assert all(TRANSITIONS[state] for state in MessageState)


def test_a_quarantined_call_waits_for_its_time_and_returns_to_its_stage(store: Store) -> None:
    at = place(store)
    store.themes.add(at.workspace.id, "Exports")
    current = themes_hash(store.themes.current(at.workspace.id))
    with lease(store, at) as held:
        (recorded,) = store.listings.record_page(held, at.connector.id, [call()], NOW)
        store.transcripts.record(held, recorded.message_id, transcript(), content_hash="v1")
        retry_at = NOW + timedelta(minutes=15)
        store.messages.quarantine(
            held, recorded.message_id, Reason(ReasonCode.ANALYSIS_FAILED, "no"), next_attempt_at=retry_at
        )
        assert store.relevance_scores.awaiting(at.workspace.id, [DAY], current, NOW) == []
        (due,) = store.relevance_scores.awaiting(at.workspace.id, [DAY], current, retry_at)
        assert (due.state, due.attempts) == (MessageState.QUARANTINED, 1)
        store.messages.quarantine(
            held, recorded.message_id, Reason(ReasonCode.ANALYSIS_FAILED, "again"), next_attempt_at=retry_at
        )
        (due,) = store.relevance_scores.awaiting(at.workspace.id, [DAY], current, retry_at)
        assert due.attempts == 2


def test_a_record_without_usable_form_is_kept_aside_until_the_source_lists_it_better(store: Store) -> None:
    at = place(store)
    with lease(store, at) as held:
        store.listings.record_bad_record(held, at.connector.id, "gong", "700", DAY, "no start", {"id": "700"}, NOW)
        assert store.messages.counts(at.workspace.id) == {"gong": {MessageState.QUARANTINED: 1}}
        assert store.transcripts.awaiting(at.workspace.id, [DAY], NOW + timedelta(days=900)) == []
        store.listings.record_page(held, at.connector.id, [call()], NOW)
    assert store.messages.counts(at.workspace.id) == {"gong": {MessageState.LISTED: 1}}


def test_calls_off_older_themes_are_judged_again_and_analysed_ones_are_not(store: Store) -> None:
    at = place(store)
    go_all_the_way(store, at)
    with lease(store, at) as held:
        (other,) = store.listings.record_page(held, at.connector.id, [call("701")], NOW)
        store.transcripts.record(held, other.message_id, transcript(), content_hash="v1")
        old = themes_hash(store.themes.current(at.workspace.id))
        (due,) = store.relevance_scores.awaiting(at.workspace.id, [DAY], old, NOW)
        store.relevance_scores.record(
            held,
            due.id,
            is_relevant=False,
            confidence=0.9,
            reason="off topic",
            best=[],
            text_hash=due.text_hash,
            themes_hash=old,
            analyst="test",
            analyst_version="1",
        )
        assert store.relevance_scores.awaiting(at.workspace.id, [DAY], old, NOW) == []
        store.themes.add(at.workspace.id, "Weather")
        new = themes_hash(store.themes.current(at.workspace.id))
        assert [due.id for due in store.relevance_scores.awaiting(at.workspace.id, [DAY], new, NOW)] == [
            other.message_id
        ]
        assert len(store.filings.awaiting(at.workspace.id, [DAY], new, NOW)) == 1
        assert store.extractions.awaiting(at.workspace.id, [DAY], NOW) == []


def test_refiling_writes_only_what_changed_and_the_inbox_takes_what_fits_nothing(store: Store) -> None:
    at = place(store)
    go_all_the_way(store, at)
    before = everything(store)["features"]
    theme = store.themes.current(at.workspace.id)[0]
    with lease(store, at) as held:
        (due,) = store.filings.awaiting(at.workspace.id, [DAY], "other themes", NOW)
        key = due.items[0].id
        store.filings.record(held, due.id, "other themes", {key: Filing(theme.id, (ThemeScore(theme.id, 0.8),))})
        assert everything(store)["features"] == before
        store.filings.record(held, due.id, "third themes", {key: Filing(None, (ThemeScore(theme.id, 0.1),))})
    assert store.reading.features(at.workspace.id) == []
    assert [found.id for found in store.reading.inbox(at.workspace.id)] == [key]


def test_the_audit_finds_a_listing_that_the_ledger_does_not_hold(store: Store) -> None:
    at = place(store)
    with lease(store, at) as held:
        store.listings.record_page(held, at.connector.id, [call()], NOW)
        for count, expected in ((1, 0), (2, 1)):
            store.listings.record(
                held, at.connector.id, {DAY: count}, run_id="r", started_at=NOW, ended_at=NOW, errors={}
            )
            assert len(store.audit.unbalanced_listings(at.workspace.id, [DAY])) == expected


def test_the_audit_finds_features_under_an_archived_theme(store: Store) -> None:
    at = place(store)
    go_all_the_way(store, at)
    assert store.audit.unfiled_features(at.workspace.id, None) == []
    store.themes.archive(store.themes.current(at.workspace.id)[0].id)
    assert len(store.audit.unfiled_features(at.workspace.id, [DAY])) == 1


def test_a_transcript_comes_back_as_it_went_in(store: Store) -> None:
    at = place(store)
    spoken = Transcript((Segment(0, None, Side.UNKNOWN, None, None, "שלום 👋🏽 e\u0301 " * 40),))
    with lease(store, at) as held:
        (recorded,) = store.listings.record_page(held, at.connector.id, [call()], NOW)
        store.transcripts.record(held, recorded.message_id, spoken, content_hash="v1")
    assert store.transcripts.get(at.workspace.id, recorded.message_id) == spoken
    with store.database.reading() as connection:
        assert connection.execute(sa.select(transcripts.c.text_hash)).scalar_one() == spoken.text_hash


def test_what_has_ended_keeps_its_own_reason(store: Store) -> None:
    at = place(store)
    with lease(store, at) as held:
        (recorded,) = store.listings.record_page(held, at.connector.id, [call()], NOW)
        store.transcripts.record(held, recorded.message_id, transcript("Wrong number."), content_hash="v1")
        store.messages.wait(held, [recorded.message_id], Reason(ReasonCode.LIMIT, "later"))
    assert store.reading.messages(at.workspace.id)[0]["reason"].startswith("too_short")


def test_a_forbidden_call_stays_out_until_it_changes(store: Store) -> None:
    at = place(store)
    with lease(store, at) as held:
        (recorded,) = store.listings.record_page(held, at.connector.id, [call()], NOW)
        store.messages.move(
            held, recorded.message_id, MessageState.FORBIDDEN, Reason(ReasonCode.REFUSED, "not for us")
        )
        assert store.listings.record_page(held, at.connector.id, [call()], NOW)[0].change == "unchanged"
        assert store.messages.counts(at.workspace.id) == {"gong": {MessageState.FORBIDDEN: 1}}
        store.listings.record_page(held, at.connector.id, [call(content_hash="v2")], NOW)
    assert store.messages.counts(at.workspace.id) == {"gong": {MessageState.LISTED: 1}}


def test_a_private_call_stays_under_the_day_it_had(store: Store) -> None:
    at = place(store)
    with lease(store, at) as held:
        store.listings.record_page(held, at.connector.id, [call(is_private=True)], NOW)
        (recorded,) = store.listings.record_page(held, at.connector.id, [call(is_private=True, hours=48)], NOW)
    assert recorded.day == DAY


def test_nothing_of_a_purged_call_is_left_not_even_what_a_person_noted_about_it(store: Store) -> None:
    at = place(store)
    go_all_the_way(store, at)
    with store.database.writing() as connection:
        item_id = connection.execute(sa.select(extracted_features.c.id)).scalar_one()
        connection.execute(
            decisions.insert().values(
                id=uuid.uuid4(),
                workspace_id=at.workspace.id,
                message_id=sa.select(messages.c.id).scalar_subquery(),
                extracted_feature_id=item_id,
                kind="dismiss",
                decided_by="rosa",
                note=SPEECH,
            )
        )
    with lease(store, at) as held:
        store.listings.record_page(held, at.connector.id, [call(is_private=True)], NOW)
    with store.database.reading() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(decisions)).scalar_one() == 0
