"""The purge of the event log: what the pages of assets show is the same before and after it, on both databases."""

import os
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from headway_pipeline.orchestration.event_log import build_purge_job, purge_event_log
from headway_pipeline.orchestration.instance import opened_instance
from headway_pipeline.settings import current_settings
from headway_pipeline_tests.worlds import use_home

WORKSPACE_DAY = dg.MultiPartitionsDefinition(
    {
        "workspace": dg.DynamicPartitionsDefinition(name="workspace"),
        "date": dg.DailyPartitionsDefinition("2026-11-01", end_date="2026-11-06"),
    }
)
BROKEN = "2026-11-02|acme"


@dg.asset(partitions_def=WORKSPACE_DAY)
def first(context: dg.AssetExecutionContext) -> None:
    """Logs, and observes."""
    context.log.info("read something")
    context.log_event(dg.AssetObservation("first", partition=context.partition_keys[0]))


@dg.asset(partitions_def=WORKSPACE_DAY, deps=[first])
def second(context: dg.AssetExecutionContext) -> Iterator[Any]:
    """Completes all keys but one, as the last asset of the chain does."""
    done = [key for key in context.partition_keys if key != BROKEN or "is whole" in context.run.tags]
    if len(done) < len(context.partition_keys):
        for key in done:
            yield dg.AssetMaterialization("second", partition=key)
        raise dg.Failure("one day is incomplete")
    yield dg.MaterializeResult(metadata={"calls": 3})


@dg.asset_check(asset=second)
def is_good() -> dg.AssetCheckResult:
    """Passes."""
    return dg.AssetCheckResult(passed=True, metadata={"bad": 0})


ASSETS: Sequence[Any] = (first, second, is_good)
KEYS = ("first", "second")


