"""Which demands become requests: one a workspace, none beside a run on its way, and ever fewer of what fails."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway_pipeline.model.windows import days_between
from headway_pipeline.orchestration.automation.requests import (
    BACKOFF,
    FAR_APART,
    LONGEST_RUN,
    REMEMBERED,
    Asked,
    Demand,
    Memory,
    busy_workspaces,
    decide_requests,
    joined_days,
    remember,
    run_request,
    within,
)
from headway_pipeline.orchestration.graph import build_defs
from headway_pipeline.orchestration.jobs import INGEST_JOB
from headway_pipeline.orchestration.partitions import workspaces_of

NOW = datetime(2026, 11, 20, 12, 30, tzinfo=UTC)
START, TODAY = date(2026, 11, 1), date(2026, 11, 20)
BY = "sensor tests"


def demand(slug: str = "acme", what: str = "listing", last: date = TODAY, **values: object) -> Demand:
    return Demand(slug, START, last, what, **values)  # type: ignore[arg-type]


def asked(minutes_ago: float, **values: object) -> Asked:
    return Asked("run-1234-and-so-on", NOW - timedelta(minutes=minutes_ago), **values)  # type: ignore[arg-type]


def decided(*demands: Demand, busy: set[str] | None = None, **memory: Asked) -> list[tuple[str, str]]:
    known = {(key, "listing"): found for key, found in memory.items()}
    requests = decide_requests(demands, Memory(known, busy or set()), NOW, partitions={"acme", "other"})
    return [(request.demand.slug, request.demand.what) for request in requests]


def test_each_workspace_gets_its_first_demand() -> None:
    assert decided(demand(), demand(what="reading"), demand("other", "reading")) == [
        ("acme", "listing"),
        ("other", "reading"),
    ]


def test_a_workspace_with_a_run_on_its_way_waits_and_holds_up_no_other() -> None:
    assert decided(demand(), demand("other"), busy={"acme"}) == [("other", "listing")]


def test_a_workspace_without_its_partition_waits_for_it() -> None:
    assert decided(demand("new")) == []


def test_what_is_on_its_way_is_not_asked_for_again_however_long_it_takes() -> None:
    assert decided(demand(), acme=asked(1_000, is_open=True)) == []


def test_what_succeeded_rests_before_it_is_asked_for_again() -> None:
    rested = timedelta(minutes=10)
    assert decided(demand(rest=rested), acme=asked(9)) == []
    assert decided(demand(rest=rested), acme=asked(10)) == [("acme", "listing")]


def test_what_another_run_undid_is_asked_for_at_once_and_under_another_key() -> None:
    """Themes that are changed, changed back and changed again must not wait for hours."""
    again = demand(rest=timedelta(hours=6), is_undone_by_others=True)
    memory = {("acme", "listing"): asked(9)}
    for newest, expected in (({"acme": "listing"}, []), ({"acme": "another thing"}, [again])):
        requests = decide_requests([again], Memory(memory, newest=newest), NOW, partitions={"acme"})
        assert [request.demand for request in requests] == expected
        assert all(request.key == "acme: listing, after run-1234" for request in requests)
    is_open = {("acme", "listing"): asked(9, is_open=True)}
    assert decide_requests([again], Memory(is_open, newest={"acme": "x"}), NOW, partitions={"acme"}) == []


@pytest.mark.parametrize(("failures", "wait"), [*enumerate(BACKOFF, start=1), (99, BACKOFF[-1])])
def test_what_failed_waits_longer_each_time(failures: int, wait: timedelta) -> None:
    minutes = wait / timedelta(minutes=1)
    assert decided(demand(rest=timedelta(0)), acme=asked(minutes - 0.1, failures=failures)) == []
    assert decided(demand(rest=timedelta(days=9)), acme=asked(minutes, failures=failures)) == [("acme", "listing")]


def test_a_permanent_fault_costs_few_runs_a_day() -> None:
    """Every 30 seconds would be 2,880."""
    at, failures, runs = NOW, 0, 0
    memory: dict[tuple[str, str], Asked] = {}
    while at < NOW + timedelta(days=1):
        if decide_requests([demand()], Memory(memory), at, partitions={"acme"}):
            failures, runs = failures + 1, runs + 1
            memory = {("acme", "listing"): Asked("run", at, failures)}
        at += timedelta(seconds=30)
    assert 5 <= runs <= 10


def test_what_fails_does_not_stand_in_the_way_of_what_may_succeed() -> None:
    assert decided(demand(), demand(what="reading"), acme=asked(0.1, failures=1)) == [("acme", "reading")]


def test_the_same_tick_twice_is_one_run_and_a_later_attempt_another() -> None:
    """Dagster carries out a key once: it must be the same after a crash, and never that of an attempt before."""

    def key(at: datetime, memory: Memory) -> str:
        (request,) = decide_requests([demand()], memory, at, partitions={"acme"})
        return request.key

    fresh = key(NOW, Memory())
    assert fresh == key(NOW + timedelta(seconds=30), Memory())
    attempts = {key(NOW, Memory({("acme", "listing"): Asked(run_id, NOW - REMEMBERED)})) for run_id in ("a1", "b2")}
    assert len({fresh, *attempts}) == 3
    # Nothing is remembered of a day ago: the key must not be that day's.
    assert key(NOW + REMEMBERED, Memory()) != fresh


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["x", "y"]))),
    st.dictionaries(
        st.tuples(st.sampled_from("abc"), st.sampled_from(["x", "y"])),
        st.tuples(st.integers(0, 2_000), st.integers(0, 9), st.booleans()),
    ),
    st.sets(st.sampled_from("abc")),
)
def test_however_things_stand_a_workspace_gets_at_most_one_run_and_a_busy_one_none(
    wanted: list[tuple[str, str]], known: dict[tuple[str, str], tuple[int, int, bool]], busy: set[str]
) -> None:
    memory = Memory(
        {key: asked(ago, failures=failures, is_open=is_open) for key, (ago, failures, is_open) in known.items()}, busy
    )
    demands = [demand(slug, what) for slug, what in wanted]
    requests = decide_requests(demands, memory, NOW, partitions={"a", "b"})
    slugs = [request.demand.slug for request in requests]
    assert len(slugs) == len(set(slugs))
    assert not set(slugs) & (busy | {"c"})
    assert all(request.demand in demands for request in requests)
    for request in requests:
        before = memory.asked.get((request.demand.slug, request.demand.what))
        assert before is None or not before.is_open


def test_days_a_week_apart_are_one_stretch_and_the_newest_comes_first() -> None:
    days = [date(2026, 11, day) for day in (1, 2, 9, 18)]
    assert joined_days(days, start=START, today=TODAY) == [
        (date(2026, 11, 18), date(2026, 11, 18)),
        (date(2026, 11, 1), date(2026, 11, 9)),
    ]


@given(st.lists(st.dates(date(2026, 10, 1), date(2026, 12, 31))))
def test_stretches_cover_every_day_that_has_a_partition_and_begin_and_end_with_one(days: list[date]) -> None:
    stretches = joined_days(days, start=START, today=TODAY)
    covered = {day for first, last in stretches for day in days_between(first, last)}
    wanted = {day for day in days if START <= day <= TODAY}
    assert wanted <= covered
    assert {end for stretch in stretches for end in stretch} <= wanted
    for (first, _), (_, earlier) in pairwise(stretches):
        assert first - earlier > FAR_APART


def test_a_range_is_cut_to_the_days_that_have_partitions() -> None:
    assert within(date(2020, 1, 1), date(2030, 1, 1), START, TODAY) == (START, TODAY)
    assert within(date(2020, 1, 1), date(2020, 1, 2), START, TODAY) is None
    assert within(date(2030, 1, 1), date(2030, 1, 2), START, TODAY) is None


def launched(
    instance: dg.DagsterInstance, status: dg.DagsterRunStatus, *, what: str = "listing", by: str = BY
) -> dg.DagsterRun:
    """A run as the daemon makes it of a request."""
    (request,) = decide_requests([demand(what=what)], Memory(), NOW, partitions={"acme"})
    job = build_defs().resolve_job_def(INGEST_JOB)
    return instance.create_run_for_job(job, tags=run_request(request, by).tags, status=status)


class TestMemory:
    def test_nothing_is_remembered_of_others_and_of_long_ago(self, instance: dg.DagsterInstance) -> None:
        launched(instance, dg.DagsterRunStatus.FAILURE, by="schedule hourly")
        assert remember(instance, BY, datetime.now(tz=UTC)).asked == {}
        launched(instance, dg.DagsterRunStatus.FAILURE)
        now = datetime.now(tz=UTC)
        assert remember(instance, BY, now).asked.keys() == {("acme", "listing")}
        assert remember(instance, BY, now + REMEMBERED + timedelta(minutes=1)).asked == {}

    @pytest.mark.parametrize(
        ("oldest_first", "failures"),
        [
            (["FAILURE"], 1),
            (["FAILURE", "CANCELED", "FAILURE"], 3),
            (["FAILURE", "SUCCESS"], 0),
            (["FAILURE", "SUCCESS", "FAILURE"], 1),
            (["SUCCESS"], 0),
        ],
    )
    def test_failures_count_from_the_last_success_on(
        self, oldest_first: list[str], failures: int, instance: dg.DagsterInstance
    ) -> None:
        runs = [launched(instance, dg.DagsterRunStatus[status]) for status in oldest_first]
        found = remember(instance, BY, datetime.now(tz=UTC)).asked["acme", "listing"]
        assert (found.failures, found.last_run_id, found.is_open) == (failures, runs[-1].run_id, False)

    def test_a_run_that_waits_or_runs_is_open_and_makes_its_workspace_busy(
        self, instance: dg.DagsterInstance
    ) -> None:
        run = launched(instance, dg.DagsterRunStatus.NOT_STARTED)
        now = datetime.now(tz=UTC)
        memory = remember(instance, BY, now)
        assert memory.asked["acme", "listing"].is_open
        assert memory.busy == {"acme"}
        assert not memory.asked["acme", "listing"].may_be_repeated(now + timedelta(days=1), timedelta(0))
        instance.report_run_failed(run)
        launched(instance, dg.DagsterRunStatus.SUCCESS, what="another thing")
        memory = remember(instance, BY, datetime.now(tz=UTC))
        assert memory.newest == {"acme": "another thing"}
        assert not memory.asked["acme", "listing"].is_open
        assert memory.busy == frozenset()

    def test_a_run_that_died_unseen_does_not_stop_its_workspace_for_ever(self, instance: dg.DagsterInstance) -> None:
        launched(instance, dg.DagsterRunStatus.STARTED, by="command line")
        now = datetime.now(tz=UTC)
        assert busy_workspaces(instance, now) == {"acme"}
        assert busy_workspaces(instance, now + LONGEST_RUN) == frozenset()


def test_a_runs_workspaces_are_read_from_whatever_names_them() -> None:
    assert workspaces_of({"workspace": "acme"}) == {"acme"}
    assert workspaces_of({"dagster/partition": "2026-11-20|acme", "dagster/partition/workspace": "acme"}) == {"acme"}
    ends = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
    assert workspaces_of(dict(zip(ends, ("2026-11-19|acme", "2026-11-20|other"), strict=True))) == {"acme", "other"}
    assert workspaces_of({}) == frozenset()


def test_a_request_says_who_asked_what_for_and_is_never_retried_by_dagster() -> None:
    (request,) = decide_requests([demand(assets=("raw_calls",))], Memory(), NOW, partitions={"acme"})
    asked_for = run_request(request, BY)
    assert asked_for.tags == {
        "dagster/asset_partition_range_start": "2026-11-01|acme",
        "dagster/asset_partition_range_end": "2026-11-20|acme",
        "workspace": "acme",
        "asked_by": BY,
        "asked_for": "listing",
        "dagster/max_retries": "0",
    }
    assert asked_for.asset_selection == [dg.AssetKey("raw_calls")]
    assert asked_for.run_key == "acme: listing, 2026-11-20 12h"
