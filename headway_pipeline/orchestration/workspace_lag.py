"""The check `workspace_lag`: no workspace is behind its sources, whichever of them others keep busy.

A freshness policy of Dagster's looks at the newest materialization of any partition: one busy workspace hides fifty
dead ones. This check asks the database, about all workspaces, whatever the run was over.
Concept: https://docs.dagster.io/guides/test/asset-checks
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

import dagster as dg

from headway_pipeline.ingestion.lag import Lag, lags
from headway_pipeline.orchestration.descriptions import described
from headway_pipeline.orchestration.failures import translated
from headway_pipeline.orchestration.resources import LedgerResource
from headway_pipeline.orchestration.verdicts import bad_keys, first_of
from headway_pipeline.settings import current_settings
from headway_pipeline.store import Standing

__all__ = ["LAG_CHECK", "build_lag_check", "lag_result"]

LAG_CHECK = dg.AssetCheckKey(dg.AssetKey("raw_calls"), "workspace_lag")
#: How many connectors the table shows; all are counted.
MOST_ROWS = 50
NOBODY = "No workspace has an active connector yet: `headway workspace add`, then `headway connector add`, make one."


def build_lag_check() -> dg.AssetChecksDefinition:
    """The check, on `raw_calls`."""

    @dg.asset_check(
        asset=LAG_CHECK.asset_key,
        name=LAG_CHECK.name,
        description=described(
            "Every active connector of every active workspace was listed lately. Warns from HEADWAY_LAG_HOURS on, "
            "and fails where one stands still for a day. Looks at the database, so that a workspace in which nothing "
            "runs shows, too; the sensor `connector_watch` evaluates it while nothing runs at all.",
            "workspaces-that-are-behind",
        ),
    )
    def workspace_lag(ledger: LedgerResource) -> dg.AssetCheckResult:
        with translated():
            standings = ledger.store.standings.of_connectors()
        return lag_result(standings, ledger.effects().now())

    return workspace_lag


def lag_result(standings: Sequence[Standing], now: datetime) -> dg.AssetCheckResult:
    """How far behind all workspaces are."""
    found = lags(standings, now, warn_after=timedelta(hours=current_settings().lag_hours))
    behind = Counter(lag.standing.slug for lag in found)
    has_dead = any(lag.is_dead for lag in found)
    return dg.AssetCheckResult(
        check_name=LAG_CHECK.name,
        asset_key=LAG_CHECK.asset_key,
        passed=not found,
        severity=dg.AssetCheckSeverity.ERROR if has_dead or not found else dg.AssetCheckSeverity.WARN,
        description=first_of([f"{lag.standing.slug}: {lag.words}" for lag in found]) if standings else NOBODY,
        metadata={
            "workspaces": len({standing.slug for standing in standings}),
            "workspaces behind": len(behind),
            "hours behind, at most": dg.MetadataValue.float(_hours(found[0]) if found else 0.0),
            **bad_keys(behind),
            **({"connectors": _table(found)} if found else {}),
        },
    )


def _hours(lag: Lag) -> float:
    return round(lag.behind.total_seconds() / 3600, 1)


def _table(found: Sequence[Lag]) -> dg.TableMetadataValue:
    return dg.MetadataValue.table(
        [
            dg.TableRecord(
                {
                    "workspace": lag.standing.slug,
                    "connector": lag.standing.connector.name,
                    "source": lag.standing.connector.connector_type,
                    "health": lag.standing.connector.health_words,
                    "hours behind": _hours(lag),
                }
            )
            for lag in found[:MOST_ROWS]
        ]
    )
