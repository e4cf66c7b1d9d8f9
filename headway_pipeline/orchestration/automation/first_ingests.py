"""The sensor that has a new connector's recent past ingested, and any day that no schedule came to.

Concept: https://docs.dagster.io/guides/automate/sensors
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, timedelta

import dagster as dg

from headway_pipeline.model.identity import content_hash
from headway_pipeline.model.windows import days_between
from headway_pipeline.orchestration.automation.requests import (
    Demand,
    decide_requests,
    joined_days,
    remember,
    run_request,
)
from headway_pipeline.orchestration.descriptions import described
from headway_pipeline.orchestration.failures import translated
from headway_pipeline.orchestration.jobs import INGEST_JOB
from headway_pipeline.orchestration.partitions import missing_partitions
from headway_pipeline.orchestration.resources import LedgerResource
from headway_pipeline.settings import current_settings
from headway_pipeline.store.watch import ListedDays
from headway_pipeline.store.workspaces import is_slug

__all__ = ["MOST_DAYS", "build_first_ingests", "demand_unlisted", "unlisted_days"]

NAME = "first_ingests"
ASKED_BY = f"sensor {NAME}"
#: Of one run; the newest days come first, the older ones follow.
MOST_DAYS = 100


def unlisted_days(calendar: ListedDays, *, start: date, today: date, days_before: int) -> Iterator[date]:
    """Days that a connector is to cover and was never asked for, oldest first.

    Today belongs to the schedules, but for a connector that was never asked anything.

    Args:
        start: first day of the partitions.
        days_before: how far before the day it was added its past reaches.
    """
    first = max(start, calendar.added_on - timedelta(days=days_before))
    last = today - timedelta(days=1) if calendar.stretches else today
    known = {day for stretch in calendar.stretches for day in days_between(max(stretch[0], first), stretch[1])}
    return (day for day in days_between(first, last) if day not in known)


def demand_unlisted(calendars: Sequence[ListedDays], *, start: date, today: date, days_before: int) -> list[Demand]:
    """The stretches of each workspace that some connector was never asked for, newest first."""
    if days_before == 0:
        return []
    days: dict[str, set[date]] = defaultdict(set)
    connectors: dict[str, list[str]] = defaultdict(list)
    for calendar in calendars:
        unlisted = set(unlisted_days(calendar, start=start, today=today, days_before=days_before))
        if unlisted:
            days[calendar.slug] |= unlisted
            connectors[calendar.slug].append(f"{calendar.connector_id} {calendar.changed_at}")
    return [
        Demand(
            slug,
            max(first, last - timedelta(days=MOST_DAYS - 1)),
            last,
            # Another connector, or one that was mended, is another thing: it does not wait for what failed.
            f"days never listed, until {last}, by connectors {content_hash(sorted(connectors[slug]))[:8]}",
        )
        for slug in sorted(days)
        for first, last in joined_days(days[slug], start=start, today=today)
    ]


def build_first_ingests() -> dg.SensorDefinition:
    """Asks for the whole chain; gives a workspace of this very minute its partition, too."""

    @dg.sensor(
        name=NAME,
        job_name=INGEST_JOB,
        minimum_interval_seconds=10,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=described(
            "Ingests the recent past of a connector that was added (HEADWAY_FIRST_DAYS), and days that were never "
            "listed because nothing ran: one run a workspace over the stretch.",
            "sensors",
        ),
    )
    def first_ingests(context: dg.SensorEvaluationContext, ledger: LedgerResource) -> dg.SensorResult | dg.SkipReason:
        settings, now = current_settings(), ledger.effects().now()
        with translated():
            calendars = [calendar for calendar in ledger.store.watch.listed_days() if is_slug(calendar.slug)]
        demands = demand_unlisted(
            calendars, start=settings.start_date, today=now.date(), days_before=settings.first_days
        )
        if not demands:
            return dg.SkipReason("every connector was asked for all of its days")
        memory = remember(context.instance, ASKED_BY, now)
        requests = decide_requests(demands, memory, now, partitions={demand.slug for demand in demands})
        if not requests:
            return dg.SkipReason("runs are on their way, or failed a moment ago")
        return dg.SensorResult(
            run_requests=[run_request(request, ASKED_BY) for request in requests],
            dynamic_partitions_requests=missing_partitions(
                context.instance, [request.demand.slug for request in requests]
            ),
        )

    return first_ingests
