"""Stage 4: what customers asked for, reported and suffer from in the relevant calls; theme-free."""

from collections import Counter
from dataclasses import dataclass

from headway_pipeline.analysis.contract import Analyst
from headway_pipeline.analysis.extraction import Extraction, extract
from headway_pipeline.analysis.grounding import RefusalReason
from headway_pipeline.ingestion.limits import within_limit
from headway_pipeline.ingestion.reading import read_calls
from headway_pipeline.ingestion.run import Part, Run, StageReport
from headway_pipeline.llm.contract import Stage
from headway_pipeline.store import DueCall, Lease

__all__ = ["extract_features"]

#: Why an item was refused, in the words of the counts.
REFUSED: dict[RefusalReason, str] = {
    RefusalReason.UNGROUNDED: "refused_ungrounded",
    RefusalReason.VENDOR: "refused_vendor_only",
    RefusalReason.TOO_SHORT: "refused_short_quote",
}


def extract_features(run: Run, part: Part, lease: Lease) -> StageReport:
    """Read the relevant calls of `part.days` that were not read at their present text.

    Returns:
        Counts of `analysed`, of the features by type, of `grounded` and `refused` items (in all, and by the reason)
        and of `quarantined` and `waiting` calls, by day and source.
    """
    report = StageReport()
    due = run.store.extractions.awaiting(part.workspace.id, part.days, run.effects.now(), without=run.left_alone)
    due = within_limit(run, lease, due, report)
    extracting = _Extracting(run, part, lease, report)
    read_calls(run, part, lease, due, report, stage=Stage.EXTRACTION, read=extracting.read, keep=extracting.keep)
    return report


@dataclass(frozen=True, slots=True)
class _Extracting:
    run: Run
    part: Part
    lease: Lease
    report: StageReport

    def read(self, call: DueCall) -> tuple[Analyst, Extraction]:
        analyst = self.run.analyst_of(Stage.EXTRACTION, self.part.workspace, call.id)
        return analyst, extract(analyst, self.run.store.transcripts.get(self.part.workspace.id, call.id))

    def keep(self, call: DueCall, found: tuple[Analyst, Extraction]) -> None:
        analyst, extraction = found
        # Charged first: it was paid for, whatever the database makes of it.
        self.report.charge(call.occurred_at.date(), extraction.usage)
        self.run.store.extractions.record(
            self.lease,
            call.id,
            text_hash=call.text_hash,
            items=extraction.items,
            sentiment=extraction.sentiment,
            sentiment_score=extraction.sentiment_score,
            analyst=analyst.name,
            analyst_version=analyst.version,
        )
        self._count(call, extraction)

    def _count(self, call: DueCall, extraction: Extraction) -> None:
        counts = Counter(item.type.value for item in extraction.items)
        counts.update(REFUSED[refused.reason] for refused in extraction.refused)
        counts.update(analysed=1, grounded=len(extraction.items), refused=len(extraction.refused))
        if extraction.unread:
            counts["unread_turns"] = extraction.unread
        for what, number in counts.items():
            self.report.count(call.occurred_at.date(), call.source, what, number)
