"""The sensor that has the days listed which webhooks hint at.

Concept: https://docs.dagster.io/guides/automate/sensors
"""

from collections.abc import Sequence
from datetime import date, timedelta

import dagster as dg

from headway_pipeline.ingestion.hints import hinted_days, settled_hints
from headway_pipeline.orchestration.automation.requests import Demand, ask
from headway_pipeline.orchestration.descriptions import described
from headway_pipeline.orchestration.failures import translated
from headway_pipeline.orchestration.jobs import INGEST_JOB
from headway_pipeline.orchestration.resources import LedgerResource
from headway_pipeline.settings import current_settings
from headway_pipeline.store.hints import DueHint

__all__ = ["build_webhook_hints", "demand_hinted"]

NAME = "webhook_hints"
ASKED_BY = f"sensor {NAME}"
#: Hints come in bursts: those of a minute are one run.
REST = timedelta(minutes=1)


def demand_hinted(hints: Sequence[DueHint], *, start: date, today: date) -> list[Demand]:
    """The whole chain over the stretches of days that hints ask for, the newest of a workspace first."""
    by_id = {hint.id: hint for hint in hints}
    demands = []
    for found in hinted_days(hints, start=start, today=today):
        oldest = min((by_id[key] for key in found.hint_ids), key=lambda hint: hint.received_at)
        # A hint that was settled is not the same thing as the next one, whatever else its run failed for.
        what = f"hints of webhooks since {oldest.received_at:%Y-%m-%d %H:%M}"
        demands.append(Demand(oldest.slug, found.first, found.last, what, rest=REST))
    return sorted(demands, key=lambda demand: demand.last, reverse=True)


def build_webhook_hints() -> dg.SensorDefinition:
    """A hint is settled by a listing of its day that began after it came; until then it stays."""

    @dg.sensor(
        name=NAME,
        job_name=INGEST_JOB,
        minimum_interval_seconds=15,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=described(
            "Lists the days again that webhooks hint at: many hints about neighbouring days are one run.", "sensors"
        ),
    )
    def webhook_hints(context: dg.SensorEvaluationContext, ledger: LedgerResource) -> dg.SensorResult | dg.SkipReason:
        now = ledger.effects().now()
        bounds = {"start": current_settings().start_date, "today": now.date()}
        with translated():
            hints = ledger.store.hints.due()
            settled = settled_hints(hints, **bounds)
            if settled:
                ledger.store.hints.mark_handled(settled, now)
        demands = demand_hinted([hint for hint in hints if hint.id not in settled], **bounds)
        return ask(context, demands, by=ASKED_BY, now=now)

    return webhook_hints
