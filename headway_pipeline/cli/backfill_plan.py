"""Which runs a backfill is made of, and in which order; pure decisions."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from headway_pipeline.model.windows import consecutive_runs
from headway_pipeline.model.workspaces import Workspace

__all__ = ["Piece", "plan_pieces"]

#: The longest piece where recent days are to come first.
MONTH_DAYS = 30


@dataclass(frozen=True, slots=True)
class Piece:
    """One run: a workspace and unbroken days, both included."""

    workspace: Workspace
    since: date
    until: date


def plan_pieces(
    workspaces: Sequence[Workspace], days: Mapping[str, Sequence[date]], *, newest_first: bool = False
) -> list[Piece]:
    """One piece for each unbroken stretch of days of a workspace.

    Args:
        days: which days of a workspace, by its slug.
        newest_first: cut stretches into months, and have the last month of every workspace come before an earlier
            one of any.
    """
    pieces = [
        Piece(workspace, since, until)
        for workspace in workspaces
        for stretch in consecutive_runs(list(days[workspace.slug]))
        for since, until in (_months(*stretch) if newest_first else [stretch])
    ]
    if newest_first:
        pieces.sort(key=lambda piece: piece.until, reverse=True)
    return pieces


def _months(since: date, until: date) -> Iterator[tuple[date, date]]:
    """The same days in stretches of a month, counted back from the last day."""
    while until >= since:
        first = max(since, until - timedelta(days=MONTH_DAYS - 1))
        yield first, until
        until = first - timedelta(days=1)
