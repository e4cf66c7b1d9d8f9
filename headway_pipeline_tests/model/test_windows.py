"""Windows: together they cover the days asked for, exactly once, and none is too long or reaches too far."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from headway_pipeline.model.windows import consecutive_runs, day_end, day_start, days_between, windows_of

DAYS = st.lists(st.dates(date(2026, 1, 1), date(2026, 3, 1)), max_size=30)
UNTIL = st.timedeltas(timedelta(0), timedelta(days=59)).map(lambda late: datetime(2026, 1, 1, tzinfo=UTC) + late)
LATE = datetime(2030, 1, 1, tzinfo=UTC)


@given(days=DAYS)
def test_stretches_hold_exactly_the_days_given(days: list[date]) -> None:
    covered = [day for first, last in consecutive_runs(days) for day in days_between(first, last)]
    assert covered == sorted(set(days))


@given(days=DAYS, longest=st.timedeltas(timedelta(hours=1), timedelta(days=9)))
def test_windows_cover_every_moment_of_the_days_once_and_no_other(days: list[date], longest: timedelta) -> None:
    windows = list(windows_of(days, longest=longest, until=LATE))
    assert sum((window.end - window.start for window in windows), timedelta()) == timedelta(days=len(set(days)))
    assert all(timedelta(0) < window.end - window.start <= longest for window in windows)
    assert all(before.end <= after.start for before, after in pairwise(windows))
    assert all(window.start.date() in days for window in windows)


@given(days=DAYS, until=UNTIL)
def test_no_window_reaches_past_the_upper_bound(days: list[date], until: datetime) -> None:
    windows = list(windows_of(days, longest=timedelta(days=7), until=until))
    assert all(window.end <= until for window in windows)
    expected = sum((min(day_end(day), until) - min(day_start(day), until) for day in set(days)), timedelta())
    assert sum((window.end - window.start for window in windows), timedelta()) == expected


def test_a_margin_reaches_past_the_last_day_of_each_stretch() -> None:
    day = date(2026, 2, 3)
    (window,) = windows_of([day], longest=timedelta(days=7), until=LATE, margin=timedelta(hours=36))
    assert window.end == day_end(day) + timedelta(hours=36)


def test_a_reversed_range_holds_no_day() -> None:
    assert days_between(date(2026, 2, 3), date(2026, 2, 2)) == []