@pytest.fixture
def instance(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """A real one: a day that was whole fails in a later run over four, and two of these are done again."""
    use_home(tmp_path / "home", monkeypatch)
    monkeypatch.setenv("DATABASE_URL", database_url)
    with opened_instance(current_settings()) as made:
        made.add_dynamic_partitions("workspace", ["acme"])
        run(made, "2026-11-02", "2026-11-02", more={"is whole": "yes"})
        run(made, "2026-11-01", "2026-11-04", is_good=False)
        run(made, "2026-11-03", "2026-11-04")
        yield made


def run(
    instance: dg.DagsterInstance, since: str, until: str, *, is_good: bool = True, more: dict[str, str] | None = None
) -> None:
    tags = {
        **(more or {}),
        "dagster/asset_partition_range_start": f"{since}|acme",
        "dagster/asset_partition_range_end": f"{until}|acme",
    }
    done = dg.materialize([*ASSETS], instance=instance, tags=tags, raise_on_error=False)
    assert done.success is is_good


def what_pages_show(instance: dg.DagsterInstance) -> dict[str, Any]:
    """Status of every partition, materializations, observations, checks and runs."""
    storage: Any = instance.event_log_storage
    shown: dict[str, Any] = {"runs": [(r.run_id, r.status, dict(r.tags)) for r in instance.get_runs()]}
    for name in KEYS:
        key = dg.AssetKey(name)
        status: Any = instance.get_status_by_partition(
            key, [f"2026-11-0{day}|acme" for day in range(1, 6)], WORKSPACE_DAY
        )
        latest = instance.get_latest_materialization_event(key)
        assert latest is not None
        shown[name] = {
            "status": status,
            "materialized": instance.get_materialized_partitions(key),
            "attempts": set(
                storage.get_latest_asset_partition_materialization_attempts_without_materializations(key)
            ),
            "counts": [record.storage_id for record in instance.fetch_materializations(key, limit=100).records],
            "observations": [record.storage_id for record in instance.fetch_observations(key, limit=100).records],
            "latest": (latest.run_id, latest.timestamp, latest.asset_materialization),
        }
    check = dg.AssetCheckKey(dg.AssetKey("second"), "is_good")
    record = storage.get_latest_asset_check_execution_by_key([check])[check]
    shown["check"] = (record.status, record.run_id, record.event)
    return shown


def test_every_partition_materialization_and_check_is_as_before(instance: dg.DagsterInstance) -> None:
    before = what_pages_show(instance)
    assert {key: status.name for key, status in before["second"]["status"].items() if status} == {
        "2026-11-01|acme": "MATERIALIZED",
        BROKEN: "FAILED",
        "2026-11-03|acme": "MATERIALIZED",
        "2026-11-04|acme": "MATERIALIZED",
    }
    purged = purge_event_log(instance, datetime.now(tz=UTC) + timedelta(minutes=1))
    assert purged > 0
    assert what_pages_show(instance) == before
    # Dagster keeps a cache of statuses; without it the events alone must tell the same.
    storage: Any = instance.event_log_storage
    for name in KEYS:
        storage.update_asset_cached_status_data(dg.AssetKey(name), None)
    assert what_pages_show(instance) == before


def test_of_an_old_run_only_what_assets_rest_on_is_left(instance: dg.DagsterInstance) -> None:
    run_id = instance.get_runs(limit=1)[0].run_id
    before = [entry.dagster_event_type for entry in instance.all_logs(run_id)]
    assert dg.DagsterEventType.STEP_START in before
    assert None in before
    purge_event_log(instance, datetime.now(tz=UTC) + timedelta(minutes=1))
    after = {entry.dagster_event_type for entry in instance.all_logs(run_id)}
    assert dg.DagsterEventType.STEP_START not in after
    assert None not in after
    assert purge_event_log(instance, datetime.now(tz=UTC) + timedelta(minutes=1)) == 0


def test_runs_that_are_young_or_under_way_keep_everything(instance: dg.DagsterInstance) -> None:
    assert purge_event_log(instance, datetime.now(tz=UTC) - timedelta(days=1)) == 0
    run_id = instance.get_runs(limit=1)[0].run_id
    log = instance.all_logs(run_id)
    storage: Any = instance.run_storage
    # As of a run that began long ago and is still at work.
    event = dg.DagsterEvent(dg.DagsterEventType.RUN_START.value, "job", message="")
    storage.handle_run_event(run_id, event, datetime.now(tz=UTC) - timedelta(days=90))
    purge_event_log(instance, datetime.now(tz=UTC) + timedelta(minutes=1))
    assert instance.all_logs(run_id) == log


def test_a_run_after_the_purge_is_as_any_other(instance: dg.DagsterInstance) -> None:
    purge_event_log(instance, datetime.now(tz=UTC) + timedelta(minutes=1))
    run(instance, "2026-11-05", "2026-11-05")
    assert "2026-11-05|acme" in instance.get_materialized_partitions(dg.AssetKey("second"))
    # The page of an old run still opens, in a process that knows its file from before.
    assert instance.all_logs(instance.get_runs()[-1].run_id)


def test_the_job_keeps_the_days_that_the_environment_names(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADWAY_EVENT_LOG_DAYS", "7")
    run_id = instance.get_runs(limit=1)[0].run_id
    assert build_purge_job().execute_in_process(instance=instance).success
    assert any(entry.dagster_event_type is None for entry in instance.all_logs(run_id))
    storage: Any = instance.run_storage
    ended = time.time() - 8 * 86400
    event = dg.DagsterEvent(dg.DagsterEventType.RUN_SUCCESS.value, "job", message="")
    storage.handle_run_event(run_id, event, datetime.fromtimestamp(ended, tz=UTC))
    events: Any = instance.event_log_storage
    if hasattr(events, "path_for_shard"):
        os.utime(events.path_for_shard(run_id), (ended, ended))
    assert build_purge_job().execute_in_process(instance=instance).success
    assert not any(entry.dagster_event_type is None for entry in instance.all_logs(run_id))
