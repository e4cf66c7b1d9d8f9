"""The days of nightly and weekly runs: every late call and every late transcript falls into one of them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway_pipeline.ingestion.hydration import GIVE_UP_AFTER, ask_again_after
from headway_pipeline.ingestion.lookback import LATEST_CALL, WEEKLY_DAYS_BACK, days_back, nightly_days_back
from headway_pipeline.ingestion.run import SourceTuning
from headway_pipeline.sources.fathom import FathomSource
from headway_pipeline.sources.gong import GongSource

TUNINGS = {"gong": SourceTuning.of(GongSource), "fathom": SourceTuning.of(FathomSource)}
NIGHT = datetime(2026, 11, 20, 3, tzinfo=UTC)


def test_each_source_is_listed_again_over_its_own_lookback_and_one_run_over_the_longest() -> None:
    assert [days_back(TUNINGS[name]) for name in ("gong", "fathom")] == [7, 3]
    assert nightly_days_back(TUNINGS.values()) == 7
    assert nightly_days_back([]) == 0
    assert WEEKLY_DAYS_BACK == 30


@given(
    lookback=st.integers(0, 30),
    started_at=st.timedeltas(timedelta(0), timedelta(days=300)).map(lambda span: NIGHT - span),
    late=st.timedeltas(timedelta(0), LATEST_CALL),
)
def test_g4_a_call_that_is_late_is_in_the_first_nightly_run_after_it_came(
    lookback: int, started_at: datetime, late: timedelta
) -> None:
    visible_at = started_at + late
    night = visible_at.replace(hour=3, minute=0, second=0, microsecond=0) + timedelta(days=visible_at.hour >= 3)
    first = night.date() - timedelta(days=days_back(replace(TUNINGS["gong"], lookback_days=lookback)))
    assert first <= started_at.date() <= night.date()


def test_a_transcript_is_awaited_with_growing_waits_and_three_days_cost_eight_requests() -> None:
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
def test_no_source_is_listed_again_for_less_long_than_its_calls_are_late(source: str) -> None:
    assert timedelta(days=TUNINGS[source].lookback_days) > LATEST_CALL
    assert timedelta(hours=72) < GIVE_UP_AFTER
