"""Stage 5: file each extracted feature under a theme, or leave it in the inbox."""

from dataclasses import dataclass

from headway_pipeline.analysis.contract import Analyst
from headway_pipeline.analysis.matching import Matching, match
from headway_pipeline.ingestion.reading import read_calls
from headway_pipeline.ingestion.run import Part, Run, StageReport
from headway_pipeline.llm.contract import Stage
from headway_pipeline.model.features import Theme, read_by, themes_hash
from headway_pipeline.store import DueMatching, Lease

__all__ = ["file_features"]


def file_features(run: Run, part: Part, lease: Lease) -> StageReport:
    """Match the calls of `part.days` whose features were not filed under the present themes.

    Returns:
        Counts of calls `refiled`, `waiting` and `quarantined`, by day and source; how many features that makes is in
        the store.
    """
    report = StageReport()
    themes = run.store.themes.current(part.workspace.id)
    current = themes_hash(themes)
    due = run.store.filings.awaiting(part.workspace.id, part.days, current, run.effects.now())
    filing = _Filing(run, part, lease, report, themes)
    read_calls(run, part, lease, due, report, stage=Stage.MATCHING, read=filing.read, keep=filing.keep)
    return report


@dataclass(frozen=True, slots=True)
class _Filing:
    run: Run
    part: Part
    lease: Lease
    report: StageReport
    themes: tuple[Theme, ...]

    def read(self, call: DueMatching) -> tuple[Analyst, Matching]:
        analyst = self.run.analyst_of(Stage.MATCHING, self.part.workspace, call.id)
        return analyst, match(analyst, [item.feature for item in call.items], self.themes)

    def keep(self, call: DueMatching, found: tuple[Analyst, Matching]) -> None:
        analyst, matched = found
        day = call.occurred_at.date()
        self.report.charge(day, matched.usage)
        filings = {item.id: filing for item, filing in zip(call.items, matched.filings, strict=True)}
        filed_by = read_by(analyst.name, analyst.version)
        self.run.store.filings.record(self.lease, call.id, themes_hash(self.themes), filings, filed_by=filed_by)
        self.report.count(day, call.source, "refiled")
