"""The sensor that has done what runs left behind: failed listings, awaited transcripts, calls that were not read.

Concept: https://docs.dagster.io/guides/automate/sensors
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime, timedelta

import dagster as dg

from headway_pipeline.orchestration.assets import CHAIN
from headway_pipeline.orchestration.automation.requests import (
    REST,
    Demand,
    ask,
    joined_days,
)
from headway_pipeline.orchestration.descriptions import described
from headway_pipeline.orchestration.failures import translated
from headway_pipeline.orchestration.jobs import INGEST_JOB, READING
from headway_pipeline.orchestration.resources import LedgerResource
from headway_pipeline.settings import current_settings
from headway_pipeline.store.unfinished import Hold, Need, UnfinishedDay

__all__ = ["build_reruns", "demand_reruns"]

NAME = "reruns"
ASKED_BY = f"sensor {NAME}"
#: From the stage that has something to do on; what is listed is not listed again for a transcript's sake.
ASSETS = {Need.LISTING: (), Need.TRANSCRIPTS: CHAIN[1:], Need.READING: READING}
URGENCY = [*Need]
#: A budget is a month's; a new day may be in a new one, or a person may have raised it.
BUDGET_REST = timedelta(days=1)


def demand_reruns(unfinished: Sequence[UnfinishedDay], *, start: date, today: date) -> list[Demand]:
    """The stretches of days with something to do, by workspace: what is lacked first comes first, then newest."""
    days: dict[tuple[str, Need, Hold], list[UnfinishedDay]] = defaultdict(list)
    for day in unfinished:
        days[day.slug, day.need, day.hold].append(day)
    order = sorted(days, key=lambda key: (key[0], URGENCY.index(key[1]), key[2] is not Hold.NOTHING))
    return [
        Demand(
            slug,
            first,
            last,
            _what(need, hold, last, [found.changed_at for found in days[slug, need, hold] if found.changed_at]),
            assets=ASSETS[need],
            rest=BUDGET_REST if hold is Hold.BUDGET else REST,
        )
        for slug, need, hold in order
        for first, last in joined_days((found.day for found in days[slug, need, hold]), start=start, today=today)
    ]


def _what(need: Need, hold: Hold, last: date, changes: Sequence[datetime]) -> str:
    """What fails waits longer each time, until a person changes a connector; what has its own time waits for that."""
    match hold:
        case Hold.NOTHING:
            return need.value
        case Hold.BUDGET:
            return f"{need.value} that the budget stopped"
        case Hold.FAILURE:
            since = f", connectors as of {max(changes):%Y-%m-%d %H:%M:%S}" if changes else ""
            return f"{need.value} that failed, until {last}{since}"


def build_reruns() -> dg.SensorDefinition:
    """One query over the ledger a tick."""

    @dg.sensor(
        name=NAME,
        job_name=INGEST_JOB,
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=described(
            "Asks again for days that a source failed on or paused, for transcripts whose time has come, for calls "
            "that were set aside or left unread. What keeps failing is asked for ever more seldom, at last every six "
            "hours, and at once when its connector was changed.",
            "sensors",
        ),
    )
    def reruns(context: dg.SensorEvaluationContext, ledger: LedgerResource) -> dg.SensorResult | dg.SkipReason:
        now = ledger.effects().now()
        with translated():
            unfinished = ledger.store.unfinished.days()
        demands = demand_reruns(unfinished, start=current_settings().start_date, today=now.date())
        return ask(context, demands, by=ASKED_BY, now=now)

    return reruns
