"""One translation of the error tree to Dagster's failures, sorted by what happens next.

Dagster repeats work in three ways, and each is told once what it may repeat:

* the *step*, in place, by `RetryRequested`: only where the database is away, for nothing else gets better in a minute
  that `ingestion/patience.py` did not wait for already;
* the *run*, by the daemon's run retries: only where its process died. The instance says
  `retry_on_asset_or_op_failure: false`, and every run of our jobs says it again in its tags, for an instance may be
  somebody else's;
* *another run*, by our sensors and schedules, which decide from the ledger what is due.

So what a person has to mend is repeated by none of them: the ledger keeps it back until it is mended or its wait is
over. A defect of ours is a failure that nobody repeats, too.

Concepts: https://docs.dagster.io/guides/build/ops/op-retries, https://docs.dagster.io/deployment/execution/run-retries
"""

import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

import dagster as dg

from headway_pipeline.model.errors import (
    AnalysisError,
    ConfigurationError,
    CursorExpiredError,
    DatabaseUnavailableError,
    HeadwayError,
    HeldBackError,
    InputError,
    ModelError,
    ModelRateLimitedError,
    RateLimitedError,
    RequestError,
    SourceError,
    StoreError,
    TransientModelError,
    TransientSourceError,
    UnknownBatchError,
    WorkspaceBusyError,
)

__all__ = ["ERROR", "NEXT_STEP", "NO_RUN_RETRIES", "WHAT_TO_DO", "NextStep", "next_step", "translated"]

logger = logging.getLogger(__name__)

#: Names under which a failure's metadata tells people of it; alerts read them.
ERROR = "error"
NEXT_STEP = "next step"
WHAT_TO_DO = "what to do"
#: A run with these tags is retried by the daemon where its process died, and not where a step failed.
NO_RUN_RETRIES = {"dagster/retry_on_asset_or_op_failure": "false"}
#: Seconds before each further try of a step: a database is started anew, or fails over, within about a minute.
WAITS_S = (5, 15, 40)


class NextStep(StrEnum):
    """What happens after an error that reached the end of a stage."""

    RETRY = "the step is tried again in place"
    LATER = "a later run takes it up"
    PERSON = "a person must mend it"


#: The first class an error is an instance of decides; every class of the tree is below one of them.
NEXT_STEPS: tuple[tuple[type[HeadwayError], NextStep], ...] = (
    (DatabaseUnavailableError, NextStep.RETRY),
    (WorkspaceBusyError, NextStep.LATER),
    (StoreError, NextStep.PERSON),
    (RateLimitedError, NextStep.LATER),
    (CursorExpiredError, NextStep.LATER),
    (TransientSourceError, NextStep.LATER),
    (SourceError, NextStep.PERSON),
    (ModelRateLimitedError, NextStep.LATER),
    (TransientModelError, NextStep.LATER),
    (UnknownBatchError, NextStep.LATER),
    (ModelError, NextStep.PERSON),
    (HeldBackError, NextStep.LATER),
    (AnalysisError, NextStep.LATER),
    (InputError, NextStep.PERSON),
    (ConfigurationError, NextStep.PERSON),
    # Of callers of the API; no run meets one.
    (RequestError, NextStep.PERSON),
)


def next_step(error: HeadwayError) -> NextStep:
    """What is done about an error; one of no known kind is for a person."""
    return next((step for kind, step in NEXT_STEPS if isinstance(error, kind)), NextStep.PERSON)


@contextmanager
def translated(attempt: int | None = None) -> Iterator[None]:
    """Give what goes wrong in the block to Dagster: words for people first, the kind and the remedy beside them.

    The causes of an error are left out: a database's own words hold values of rows, and Dagster keeps the whole
    chain. The words of a defect are left out for the same reason; `--verbose` shows them.

    Args:
        attempt: how often the step was tried before; None where Dagster cannot try again, as in a sensor.

    Raises:
        dagster.RetryRequested: trying again in a moment may help.
        dagster.Failure: everything else.
    """
    try:
        yield
    except HeadwayError as error:
        step = next_step(error)
        if step is NextStep.RETRY and attempt is not None and attempt < len(WAITS_S):
            # The failure as the cause: where the last try fails, Dagster shows its words.
            wait_s = WAITS_S[attempt]
            raise dg.RetryRequested(len(WAITS_S), seconds_to_wait=wait_s) from _failure(error, NextStep.RETRY)
        raise _failure(error, NextStep.LATER if step is NextStep.RETRY else step) from None
    except (dg.DagsterError, dg.Failure, dg.RetryRequested):
        raise
    except Exception as error:
        logger.debug("a defect, in its own words", exc_info=True)
        raise _defect(error) from None


def _failure(error: HeadwayError, step: NextStep) -> dg.Failure:
    return dg.Failure(
        description=str(error),
        metadata={
            ERROR: type(error).__name__,
            NEXT_STEP: step.value,
            WHAT_TO_DO: error.remedy or "see the log",
        },
        allow_retries=False,
    )


def _defect(error: Exception) -> dg.Failure:
    frames = traceback.extract_tb(error.__traceback__)
    places = [f"{frame.filename}:{frame.lineno} in {frame.name}" for frame in frames]
    return dg.Failure(
        description=f"this is a defect of the program: {type(error).__name__} in {frames[-1].name}",
        metadata={
            ERROR: type(error).__name__,
            NEXT_STEP: NextStep.PERSON.value,
            WHAT_TO_DO: "report it with the places below; its own words may hold speech, so only "
            "`headway ingest --verbose` shows them",
            "places": dg.MetadataValue.json(places),
        },
        allow_retries=False,
    )
