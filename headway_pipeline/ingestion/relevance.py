"""Stage 3: is a call about any of the workspace's themes?"""

from dataclasses import dataclass

from headway_pipeline.analysis.contract import Analyst, Relevance
from headway_pipeline.ingestion.limits import within_limit
from headway_pipeline.ingestion.reading import read_calls
from headway_pipeline.ingestion.run import Part, Run, StageReport
from headway_pipeline.llm.contract import Stage
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
    due = run.store.relevance_scores.awaiting(
        part.workspace.id, part.days, current, run.effects.now(), without=run.left_alone
    )
    if not themes:
        _wait_for_themes(run, part, lease, due, report)
        return report
    due = within_limit(run, lease, due, report)
    judging = _Judging(run, part, lease, report, themes)
    read_calls(run, part, lease, due, report, stage=Stage.RELEVANCE, read=judging.read, keep=judging.keep)
    return report


@dataclass(frozen=True, slots=True)
class _Judging:
    run: Run
    part: Part
    lease: Lease
    report: StageReport
    themes: tuple[Theme, ...]

    def read(self, call: DueCall) -> tuple[Analyst, Relevance]:
        analyst = self.run.analyst_of(Stage.RELEVANCE, self.part.workspace, call.id)
        transcript = self.run.store.transcripts.get(self.part.workspace.id, call.id)
        return analyst, analyst.judge_relevance(transcript, self.themes)

    def keep(self, call: DueCall, found: tuple[Analyst, Relevance]) -> None:
        analyst, relevance = found
        day = call.occurred_at.date()
        self.report.charge(day, relevance.usage)
        self.run.store.relevance_scores.record(
            self.lease,
            call.id,
            is_relevant=relevance.is_relevant,
            confidence=relevance.confidence,
            reason=relevance.reason,
            best=relevance.best,
            text_hash=call.text_hash,
            themes_hash=themes_hash(self.themes),
            analyst=analyst.name,
            analyst_version=analyst.version,
        )
        self.report.count(day, call.source, "relevant" if relevance.is_relevant else "not_relevant")
        self.report.confidences.setdefault(day, []).append(relevance.confidence)


def _wait_for_themes(run: Run, part: Part, lease: Lease, due: list[DueCall], report: StageReport) -> None:
    waiting = [call for call in due if call.state == MessageState.TRANSCRIBED]
    words = (
        f"the workspace has no themes: add one with `headway theme add --workspace-id {part.workspace.slug} "
        "--name NAME`, then run again"
    )
    run.store.messages.wait(lease, [call.id for call in waiting], Reason(ReasonCode.NO_THEMES, words))
    for call in waiting:
        report.count(call.occurred_at.date(), call.source, "waiting")
