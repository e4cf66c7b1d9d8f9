"""The gate of a source: within its buckets, within the budgets, shut while a wait is on; over processes, too."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway_pipeline.ingestion.limiter import Limiter
from headway_pipeline.ingestion.patience import with_patience
from headway_pipeline.ingestion.quota import Quota, read_quota
from headway_pipeline.ingestion.run import Allowance
from headway_pipeline.model.errors import (
    Failing,
    RateLimitedError,
    RequestsSpentError,
    TransientSourceError,
)
from headway_pipeline.sources.contract import Bucket
from headway_pipeline.sources.gate import Answer, CostClass
from headway_pipeline_tests.ingestion.fakes import AT, NOW, Clock
from headway_pipeline_tests.ingestion.quotas import MemoryBook, limiter

NORMAL, HEAVY = CostClass.NORMAL, CostClass.HEAVY
MINUTE = timedelta(seconds=60)
FATHOM = (Bucket(55, 60.0), Bucket(28, 60.0, HEAVY))


class Vendor:
    """A vendor with a fixed window of 60 seconds for heavy requests, whose size may change.

    Attributes:
        refused: when it answered 429.
        early: requests that came while a wait it had asked for was on.
    """

    def __init__(self, clock: Clock, size: int, *, names_wait: bool = True, tells: bool = False) -> None:
        self.clock = clock
        self.size = size
        self.names_wait = names_wait
        self.tells = tells
        self.window = 0
        self.taken = 0
        self.refused: list[datetime] = []
        self.wait_until = clock.now
        self.early = 0

    def answer(self) -> Answer:
        seconds = (self.clock.now - NOW).total_seconds()
        self.early += self.clock.now < self.wait_until
        if int(seconds // 60) != self.window:
            self.window, self.taken = int(seconds // 60), 0
        rest_s = 60 - seconds % 60
        if self.taken >= self.size:
            self.refused.append(self.clock.now)
            if self.names_wait:
                self.wait_until = self.clock.now + timedelta(seconds=rest_s)
            return Answer("/heavy", 429, rest_s if self.names_wait else None, {}, HEAVY)
        self.taken += 1
        told = {
            "ratelimit-limit": str(self.size),
            "ratelimit-remaining": str(self.size - self.taken),
            "ratelimit-reset": str(int(rest_s) + 1),
        }
        return Answer("/heavy", 200, headers=told if self.tells else {}, cost=HEAVY)

    def refusals_by_window(self) -> list[int]:
        minutes = [int((at - NOW).total_seconds() // 60) for at in self.refused]
        return [minutes.count(minute) for minute in sorted(set(minutes))]


def ask(gate: Limiter, vendor: Vendor, times: int) -> int:
    """Heavy requests, each repeated until it goes through; how many were made."""
    made = 0
    for _ in range(times):
        while True:
            gate.admit(HEAVY)
            made += 1
            answer = vendor.answer()
            gate.observe(answer)
            if answer.status == 200:
                break
    return made


@given(
    sizes=st.lists(st.tuples(st.integers(1, 8), st.floats(0.5, 60)), min_size=1, max_size=3),
    pauses=st.lists(st.floats(0, 20), min_size=1, max_size=40),
)
def test_no_span_of_a_bucket_ever_sees_more_than_it_holds(
    sizes: list[tuple[int, float]], pauses: list[float]
) -> None:
    clock = Clock()
    buckets = tuple(Bucket(requests, per_s) for requests, per_s in sizes)
    book = MemoryBook()
    admitted = []
    for pause in pauses:
        clock.now += timedelta(seconds=pause)
        # Every request by another process: what is left is in the book and nowhere else.
        limiter(clock, book, requests_per_second=1000, buckets=buckets).admit(NORMAL)
        admitted.append(clock.now)
    for bucket in buckets:
        span = timedelta(seconds=bucket.per_s)
        for first in admitted:
            assert sum(1 for at in admitted if first <= at < first + span) <= bucket.requests


def test_of_two_buckets_for_one_span_the_smaller_one_holds() -> None:
    """They share what was taken; the larger one used to hide the smaller."""
    clock, book = Clock(), MemoryBook()
    for _ in range(2):
        limiter(clock, book, requests_per_second=1000, buckets=(Bucket(1, 9.0), Bucket(2, 9.0))).admit(NORMAL)
    assert sum(clock.slept) >= 9


def test_a_clock_that_is_set_back_costs_one_span_of_a_bucket_at_most() -> None:
    clock, book = Clock(), MemoryBook()
    for _ in range(2):
        limiter(clock, book, requests_per_second=1000, buckets=(Bucket(2, 60.0),)).admit(NORMAL)
    clock.now -= timedelta(hours=3)
    limiter(clock, book, requests_per_second=1000, buckets=(Bucket(2, 60.0),)).admit(NORMAL)
    assert sum(clock.slept) < 61


def test_after_a_rest_a_bucket_is_used_at_once_and_then_its_span_is_waited_for() -> None:
    clock = Clock()
    gate = limiter(clock, requests_per_second=1000, buckets=(Bucket(3, 60.0),))
    for _ in range(5):
        gate.admit(NORMAL)
    assert clock.slept == [pytest.approx(60, abs=0.01)]


@pytest.mark.parametrize(("rate", "spans"), [(3.0, (3, 1.0)), (0.5, (1, 2.0)), (2.5, (2, 0.8))])
def test_a_steady_pace_is_a_bucket_of_whole_requests(rate: float, spans: tuple[int, float]) -> None:
    clock = Clock()
    gate = limiter(clock, requests_per_second=rate)
    for _ in range(spans[0] + 1):
        gate.admit(NORMAL)
    assert clock.slept == [pytest.approx(spans[1], abs=0.01)]


def test_heavy_requests_count_in_their_own_bucket_and_in_the_general_one() -> None:
    clock = Clock()
    gate = limiter(clock, requests_per_second=1000, buckets=(Bucket(4, 60.0), Bucket(2, 60.0, HEAVY)))
    gate.admit(HEAVY)
    gate.admit(HEAVY)
    gate.admit(NORMAL)
    assert clock.slept == []
    gate.admit(NORMAL)
    gate.admit(NORMAL)
    assert sum(clock.slept) >= 60


def test_g19_no_process_asks_before_a_wait_is_over_not_even_the_successor_of_a_killed_one() -> None:
    """The wait is in the book with the answer that named it; a process that lives on knows nothing more."""
    clock, book = Clock(), MemoryBook()
    killed = limiter(clock, book)
    killed.admit(NORMAL)
    killed.observe(Answer("/list", 429, retry_after_s=90.0))
    clock.now += timedelta(seconds=30)
    limiter(clock, book).admit(NORMAL)
    assert clock.now >= NOW + timedelta(seconds=90)


def test_g19_a_wait_beyond_patience_ends_the_work_at_once_and_says_until_when() -> None:
    clock, book = Clock(), MemoryBook()
    gate = limiter(clock, book, patience_s=60)
    gate.observe(Answer("/list", 429, retry_after_s=20_000.0))
    for another in (gate, limiter(clock, book, patience_s=60)):
        with pytest.raises(RateLimitedError, match="until 2026-11-20 17:33 UTC") as raised:
            another.admit(NORMAL)
        assert raised.value.retry_after_s == pytest.approx(20_000, abs=0.1)
    assert clock.slept == []


def test_two_connectors_of_one_owner_share_its_wait_and_its_day() -> None:
    clock, book = Clock(), MemoryBook()
    one = limiter(clock, book, owner="company", requests_per_day=2)
    two = limiter(clock, book, owner="company", requests_per_day=2)
    other = limiter(clock, book, owner="another", requests_per_day=2)
    one.admit(NORMAL)
    one.observe(Answer("/list", 429, retry_after_s=20.0))
    other.admit(NORMAL)
    assert clock.slept == []
    two.admit(NORMAL)
    assert sum(clock.slept) >= 20
    with pytest.raises(RequestsSpentError):
        one.admit(NORMAL)
    other.admit(NORMAL)


def test_g20_the_days_budget_counts_over_processes_and_ends_at_midnight() -> None:
    clock, book = Clock(), MemoryBook()
    for _ in range(3):
        # Killed between its request and the answer: it was counted all the same.
        limiter(clock, book, requests_per_day=3).admit(NORMAL)
    with pytest.raises(RequestsSpentError, match="budget of 3 requests for today") as raised:
        limiter(clock, book, requests_per_day=3).admit(NORMAL)
    assert raised.value.retry_after_s == 12 * 3600
    limiter(clock, book, requests_per_day=4).admit(NORMAL)
    clock.now = datetime(2026, 11, 21, 0, 0, 1, tzinfo=UTC)
    limiter(clock, book, requests_per_day=3).admit(NORMAL)


def test_g20_a_runs_budget_ends_its_work_and_the_next_run_goes_on_at_once() -> None:
    clock, book = Clock(), MemoryBook()
    allowance = Allowance()
    for _stage in range(2):
        limiter(clock, book, requests_per_run=2, allowance=allowance).admit(NORMAL)
    with pytest.raises(RequestsSpentError, match="for one run") as raised:
        limiter(clock, book, requests_per_run=2, allowance=allowance).admit(NORMAL)
    assert raised.value.retry_after_s == 0
    limiter(clock, book, requests_per_run=2).admit(NORMAL)


def test_f5_a_heavy_bucket_that_shrinks_is_found_out_with_one_refusal_a_window_and_recovers() -> None:
    clock = Clock()
    vendor = Vendor(clock, 30)
    gate = limiter(clock, requests_per_second=3, buckets=FATHOM, patience_s=10_000)
    ask(gate, vendor, 20)
    vendor.size = 5
    made = ask(gate, vendor, 300)
    assert max(vendor.refusals_by_window()) == 1
    # An hour at five a minute: found out twice (the window it happened in, and the first whole one), then tried
    # again after 5, 10, 20 and 40 minutes.
    assert made - 300 <= 8
    assert vendor.early == 0

    vendor.size = 30
    ask(gate, vendor, 600)
    began = clock.now
    ask(gate, vendor, 56)
    assert clock.now - began <= 3 * MINUTE
    assert max(vendor.refusals_by_window()) == 1


def test_f5_headers_tell_at_once_that_a_bucket_shrank_and_that_it_is_large_again() -> None:
    clock = Clock()
    vendor = Vendor(clock, 30, tells=True)
    gate = limiter(clock, requests_per_second=3, buckets=FATHOM, patience_s=10_000)
    ask(gate, vendor, 20)
    clock.now += MINUTE
    vendor.size = 5
    assert ask(gate, vendor, 100) == 100
    vendor.size = 30
    ask(gate, vendor, 10)
    began = clock.now
    ask(gate, vendor, 56)
    assert clock.now - began <= 3 * MINUTE
    assert vendor.refused == []


def test_a_refusal_that_names_no_wait_is_waited_out_for_its_window() -> None:
    clock = Clock()
    vendor = Vendor(clock, 5, names_wait=False)
    gate = limiter(clock, requests_per_second=3, buckets=FATHOM, patience_s=10_000)
    ask(gate, vendor, 50)
    assert max(vendor.refusals_by_window()) == 1


def test_what_others_use_of_the_quota_is_left_to_them() -> None:
    clock = Clock()
    gate = limiter(clock, requests_per_second=1000, buckets=FATHOM)
    gate.admit(HEAVY)
    told = {"ratelimit-limit": "30", "ratelimit-remaining": "1", "ratelimit-reset": "40"}
    gate.observe(Answer("/heavy", 200, headers=told, cost=HEAVY))
    gate.admit(HEAVY)
    assert clock.slept == []
    gate.admit(HEAVY)
    assert sum(clock.slept) >= 40


def test_a_refusal_for_the_day_shrinks_no_bucket() -> None:
    clock, book = Clock(), MemoryBook()
    gate = limiter(clock, book, requests_per_second=3)
    gate.admit(NORMAL)
    gate.observe(Answer("/list", 429, retry_after_s=20_000.0))
    clock.now += timedelta(hours=6)
    for _ in range(3):
        gate.admit(NORMAL)
    assert clock.slept == []


@pytest.mark.parametrize("header", ["soon", "", "-1", "1e9", "99999999999999999999", "\N{SUPERSCRIPT TWO}"])
def test_headers_without_sense_change_nothing(header: str) -> None:
    clock = Clock()
    gate = limiter(clock, requests_per_second=1000, buckets=FATHOM)
    names = ("ratelimit-limit", "ratelimit-remaining", "ratelimit-reset")
    gate.observe(Answer("/heavy", 200, headers=dict.fromkeys(names, header), cost=HEAVY))
    for _ in range(28):
        gate.admit(HEAVY)
    assert clock.slept == [] or header == "1e9"


@pytest.mark.parametrize("stored", [{"spent": "x", "novel": 1}, {"windows": {"a": 1}}, {"windows": []}, {}])
def test_a_state_of_another_version_is_forgotten(stored: dict[str, Any]) -> None:
    assert read_quota(stored) == Quota()


def test_answers_are_counted_by_endpoint_and_status() -> None:
    book = MemoryBook()
    gate = limiter(Clock(), book)
    for status in (200, 200, None):
        gate.observe(Answer("/list", status))
    assert book.made == {("/list", 200): 2, ("/list", 0): 1}


def test_all_waits_of_a_run_count_towards_one_patience() -> None:
    clock, allowance = Clock(), Allowance()
    tries = 0

    def fails() -> None:
        nonlocal tries
        tries += 1
        raise TransientSourceError("reset", at=AT)

    for _ in range(50):
        gate = limiter(clock, patience_s=5, allowance=allowance)
        with pytest.raises(TransientSourceError):
            with_patience(fails, gate, clock.effects(), retries=3)
    assert allowance.waited_s <= 5
    assert sum(clock.slept) <= 5
    # While there was patience every question was tried four times, afterwards once.
    assert tries < 50 + 3 * 5


def test_only_what_may_pass_is_tried_again() -> None:
    clock = Clock()
    asked = []

    def spent() -> None:
        asked.append(1)
        raise RequestsSpentError("spent", at=Failing("fake"), retry_after_s=1.0)

    with pytest.raises(RequestsSpentError):
        with_patience(spent, limiter(clock), clock.effects(), retries=3)
    assert (len(asked), clock.slept) == (1, [])


def test_a_source_that_keeps_asking_for_waits_ends_the_work() -> None:
    clock = Clock()
    asked = []

    def busy() -> None:
        asked.append(clock.now)
        raise RateLimitedError("busy", at=Failing("fake"), retry_after_s=None)

    with pytest.raises(RateLimitedError) as raised:
        with_patience(busy, limiter(clock), clock.effects(), retries=3)
    assert len(asked) == 4
    assert raised.value.retry_after_s is not None
    assert all(later - earlier >= timedelta(seconds=5) for earlier, later in pairwise(asked))
