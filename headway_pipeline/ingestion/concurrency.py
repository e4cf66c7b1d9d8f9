"""Several calls at the same time: each read in a thread of its own, all kept by one, as their answers come."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import partial
from typing import Generic, TypeVar

__all__ = ["Readers"]

Call = TypeVar("Call")
Result = TypeVar("Result")

#: How many calls are handed to the threads for each thread, so that none is idle while a result is kept.
HANDED_OUT = 2


class Readers(Generic[Call, Result]):
    """Reads calls, at most `at_once` at the same time. With one, in the caller's own thread and in order."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._is_stopped = False

    def stop(self) -> None:
        """Begin no further call; those begun are still given out."""
        self._is_stopped = True

    def over(
        self, calls: Iterable[Call], read: Callable[[Call], Result]
    ) -> Iterator[tuple[Call, Callable[[], Result]]]:
        """Each call that was begun, with a function that gives its result or raises what `read` raised.

        The consumer works in its own thread while others are read. Where it gives up, nothing further is begun, and
        what was begun is waited for: it may have been paid for.
        """
        if self._at_once == 1:
            for call in calls:
                if self._is_stopped:
                    return
                yield call, partial(read, call)
            return
        with ThreadPoolExecutor(self._at_once, thread_name_prefix="reader") as threads:
            try:
                yield from self._as_completed(threads, iter(calls), read)
            finally:
                threads.shutdown(wait=True, cancel_futures=True)

    def _as_completed(
        self, threads: ThreadPoolExecutor, calls: Iterator[Call], read: Callable[[Call], Result]
    ) -> Iterator[tuple[Call, Callable[[], Result]]]:
        handed_out: dict[Future[Result], Call] = {}
        while True:
            if self._is_stopped:
                handed_out = {future: call for future, call in handed_out.items() if not future.cancel()}
            while not self._is_stopped and len(handed_out) < HANDED_OUT * self._at_once:
                try:
                    call = next(calls)
                except StopIteration:
                    break
                handed_out[threads.submit(read, call)] = call
            if not handed_out:
                return
            done, _ = wait(handed_out, return_when=FIRST_COMPLETED)
            for future in [future for future in handed_out if future in done]:
                yield handed_out.pop(future), future.result
