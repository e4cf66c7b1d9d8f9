"""The job that thins out the event log, and its schedule.

Concept: https://docs.dagster.io/guides/build/jobs
Dagster keeps every event for ever, some 150 a run. What is removed and what must stay: `store/event_log.py`.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg

from headway_pipeline.orchestration.failures import translated
from headway_pipeline.settings import current_settings
from headway_pipeline.store.event_log import FINISHED, purge_events, purge_index, purge_shard

__all__ = ["PURGE_JOB", "build_purge_job", "build_purge_schedule", "purge_event_log"]

PURGE_JOB = "purge_event_log"
#: Runs that are looked up in one query.
LOOKED_UP = 500


def purge_event_log(instance: dg.DagsterInstance, ended_before: datetime) -> int:
    """Remove the events of runs that ended before a time, but for those that the state of assets rests on.

    Returns:
        How many were removed.

    Raises:
        StoreError: the records cannot be written.
    """
    # Told apart by what they offer: importing Dagster's PostgreSQL storage costs every process 0.7 CPU seconds.
    storage: Any = instance.event_log_storage
    if hasattr(storage, "postgres_url"):
        return purge_events(storage.postgres_url, ended_before)
    if not hasattr(storage, "path_for_shard"):
        # In memory, in tests: it goes with its process.
        return 0
    shards = {run_id: Path(storage.path_for_shard(run_id)) for run_id in storage.get_all_run_ids()}
    # A file that was purged is looked at again only when that lies as far back as its run did.
    untouched = [run_id for run_id, path in shards.items() if path.stat().st_mtime < ended_before.timestamp()]
    ended = list(_ended(instance, untouched, ended_before))
    plans = purge_index(Path(storage.path_for_shard("index")), ended)
    return plans + sum(purge_shard(shards[run_id]) for run_id in ended)


def _ended(instance: dg.DagsterInstance, run_ids: list[str], before: datetime) -> Iterator[str]:
    statuses = [dg.DagsterRunStatus(name) for name in FINISHED]
    for first in range(0, len(run_ids), LOOKED_UP):
        filters = dg.RunsFilter(run_ids=run_ids[first : first + LOOKED_UP], statuses=statuses)
        for record in instance.get_run_records(filters):
            if record.end_time is not None and record.end_time < before.timestamp():
                yield record.dagster_run.run_id


def build_purge_job() -> dg.JobDefinition:
    """Thin out the event log; works on no asset."""

    @dg.op(
        name="thin_out_event_log",
        description="Removes the events of runs that ended more than HEADWAY_EVENT_LOG_DAYS days ago, and keeps "
        "materializations, observations, check evaluations and the runs themselves.",
    )
    def thin_out_event_log(context: dg.OpExecutionContext) -> None:
        days = current_settings().event_log_days
        with translated():
            purged = purge_event_log(context.instance, datetime.now(tz=UTC) - timedelta(days=days))
        context.log.info("removed %d events of runs that ended more than %d days ago", purged, days)

    @dg.job(
        name=PURGE_JOB,
        description="Remove the events of old runs that only their own pages show; the state of assets stays.",
        executor_def=dg.in_process_executor,
    )
    def purge() -> Any:
        thin_out_event_log()

    return purge


def build_purge_schedule() -> dg.ScheduleDefinition:
    """Once a week, away from the other schedules."""
    return dg.ScheduleDefinition(
        name="event_log_retention",
        cron_schedule="52 4 * * 0",
        job_name=PURGE_JOB,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Removes the events of old runs that only their own pages show.",
    )
