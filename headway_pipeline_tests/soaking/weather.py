"""What happens while requests are under way: time passes, now and then so much that pages shift or cursors expire."""

import random
import threading
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

from headway_pipeline.sandbox.exchange import Request
from headway_pipeline.sandbox.soak import Soak
from headway_pipeline_tests.soaking.clock import SharedClock

__all__ = ["Weather"]

#: Of an ordinary request, in seconds.
LATENCY_S = (0.05, 0.4)
#: So many of Gong's and of Fathom's requests for a further page wait until a call went, or as long as one may take.
GONG_SHIFTS, FATHOM_SHIFTS, SHIFT_S = 1 / 6, 1 / 40, (600.0, 2400.0)
#: A cursor of Gong's lives for an hour.
LONGEST_SHIFT = timedelta(minutes=50)
#: So many of Gong's wait for longer than that.
EXPIRIES, EXPIRY_S = 1 / 30, (3660.0, 4200.0)
MOMENT = timedelta(seconds=1)


class Weather:
    """Lets time pass at every request; add it to `Sandbox.faults` first, for it never answers.

    Attributes:
        happened: how often a call went while pages were walked, how often calls had the time to, and how often
            a cursor expired.
    """

    def __init__(self, clock: SharedClock, soak: Soak, seed: int) -> None:
        self._clock = clock
        self._goings = sorted(_goings(soak))
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self.happened: Counter[str] = Counter()

    def __call__(self, request: Request, /) -> None:
        with self._lock:
            span_s = self._random.uniform(*LATENCY_S)
            draw = self._random.random()
            is_gong = b'"cursor"' in request.body
            if is_gong and draw < EXPIRIES:
                span_s = self._random.uniform(*EXPIRY_S)
                self.happened["a cursor expired"] += 1
            elif (is_gong and draw > 1 - GONG_SHIFTS) or ("cursor" in request.query and draw > 1 - FATHOM_SHIFTS):
                span_s = self._shift_s()
            self._clock.pass_by(timedelta(seconds=span_s))

    def _shift_s(self) -> float:
        """Until just after the next call goes, if that is soon."""
        now = self._clock()
        place = bisect_right(self._goings, now)
        if place < len(self._goings) and self._goings[place] - now < LONGEST_SHIFT:
            self.happened["a call went while pages were walked"] += 1
            return (self._goings[place] - now + MOMENT) / timedelta(seconds=1)
        self.happened["time enough for calls to come or go"] += 1
        return self._random.uniform(*SHIFT_S)


def _goings(soak: Soak) -> Iterator[datetime]:
    """When calls leave the pages of their source."""
    for call in soak.company.calls:
        if call.course.deleted_at:
            yield call.course.deleted_at
        if call.source == "fathom":
            yield from (at for _email, at in call.course.unshared_at)
