"""The days of nightly and weekly runs: every late call and every late transcript falls into one of them."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway_pipeline.ingestion.hydration import GIVE_UP_AFTER, ask_again_after
from headway_pipeline.ingestion.lookback import LATEST_CALL, swept_days, swept_for_deletions
from headway_pipeline.ingestion.run import SourceTuning
from headway_pipeline.sources.fathom import FathomSource
from headway_pipeline.sources.gong import GongSource

TUNINGS = {"gong": SourceTuning.of(GongSource), "fathom": SourceTuning.of(FathomSource)}
NIGHT = datetime(2026, 11, 20, 3, tzinfo=UTC)


def test_each_source_is_swept_over_its_own_lookback_and_today() -> None:
    days = swept_days(TUNINGS, NIGHT)
    assert (days["gong"][0], days["gong"][-1]) == (date(2026, 11, 13), date(2026, 11, 20))
    assert (days["fathom"][0], days["fathom"][-1]) == (date(2026, 11, 17), date(2026, 11, 20))


def test_deletions_are_looked_for_over_thirty_days() -> None:
    days = swept_for_deletions(NIGHT)
    assert (days[0], days[-1], len(days)) == (date(2026, 10, 21), date(2026, 11, 20), 31)


@given(
    lookback=st.integers(0, 30),
    started_at=st.timedeltas(timedelta(0), timedelta(days=300)).map(lambda span: NIGHT - span),
    late=st.timedeltas(timedelta(0), LATEST_CALL),
)
def test_g4_a_call_that_is_late_is_in_the_first_nightly_sweep_after_it_came(
    lookback: int, started_at: datetime, late: timedelta
) -> None:
    visible_at = started_at + late
    sweep = visible_at.replace(hour=3, minute=0, second=0, microsecond=0) + timedelta(days=visible_at.hour >= 3)
    tuning = {"gong": replace(TUNINGS["gong"], lookback_days=lookback)}
    assert started_at.date() in swept_days(tuning, sweep)["gong"]


def test_a_transcript_is_awaited_with_growing_waits_and_three_days_cost_seven_requests() -> None:
    asked, at = 0, timedelta(0)
    while at <= timedelta(hours=72):
        at += ask_again_after(asked)
        asked += 1
    assert asked == 8
    assert [ask_again_after(n) for n in (0, 1, 5, 50)] == [
        timedelta(minutes=15),
        timedelta(hours=1),
        timedelta(days=1),
        timedelta(days=1),
    ]


@pytest.mark.parametrize("source", TUNINGS)
def test_no_source_is_swept_for_less_long_than_its_calls_are_late(source: str) -> None:
    assert timedelta(days=TUNINGS[source].lookback_days) > LATEST_CALL
    assert timedelta(hours=72) < GIVE_UP_AFTER
