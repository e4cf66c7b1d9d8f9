"""The sensors over language-model batches: one has their answers landed, the other has their calls read on.

Concept: https://docs.dagster.io/guides/automate/sensors
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import dagster as dg

from headway_pipeline.ingestion.batches import due_batches
from headway_pipeline.llm.discovery import connect
from headway_pipeline.model.identity import content_hash
from headway_pipeline.orchestration.automation.requests import (
    ASKED_BY,
    ASKED_FOR,
    IN_PROGRESS,
    busy_workspaces,
    remember,
)
from headway_pipeline.orchestration.descriptions import described
from headway_pipeline.orchestration.failures import translated
from headway_pipeline.orchestration.jobs import BATCHES_JOB, INGEST_JOB, READING
from headway_pipeline.orchestration.partitions import WORKSPACE_PARTITIONS, range_tags
from headway_pipeline.orchestration.resources import LedgerResource, scope_config
from headway_pipeline.settings import current_settings
from headway_pipeline.store.batches import BatchDays, ReadyDays

__all__ = ["LANDING_REST", "Reading", "build_batch_sensors", "decide_readings"]

LANDED, LANDING = "sensor landed_answers", "sensor model_batches"
#: Of a batch that ended and could not be landed: its provider may not hand the results out for a while.
LANDING_REST = timedelta(minutes=15)
#: Where Dagster keeps a requested run's key.
RUN_KEY_TAG = "dagster/run_key"
#: A tick may take a minute in all.
POLL_TIMEOUT_S = 15.0
#: Runs of older batches were requested long ago.
RECENT = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Reading:
    """A run of the analysing assets over a workspace's days; `key` is requested once."""

    key: str
    slug: str
    first: date
    last: date


def decide_readings(
    finished: Sequence[BatchDays],
    ready: Sequence[ReadyDays],
    now: datetime,
    *,
    requested: Collection[str] = (),
    busy: Collection[str] = (),
) -> list[Reading]:
    """One run for each batch that ended, over whatever can be read on; else one an hour where a run failed.

    Args:
        requested: keys of runs that were requested before.
        busy: workspaces with a run on its way.
    """
    ready_in = {days.slug: days for days in ready}
    found = [_reading(f"batch {days.id}", [days, *filter(None, [ready_in.get(days.slug)])]) for days in finished]
    new = [reading for reading in found if reading.key not in requested]
    served = {reading.slug for reading in new} | set(busy)
    left = [days for days in ready if days.slug not in served]
    return new + [_reading(f"ready {days.slug} {now:%Y-%m-%d %H}", [days]) for days in left]


def _reading(key: str, parts: Sequence[BatchDays | ReadyDays]) -> Reading:
    slug = parts[0].slug
    first, last = min(days.first for days in parts), max(days.last for days in parts)
    return Reading(key, slug, first, last)


def build_batch_sensors() -> list[dg.SensorDefinition]:
    """Both level-triggered: each tick decides anew, from the database and the providers."""
    return [_model_batches(), _landed_answers()]


def _model_batches() -> dg.SensorDefinition:
    @dg.sensor(
        name="model_batches",
        job_name=BATCHES_JOB,
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=described(
            "Asks after open batches of language models, and has the answers of those that ended landed.", "sensors"
        ),
    )
    def model_batches(context: dg.SensorEvaluationContext, ledger: LedgerResource) -> dg.RunRequest | dg.SkipReason:
        environment = current_settings().environment
        with translated():
            due = due_batches(
                ledger.store, lambda name: connect(name, environment, timeout_s=POLL_TIMEOUT_S), ledger.effects()
            )
        if not due:
            return dg.SkipReason("no batch has come further")
        landing = dg.RunsFilter(job_name=BATCHES_JOB, statuses=IN_PROGRESS)
        if context.instance.get_runs_count(landing):
            return dg.SkipReason("answers are being landed")
        asked_for = f"batches {content_hash(sorted(str(batch.id) for batch in due))[:8]}"
        now = ledger.effects().now()
        before = remember(context.instance, LANDING, now).asked.get(("", asked_for))
        if before is not None and not before.may_be_repeated(now, LANDING_REST):
            return dg.SkipReason("these batches were to be landed a while ago, and could not be")
        return dg.RunRequest(tags={ASKED_BY: LANDING, ASKED_FOR: asked_for})

    return model_batches


def _landed_answers() -> dg.SensorDefinition:
    @dg.sensor(
        name="landed_answers",
        job_name=INGEST_JOB,
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=described("Has calls read on whose answers came with a batch.", "sensors"),
    )
    def landed_answers(
        context: dg.SensorEvaluationContext, ledger: LedgerResource
    ) -> dg.SensorResult | dg.SkipReason:
        now = ledger.effects().now()
        with translated():
            finished = ledger.store.batches.finished_since(now - RECENT)
            ready = ledger.store.batches.ready_to_go_on()
        known = set(context.instance.get_dynamic_partitions(WORKSPACE_PARTITIONS))
        mine = context.instance.get_runs(dg.RunsFilter(tags={ASKED_BY: LANDED}, created_after=now - RECENT))
        readings = decide_readings(
            [days for days in finished if days.slug in known],
            [days for days in ready if days.slug in known],
            now,
            requested={run.tags.get(RUN_KEY_TAG, "") for run in mine},
            busy=busy_workspaces(context.instance, now),
        )
        if not readings:
            return dg.SkipReason("no call waits for an answer that has landed")
        return dg.SensorResult(run_requests=[_request(reading) for reading in readings])

    return landed_answers


def _request(reading: Reading) -> dg.RunRequest:
    return dg.RunRequest(
        run_key=reading.key,
        asset_selection=[dg.AssetKey(name) for name in READING],
        run_config=scope_config(batch=True, leave_left_out=True),
        tags=range_tags(reading.slug, reading.first, reading.last, asked_by=LANDED),
    )
