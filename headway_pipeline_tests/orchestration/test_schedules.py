"""Schedules: a pure decision, and ticks that ask for one run a workspace over a range of days."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pytest

from headway_pipeline.orchestration.graph import build_defs
from headway_pipeline.orchestration.partitions import WORKSPACE_PARTITIONS, partition_key
from headway_pipeline.orchestration.resources import LedgerResource
from headway_pipeline.orchestration.schedules import PLANS, RangeRequest, SchedulePlan, decide_ranges
from headway_pipeline.sources.discovery import discover
from headway_pipeline_tests.worlds import TODAY, Installation

NOW = datetime(2026, 11, 20, 2, 23, tzinfo=UTC)
START = date(2026, 1, 1)
BY_NAME = {plan.name: plan for plan in PLANS}


def test_each_active_workspace_gets_one_range_that_ends_today() -> None:
    assert decide_ranges(BY_NAME["nightly"], NOW, START, ["b", "a"], ["a", "b"]) == [
        RangeRequest("a", date(2026, 11, 13), date(2026, 11, 20)),
        RangeRequest("b", date(2026, 11, 13), date(2026, 11, 20)),
    ]


def test_a_workspace_without_its_partition_waits_for_the_sensor() -> None:
    assert [found.slug for found in decide_ranges(BY_NAME["hourly"], NOW, START, ["new", "old"], ["old"])] == ["old"]


def test_a_deactivated_workspace_is_left_alone() -> None:
    assert decide_ranges(BY_NAME["hourly"], NOW, START, [], ["gone"]) == []


def test_no_day_before_the_first_partition_is_asked_for() -> None:
    (found,) = decide_ranges(BY_NAME["weekly"], NOW, date(2026, 11, 18), ["a"], ["a"])
    assert found.since == date(2026, 11, 18)
    assert decide_ranges(BY_NAME["weekly"], NOW, date(2026, 11, 21), ["a"], ["a"]) == []


def test_the_nightly_sweep_reaches_back_as_far_as_any_source_looks_for_late_calls() -> None:
    """A call of Gong's may be visible a day late and its transcript three: a shorter sweep would lose them (G4)."""
    needed = max(source.request_defaults.lookback for source in discover().values())
    assert timedelta(days=BY_NAME["nightly"].days_back) >= needed
    assert BY_NAME["hourly"].days_back >= 1


@pytest.fixture
def stored_instance() -> Iterator[dg.DagsterInstance]:
    """An instance that a tick can load by reference."""
    with dg.instance_for_test() as made:
        made.add_dynamic_partitions(WORKSPACE_PARTITIONS, ["acme", "unconnected"])
        yield made


@pytest.mark.parametrize("plan", PLANS, ids=[plan.name for plan in PLANS])
def test_a_tick_asks_for_one_run_of_the_job_over_the_range(
    installation: Installation, stored_instance: dg.DagsterInstance, plan: SchedulePlan
) -> None:
    assert installation.workspace.slug == "acme"
    # An hourly run of one that has no connector would list nothing.
    installation.store.workspaces.add("Unconnected")
    defs = build_defs()
    # Noon: the range must not depend on the hour at which this runs.
    with dg.build_schedule_context(
        instance=stored_instance,
        scheduled_execution_time=TODAY + timedelta(hours=12),
        repository_def=defs.get_repository_def(),
        resources={"ledger": LedgerResource()},
    ) as context:
        tick = defs.resolve_schedule_def(plan.name).evaluate_tick(context)
    (request,) = tick.run_requests or []
    assert (request.tags["workspace"], request.tags["asked_by"]) == ("acme", f"schedule {plan.name}")
    since = (TODAY - timedelta(days=plan.days_back)).date()
    assert request.tags["dagster/asset_partition_range_start"] == partition_key("acme", since)
    assert request.tags["dagster/asset_partition_range_end"] == partition_key("acme", TODAY.date())
    assert request.run_key == f"{plan.name}:acme:{(TODAY + timedelta(hours=12)).isoformat()}"
