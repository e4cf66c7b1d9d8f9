"""A call that fails in one stage is set aside with its reason, and the rest goes on."""

import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from headway_pipeline.ingestion.run import Run, StageReport
from headway_pipeline.model.errors import (
    AnalysisError,
    ConfigurationError,
    EvidenceRefusedError,
    HeadwayError,
    HeldBackError,
    ModelError,
    StoreError,
)
from headway_pipeline.model.ledger import Reason, ReasonCode
from headway_pipeline.store import DueCall, DueMatching, Lease

__all__ = ["quarantine", "set_aside_on_failure"]

logger = logging.getLogger(__name__)

FIRST_RETRY = timedelta(minutes=15)
LONGEST_RETRY = timedelta(days=1)


@contextmanager
def set_aside_on_failure(run: Run, lease: Lease, due: DueCall | DueMatching, report: StageReport) -> Iterator[None]:
    """Quarantine the call where the block fails; what concerns the whole database or a whole model goes through.

    A defect of an analyst must cost the one call it shows itself on, never the run: so every exception is caught
    here, written to the ledger with its type, and logged with its trace. The words hold no speech.
    """
    try:
        yield
    except EvidenceRefusedError as error:
        _failed(run, lease, due, report, str(error))
    except (StoreError, ModelError, HeldBackError, ConfigurationError):
        raise
    except HeadwayError as error:
        if isinstance(error, AnalysisError):
            report.charge(due.occurred_at.date(), error.usage)
        _failed(run, lease, due, report, str(error))
    except Exception as error:  # noqa: BLE001  # see the docstring
        # Where it happened, not its message: that may quote the call, and Dagster keeps what processes print.
        where = "".join(traceback.format_tb(error.__traceback__))
        logger.warning("message %s could not be analysed: %s\n%s", due.id, type(error).__name__, where)
        _failed(run, lease, due, report, f"unexpected {type(error).__name__}; the log has the trace")


def _failed(run: Run, lease: Lease, due: DueCall | DueMatching, report: StageReport, words: str) -> None:
    quarantine(run, lease, due, report, Reason(ReasonCode.ANALYSIS_FAILED, words))


def quarantine(run: Run, lease: Lease, due: DueCall | DueMatching, report: StageReport, reason: Reason) -> None:
    """Set a call aside: for a quarter of an hour at first, then for longer each time, at most a day."""
    wait = min(FIRST_RETRY * 4**due.attempts, LONGEST_RETRY)
    run.store.messages.quarantine(
        lease,
        due.id,
        reason,
        next_attempt_at=run.effects.now() + wait,
    )
    report.count(due.occurred_at.date(), due.source, "quarantined")
