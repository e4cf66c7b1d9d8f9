"""What each sensor decides from how things stand; no Dagster, no database."""

import json
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway_pipeline.ingestion.hints import settled_hints
from headway_pipeline.model.windows import consecutive_runs, days_between
from headway_pipeline.orchestration.assets import CHAIN
from headway_pipeline.orchestration.automation.first_ingests import MOST_DAYS, demand_unlisted, unlisted_days
from headway_pipeline.orchestration.automation.mirror import (
    PartitionChange,
    Report,
    decide_partitions,
    decide_reports,
    marks_of,
)
from headway_pipeline.orchestration.automation.refilings import demand_refilings, is_out_of_date
from headway_pipeline.orchestration.automation.reruns import demand_reruns
from headway_pipeline.orchestration.automation.webhook_hints import demand_hinted
from headway_pipeline.orchestration.jobs import READING
from headway_pipeline.store.hints import DueHint
from headway_pipeline.store.unfinished import Hold, Need, UnfinishedDay
from headway_pipeline.store.watch import ListedDays, SetUp, Standing

START, TODAY = date(2026, 1, 1), date(2026, 11, 20)
YESTERDAY = TODAY - timedelta(days=1)
CHANGED = datetime(2026, 11, 19, 8, tzinfo=UTC)


def november(day: int) -> date:
    return date(2026, 11, day)


class TestPartitions:
    @pytest.mark.parametrize(
        ("active", "existing", "expected"),
        [
            ([], [], PartitionChange((), ())),
            (["a"], ["a"], PartitionChange((), ())),
            (["b", "a"], [], PartitionChange(("a", "b"), ())),
            ([], ["a"], PartitionChange((), ("a",))),
            (["new"], ["old"], PartitionChange(("new",), ("old",))),
        ],
    )
    def test_partitions_follow_the_workspaces(
        self, active: list[str], existing: list[str], expected: PartitionChange
    ) -> None:
        assert decide_partitions(active, existing) == expected

    @given(st.sets(st.text()), st.sets(st.text()))
    def test_one_tick_heals_whatever_was_missed(self, active: set[str], existing: set[str]) -> None:
        change = decide_partitions(active, existing)
        assert (existing | set(change.add)) - set(change.remove) == active

    def test_only_what_changed_is_reported_and_each_on_its_own(self) -> None:
        acme = SetUp("acme", {"gong": 1}, "c1", 2, "t1")
        connectors = Report("workspace_connectors", "acme", "c1", {"gong": 1})
        themes = Report("workspace_themes", "acme", "t1", {"themes": 2})
        assert decide_reports([acme], {}) == [connectors, themes]
        assert decide_reports([acme], marks_of([acme])) == []
        assert decide_reports([acme], {"acme": "c1 t0"}) == [themes]
        assert decide_reports([acme], {"other": "c1 t1"}) == [connectors, themes]

    def test_what_is_remembered_of_fifty_workspaces_is_little_for_it_is_written_at_every_tick(self) -> None:
        """Whole hashes were 9,950 bytes, 170 MB of ticks in the two days that Dagster keeps them."""
        set_ups = [SetUp(f"workspace-{number:03}", {}, "c" * 64, 0, "t" * 64) for number in range(50)]
        assert len(json.dumps(marks_of(set_ups))) < 2_500
        changed = SetUp(set_ups[0].slug, {}, "c" * 64, 0, "u" * 64)
        assert [found.asset for found in decide_reports([changed], marks_of(set_ups))] == ["workspace_themes"]


def calendar(
    *stretches: tuple[date, date], slug: str = "acme", added_on: date = TODAY, number: int = 1
) -> ListedDays:
    return ListedDays(slug, UUID(int=number), added_on, CHANGED, stretches)


def unlisted(found: ListedDays, *, start: date = START, days_before: int = 30) -> list[tuple[date, date]]:
    return [*consecutive_runs([*unlisted_days(found, start=start, today=TODAY, days_before=days_before)])]


