"""Reading calls again after another model or other instructions were chosen: on request only."""

from collections.abc import Sequence
from datetime import date

from headway_pipeline.ingestion.run import Run
from headway_pipeline.llm.contract import Stage
from headway_pipeline.model.features import read_by
from headway_pipeline.model.workspaces import Workspace
from headway_pipeline.store import Lease
from headway_pipeline.store.rereading import ReadCall

__all__ = ["calls_to_reread", "reopen_calls"]


def calls_to_reread(run: Run, workspace: Workspace, days: Sequence[date]) -> list[ReadCall]:
    """Calls of these days that the analysts of now would read for the first time, or in vain before."""
    return run.store.rereading.due(
        workspace.id,
        days,
        judged_by=run.read_by(Stage.RELEVANCE, workspace),
        analysed_by=read_by(*run.read_by(Stage.EXTRACTION, workspace)),
        filed_by=read_by(*run.read_by(Stage.MATCHING, workspace)),
    )


def reopen_calls(run: Run, lease: Lease, calls: Sequence[ReadCall]) -> None:
    """Make them due; the stages then read them like any other call."""
    run.store.rereading.reopen(lease, calls)
