"""The check `connectors_healthy`: what a person must mend is an error, what is worth a look a warning.

Unlike the checks beside it, it looks at how all connectors are now, not at the run's days.
Concept: https://docs.dagster.io/guides/test/asset-checks
"""

from collections import Counter
from collections.abc import Collection, Iterable

import dagster as dg

from headway_pipeline.model.workspaces import Connector, ConnectorHealth
from headway_pipeline.orchestration.descriptions import described
from headway_pipeline.orchestration.failures import translated
from headway_pipeline.orchestration.partitions import workspace_days
from headway_pipeline.orchestration.stages import resource_keys, run_of
from headway_pipeline.orchestration.verdicts import bad_keys, first_of

__all__ = ["HEALTH_CHECK", "build_connector_check", "health_result", "severity_of"]

HEALTH_CHECK = dg.AssetCheckKey(dg.AssetKey("raw_calls"), "connectors_healthy")
WARN, ERROR = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR


def severity_of(connector: Connector) -> dg.AssetCheckSeverity | None:
    """How bad a connector's health is; None where nothing is wrong.

    A pause passes by itself, and so does an outage, which `sources_complete` fails for while it lasts.
    """
    match connector.health:
        case ConnectorHealth.OK | ConnectorHealth.UNTRIED:
            return None
        case (
            ConnectorHealth.SEES_NOTHING
            | ConnectorHealth.PAUSED_UNTIL
            | ConnectorHealth.DRIFTING
            | ConnectorHealth.UNREACHABLE
        ):
            return WARN
        case ConnectorHealth.BAD_CREDENTIALS | ConnectorHealth.MISSING_PERMISSION | ConnectorHealth.WRONG_HOST:
            return ERROR


def build_connector_check() -> dg.AssetChecksDefinition:
    """The check, on `raw_calls`."""

    @dg.asset_check(
        asset=HEALTH_CHECK.asset_key,
        name=HEALTH_CHECK.name,
        description=described(
            "Every active connector works. Warns of one that never showed a call, is paused, cannot be reached or "
            "drifts from what is known of its source; fails for refused credentials, a missing permission or a wrong "
            "host.",
            "health-of-a-connector",
        ),
        required_resource_keys=resource_keys(),
    )
    def connectors_healthy(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        with translated(context.retry_number):
            run = run_of(context.resources)
            standings = run.store.standings.of_connectors()
        own = _own_workspaces(context)
        connectors = [
            (standing.slug, standing.connector)
            for standing in standings
            if standing.slug not in own or run.connector_type in (None, standing.connector.connector_type)
        ]
        return health_result(connectors, own=own)

    return connectors_healthy


def _own_workspaces(context: dg.AssetCheckExecutionContext) -> frozenset[str]:
    """The workspaces the run is over; none where the check is executed on its own."""
    if not (context.has_partition_key or context.has_partition_key_range):
        return frozenset()
    return frozenset(keys.slug for keys in workspace_days(context.partition_keys))


def health_result(connectors: Iterable[tuple[str, Connector]], *, own: Collection[str] = ()) -> dg.AssetCheckResult:
    """How connectors, each with its workspace's slug, are now; the worst first.

    A check has one state in Dagster: a run of one workspace must not cover up what is wrong in another.

    Args:
        own: workspaces that come before all others, and say how bad it is where anything of theirs is.
    """
    found = [
        (severity, slug, connector)
        for slug, connector in connectors
        if (severity := severity_of(connector)) is not None
    ]
    worst_first = sorted(found, key=lambda item: (item[1] not in own, item[0] != ERROR))
    sentences = [
        f"{slug}: connector {connector.name}: {connector.health_words}: "
        f"{connector.last_error or connector.advice or 'see headway status'}"
        for _, slug, connector in worst_first
    ]
    rows = [
        dg.TableRecord(
            {
                "workspace": slug,
                "connector": connector.name,
                "source": connector.connector_type,
                "health": connector.health_words,
                "resumes": connector.resume_at.isoformat() if connector.resume_at else "",
            }
        )
        for _, slug, connector in worst_first
    ]
    return dg.AssetCheckResult(
        check_name=HEALTH_CHECK.name,
        asset_key=HEALTH_CHECK.asset_key,
        passed=not found,
        severity=worst_first[0][0] if found else ERROR,
        description=first_of(sentences),
        metadata={
            "found": len(found),
            **bad_keys(Counter(slug for _, slug, _ in found)),
            **({"connectors": dg.MetadataValue.table(rows)} if rows else {}),
        },
    )
