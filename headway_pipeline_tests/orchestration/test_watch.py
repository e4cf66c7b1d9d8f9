"""The watch over connectors: a dead workspace is seen though nothing runs, and nothing is told twice."""

import time
from dataclasses import replace
from datetime import timedelta
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa

from headway_pipeline.model.workspaces import ConnectorHealth
from headway_pipeline.orchestration.connector_health import HEALTH_CHECK, health_result
from headway_pipeline.orchestration.graph import build_defs
from headway_pipeline.orchestration.partitions import range_tags
from headway_pipeline.orchestration.resources import LedgerResource
from headway_pipeline.orchestration.verdicts import last_evaluation
from headway_pipeline.orchestration.watch import decide_reports
from headway_pipeline.orchestration.workspace_lag import LAG_CHECK
from headway_pipeline.store.tables import workspace_connectors
from headway_pipeline_tests.orchestration.conftest import RunJob
from headway_pipeline_tests.worlds import TODAY, Installation

DAY = (TODAY - timedelta(days=1)).date()
WARN, ERROR = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR


def tick(instance: dg.DagsterInstance) -> dict[dg.AssetCheckKey, dg.AssetCheckEvaluation]:
    """What the sensor reports; it is stored as the daemon does."""
    sensor = build_defs().resolve_sensor_def("connector_watch")
    with dg.build_sensor_context(instance=instance, resources={"ledger": LedgerResource()}) as context:
        result = sensor(context)
    if isinstance(result, dg.SkipReason):
        return {}
    assert isinstance(result, dg.SensorResult)
    assert not result.run_requests
    for event in result.asset_events:
        instance.report_runless_asset_event(event)
    return {
        event.asset_check_key: event for event in result.asset_events if isinstance(event, dg.AssetCheckEvaluation)
    }


def age(installation: Installation, hours: float) -> None:
    """Nothing has happened for so long."""
    table = workspace_connectors
    with installation.store.database.writing() as connection:
        for key, heard_at in connection.execute(sa.select(table.c.id, table.c.last_ok_at)).all():
            earlier = heard_at - timedelta(hours=hours)
            connection.execute(table.update().where(table.c.id == key).values(last_ok_at=earlier))


def wait_for_the_next_second() -> None:
    """SQLite knows no parts of one; within it the pages take a check for older than what was materialized."""
    time.sleep(1 - time.time() % 1)


@pytest.fixture
def listed(installation: Installation, run_job: RunJob) -> Installation:
    """Today was listed, too, as the schedule does."""
    run_job()
    with installation.store.database.writing() as connection:
        connection.exec_driver_sql(
            "UPDATE listings SET day = date('now') WHERE day = (SELECT max(day) FROM listings)"
        )
    wait_for_the_next_second()
    return installation


def test_a_workspace_in_which_nothing_runs_becomes_red_without_a_run(
    listed: Installation, instance: dg.DagsterInstance
) -> None:
    assert tick(instance)[LAG_CHECK].passed
    runs = instance.get_runs_count()
    age(listed, hours=5)
    late = tick(instance)[LAG_CHECK]
    assert (late.passed, late.severity) == (False, WARN)
    age(listed, hours=30)
    dead = tick(instance)[LAG_CHECK]
    assert (dead.passed, dead.severity) == (False, ERROR)
    assert dead.metadata["bad keys"].value == {"acme": 1}
    assert (dead.description or "").startswith("acme: connector gong (ok) was last listed 35 hours ago")
    assert instance.get_runs_count() == runs


def test_a_tick_that_finds_nothing_new_reports_nothing(listed: Installation, instance: dg.DagsterInstance) -> None:
    assert set(tick(instance)) == {LAG_CHECK}
    assert tick(instance) == {}
    age(listed, hours=40)
    assert set(tick(instance)) == {LAG_CHECK}
    age(listed, hours=1)
    assert tick(instance) == {}


