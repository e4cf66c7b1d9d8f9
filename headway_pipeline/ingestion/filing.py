"""Stage 5: file each extracted feature under a theme, or leave it in the inbox."""

from headway_pipeline.analysis.matching import match
from headway_pipeline.ingestion.quarantine import set_aside_on_failure
from headway_pipeline.ingestion.run import Part, Run, StageReport
from headway_pipeline.model.features import Theme, themes_hash
from headway_pipeline.store import DueMatching, Lease

__all__ = ["file_features"]


def file_features(run: Run, part: Part, lease: Lease) -> StageReport:
    """Match the calls of `part.days` whose features were not filed under the present themes.

    Returns:
        Counts of calls `refiled` and `quarantined`, by day and source; how many features that makes is in the store.
    """
    report = StageReport()
    themes = run.store.themes.current(part.workspace.id)
    current = themes_hash(themes)
    due = run.store.filings.awaiting(part.workspace.id, part.days, current, run.effects.now())
    for done, call in enumerate(due, start=1):
        with set_aside_on_failure(run, lease, call, report):
            _file(run, lease, call, themes, current, report)
        run.progress("filing", part.workspace.slug, done, len(due))
    return report


def _file(
    run: Run, lease: Lease, call: DueMatching, themes: tuple[Theme, ...], current: str, report: StageReport
) -> None:
    items = call.items
    matched = match(run.analyst, [item.feature for item in items], themes)
    filings = {item.id: filing for item, filing in zip(items, matched.filings, strict=True)}
    run.store.filings.record(lease, call.id, current, filings)
    day = call.occurred_at.date()
    report.count(day, call.source, "refiled")
    report.charge(day, matched.usage)
