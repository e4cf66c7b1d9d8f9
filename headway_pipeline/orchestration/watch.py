"""The sensor `connector_watch`: how the connectors are, told to Dagster also while nothing runs.

It evaluates `workspace_lag` and `connectors_healthy` over all workspaces with one query, and reports a result as an
event of its own, without a run: what Dagster shows is made equal to what is, however many ticks were missed.
Concept: https://docs.dagster.io/guides/automate/sensors
"""

from collections.abc import Mapping

import dagster as dg

from headway_pipeline.orchestration.connector_health import HEALTH_CHECK, health_result
from headway_pipeline.orchestration.descriptions import described
from headway_pipeline.orchestration.failures import translated
from headway_pipeline.orchestration.resources import LedgerResource
from headway_pipeline.orchestration.verdicts import BAD_KEYS, is_hidden, last_evaluation
from headway_pipeline.orchestration.workspace_lag import LAG_CHECK, lag_result

__all__ = ["build_connector_watch", "decide_reports"]

Results = Mapping[dg.AssetCheckKey, dg.AssetCheckResult]
Evaluations = Mapping[dg.AssetCheckKey, dg.AssetCheckEvaluation | None]


def decide_reports(now: Results, shown: Evaluations) -> list[dg.AssetCheckKey]:
    """Checks whose last result in Dagster is not what is found now: passed, how bad, and which workspaces.

    Hours that only grow are no news: a dead workspace is not told every minute.
    """
    return [key for key, result in now.items() if _gist(result) != _gist(shown[key])]


def _gist(
    result: dg.AssetCheckResult | dg.AssetCheckEvaluation | None,
) -> tuple[bool, dg.AssetCheckSeverity | None, frozenset[str]] | None:
    if result is None:
        return None
    keys = (result.metadata or {}).get(BAD_KEYS)
    bad = frozenset(keys.value or ()) if isinstance(keys, dg.JsonMetadataValue) else frozenset()
    return result.passed, None if result.passed else result.severity, bad


def build_connector_watch() -> dg.SensorDefinition:
    """Level-triggered: each tick compares the database with what Dagster shows."""

    @dg.sensor(
        name="connector_watch",
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        asset_selection=dg.AssetSelection.assets(LAG_CHECK.asset_key),
        description=described(
            "Evaluates `workspace_lag` and `connectors_healthy` for all workspaces, so that one in which nothing "
            "runs any more is seen. Starts no run; reports a result only where it differs from the last.",
            "sensors",
        ),
    )
    def connector_watch(
        context: dg.SensorEvaluationContext, ledger: LedgerResource
    ) -> dg.SensorResult | dg.SkipReason:
        with translated():
            standings = ledger.store.standings.of_connectors()
        found = {
            LAG_CHECK: lag_result(standings, ledger.effects().now()),
            HEALTH_CHECK: health_result([(standing.slug, standing.connector) for standing in standings]),
        }
        shown = {
            key: None if is_hidden(context.instance, key) else last_evaluation(context.instance, key) for key in found
        }
        reports = decide_reports(found, shown)
        if not reports:
            return dg.SkipReason("the connectors are as they were")
        return dg.SensorResult(asset_events=[_evaluation(key, found[key]) for key in reports])

    return connector_watch


def _evaluation(key: dg.AssetCheckKey, result: dg.AssetCheckResult) -> dg.AssetCheckEvaluation:
    return dg.AssetCheckEvaluation(
        asset_key=key.asset_key,
        check_name=key.name,
        passed=bool(result.passed),
        metadata=result.metadata,
        severity=result.severity,
        description=result.description,
    )
