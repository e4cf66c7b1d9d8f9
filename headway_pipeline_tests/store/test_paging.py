"""Listings: what filters let through, and pages that give every row once whatever happens meanwhile."""

import uuid
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headway_pipeline.model.calls import Call, Side
from headway_pipeline.model.errors import UnknownThingError
from headway_pipeline.model.features import FeatureType, Sentiment, Urgency
from headway_pipeline.model.filters import CallFilter, Decided, FeatureFilter, MessageFilter, PageKey, Place
from headway_pipeline.model.ledger import MessageState, Reason, ReasonCode
from headway_pipeline.store import Store
from headway_pipeline_tests.store.filed import Desk, desk, one_item
from headway_pipeline_tests.store.rows import DAY, NOW, SPEECH, call, item, lease, place, transcript


@pytest.fixture
def at(store: Store) -> Desk:
    return desk(store)


def list_calls(at: Desk, *calls: Call) -> None:
    with lease(at.store, at.at) as held:
        at.store.listings.record_page(held, at.at.connector.id, calls, NOW)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(hours=st.lists(st.integers(0, 3), min_size=1, max_size=9), limit=st.integers(1, 4), seed=st.integers(0, 99))
def test_pages_give_every_row_once_and_stand_still_while_others_come_in(
    store: Store, hours: list[int], limit: int, seed: int
) -> None:
    """Many calls start at the same moment; after each page another call comes in, older or newer than the page."""
    at = Desk(store, place(store, f"Acme {uuid.uuid4().hex[:12]}"), uuid.uuid4(), uuid.uuid4())
    there = {f"c{number}" for number in range(len(hours))}
    list_calls(at, *(call(f"c{number}", hours=hour) for number, hour in enumerate(hours)))
    seen: list[str] = []
    after: PageKey | None = None
    for turn in range(100):
        page = store.reading.message_page(at.id, MessageFilter(), after=after, limit=limit)
        assert len(page.rows) <= limit
        seen += [row["external_id"] for row in page.rows]
        after = page.next
        if after is None:
            break
        list_calls(at, call(f"late{turn}", hours=(seed + turn) % 4))
    shown_before = [name for name in seen if name in there]
    assert sorted(shown_before) == sorted(there)
    assert len(seen) == len(set(seen))
    times = {row["external_id"]: row["occurred_at"] for row in store.reading.messages(at.id)}
    assert [times[name] for name in seen] == sorted((times[name] for name in seen), reverse=True)