def test_a_run_of_one_workspace_does_not_cover_up_what_is_wrong_in_another(
    listed: Installation, instance: dg.DagsterInstance, run_job: RunJob
) -> None:
    other = listed.store.workspaces.add("Other")
    broken = listed.store.connectors.add(other.id, "gong", uses_environment=True)
    listed.store.connectors.record_health(broken.id, ConnectorHealth.BAD_CREDENTIALS, last_error="refused")
    assert not tick(instance)[HEALTH_CHECK].passed
    run_job()
    shown = last_evaluation(instance, HEALTH_CHECK)
    assert shown is not None
    assert not shown.passed
    assert shown.metadata["bad keys"].value == {"other": 1}
    assert HEALTH_CHECK not in tick(instance)
    # What is wrong in the run's own workspace comes first, and says how bad it is.
    own = listed.store.connectors.find(listed.workspace.id, "gong")
    drifting = replace(own, health=ConnectorHealth.DRIFTING)
    both = [("other", listed.store.connectors.find(other.id, "gong")), ("acme", drifting)]
    assert health_result(both).severity == ERROR
    result = health_result(both, own={"acme"})
    assert (result.severity, (result.description or "").partition(":")[0]) == (WARN, "acme")


def test_a_check_that_is_planned_and_not_done_does_not_hide_the_last_result(
    listed: Installation, instance: dg.DagsterInstance
) -> None:
    """A run that was killed leaves its planned checks behind for ever."""
    assert last_evaluation(instance, HEALTH_CHECK) is not None
    instance.create_run_for_job(
        build_defs().resolve_job_def("ingest"), tags=range_tags("acme", DAY, DAY, asked_by="a test")
    )
    newest = instance.get_latest_asset_check_evaluation_record(HEALTH_CHECK)
    assert newest is not None
    assert newest.status.value == "PLANNED"
    assert last_evaluation(instance, HEALTH_CHECK) is not None


def test_what_a_run_that_ended_before_its_checks_hid_is_reported_again(
    listed: Installation, instance: dg.DagsterInstance
) -> None:
    """The pages say "not evaluated" of a check whose last run planned it and failed in an asset before."""
    tick(instance)
    run = instance.create_run_for_job(
        build_defs().resolve_job_def("ingest"),
        tags=range_tags("acme", DAY, DAY, asked_by="a test"),
        status=dg.DagsterRunStatus.STARTED,
    )
    assert tick(instance) == {}, "the run may still get there"
    instance.report_run_failed(run)
    assert set(tick(instance)) == {HEALTH_CHECK}, "workspace_lag is no check of that job"
    assert tick(instance) == {}


def test_what_a_later_run_hid_is_reported_again(
    listed: Installation, instance: dg.DagsterInstance, run_job: RunJob
) -> None:
    """A workspace that stood still was red until the next run of any other one, and "not evaluated" from then on."""
    age(listed, hours=40)
    assert not tick(instance)[LAG_CHECK].passed
    assert tick(instance) == {}
    run_job()
    age(listed, hours=40)
    wait_for_the_next_second()
    assert not tick(instance)[LAG_CHECK].passed
    assert tick(instance) == {}


def result(*, passed: bool, severity: dg.AssetCheckSeverity = ERROR, **bad: int) -> dg.AssetCheckResult:
    metadata: dict[str, Any] = {"bad keys": dg.MetadataValue.json(bad), "hours behind, at most": 3.0}
    return dg.AssetCheckResult(passed=passed, severity=severity, metadata=metadata)


def evaluation(found: dg.AssetCheckResult) -> dg.AssetCheckEvaluation:
    return dg.AssetCheckEvaluation(
        LAG_CHECK.asset_key,
        LAG_CHECK.name,
        passed=bool(found.passed),
        metadata=found.metadata,
        severity=found.severity,
    )


@pytest.mark.parametrize(
    ("now", "before", "is_news"),
    [
        pytest.param(result(passed=True), None, True, id="never told"),
        pytest.param(result(passed=True), result(passed=True), False, id="still well"),
        pytest.param(result(passed=False, a=1), result(passed=True), True, id="broken"),
        pytest.param(result(passed=True), result(passed=False, a=1), True, id="mended"),
        pytest.param(result(passed=False, a=1), result(passed=False, a=1), False, id="still broken"),
        pytest.param(result(passed=False, a=1, b=1), result(passed=False, a=1), True, id="another one"),
        pytest.param(result(passed=False, a=1), result(passed=False, severity=WARN, a=1), True, id="worse"),
        pytest.param(result(passed=True, severity=WARN), result(passed=True), False, id="a severity of nothing"),
    ],
)
def test_only_news_is_reported(now: dg.AssetCheckResult, before: dg.AssetCheckResult | None, is_news: bool) -> None:
    shown = {LAG_CHECK: None if before is None else evaluation(before)}
    assert decide_reports({LAG_CHECK: now}, shown) == ([LAG_CHECK] if is_news else [])
