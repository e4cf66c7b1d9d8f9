"""How often, and how many at once, may ask: counted in this process, of a bounded number of callers."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

__all__ = ["Buckets", "Lately", "Limits", "Places", "Rate"]

MOST_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Rate:
    """So many requests at once, and so many a second after them."""

    burst: int
    per_s: float


@dataclass(frozen=True, slots=True)
class Limits:
    """What one caller may take of the API.

    Attributes:
        address: of one address, whatever it asks, tokens or none.
        token: of one token.
        failure: requests of one address that no token came with, or one that opens nothing.
    """

    address: Rate = Rate(1_000, 250.0)
    token: Rate = Rate(500, 50.0)
    failure: Rate = Rate(30, 0.5)


class Buckets:
    """One bucket a caller. Callers that were away the longest are forgotten first; their bucket is full again."""

    def __init__(
        self, rate: Rate, *, most: int = MOST_REMEMBERED, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate = rate
        self._most = most
        self._clock = clock
        self._held: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, caller: str) -> float:
        """Take one request out of the caller's bucket; the seconds to wait where it is empty, else 0."""
        with self._lock:
            left = self._left(caller)
            taken = left >= 1
            self._hold(caller, left - 1 if taken else left)
            return 0.0 if taken else (1 - left) / self._rate.per_s

    def wait(self, caller: str) -> float:
        """The seconds until the bucket has a request; takes none."""
        with self._lock:
            left = self._left(caller)
            return 0.0 if left >= 1 else (1 - left) / self._rate.per_s

    def _left(self, caller: str) -> float:
        held = self._held.get(caller)
        if held is None:
            return float(self._rate.burst)
        left, at = held
        return min(float(self._rate.burst), left + (self._clock() - at) * self._rate.per_s)

    def _hold(self, caller: str, left: float) -> None:
        self._held[caller] = (left, self._clock())
        self._held.move_to_end(caller)
        while len(self._held) > self._most:
            self._held.popitem(last=False)

    def __len__(self) -> int:
        return len(self._held)


class Lately:
    """What was seen lately; the longest unseen is forgotten first."""

    def __init__(self, *, most: int = MOST_REMEMBERED) -> None:
        self._most = most
        self._seen: OrderedDict[bytes, None] = OrderedDict()
        self._lock = threading.Lock()

    def see(self, key: bytes) -> None:
        """It was here just now."""
        with self._lock:
            self._seen[key] = None
            self._seen.move_to_end(key)
            if len(self._seen) > self._most:
                self._seen.popitem(last=False)

    def forget(self, key: bytes) -> None:
        """It never was here."""
        with self._lock:
            self._seen.pop(key, None)

    def __contains__(self, key: bytes) -> bool:
        return key in self._seen


class Places:
    """Room for so many at once; nobody waits for a place."""

    def __init__(self, most: int) -> None:
        self._free = threading.BoundedSemaphore(most)

    @contextmanager
    def one(self, refusal: Callable[[], Exception]) -> Iterator[None]:
        """Take a place for the block; where all are taken, raise what `refusal` makes."""
        if not self._free.acquire(blocking=False):
            raise refusal()
        try:
            yield
        finally:
            self._free.release()