class TestFirstIngests:
    def test_a_new_connector_has_its_past_and_today_listed(self) -> None:
        assert unlisted(calendar()) == [(date(2026, 10, 21), TODAY)]

    def test_no_day_before_the_first_partition_is_asked_for(self) -> None:
        assert unlisted(calendar(), start=november(15)) == [(november(15), TODAY)]

    def test_today_is_the_schedules_once_the_connector_was_asked(self) -> None:
        """Else every workspace would have a run of its own at midnight, seven minutes before the hourly one."""
        assert unlisted(calendar((november(1), YESTERDAY), added_on=november(1)), days_before=0) == []

    def test_days_on_which_nothing_ran_are_found_wherever_they_lie(self) -> None:
        known = [(november(3), november(5)), (november(9), november(9))]
        assert unlisted(calendar(*known, added_on=november(5)), days_before=4) == [
            (november(1), november(2)),
            (november(6), november(8)),
            (november(10), YESTERDAY),
        ]

    def test_what_was_backfilled_before_its_past_is_no_gap(self) -> None:
        assert unlisted(calendar((date(2026, 2, 1), date(2026, 2, 3)), (date(2026, 10, 21), YESTERDAY))) == []

    @given(
        st.lists(st.dates(date(2026, 9, 1), TODAY), unique=True),
        st.dates(date(2026, 9, 20), TODAY),
        st.integers(0, 60),
    )
    def test_listed_or_asked_for_every_day_is_covered_and_none_twice(
        self, listed: list[date], added_on: date, days_before: int
    ) -> None:
        found = calendar(*consecutive_runs(listed), added_on=added_on)
        missing = set(unlisted_days(found, start=START, today=TODAY, days_before=days_before))
        assert not missing & set(listed)
        first = added_on - timedelta(days=days_before)
        assert missing | set(listed) >= set(days_between(first, TODAY if not listed else YESTERDAY))
        assert all(first <= day <= TODAY for day in missing)

    def test_a_workspace_gets_one_stretch_for_all_its_connectors(self) -> None:
        demands = demand_unlisted(
            [calendar(), calendar(number=2), calendar(slug="other")], start=START, today=TODAY, days_before=30
        )
        assert [(one.slug, one.first, one.last) for one in demands] == [
            ("acme", date(2026, 10, 21), TODAY),
            ("other", date(2026, 10, 21), TODAY),
        ]
        assert all(one.assets == () for one in demands)

    def test_another_connector_does_not_wait_for_what_failed_with_the_first(self) -> None:
        alone, both = (
            demand_unlisted(found, start=START, today=TODAY, days_before=30)[0].what
            for found in ([calendar()], [calendar(), calendar(number=2)])
        )
        assert alone != both

    def test_a_long_past_comes_newest_first_in_runs_of_bounded_length(self) -> None:
        (one,) = demand_unlisted([calendar()], start=START, today=TODAY, days_before=9_999)
        assert (one.last, (one.last - one.first).days + 1) == (TODAY, MOST_DAYS)
        (rest,) = demand_unlisted([calendar((one.first, TODAY))], start=START, today=TODAY, days_before=9_999)
        assert rest.last == one.first - timedelta(days=1)

    def test_it_can_be_switched_off(self) -> None:
        assert demand_unlisted([calendar()], start=START, today=TODAY, days_before=0) == []


def standing(**values: object) -> Standing:
    quiet: dict[str, object] = {
        "slug": "acme",
        "themes": 1,
        "themes_hash": "now",
        "filed_at": frozenset({"now"}),
        "judged_at": frozenset({"now"}),
        "awaits_themes": False,
        "first": november(1),
        "last": november(9),
    }
    return Standing(**(quiet | values))  # type: ignore[arg-type]


class TestRefilings:
    @pytest.mark.parametrize(
        ("values", "expected"),
        [
            ({}, False),
            ({"filed_at": frozenset()}, False),
            ({"filed_at": frozenset({"now", "before"})}, True),
            ({"filed_at": frozenset({None})}, True),
            ({"judged_at": frozenset({"before"})}, True),
            ({"awaits_themes": True}, True),
            # Without themes nothing is judged; what was filed goes to the inbox.
            ({"themes": 0, "judged_at": frozenset({"before"}), "awaits_themes": True}, False),
            ({"themes": 0, "filed_at": frozenset({"before"})}, True),
        ],
    )
    def test_a_workspace_is_out_of_date_where_a_row_stands_at_other_themes(
        self, values: dict[str, object], expected: bool
    ) -> None:
        assert is_out_of_date(standing(**values)) is expected

    def test_all_days_of_that_workspace_and_no_other_are_one_run_of_the_analysing_assets(self) -> None:
        found = [standing(), standing(slug="changed", filed_at=frozenset({"before"}))]
        (one,) = demand_refilings(found, start=START, today=TODAY)
        assert (one.slug, one.first, one.last, one.assets) == ("changed", november(1), november(9), READING)

    def test_days_without_partitions_are_left_out(self) -> None:
        old = frozenset({"before"})
        (one,) = demand_refilings([standing(filed_at=old, last=date(2027, 1, 1))], start=november(5), today=TODAY)
        assert (one.first, one.last) == (november(5), TODAY)
        assert demand_refilings([standing(filed_at=old)], start=november(10), today=TODAY) == []

    def test_the_next_change_of_themes_is_another_thing(self) -> None:
        old = frozenset({"before"})
        words = {
            demand_refilings([standing(filed_at=old, themes_hash=now)], start=START, today=TODAY)[0].what
            for now in ("a", "b")
        }
        assert len(words) == 2


