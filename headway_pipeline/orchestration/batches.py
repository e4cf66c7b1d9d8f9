"""The sensor over language-model batches: asks after them, has them landed, and has their calls read on.

Concept: https://docs.dagster.io/guides/automate/sensors
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import dagster as dg

from headway_pipeline.ingestion.batches import has_due_batches
from headway_pipeline.llm.discovery import connect
from headway_pipeline.orchestration.failures import translated
from headway_pipeline.orchestration.jobs import BATCHES_JOB, INGEST_JOB, READING
from headway_pipeline.orchestration.partitions import partition_key
from headway_pipeline.orchestration.resources import LedgerResource
from headway_pipeline.settings import current_settings
from headway_pipeline.store.batches import BatchDays, ReadyDays

__all__ = ["Reading", "build_batches_sensor", "decide_readings"]

#: A tick may take a minute in all.
POLL_TIMEOUT_S = 15.0
#: Runs of older batches were requested long ago.
RECENT = timedelta(days=7)
IN_PROGRESS = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]


@dataclass(frozen=True, slots=True)
class Reading:
    """A run of the analysing assets over a workspace's days; `key` is requested once."""

    key: str
    slug: str
    start: str
    end: str


def decide_readings(finished: Sequence[BatchDays], ready: Sequence[ReadyDays], now: datetime) -> list[Reading]:
    """One run for each batch that ended, and one an hour where calls still could be read on.

    The second is for runs that failed; while the first is on its way it finds nothing to do.
    """
    found = [_reading(f"batch {days.id}", days) for days in finished]
    taken = {reading.slug for reading in found}
    found += [_reading(f"ready {days.slug} {now:%Y-%m-%d %H}", days) for days in ready if days.slug not in taken]
    return found


def _reading(key: str, days: BatchDays | ReadyDays) -> Reading:
    return Reading(key, days.slug, partition_key(days.slug, days.first), partition_key(days.slug, days.last))


def build_batches_sensor(jobs: Sequence[Any]) -> dg.SensorDefinition:
    """Level-triggered: each tick decides anew from the database and the providers.

    Args:
        jobs: the two it may request.
    """

    @dg.sensor(
        name="model_batches",
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Asks after batches of language models, has their answers landed and their calls read on.",
        jobs=jobs,
    )
    def model_batches(context: dg.SensorEvaluationContext, ledger: LedgerResource) -> dg.SensorResult | dg.SkipReason:
        environment = current_settings().environment
        now = ledger.effects().now()
        with translated():
            store = ledger.store
            is_due = has_due_batches(store, lambda name: connect(name, environment, timeout_s=15.0), ledger.effects())
            readings = decide_readings(
                store.batches.finished_since(now - RECENT), store.batches.ready_to_go_on(), now
            )
        requests = [_reading_request(reading) for reading in readings]
        if is_due and not _is_landing(context.instance):
            requests.append(dg.RunRequest(job_name=BATCHES_JOB))
        return dg.SensorResult(run_requests=requests) if requests else dg.SkipReason("no batch has come further")

    return model_batches


def _is_landing(instance: dg.DagsterInstance) -> bool:
    running = dg.RunsFilter(job_name=BATCHES_JOB, statuses=IN_PROGRESS)
    return instance.get_runs_count(running) > 0


def _reading_request(reading: Reading) -> dg.RunRequest:
    return dg.RunRequest(
        run_key=reading.key,
        job_name=INGEST_JOB,
        asset_selection=[dg.AssetKey(name) for name in READING],
        run_config={"resources": {"scope": {"config": {"batch": True}}}},
        tags={
            "dagster/asset_partition_range_start": reading.start,
            "dagster/asset_partition_range_end": reading.end,
            "workspace": reading.slug,
        },
    )
