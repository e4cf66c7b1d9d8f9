"""`--limit`: newest first, the rest waits in the ledger and says why."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol, TypeVar
from uuid import UUID

from headway_pipeline.ingestion.run import Run, StageReport
from headway_pipeline.model.ledger import Reason, ReasonCode
from headway_pipeline.store import Lease

__all__ = ["within_limit"]


class Due(Protocol):
    """A message that is due at some stage."""

    @property
    def id(self) -> UUID:
        """The message's id."""
        ...

    @property
    def source(self) -> str:
        """Name of the source."""
        ...

    @property
    def occurred_at(self) -> datetime:
        """When the call started."""
        ...


Message = TypeVar("Message", bound=Due)


def within_limit(run: Run, lease: Lease, due: Sequence[Message], report: StageReport) -> list[Message]:
    """The first `run.limit` of `due` (newest first); the others keep their state with the reason `limit`."""
    if run.limit is None or len(due) <= run.limit:
        return list(due)
    words = f"beyond --limit {run.limit} of the run that last met it; a run without a limit takes it"
    left_out = due[run.limit :]
    run.store.messages.wait(lease, [message.id for message in left_out], Reason(ReasonCode.LIMIT, words))
    for message in left_out:
        report.count(message.occurred_at.date(), message.source, "waiting")
    return list(due[: run.limit])
