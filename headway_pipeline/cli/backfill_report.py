"""What a backfill reports: each run's own report, and which days of which workspace are to be done again."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from headway_pipeline.cli.backfill_plan import Piece
from headway_pipeline.cli.ingest_report import EXIT_COMPLETE, EXIT_FAILED, EXIT_PAUSED, IngestReport
from headway_pipeline.cli.output import plain, say
from headway_pipeline.model.windows import consecutive_runs, days_between

__all__ = ["Filled", "exit_code", "left_over"]


@dataclass(frozen=True, slots=True)
class Filled:
    """What became of a piece: its run's report, or why there was no run, in words with a remedy."""

    piece: Piece
    report: IngestReport | None
    error: str = ""

    @property
    def incomplete(self) -> list[date]:
        """The days that a later backfill must do again."""
        if self.report is None:
            return days_between(self.piece.since, self.piece.until)
        return list(self.report.incomplete)

    @property
    def cost_usd(self) -> float:
        """What language models cost, as far as their prices are known."""
        return float(self.report.answer["model"]["cost_usd"] or 0) if self.report else 0.0

    @property
    def answer(self) -> dict[str, Any]:
        """The same for programs."""
        if self.report is not None:
            return self.report.answer
        return {
            "workspace": self.piece.workspace.slug,
            "since": self.piece.since.isoformat(),
            "until": self.piece.until.isoformat(),
            "run_id": None,
            "incomplete": [day.isoformat() for day in self.incomplete],
            "error": self.error,
        }

    def show(self, output_format: str) -> None:
        """What was done on standard output, for people only; what waits and what failed on standard error."""
        if self.report is None:
            say(f"error: {self.piece.workspace.slug}: {plain(self.error)}")
            return
        if output_format == "text":
            self.report.show_data()
        self.report.show_words()


def exit_code(filled: Sequence[Filled]) -> int:
    """1 where something failed, else 75 where a source is paused, else 0."""
    codes = {one.report.exit_code if one.report else EXIT_FAILED for one in filled}
    return next((code for code in (EXIT_FAILED, EXIT_PAUSED) if code in codes), EXIT_COMPLETE)


def left_over(filled: Sequence[Filled]) -> Iterator[str]:
    """Which days are not complete, a line a workspace, and how to have them done again; nothing where all are."""
    days: dict[str, list[date]] = {}
    for one in filled:
        days.setdefault(one.piece.workspace.slug, []).extend(one.incomplete)
    for slug, missing in days.items():
        if missing:
            yield f"not complete: {slug}: {_stretches(missing)}"
    if any(days.values()):
        yield "repeat the command with --missing to have these days done again, and only these"


def _stretches(days: list[date]) -> str:
    return ", ".join(f"{first}" if first == last else f"{first} to {last}" for first, last in consecutive_runs(days))
