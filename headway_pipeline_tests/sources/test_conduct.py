"""What every source does, asked of each that is discovered through its harness (`harnesses/`)."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from headway_pipeline.model.calls import Call, Side
from headway_pipeline.model.errors import SourceError
from headway_pipeline.model.windows import TimeWindow, day_start, windows_of
from headway_pipeline.sources.contract import CallRef, Hydration, NotHydrated, Page, Source
from headway_pipeline.sources.discovery import discover
from headway_pipeline_tests.sandbox_fixtures import CUSTOMER, NOW, SAID, VENDOR, WINDOW, call, refs_of
from headway_pipeline_tests.sources.harnesses import LONG_ID, Harness, Oddity, harness_of

DAY = NOW.date() - timedelta(days=2)


@pytest.fixture(params=sorted(discover()))
def harness(request: pytest.FixtureRequest) -> Harness:
    return harness_of(request.param)


def walk(source: Source, window: TimeWindow) -> list[Page]:
    pages = [source.list(window, None)]
    while pages[-1].next_token is not None:
        pages.append(source.list(window, pages[-1].next_token))
    return pages


def listed(source: Source, window: TimeWindow = WINDOW) -> dict[str, Call]:
    return {found.external_id: found for page in walk(source, window) for found in page.calls}


def listed_for(source: Source, day: datetime) -> dict[str, Call]:
    """The calls of one day, asked for as the engine asks."""
    windows = windows_of([day.date()], longest=timedelta(days=7), until=NOW, margin=source.listing_margin)
    found = {key: one for window in windows for key, one in listed(source, window).items()}
    return {key: one for key, one in found.items() if one.occurred_at.date() == day.date()}


def test_every_call_of_a_window_comes_exactly_once_over_several_pages(harness: Harness) -> None:
    calls = [call(f"call-{n}", started_at=NOW - timedelta(hours=3, minutes=n)) for n in range(205)]
    with harness.holding(*calls) as source:
        pages = walk(source, WINDOW)
        assert len(pages) > 2
        counts = Counter(found.external_id for page in pages for found in page.calls)
        assert counts == Counter(harness.id_of(one.id) for one in calls)


def test_a_walk_can_start_again_at_any_page_and_finds_the_same(harness: Harness) -> None:
    calls = [call(f"call-{n}", started_at=NOW - timedelta(hours=3, minutes=n)) for n in range(205)]
    with harness.holding(*calls) as source:
        source.list(WINDOW, source.list(WINDOW, None).next_token)
        assert set(listed(source)) == {harness.id_of(one.id) for one in calls}


def test_an_empty_window_is_no_error(harness: Harness) -> None:
    with harness.holding(call(started_at=NOW - timedelta(days=1))) as source:
        assert walk(source, TimeWindow(NOW - timedelta(days=30), NOW - timedelta(days=29))) == [Page((), None)]


def test_a_day_holds_its_first_instant_and_not_its_end(harness: Harness) -> None:
    midnight = day_start(DAY)
    starts = {
        "before": midnight - timedelta(seconds=1),
        "first": midnight,
        "last": midnight + timedelta(hours=23, minutes=59, seconds=59),
        "after": midnight + timedelta(days=1),
    }
    with harness.holding(*(call(name, started_at=start) for name, start in starts.items())) as source:
        assert set(listed_for(source, midnight)) == {harness.id_of("first"), harness.id_of("last")}
        assert harness.id_of("after") in listed_for(source, midnight + timedelta(days=1))
        assert harness.id_of("before") in listed_for(source, midnight - timedelta(days=1))


def test_times_are_aware_utc_and_to_the_second(harness: Harness) -> None:
    with harness.holding(call(started_at=NOW - timedelta(days=1))) as source:
        (found,) = listed(source).values()
    assert found.occurred_at.tzinfo is UTC
    assert found.occurred_at == NOW - timedelta(days=1)
    assert found.source == source.name


def test_ids_are_text_to_the_last_digit(harness: Harness) -> None:
    with harness.holding(call("long"), odd={"long": Oddity.LONG}) as source:
        assert list(listed(source)) == [harness.id_of(str(LONG_ID))]


def test_two_calls_of_one_title_and_time_are_two(harness: Harness) -> None:
    with harness.holding(call("call-1"), call("call-2")) as source:
        assert len(listed(source)) == 2


def test_every_ref_is_answered_exactly_once_whether_there_is_such_a_call_or_not(harness: Harness) -> None:
    calls = [call(f"call-{n}", started_at=NOW - timedelta(days=1, minutes=n)) for n in range(7)]
    with harness.holding(*calls) as source:
        refs = refs_of(source.list(WINDOW, None))[: source.hydrate_batch_size]
        unknown = CallRef("9000000000000000001", NOW - timedelta(days=1), 20, {})
        asked = [*refs[1:], unknown] if len(refs) == source.hydrate_batch_size else [*refs, unknown]
        answers = [*source.hydrate(asked)]
        assert Counter(answer.external_id for answer in answers) == Counter(ref.external_id for ref in asked)
        kinds = {answer.external_id: type(answer) for answer in answers}
        assert kinds.pop(unknown.external_id) is NotHydrated
        assert set(kinds.values()) == {Hydration}
        assert [*source.hydrate([])] == []


def test_a_transcript_holds_all_words_in_order_with_sides_and_milliseconds(harness: Harness) -> None:
    with harness.holding(call()) as source:
        (answer,) = source.hydrate(refs_of(source.list(WINDOW, None)))
    assert isinstance(answer, Hydration)
    segments = answer.transcript.segments
    assert [segment.text for segment in segments] == [text for _, text in SAID]
    assert [segment.index for segment in segments] == [0, 1, 2]
    assert [segment.side for segment in segments] == [Side.VENDOR, Side.CUSTOMER, Side.VENDOR]
    assert [segment.speaker for segment in segments] == [VENDOR.name, CUSTOMER.name, VENDOR.name]
    starts = [segment.start_ms for segment in segments]
    assert starts == [0, 12_000, 24_000]
    assert all(
        earlier.end_ms <= later.start_ms for earlier, later in pairwise(segments) if earlier.end_ms and later.start_ms
    )


def test_a_record_that_cannot_be_used_is_named_and_the_page_goes_on(harness: Harness) -> None:
    with harness.holding(call("good"), call("bad"), odd={"bad": Oddity.UNUSABLE}) as source:
        (page,) = walk(source, WINDOW)
    assert [found.external_id for found in page.calls] == [harness.id_of("good")]
    (bad,) = page.bad_records
    assert bad.external_id == harness.id_of("bad")
    assert bad.problem
    assert not [word for word in (CUSTOMER.name, VENDOR.name, "tablets") if word in bad.problem]


def test_text_that_no_database_takes_is_cleaned_before_it_is_hashed(harness: Harness) -> None:
    with harness.holding(call("dirty"), odd={"dirty": Oddity.DIRTY}) as source:
        (found,) = listed(source).values()
    assert found.title == "Rollout review \N{REPLACEMENT CHARACTER} part 2"
    shown = repr((found.raw, found.metadata))
    assert "\\x00" not in shown
    assert "\\ud800" not in shown


def test_of_a_private_call_only_the_id_and_the_day_are_known(harness: Harness) -> None:
    with harness.holding(call("secret"), call("open"), odd={"secret": Oddity.PRIVATE}) as source:
        found = listed(source)
    start = day_start((NOW - timedelta(days=1)).date())
    hidden = found[harness.id_of("secret")]
    assert hidden == Call(source.name, harness.id_of("secret"), start, is_private=True)
    assert not found[harness.id_of("open")].is_private


def test_a_field_no_version_knows_is_counted_and_changes_nothing(harness: Harness) -> None:
    with harness.holding(call("plain")) as source:
        known = source.list(WINDOW, None)
    with harness.holding(call("plain"), odd={"plain": Oddity.NEW_FIELD}) as source:
        odd = source.list(WINDOW, None)
    assert not known.unknown_fields
    assert dict(odd.unknown_fields) == {"mood": 1}
    assert odd.calls[0].content_hash == known.calls[0].content_hash


def test_equal_content_has_an_equal_hash_and_other_content_another(harness: Harness) -> None:
    same = call("same")
    with harness.holding(same) as source:
        first, again = listed(source), listed(source)
    with harness.holding(same) as source:
        elsewhere = listed(source)
    with harness.holding(replace(same, title="Another title")) as source:
        retitled = listed(source)
    key = harness.id_of("same")
    assert first[key].content_hash
    assert first[key].content_hash == again[key].content_hash == elsewhere[key].content_hash
    assert retitled[key].content_hash != first[key].content_hash


def test_a_call_has_an_address_and_its_moments_have_their_own(harness: Harness) -> None:
    with harness.holding(call()) as source:
        (found,) = listed(source).values()
    assert found.url
    assert source.link(found.url, 61_000) not in (found.url, source.link(found.url, 0))


def test_a_check_tells_whether_calls_are_seen(harness: Harness) -> None:
    with harness.holding(call()) as source:
        assert source.check().sees_calls
        assert source.check().words
    with harness.holding() as source:
        assert not source.check().sees_calls


def test_what_fails_outside_is_one_of_the_trees_errors_with_its_source_and_a_remedy(harness: Harness) -> None:
    with harness.gone() as source:
        ref = CallRef(harness.id_of("call-1"), NOW, 20, {})
        for ask in (source.check, lambda: source.list(WINDOW, None), lambda: [*source.hydrate([ref])]):
            with pytest.raises(SourceError) as raised:
                ask()
            assert raised.value.at.source == source.name
            assert raised.value.remedy