def test_pages_of_features_give_every_item_once(at: Desk) -> None:
    keys = {one_item(at, f"c{number}", hours=number // 3) for number in range(7)}
    at.file(at.exports)
    seen: list[uuid.UUID] = []
    after: PageKey | None = None
    while True:
        page = at.store.reading.feature_page(at.id, FeatureFilter(place=Place.THEME), after=after, limit=2)
        seen += [found.id for found in page.rows]
        after = page.next
        if after is None:
            break
    assert (len(seen), set(seen)) == (7, keys)


def test_calls_are_found_by_source_state_reason_connector_account_day_and_words(at: Desk) -> None:
    plain = call("1")
    named = replace(call("2", hours=-48), account="Ünal & Söhne", title="Renewal 100%")
    list_calls(at, plain, named)
    with lease(at.store, at.at) as held:
        key = at.store.reading.messages(at.id)[0]["id"]
        at.store.messages.wait(held, [key], Reason(ReasonCode.LIMIT, "later"))

    def found(where: MessageFilter) -> list[str]:
        return [row["external_id"] for row in at.store.reading.messages(at.id, where)]

    assert found(MessageFilter(CallFilter(sources=("gong",)))) == ["1", "2"]
    assert found(MessageFilter(CallFilter(sources=("fathom",)))) == []
    assert found(MessageFilter(CallFilter(connector_id=at.at.connector.id))) == ["1", "2"]
    assert found(MessageFilter(CallFilter(connector_id=uuid.uuid4()))) == []
    assert found(MessageFilter(CallFilter(account="Ünal & Söhne"))) == ["2"]
    assert found(MessageFilter(CallFilter(since=DAY))) == ["1"]
    assert found(MessageFilter(CallFilter(until=DAY - timedelta(days=1)))) == ["2"]
    assert found(MessageFilter(states=(MessageState.LISTED,))) == ["1", "2"]
    assert found(MessageFilter(reasons=(ReasonCode.LIMIT,))) == ["1"]
    assert found(MessageFilter(text="100%")) == ["2"]
    assert found(MessageFilter(text="1_0")) == []
    assert found(MessageFilter(text="renewal")) == ["2"]


def test_words_are_found_in_any_case_also_beyond_english(at: Desk) -> None:
    """SQLite's own idea of letters ends with z; PostgreSQL's depends on how the database was made."""
    one = replace(item(SPEECH[:40]), title="EXPORTÉ À LA MAIN", description="ÜBERALL 50 % langsam_er")
    (key,) = at.read(call(), one)
    for text in ("exporté à", "überall", "50 %", "langsam_er", SPEECH[4:20].upper(), "  überall   50"):
        assert [found.id for found in at.store.reading.inbox(at.id, FeatureFilter(text=text))] == [key], text
    for text in ("50_%", "l_ngsam", "main überall", "\\", "%%"):
        assert at.store.reading.inbox(at.id, FeatureFilter(text=text)) == [], text


def test_features_are_found_by_everything_they_have(at: Desk) -> None:
    sure = replace(item(SPEECH[:40], kind=FeatureType.BUG_REPORT), confidence=0.9, urgency=Urgency.CRITICAL)
    unsure = replace(item(SPEECH[50:90], char_start=50), confidence=0.4, sentiment=Sentiment.POSITIVE)
    first, second = at.read(replace(call(), account="Globex"), sure, unsure)
    at.file({first: at.exports, second: at.billing})

    def found(**filters: object) -> set[uuid.UUID]:
        where = FeatureFilter(**filters)  # type: ignore[arg-type]
        return {row.id for row in at.store.reading.features(at.id, where)}

    assert found() == {first, second}
    assert found(types=(FeatureType.BUG_REPORT,)) == {first}
    assert found(types=(FeatureType.BUG_REPORT, FeatureType.PAIN_POINT)) == {first, second}
    assert found(urgencies=(Urgency.CRITICAL,)) == {first}
    assert found(sentiments=(Sentiment.POSITIVE,)) == {second}
    assert found(least_confidence=0.9) == {first}
    assert found(theme_ids=(at.billing,)) == {second}
    assert found(call=CallFilter(account="Globex")) == {first, second}
    assert found(call=CallFilter(account="Initech")) == set()
    assert found(decided=Decided.ANY) == set()
    at.store.decisions.accept(at.id, first, decided_by="rosa")
    at.store.decisions.move(at.id, second, at.exports, decided_by="rosa")
    assert found(decided=Decided.ACCEPT) == {first}
    assert found(decided=Decided.MOVE) == {second}
    assert found(decided=Decided.ANY) == {first, second}
    assert found(decided=Decided.NONE) == set()


def test_a_summary_counts_what_the_listing_holds(at: Desk) -> None:
    first, second = at.read(
        replace(call(), account="Globex"),
        item(SPEECH[:40], kind=FeatureType.BUG_REPORT),
        item(SPEECH[50:90], char_start=50),
    )
    (third,) = at.read(replace(call("701", hours=-24 * 7), account="Initech"), item(SPEECH[:40]))
    at.file({first: at.exports, second: None, third: at.exports})
    found = at.store.reading.summary(at.id)
    assert (found.features, found.calls, found.accounts) == (3, 2, 2)
    assert [(one.theme, one.features) for one in found.by_theme] == [("Exports", 2), (None, 1)]
    assert found.by_type == {"bug_report": 1, "pain_point": 2}
    assert found.by_urgency == {"medium": 3}
    assert {str(week): number for week, number in found.by_week.items()} == {"2026-11-09": 1, "2026-11-16": 2}
    only = at.store.reading.summary(at.id, FeatureFilter(place=Place.THEME, types=(FeatureType.BUG_REPORT,)))
    assert (only.features, only.by_week) == (1, {DAY - timedelta(days=4): 1})
    accounts = at.store.reading.accounts(at.id)
    assert [(one.account, one.calls, one.features) for one in accounts] == [("Globex", 1, 2), ("Initech", 1, 1)]
    assert accounts[0].last_call_at == NOW


def test_an_address_that_is_neither_of_the_web_nor_of_a_file_is_no_link(at: Desk) -> None:
    told = ("javascript:alert(1)", "https://calls.example/2", "file:///exports/3.vtt")
    list_calls(at, *(replace(call(str(number)), url=url) for number, url in enumerate(told)))
    shown = {row["external_id"]: row["url"] for row in at.store.reading.messages(at.id)}
    assert shown == {"0": None, "1": told[1], "2": told[2]}


def test_a_transcript_is_shown_or_the_state_says_why_there_is_none(at: Desk) -> None:
    words = transcript("Hello there.", SPEECH, side=Side.CUSTOMER)
    at.read(call(), item(SPEECH[:40], segment_index=1), words=words)
    key = at.store.reading.messages(at.id)[0]["id"]
    shown = at.store.reading.transcript(at.id, key)
    assert (shown.transcript, shown.message["id"]) == (words, key)
    list_calls(at, call("701"))
    listed = next(row["id"] for row in at.store.reading.messages(at.id) if row["external_id"] == "701")
    with pytest.raises(UnknownThingError, match="it is listed"):
        at.store.reading.transcript(at.id, listed)
    with pytest.raises(UnknownThingError, match="no message"):
        at.store.reading.transcript(at.id, uuid.uuid4())


def test_another_workspace_reads_nothing_of_it(at: Desk, store: Store) -> None:
    key = one_item(at)
    at.file(at.exports)
    other = place(store, "Globex").workspace.id
    message = store.reading.messages(at.id)[0]["id"]
    for listing in (store.reading.features, store.reading.inbox, store.reading.messages):
        assert listing(other) == []
    assert store.reading.summary(other).features == 0
    for read in (
        lambda: store.reading.feature(other, key),
        lambda: store.reading.message(other, message),
        lambda: store.reading.transcript(other, message),
    ):
        with pytest.raises(UnknownThingError):
            read()
