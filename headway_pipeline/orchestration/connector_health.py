"""The check `connectors_healthy`: what a person must mend is an error, what is worth a look a warning.

Unlike the checks beside it, it looks at how the connectors are now, not at days.
Concept: https://docs.dagster.io/guides/test/asset-checks
"""

import dagster as dg

from headway_pipeline.model.workspaces import Connector, ConnectorHealth, Workspace
from headway_pipeline.orchestration.failures import translated
from headway_pipeline.orchestration.partitions import workspace_days
from headway_pipeline.orchestration.stages import resource_keys, run_of

__all__ = ["build_connector_check", "severity_of"]

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
        asset="raw_calls",
        name="connectors_healthy",
        description=(
            "Every active connector works. Warns of one that never showed a call, is paused, cannot be reached or "
            "drifts from what is known of its source; fails for refused credentials, a missing permission or a wrong "
            "host."
        ),
        required_resource_keys=resource_keys(),
    )
    def connectors_healthy(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        with translated(context.retry_number):
            run = run_of(context.resources)
            found = [
                (severity, workspace, connector)
                for workspace in _workspaces(context)
                for connector in run.store.connectors.list(workspace.id, connector_type=run.connector_type)
                if (severity := severity_of(connector)) is not None
            ]
        return _result(found)

    return connectors_healthy


def _workspaces(context: dg.AssetCheckExecutionContext) -> list[Workspace]:
    run = run_of(context.resources)
    if context.has_partition_key or context.has_partition_key_range:
        return [run.store.workspaces.find(keys.slug) for keys in workspace_days(context.partition_keys)]
    return run.store.workspaces.list()


def _result(found: list[tuple[dg.AssetCheckSeverity, Workspace, Connector]]) -> dg.AssetCheckResult:
    worst_first = sorted(found, key=lambda item: item[0] != ERROR)
    sentences = [
        f"{workspace.slug}: connector {connector.name}: {connector.health_words}: "
        f"{connector.last_error or connector.advice or 'see headway status'}"
        for _, workspace, connector in worst_first
    ]
    rows = [
        dg.TableRecord(
            {
                "workspace": workspace.slug,
                "connector": connector.name,
                "source": connector.connector_type,
                "health": connector.health_words,
                "resumes": connector.resume_at.isoformat() if connector.resume_at else "",
            }
        )
        for _, workspace, connector in worst_first
    ]
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return dg.AssetCheckResult(
        passed=not found,
        severity=worst_first[0][0] if found else ERROR,
        description=f"{sentences[0]}{more}" if found else "Nothing to mend.",
        metadata={"found": len(found), **({"connectors": dg.MetadataValue.table(rows)} if rows else {})},
    )
