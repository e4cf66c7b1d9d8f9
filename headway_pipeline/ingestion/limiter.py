"""The gate every request to a source passes: paced per second, bounded per day, closed while a wait is on."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta

from headway_pipeline.ingestion.run import Effects, SourceTuning
from headway_pipeline.model.errors import Failing, RateLimitedError
from headway_pipeline.model.windows import day_end
from headway_pipeline.sources.rest import Answer, CostClass

__all__ = ["Limiter"]


class Limiter:
    """Paces the requests of one connector. Implements `sources.rest.Gate`."""

    def __init__(self, source: str, tuning: SourceTuning, effects: Effects, *, spent_today: int = 0) -> None:
        self._source = source
        self._tuning = tuning
        self._effects = effects
        self._left_today = tuning.requests_per_day - spent_today
        self._tokens = float(tuning.burst)
        self._filled_at = effects.now()
        self._closed_until: datetime | None = None
        self._made: Counter[tuple[str, int]] = Counter()

    def admit(self, _cost: CostClass) -> None:
        """Wait until the next request may go.

        Raises:
            RateLimitedError: the day's budget is spent.
        """
        now = self._effects.now()
        if self._left_today <= 0:
            raise RateLimitedError(
                f"{self._source}: the budget of {self._tuning.requests_per_day} requests for today is spent",
                "the rest follows tomorrow; raise requests_per_day on the source's resource if the vendor allows it",
                at=Failing(self._source),
                retry_after_s=(day_end(now.date()) - now).total_seconds(),
            )
        if self._closed_until is not None and self._closed_until > now:
            self._effects.sleep((self._closed_until - now).total_seconds())
        self._take_token()
        self._left_today -= 1

    def _take_token(self) -> None:
        """Wait for a place in the steady pace; after a rest up to `burst` places are free at once."""
        rate = self._tuning.requests_per_second
        now = self._effects.now()
        self._tokens += (now - self._filled_at).total_seconds() * rate
        self._tokens = min(self._tokens, float(self._tuning.burst))
        self._filled_at = now
        if self._tokens < 1:
            wait_s = (1 - self._tokens) / rate
            self._effects.sleep(wait_s)
            self._filled_at = now + timedelta(seconds=wait_s)
            self._tokens = 1.0
        self._tokens -= 1

    def observe(self, answer: Answer) -> None:
        """Count the answer; a wait the source asked for closes the gate until it is over."""
        self._made[answer.endpoint, answer.status or 0] += 1
        if answer.retry_after_s is not None:
            asked = self._effects.now() + timedelta(seconds=answer.retry_after_s)
            self._closed_until = max(self._closed_until or asked, asked)

    def take_counts(self) -> Mapping[tuple[str, int], int]:
        """Requests by (endpoint, status; 0 for no answer) since the last call of this, to be stored."""
        counts, self._made = dict(self._made), Counter()
        return counts
