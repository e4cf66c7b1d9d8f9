"""Schedules: which days are listed again, how often; one run a workspace, by range tags.

Concept: https://docs.dagster.io/guides/automate/schedules
Neither source tells what changed, and calls appear behind any watermark: a recent stretch is listed again and again.
A backfill would start up to half a minute later and in several waves, so each request is one run over a range.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import dagster as dg

from headway_pipeline.ingestion.lookback import WEEKLY_DAYS_BACK, nightly_days_back
from headway_pipeline.ingestion.run import SourceTuning
from headway_pipeline.orchestration.descriptions import described
from headway_pipeline.orchestration.failures import translated
from headway_pipeline.orchestration.jobs import INGEST_JOB
from headway_pipeline.orchestration.partitions import WORKSPACE_PARTITIONS, range_tags
from headway_pipeline.orchestration.resources import LedgerResource
from headway_pipeline.settings import current_settings
from headway_pipeline.sources.discovery import discover

__all__ = ["PLANS", "RangeRequest", "SchedulePlan", "build_schedules", "decide_ranges"]


@dataclass(frozen=True, slots=True)
class SchedulePlan:
    """How often how many days are listed again.

    Attributes:
        cron: in UTC.
        days_back: how many days before the day of the tick belong to the range, beside that day itself.
    """

    name: str
    cron: str
    days_back: int
    description: str


PLANS = (
    SchedulePlan(
        "hourly", "7 * * * *", 1, "Lists today and yesterday: new calls, and transcripts that were awaited."
    ),
    SchedulePlan(
        "nightly",
        "23 2 * * *",
        nightly_days_back(map(SourceTuning.of, discover().values())),
        "Lists the sources' lookback again: calls that appeared late, changed calls, and transcripts that took days.",
    ),
    SchedulePlan(
        "weekly",
        "41 3 * * 0",
        WEEKLY_DAYS_BACK,
        f"Lists the last {WEEKLY_DAYS_BACK} days again: calls that were deleted, made private or unshared.",
    ),
)


@dataclass(frozen=True, slots=True)
class RangeRequest:
    """One workspace and the days, both included, that a run is to cover."""

    slug: str
    since: date
    until: date


def decide_ranges(
    plan: SchedulePlan, now: datetime, start: date, connected: Iterable[str], partitions: Sequence[str]
) -> list[RangeRequest]:
    """One request for each workspace to list that has its partition; no day before `start`.

    Args:
        now: of the tick, aware UTC.
        start: first day of the partitions.
        connected: slugs of active workspaces that have an active connector.
        partitions: workspace keys Dagster knows; a workspace of this very minute gets its key from the sensor.
    """
    until = now.date()
    since = max(until - timedelta(days=plan.days_back), start)
    if until < start:
        return []
    return [RangeRequest(slug, since, until) for slug in sorted(set(connected) & set(partitions))]


def build_schedules() -> list[dg.ScheduleDefinition]:
    """Every schedule of the pipeline, running from the start."""
    return [_schedule(plan) for plan in PLANS]


def _schedule(plan: SchedulePlan) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=plan.name,
        cron_schedule=plan.cron,
        job_name=INGEST_JOB,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=described(plan.description, "schedules"),
    )
    def schedule(
        context: dg.ScheduleEvaluationContext, ledger: LedgerResource
    ) -> list[dg.RunRequest] | dg.SkipReason:
        with translated():
            # Without a connector there is nothing to list again.
            connected = {standing.slug for standing in ledger.store.standings.of_connectors()}
        requests = decide_ranges(
            plan,
            context.scheduled_execution_time,
            current_settings().start_date,
            connected,
            context.instance.get_dynamic_partitions(WORKSPACE_PARTITIONS),
        )
        if not requests:
            return dg.SkipReason("no active workspace has a connector and its partition yet")
        return [_run_request(plan, context.scheduled_execution_time, request) for request in requests]

    return schedule


def _run_request(plan: SchedulePlan, at: datetime, request: RangeRequest) -> dg.RunRequest:
    return dg.RunRequest(
        # The same tick twice, after a restart, is the same run.
        run_key=f"{plan.name}:{request.slug}:{at.isoformat()}",
        tags=range_tags(request.slug, request.since, request.until, asked_by=f"schedule {plan.name}"),
    )
