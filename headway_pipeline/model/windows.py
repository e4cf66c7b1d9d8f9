"""Half-open spans of time and of UTC days."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

__all__ = ["TimeWindow", "consecutive_runs", "day_end", "day_start", "days_between", "windows_of"]


@dataclass(frozen=True, slots=True)
class TimeWindow:
    """`[start, end)`, aware UTC."""

    start: datetime
    end: datetime


def day_start(day: date) -> datetime:
    """Midnight UTC at which `day` begins."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def days_between(first: date, last: date) -> list[date]:
    """Every day from `first` to `last`, both included; empty if reversed."""
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def consecutive_runs(days: list[date]) -> Iterator[tuple[date, date]]:
    """The unbroken stretches in `days` (any order), as (first, last) pairs, oldest first."""
    ordered = sorted(set(days))
    first = previous = None
    for day in ordered:
        if previous is None or first is None:
            first = day
        elif day - previous != timedelta(days=1):
            yield first, previous
            first = day
        previous = day
    if first is not None and previous is not None:
        yield first, previous


def day_end(day: date) -> datetime:
    """Midnight UTC at which `day` ends."""
    return day_start(day) + timedelta(days=1)


def windows_of(
    days: list[date], *, longest: timedelta, until: datetime, margin: timedelta = timedelta(0)
) -> Iterator[TimeWindow]:
    """Windows covering `days`, none longer than `longest`, none reaching past `until`; oldest first.

    Args:
        days: UTC days in any order; gaps are not covered.
        longest: longest window the source takes well.
        until: upper bound, fixed once per run, so that a walk's filter never moves under its page token.
        margin: how far past the last day to go, for sources that filter on a time after the call's start.
    """
    for first, last in consecutive_runs(days):
        end = min(day_end(last) + margin, until)
        start = day_start(first)
        while start < end:
            stop = min(start + longest, end)
            yield TimeWindow(start, stop)
            start = stop
