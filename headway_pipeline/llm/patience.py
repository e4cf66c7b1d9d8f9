"""Trying again, within bounds, on behalf of all threads that ask one provider.

The libraries' own retries are switched off: Anthropic's obeys any Retry-After, however long, and OpenAI's asks
again when the account has no money left.
"""

import random
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from headway_pipeline.model.errors import AskedModel, ModelRateLimitedError, TransientModelError

__all__ = ["Patience"]

Result = TypeVar("Result")

FIRST_WAIT_S = 0.5
LONGEST_BACKOFF_S = 30.0
#: A 429 without Retry-After is waited out for this long, then twice as long, and so on.
UNNAMED_WAIT_S = 5.0


class Patience:
    """Asks again after what may pass in a moment. One for all threads: a wait asked of one holds back all."""

    def __init__(
        self,
        *,
        retries: int = 4,
        longest_wait_s: float = 120.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """Prepares.

        Args:
            retries: further tries of one request.
            longest_wait_s: how long all waits of one request may take together.
            clock: seconds that only grow.
            sleep: seconds.
            jitter: a number in [0, 1) at each call.
        """
        self._retries = retries
        self._longest_wait_s = longest_wait_s
        self._clock = clock
        self._sleep = sleep
        self._jitter = jitter
        self._lock = threading.Lock()
        self._closed_until: float | None = None
        self._closed_by: AskedModel | None = None

    def ask(self, ask: Callable[[], Result]) -> Result:
        """`ask()`, again after transient failures and after waits that fit into the patience.

        Raises:
            ModelRateLimitedError: the provider asks for more than is left of `longest_wait_s`, or keeps asking.
            TransientModelError: it still fails after the last try.
            ModelError: anything else, at once.
        """
        left_s = self._longest_wait_s
        for attempt in range(self._retries + 1):
            left_s -= self._wait_for_all(left_s)
            try:
                return ask()
            except ModelRateLimitedError as error:
                named_s = error.retry_after_s
                wait_s = UNNAMED_WAIT_S * 2**attempt if named_s is None else named_s
                self._close(wait_s, error.at)
                if attempt == self._retries or wait_s > left_s:
                    raise
            except TransientModelError:
                wait_s = min(FIRST_WAIT_S * 2**attempt, LONGEST_BACKOFF_S) * (0.5 + self._jitter() / 2)
                if attempt == self._retries or wait_s > left_s:
                    raise
                self._sleep(wait_s)
                left_s -= wait_s
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _close(self, wait_s: float, at: AskedModel) -> None:
        """Hold back every thread for the wait that one was asked for."""
        until = self._clock() + wait_s
        with self._lock:
            self._closed_until = until if self._closed_until is None else max(self._closed_until, until)
            self._closed_by = at

    def _wait_for_all(self, left_s: float) -> float:
        """Wait while the provider wants no requests; returns the seconds waited.

        Raises:
            ModelRateLimitedError: that takes longer than `left_s`; nothing is sent.
        """
        with self._lock:
            until, at = self._closed_until, self._closed_by
        wait_s = 0.0 if until is None else until - self._clock()
        if wait_s <= 0 or at is None:
            return 0.0
        if wait_s > left_s:
            raise ModelRateLimitedError(
                f"{at.provider} asks for a wait of {wait_s:.0f} s", "nothing is lost", at=at, retry_after_s=wait_s
            )
        # Not all threads at the same moment.
        spread_s = min(wait_s * 0.1, left_s - wait_s) * self._jitter()
        self._sleep(wait_s + spread_s)
        return wait_s + spread_s
