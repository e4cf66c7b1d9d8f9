"""Stage 4: what customers asked for, reported and suffer from in the relevant calls; theme-free."""

from headway_pipeline.analysis.extraction import extract
from headway_pipeline.ingestion.limits import within_limit
from headway_pipeline.ingestion.quarantine import set_aside_on_failure
from headway_pipeline.ingestion.run import Part, Run, StageReport
from headway_pipeline.store import DueCall, Lease

__all__ = ["extract_features"]


def extract_features(run: Run, part: Part, lease: Lease) -> StageReport:
    """Read the relevant calls of `part.days` that were not read at their present text.

    Returns:
        Counts of `analysed`, of the features by type, of `grounded` and `refused` items and of `quarantined` and
        `waiting` calls, by day and source.
    """
    report = StageReport()
    due = run.store.extractions.awaiting(part.workspace.id, part.days, run.effects.now())
    due = within_limit(run, lease, due, report)
    for done, call in enumerate(due, start=1):
        with set_aside_on_failure(run, lease, call, report):
            _extract(run, part, lease, call, report)
        run.progress("extraction", part.workspace.slug, done, len(due))
    return report


def _extract(run: Run, part: Part, lease: Lease, call: DueCall, report: StageReport) -> None:
    transcript = run.store.transcripts.get(part.workspace.id, call.id)
    extraction = extract(run.analyst, transcript)
    run.store.extractions.record(
        lease,
        call.id,
        text_hash=call.text_hash,
        items=extraction.items,
        sentiment=extraction.sentiment,
        sentiment_score=extraction.sentiment_score,
        analyst=run.analyst.name,
        analyst_version=run.analyst.version,
    )
    day = call.occurred_at.date()
    report.count(day, call.source, "analysed")
    for item in extraction.items:
        report.count(day, call.source, item.type.value)
    report.count(day, call.source, "grounded", len(extraction.items))
    report.count(day, call.source, "refused", len(extraction.refused))
    report.charge(day, extraction.usage)
