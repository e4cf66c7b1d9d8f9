"""How often somebody may ask: Gong counts a company's requests, Fathom a key's. By the sandbox's clock."""

import math
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta

from headway_pipeline.model.windows import day_end
from headway_pipeline.sandbox.rules import FathomRules, GongRules

__all__ = ["FathomQuotas", "GongQuotas", "Standing"]

WINDOW = timedelta(seconds=60)


@dataclass(slots=True)
class _Bucket:
    """A company's requests: tokens that refill by the second, and a count of the day."""

    tokens: float
    filled_at: datetime
    day_ends_at: datetime
    today: int = 0


class GongQuotas:
    """Lets requests of a company through, or says how long to wait."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._buckets: dict[str, _Bucket] = {}

    def take(self, owner: str, now: datetime, rules: GongRules) -> int | None:
        """Count a request of `owner`.

        Returns:
            None: it may pass. Else the whole seconds to wait: 1 for the second, until midnight UTC for the day.
        """
        rate = rules.requests_per_second or 0
        with self._lock:
            bucket = self._buckets.setdefault(owner, _Bucket(rate, now, day_end(now.date())))
            if now >= bucket.day_ends_at:
                bucket.day_ends_at, bucket.today = day_end(now.date()), 0
            passed_s = max(0.0, (now - bucket.filled_at).total_seconds())
            bucket.tokens = min(rate, bucket.tokens + passed_s * rate)
            bucket.filled_at = now
            wait_s = self._wait(bucket, now, rules)
            if wait_s is None or rules.does_count_refused:
                bucket.today += 1
            if wait_s is None:
                bucket.tokens = max(0.0, bucket.tokens - 1)
        return wait_s

    @staticmethod
    def _wait(bucket: _Bucket, now: datetime, rules: GongRules) -> int | None:
        if rules.requests_per_day is not None and bucket.today >= rules.requests_per_day:
            return max(1, math.ceil((bucket.day_ends_at - now).total_seconds()))
        return 1 if rules.requests_per_second is not None and bucket.tokens < 1 else None


@dataclass(frozen=True, slots=True)
class Standing:
    """How a key stands after a request.

    Attributes:
        limit: of the limit that concerns this request most; None: there is none.
        reset_s: whole seconds until the window ends.
        is_refused: the request is one too many.
    """

    limit: int | None
    remaining: int
    reset_s: int
    is_refused: bool


@dataclass(slots=True)
class _Window:
    began_at: datetime
    all: int = 0
    heavy: int = 0


class FathomQuotas:
    """Counts a key's requests in windows of a minute, the heavy ones twice: among all, and among themselves."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._windows: dict[str, _Window] = {}

    def take(self, owner: str, now: datetime, rules: FathomRules, *, is_heavy: bool) -> Standing:
        """Count a request of `owner`, unless it is refused."""
        with self._lock:
            window = self._windows.get(owner)
            if window is None or now >= window.began_at + WINDOW:
                window = self._windows[owner] = _Window(now)
            # Where both limits are the nearest, a heavy request is told of the heavy one.
            left = [
                (limit - used, limit) for limit, used in self._limits(window, rules, is_heavy) if limit is not None
            ]
            reset_s = max(1, math.ceil((window.began_at + WINDOW - now).total_seconds()))
            if not left:
                return Standing(None, 0, reset_s, is_refused=False)
            remaining, limit = min(left, key=lambda entry: entry[0])
            if remaining <= 0:
                return Standing(limit, 0, reset_s, is_refused=True)
            window.all += 1
            window.heavy += is_heavy
        return Standing(limit, remaining - 1, reset_s, is_refused=False)

    @staticmethod
    def _limits(window: _Window, rules: FathomRules, is_heavy: bool) -> list[tuple[int | None, int]]:
        heavy = [(rules.heavy_per_minute, window.heavy)] if is_heavy else []
        return [*heavy, (rules.requests_per_minute, window.all)]
