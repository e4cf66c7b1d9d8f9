"""How the stages that ask an analyst go over their calls: several at once, each kept as it arrives, none lost.

A call that cannot be read is set aside and the rest goes on. What concerns every call (a budget, a pause, a key that
is refused) ends the stage cleanly: what was begun is kept, the others wait in the ledger with that reason.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Generic, TypeVar
from uuid import UUID

from headway_pipeline.ingestion.concurrency import Readers
from headway_pipeline.ingestion.quarantine import quarantine, set_aside_on_failure
from headway_pipeline.ingestion.run import Part, Run, StageReport, Trouble
from headway_pipeline.llm.contract import Stage
from headway_pipeline.model.errors import (
    AnswerPendingError,
    BudgetSpentError,
    ConfigurationError,
    HeadwayError,
    HeldBackError,
    ModelError,
    ModelRateLimitedError,
    ModelRequestError,
    RequestTooLargeError,
    RunBudgetSpentError,
    TransientModelError,
)
from headway_pipeline.model.ledger import MessageState, Reason, ReasonCode
from headway_pipeline.store import DueCall, DueMatching, Lease

__all__ = ["read_calls"]

Due = TypeVar("Due", DueCall, DueMatching)
Result = TypeVar("Result")

#: States in which a call may wait for a model; one that is not relevant keeps that reason.
WAITING = (MessageState.TRANSCRIBED.value, MessageState.ANALYSED.value)
#: One call may meet a bad moment or be odd; more of them are no accident, and the model is not asked on.
MOST_ODD_ANSWERS = 5
_ODD = (ModelRequestError, RequestTooLargeError, TransientModelError)


def read_calls(
    run: Run,
    part: Part,
    lease: Lease,
    due: Sequence[Due],
    report: StageReport,
    *,
    stage: Stage,
    read: Callable[[Due], Result],
    keep: Callable[[Due, Result], None],
) -> None:
    """Go over the calls of `due`, in their order as far as one thread goes.

    Args:
        read: asks the analyst about one call; called in any thread, writes nothing to the ledger.
        keep: commits what was read; called in this thread.
    """
    if run.models is not None:
        run.models.release_others(lease)
    walk: _Walk[Due] = _Walk(run, part, lease, report, due)
    readers: Readers[Due, Result] = Readers(run.at_once(stage, part.workspace))
    for done, (call, outcome) in enumerate(readers.over(due, read), start=1):
        try:
            with set_aside_on_failure(run, lease, call, report):
                keep(call, outcome())
            walk.finished(call)
        except (ModelError, HeldBackError, ConfigurationError) as error:
            if walk.meets(call, error):
                readers.stop()
        run.progress(stage.value, part.workspace.slug, done, len(due))
    if run.models is not None:
        try:
            run.models.hand_in()
        except (ModelError, ConfigurationError) as error:
            walk.stops(error)
    walk.end()


class _Walk(Generic[Due]):
    """What becomes of the calls that a model did not answer for."""

    def __init__(self, run: Run, part: Part, lease: Lease, report: StageReport, due: Sequence[Due]) -> None:
        self._run = run
        self._part = part
        self._lease = lease
        self._report = report
        self._left: dict[UUID, Due] = {call.id: call for call in due}
        self._pending: list[Due] = []
        self._odd = 0
        self._stopped_by: HeadwayError | None = None

    def finished(self, call: Due) -> None:
        """The call was kept, or set aside."""
        del self._left[call.id]

    def meets(self, call: Due, error: HeadwayError) -> bool:
        """A question about `call` was not answered; says whether that ends the stage."""
        if isinstance(error, AnswerPendingError):
            self.finished(call)
            self._pending.append(call)
            return False
        if isinstance(error, _ODD):
            self.finished(call)
            quarantine(self._run, self._lease, call, self._report, Reason(ReasonCode.MODEL_FAILED, str(error)))
            self._odd += 1
            if self._odd <= MOST_ODD_ANSWERS:
                return False
        self._stopped_by = self._stopped_by or error
        return True

    def stops(self, error: HeadwayError) -> None:
        """What was collected could not be handed in."""
        self._stopped_by = self._stopped_by or error

    def end(self) -> None:
        """Say of every call that is left why it waits."""
        words = "its answer is being asked for, by another run or in a batch; a later run takes it"
        self._wait(self._pending, Reason(ReasonCode.ANSWER_PENDING, words))
        error = self._stopped_by
        if error is None:
            return
        self._wait(list(self._left.values()), Reason(_code_of(error), str(error)))
        if not isinstance(error, BudgetSpentError):
            self._report.troubles.append(self._trouble(error))

    def _wait(self, calls: Sequence[Due], reason: Reason) -> None:
        self._run.store.messages.wait(self._lease, [call.id for call in calls], reason, states=WAITING)
        for call in calls:
            self._report.count(call.occurred_at.date(), call.source, "waiting")

    def _trouble(self, error: HeadwayError) -> Trouble:
        resume_at = None
        if isinstance(error, ModelRateLimitedError) and error.retry_after_s is not None:
            resume_at = self._run.effects.now() + timedelta(seconds=error.retry_after_s)
        named = f"{error.at.provider}:{error.at.model}" if isinstance(error, ModelError) else "language model"
        code = error.code if isinstance(error, ModelError) else "configuration"
        return Trouble(self._part.workspace.slug, named, "model", code, str(error), resume_at)


def _code_of(error: HeadwayError) -> ReasonCode:
    match error:
        case RunBudgetSpentError():
            return ReasonCode.RUN_BUDGET
        case BudgetSpentError():
            return ReasonCode.BUDGET
        case ModelRateLimitedError():
            return ReasonCode.MODEL_PAUSED
        case _:
            return ReasonCode.MODEL_FAILED
