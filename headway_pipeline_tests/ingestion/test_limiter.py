"""The gate of a source: a steady pace with a burst after a rest, and closed while a wait is on."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from headway_pipeline.ingestion.limiter import Limiter
from headway_pipeline.ingestion.run import SourceTuning
from headway_pipeline.sources.rest import Answer, CostClass
from headway_pipeline_tests.ingestion.fakes import Clock, FakeSource

MINUTE = timedelta(seconds=60)


def limiter(clock: Clock, *, rate: float, burst: int) -> Limiter:
    tuning = replace(SourceTuning.of(FakeSource), requests_per_second=rate, burst=burst)
    return Limiter("fake", tuning, clock.effects())


@given(
    rate=st.floats(0.1, 5),
    burst=st.integers(1, 20),
    pauses=st.lists(st.floats(0, 90), min_size=1, max_size=60),
)
def test_no_minute_sees_more_than_the_burst_and_its_share_of_the_pace(
    rate: float, burst: int, pauses: list[float]
) -> None:
    clock = Clock()
    gate = limiter(clock, rate=rate, burst=burst)
    admitted = []
    for pause in pauses:
        clock.now += timedelta(seconds=pause)
        gate.admit(CostClass.NORMAL)
        admitted.append(clock.now)
    for first in admitted:
        within = [at for at in admitted if first <= at < first + MINUTE]
        assert len(within) <= burst + rate * 60 + 1


def test_after_a_rest_a_burst_goes_at_once_and_then_the_steady_pace_holds() -> None:
    clock = Clock()
    gate = limiter(clock, rate=0.5, burst=3)
    for _ in range(5):
        gate.admit(CostClass.NORMAL)
    assert clock.slept == [2.0, 2.0]


def test_no_request_goes_before_the_wait_a_source_asked_for_is_over() -> None:
    clock = Clock()
    gate = limiter(clock, rate=100, burst=1)
    gate.admit(CostClass.NORMAL)
    gate.observe(Answer("/list", 429, retry_after_s=20))
    gate.admit(CostClass.NORMAL)
    assert sum(clock.slept) >= 20


def test_requests_are_counted_by_endpoint_and_status_once() -> None:
    gate = limiter(Clock(), rate=100, burst=1)
    gate.observe(Answer("/list", 200))
    gate.observe(Answer("/list", 200))
    gate.observe(Answer("/list", None))
    assert gate.take_counts() == {("/list", 200): 2, ("/list", 0): 1}
    assert gate.take_counts() == {}