def left(day: int, need: Need, hold: Hold = Hold.NOTHING, *, changed_at: datetime | None = None) -> UnfinishedDay:
    return UnfinishedDay("acme", november(day), need, hold, changed_at)


class TestReruns:
    def test_each_need_asks_for_the_chain_from_its_stage_on(self) -> None:
        found = [left(9, need) for need in reversed(Need)]
        demands = demand_reruns(found, start=START, today=TODAY)
        assert [one.assets for one in demands] == [(), CHAIN[1:], READING]

    def test_the_newest_stretch_comes_first(self) -> None:
        found = [left(day, Need.READING) for day in (1, 2, 15)]
        assert [(one.first.day, one.last.day) for one in demand_reruns(found, start=START, today=TODAY)] == [
            (15, 15),
            (1, 2),
        ]

    def test_what_fails_keeps_its_words_until_its_connector_is_changed(self) -> None:
        """The words are what the waits are counted by: a mended key is tried at once."""

        def words(changed_at: datetime | None) -> str:
            found = [left(9, Need.LISTING, Hold.FAILURE, changed_at=changed_at)]
            return demand_reruns(found, start=START, today=TODAY)[0].what

        assert words(CHANGED) == words(CHANGED)
        assert len({words(CHANGED), words(CHANGED + timedelta(seconds=1)), words(None)}) == 3

    def test_what_has_its_own_time_does_not_wait_with_what_fails(self) -> None:
        found = [left(9, Need.TRANSCRIPTS, hold) for hold in (Hold.FAILURE, Hold.NOTHING)]
        first, second = demand_reruns(found, start=START, today=TODAY)
        assert first.what == "transcripts"
        assert second.what.startswith("transcripts that failed")

    def test_calls_beyond_the_budget_are_tried_once_a_day(self) -> None:
        (one,) = demand_reruns([left(9, Need.READING, Hold.BUDGET)], start=START, today=TODAY)
        assert one.rest == timedelta(days=1)

    def test_days_without_partitions_are_left_out(self) -> None:
        assert demand_reruns([left(9, Need.READING)], start=november(10), today=TODAY) == []


def hint(number: int, day: date, *, slug: str = "acme", listed_since: frozenset[date] = frozenset()) -> DueHint:
    at = datetime(day.year, day.month, day.day, 9, tzinfo=UTC)
    workspace = UUID(int=len(slug))
    return DueHint(UUID(int=number), workspace, UUID(int=9), str(number), at, at, slug, listed_since)


class TestWebhookHints:
    def test_hints_about_neighbouring_days_are_one_run_of_the_whole_chain(self) -> None:
        hints = [hint(1, november(8)), hint(2, november(9)), hint(3, november(9), slug="other")]
        demands = demand_hinted(hints, start=START, today=TODAY)
        assert [(one.slug, one.first.day, one.last.day, one.assets) for one in demands] == [
            ("acme", 8, 9, ()),
            ("other", 9, 9, ()),
        ]

    def test_a_new_hint_does_not_wait_with_one_that_was_settled_by_a_run_that_failed_for_another_source(self) -> None:
        """A workspace whose Fathom is down has every run fail, and its hints of Gong are settled all the same."""
        words = {demand_hinted([hint(1, november(day))], start=START, today=TODAY)[0].what for day in (8, 9)}
        assert len(words) == 2
        # While the oldest stays, more of them change nothing: what fails is asked for ever more seldom.
        more = [hint(1, november(8)), hint(2, november(9))]
        assert demand_hinted(more, start=START, today=TODAY)[0].what in words

    def test_a_hint_is_settled_by_a_listing_of_its_day_that_began_after_it_came(self) -> None:
        day = november(9)
        hints = [
            hint(1, day),
            hint(2, day, listed_since=frozenset({november(8)})),
            hint(3, day, listed_since=frozenset({day})),
        ]
        assert settled_hints(hints, start=START, today=TODAY) == {UUID(int=3)}

    def test_a_hint_without_a_day_needs_both_of_its_days(self) -> None:
        came = datetime(2026, 11, 9, 9, tzinfo=UTC)
        for listed, is_settled in ((frozenset({november(9)}), False), (frozenset({november(8), november(9)}), True)):
            one = DueHint(UUID(int=1), UUID(int=2), UUID(int=9), None, None, came, "acme", listed)
            assert bool(settled_hints([one], start=START, today=TODAY)) is is_settled

    def test_a_hint_about_a_day_without_partition_is_settled_by_the_nearest(self) -> None:
        early = hint(1, date(2020, 1, 1), listed_since=frozenset({START}))
        assert settled_hints([early], start=START, today=TODAY) == {UUID(int=1)}
