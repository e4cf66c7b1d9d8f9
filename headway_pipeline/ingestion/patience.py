"""Trying again, within bounds: only what may succeed in a moment, and never longer than the run's patience."""

from collections.abc import Callable
from typing import TypeVar

from headway_pipeline.ingestion.run import Effects, SourceTuning
from headway_pipeline.model.errors import RateLimitedError, TransientSourceError

__all__ = ["with_patience"]

Result = TypeVar("Result")

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 30.0
#: A 429 without Retry-After is waited out for this long.
UNNAMED_WAIT_S = 5.0


def with_patience(ask: Callable[[], Result], tuning: SourceTuning, effects: Effects) -> Result:
    """`ask()`, again after transient failures and after short waits the source asks for.

    Raises:
        RateLimitedError: the source asks for more than `tuning.patience_s`, or keeps asking.
        TransientSourceError: it still fails after `tuning.retries` further tries.
        SourceError: anything else, at once.
    """
    waited_s = 0.0
    for attempt in range(tuning.retries + 1):
        is_last = attempt == tuning.retries
        try:
            return ask()
        except RateLimitedError as error:
            wait_s = UNNAMED_WAIT_S if error.retry_after_s is None else error.retry_after_s
            if is_last or waited_s + wait_s > tuning.patience_s:
                raise
        except TransientSourceError:
            wait_s = min(FIRST_WAIT_S * 2**attempt, LONGEST_WAIT_S) * (0.5 + effects.jitter() / 2)
            if is_last or waited_s + wait_s > tuning.patience_s:
                raise
        effects.sleep(wait_s)
        waited_s += wait_s
    raise AssertionError("unreachable: the last attempt returns or raises")
