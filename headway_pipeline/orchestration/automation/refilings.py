"""The sensor that has a workspace's calls filed again when its themes have changed.

Concept: https://docs.dagster.io/guides/automate/sensors
"""

from collections.abc import Sequence
from datetime import date, timedelta

import dagster as dg

from headway_pipeline.orchestration.automation.requests import Demand, ask, within
from headway_pipeline.orchestration.descriptions import described
from headway_pipeline.orchestration.failures import translated
from headway_pipeline.orchestration.jobs import INGEST_JOB, READING
from headway_pipeline.orchestration.resources import LedgerResource
from headway_pipeline.settings import current_settings
from headway_pipeline.store.watch import Standing

__all__ = ["build_refilings", "demand_refilings", "is_out_of_date"]

NAME = "refilings"
ASKED_BY = f"sensor {NAME}"
#: A run that succeeded and left calls at older themes could do no more; see why in the ledger, not every minute.
REST = timedelta(hours=6)


def is_out_of_date(standing: Standing) -> bool:
    """Whether some call is filed or judged at other themes than the present ones, or waited for there to be any.

    Without themes nothing is judged, and what was found not relevant stays so.
    """
    filed = standing.filed_at - {standing.themes_hash}
    if not standing.themes:
        return bool(filed)
    return bool(filed or standing.judged_at - {standing.themes_hash} or standing.awaits_themes)


def demand_refilings(standings: Sequence[Standing], *, start: date, today: date) -> list[Demand]:
    """One run of the analysing assets over all days of each workspace that is out of date."""
    demands = []
    for standing in standings:
        if not is_out_of_date(standing) or standing.first is None or standing.last is None:
            continue
        days = within(standing.first, standing.last, start, today)
        if days is not None:
            what = f"themes {standing.themes_hash[:8]}"
            # Themes that were changed and changed back were filed at others meanwhile.
            demands.append(
                Demand(
                    *(standing.slug, *days, what),
                    assets=READING,
                    rest=REST,
                    is_undone_by_others=True,
                    is_of_known_calls=True,
                )
            )
    return demands


def build_refilings() -> dg.SensorDefinition:
    """Decides from the hashes that stand on rows: a theme that was written with plain SQL counts."""

    @dg.sensor(
        name=NAME,
        job_name=INGEST_JOB,
        minimum_interval_seconds=15,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=described(
            "Files a workspace's calls again where its themes have changed: one run of the analysing assets over all "
            "its days. Calls are not read again; only those that were not relevant are judged again.",
            "sensors",
        ),
    )
    def refilings(context: dg.SensorEvaluationContext, ledger: LedgerResource) -> dg.SensorResult | dg.SkipReason:
        now = ledger.effects().now()
        with translated():
            standings = ledger.store.watch.standings()
        demands = demand_refilings(standings, start=current_settings().start_date, today=now.date())
        return ask(context, demands, by=ASKED_BY, now=now)

    return refilings
