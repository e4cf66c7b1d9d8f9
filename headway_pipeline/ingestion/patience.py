"""Trying again, within bounds: only what may succeed in a moment, and never longer than the run's patience."""

from collections.abc import Callable
from typing import TypeVar

from headway_pipeline.ingestion.limiter import Limiter
from headway_pipeline.ingestion.run import Effects
from headway_pipeline.model.errors import RateLimitedError, RequestsSpentError, TransientSourceError

__all__ = ["with_patience"]

Result = TypeVar("Result")

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 30.0
#: A wait the source asks for without saying how long.
UNNAMED_WAIT_S = 5.0


def with_patience(ask: Callable[[], Result], limiter: Limiter, effects: Effects, *, retries: int) -> Result:
    """`ask()`, again after transient failures and after waits the source asks for.

    Every wait counts towards the patience that the connector has in this run.

    Raises:
        RequestsSpentError: our own budget is spent.
        RateLimitedError: the source asks for a longer wait than there is patience for, or keeps asking.
        TransientSourceError: it still fails after `retries` further tries.
        SourceError: anything else, at once.
    """
    for attempt in range(retries + 1):
        is_last = attempt == retries
        try:
            return ask()
        except RequestsSpentError:
            raise
        except RateLimitedError as error:
            # The gate may know better: an answer that named no wait has shut it for its bucket's window.
            if error.retry_after_s is None:
                error.retry_after_s = limiter.shut_for_s() or UNNAMED_WAIT_S
            limiter.shut(error.retry_after_s)
            if is_last or not limiter.wait_for_failure(error.retry_after_s):
                raise
        except TransientSourceError:
            wait_s = min(FIRST_WAIT_S * 2**attempt, LONGEST_WAIT_S) * (0.5 + effects.jitter() / 2)
            if is_last or not limiter.wait_for_failure(wait_s):
                raise
    raise AssertionError("unreachable: the last attempt returns or raises")
