"""One translation of the error tree to Dagster's failure.

Dagster knows three kinds of retry (op, run, automation); none of them may repeat what a person has to mend. What may
succeed in a moment was already tried again by `ingestion/patience.py`, so every failure here is final for its run.
Concept: https://docs.dagster.io/guides/build/ops/op-events#failure
"""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from headway_pipeline.model.errors import HeadwayError

__all__ = ["translated"]


@contextmanager
def translated() -> Iterator[None]:
    """Give an error of ours to Dagster as a failure: the words for people first, its type and remedy beside them.

    The error's causes are left out: a database's own words hold values of rows, and Dagster keeps the whole chain.
    """
    try:
        yield
    except HeadwayError as error:
        raise dg.Failure(
            description=str(error),
            metadata={"error": type(error).__name__, "what to do": error.remedy or "see the log"},
            allow_retries=False,
        ) from None
