"""Stage 3: is a call about any of the workspace's themes?"""

from headway_pipeline.ingestion.limits import within_limit
from headway_pipeline.ingestion.quarantine import set_aside_on_failure
from headway_pipeline.ingestion.run import Part, Run, StageReport
from headway_pipeline.model.features import Theme, themes_hash
from headway_pipeline.model.ledger import MessageState, Reason, ReasonCode
from headway_pipeline.store import DueCall, Lease

__all__ = ["score_relevance"]


def score_relevance(run: Run, part: Part, lease: Lease) -> StageReport:
    """Judge the transcribed calls of `part.days`; again only calls that were not relevant to older themes.

    Returns:
        Counts of `relevant`, `not_relevant`, `quarantined` and `waiting` by day and source, with the confidences.
    """
    report = StageReport()
    themes = run.store.themes.current(part.workspace.id)
    current = themes_hash(themes)
    due = run.store.relevance_scores.awaiting(part.workspace.id, part.days, current, run.effects.now())
    if not themes:
        _wait_for_themes(run, part, lease, due, report)
        return report
    due = within_limit(run, lease, due, report)
    for done, call in enumerate(due, start=1):
        with set_aside_on_failure(run, lease, call, report):
            _score(run, part, lease, call, themes, current, report)
        run.progress("relevance", part.workspace.slug, done, len(due))
    return report


def _score(
    run: Run,
    part: Part,
    lease: Lease,
    call: DueCall,
    themes: tuple[Theme, ...],
    current: str,
    report: StageReport,
) -> None:
    transcript = run.store.transcripts.get(part.workspace.id, call.id)
    relevance = run.analyst.judge_relevance(transcript, themes)
    run.store.relevance_scores.record(
        lease,
        call.id,
        is_relevant=relevance.is_relevant,
        confidence=relevance.confidence,
        reason=relevance.reason,
        best=relevance.best,
        text_hash=call.text_hash,
        themes_hash=current,
        analyst=run.analyst.name,
        analyst_version=run.analyst.version,
    )
    day = call.occurred_at.date()
    report.count(day, call.source, "relevant" if relevance.is_relevant else "not_relevant")
    report.confidences.setdefault(day, []).append(relevance.confidence)
    report.charge(day, relevance.usage)


def _wait_for_themes(run: Run, part: Part, lease: Lease, due: list[DueCall], report: StageReport) -> None:
    waiting = [call for call in due if call.state == MessageState.TRANSCRIBED]
    words = (
        f"the workspace has no themes: add one with `headway theme add --workspace-id {part.workspace.slug} "
        "--name NAME`, then run again"
    )
    run.store.messages.wait(lease, [call.id for call in waiting], Reason(ReasonCode.NO_THEMES, words))
    for call in waiting:
        report.count(call.occurred_at.date(), call.source, "waiting")
