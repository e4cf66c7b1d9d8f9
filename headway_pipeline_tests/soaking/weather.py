"""What happens while requests are under way: time passes, now and then so much that pages shift or cursors expire."""

import random
import threading
from collections import Counter
from datetime import timedelta

from headway_pipeline.sandbox.exchange import Request
from headway_pipeline_tests.soaking.clock import SharedClock

__all__ = ["Weather"]

#: Of an ordinary request, in seconds.
LATENCY_S = (0.05, 0.4)
#: So many of the requests for a further page wait for as long as calls take to come and go.
SHIFT_SHARE, SHIFT_S = 1 / 40, (600.0, 2400.0)
#: So many of Gong's wait for longer than a cursor lives.
EXPIRY_SHARE, EXPIRY_S = 1 / 30, (3660.0, 4200.0)


class Weather:
    """Lets time pass at every request; add it to `Sandbox.faults` first, for it never answers.

    Attributes:
        happened: how often time enough passed for pages to shift and for cursors to expire.
    """

    def __init__(self, clock: SharedClock, seed: int) -> None:
        self._clock = clock
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self.happened: Counter[str] = Counter()

    def __call__(self, request: Request, /) -> None:
        with self._lock:
            span_s = self._random.uniform(*LATENCY_S)
            draw = self._random.random()
            is_gong = b'"cursor"' in request.body
            if is_gong and draw < EXPIRY_SHARE:
                span_s = self._random.uniform(*EXPIRY_S)
                self.happened["a cursor expired"] += 1
            elif (is_gong or "cursor" in request.query) and draw > 1 - SHIFT_SHARE:
                span_s = self._random.uniform(*SHIFT_S)
                self.happened["time for pages to shift"] += 1
            self._clock.pass_by(timedelta(seconds=span_s))
