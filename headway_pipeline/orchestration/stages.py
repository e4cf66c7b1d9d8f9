"""How an asset carries out one stage of `ingestion/` over whatever keys its run was given."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from headway_pipeline.ingestion.run import Part, Run, StageReport
from headway_pipeline.model.workspaces import Workspace
from headway_pipeline.orchestration.failures import translated
from headway_pipeline.orchestration.partitions import WorkspaceDays, workspace_days
from headway_pipeline.orchestration.resources import LedgerResource
from headway_pipeline.sources.discovery import discover
from headway_pipeline.store import Lease

__all__ = ["PartResult", "Stage", "carry_out", "resource_keys", "run_of"]

Stage = Callable[[Run, Part, Lease], StageReport]


@dataclass(frozen=True, slots=True)
class PartResult:
    """What a stage did to one workspace."""

    run: Run
    workspace: Workspace
    keys: WorkspaceDays
    report: StageReport

    @property
    def part(self) -> Part:
        """The workspace and its days."""
        return Part(self.workspace, list(self.keys.keys))


def resource_keys() -> set[str]:
    """Names of the resources every stage works with."""
    return {"ledger", "scope", "analyst", "progress", *discover()}


def run_of(resources: Any) -> Run:
    """The engine's view of the present Dagster run."""
    ledger: LedgerResource = resources.ledger
    return ledger.run(resources, discover())


def carry_out(context: dg.AssetExecutionContext, stage: Stage) -> list[PartResult]:
    """Run `stage` for each workspace among the run's keys.

    Raises:
        dagster.Failure: the range is empty or reversed, a workspace is unknown or busy, the database fails.
    """
    partition_keys = _keys_of(context)
    ledger: LedgerResource = context.resources.ledger
    results = []
    with translated(context.retry_number):
        run = run_of(context.resources)
        for keys in workspace_days(partition_keys):
            workspace = run.store.workspaces.find(keys.slug)
            part = Part(workspace, list(keys.keys))
            report = stage(run, part, ledger.lease(workspace))
            for trouble in report.troubles:
                context.log.error(
                    "%s, %s %s: %s", trouble.workspace, trouble.source, trouble.connector, trouble.words
                )
            results.append(PartResult(run, workspace, keys, report))
    return results


def _keys_of(context: dg.AssetExecutionContext) -> Sequence[str]:
    try:
        keys: Sequence[str] = context.partition_keys
    except dg.DagsterInvalidInvocationError as error:
        raise dg.Failure(
            description="a workspace of this run has no partition any more, for it was deactivated: activate it, or "
            "launch the run over the others",
            allow_retries=False,
        ) from error
    if not keys:
        raise dg.Failure(
            description="the partition range is empty or reversed: name its first day first", allow_retries=False
        )
    return keys
