"""Several calls at once: all are given out once, none is begun after a stop, failures stay with their call."""

import threading
from collections.abc import Callable

import pytest

from headway_pipeline.ingestion.concurrency import Readers


def gathered(readers: Readers[int, int], calls: range, read: Callable[[int], int]) -> dict[int, int]:
    return {call: outcome() for call, outcome in readers.over(calls, read)}


@pytest.mark.parametrize("at_once", [1, 2, 16])
def test_every_call_is_given_out_once_with_its_own_result(at_once: int) -> None:
    assert gathered(Readers(at_once), range(100), lambda call: call * call) == {n: n * n for n in range(100)}


def test_one_at_a_time_is_in_order_and_in_the_callers_thread() -> None:
    threads: list[str] = []
    readers: Readers[int, None] = Readers(1)
    order = []
    for call, outcome in readers.over(range(5), lambda _call: threads.append(threading.current_thread().name)):
        outcome()
        order.append(call)
    assert order == list(range(5))
    assert set(threads) == {threading.current_thread().name}


@pytest.mark.parametrize("at_once", [1, 4])
def test_no_more_than_allowed_are_read_at_once(at_once: int) -> None:
    lock = threading.Lock()
    now, most = 0, 0

    def read(call: int) -> int:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        threading.Event().wait(0.002)
        with lock:
            now -= 1
        return call

    assert len(gathered(Readers(at_once), range(40), read)) == 40
    assert most <= at_once


@pytest.mark.parametrize("at_once", [1, 3])
def test_a_failure_is_raised_where_its_result_is_asked_for(at_once: int) -> None:
    def read(call: int) -> int:
        if call == 2:
            raise ValueError("two")
        return call

    kept, failed = [], []
    readers: Readers[int, int] = Readers(at_once)
    for call, outcome in readers.over(range(6), read):
        try:
            kept.append(outcome())
        except ValueError:
            failed.append(call)
    assert (sorted(kept), failed) == ([0, 1, 3, 4, 5], [2])


@pytest.mark.parametrize("at_once", [1, 4])
def test_after_a_stop_nothing_is_begun_and_what_was_begun_is_given_out(at_once: int) -> None:
    begun: set[int] = set()

    def read(call: int) -> int:
        begun.add(call)
        return call

    readers: Readers[int, int] = Readers(at_once)
    given: set[int] = set()
    for call, outcome in readers.over(range(1_000), read):
        given.add(outcome())
        if call == 3:
            readers.stop()
    assert given == begun
    assert len(begun) < 100


def test_a_consumer_that_gives_up_waits_for_what_was_begun_and_begins_nothing_else() -> None:
    """What was begun may have been paid for: its answer must reach the store."""
    done: list[int] = []
    first, go_on = threading.Event(), threading.Event()

    def read(call: int) -> int:
        if call == 0:
            return call
        first.set()
        assert go_on.wait(30)
        done.append(call)
        return call

    def consume() -> None:
        readers: Readers[int, int] = Readers(2)
        for _call, _outcome in readers.over(range(100), read):
            assert first.wait(30)
            go_on.set()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        consume()
    assert 1 <= len(done) <= 4
    assert threading.active_count() < 10
