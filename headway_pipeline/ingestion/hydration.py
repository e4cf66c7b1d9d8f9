"""Stage 2: fetch the transcripts that messages await, in batches of the source's own size."""

from collections.abc import Iterator, Sequence
from datetime import timedelta

from headway_pipeline.ingestion.limits import within_limit
from headway_pipeline.ingestion.run import Part, Run, StageReport
from headway_pipeline.ingestion.sessions import CONNECTOR_ERRORS, Session, open_session, record_trouble
from headway_pipeline.model.calls import Transcript
from headway_pipeline.model.errors import CursorExpiredError, HeadwayError, RateLimitedError, SourceContractError
from headway_pipeline.model.ledger import MessageState, Reason, ReasonCode
from headway_pipeline.model.workspaces import Connector
from headway_pipeline.sources.contract import Absence, CallRef, Hydration, NotHydrated
from headway_pipeline.store import DueMessage, Lease

__all__ = ["fetch_transcripts"]

#: A transcript that has not come this long after the call is given up, visibly; sources take hours, seldom days.
GIVE_UP_AFTER = timedelta(days=7)
ASK_AGAIN_AFTER = timedelta(hours=1)
#: A call whose transcript the source answers in no usable form.
ODD_CALL_AGAIN_AFTER = timedelta(days=1)
MOST_ODD_CALLS = 5


def fetch_transcripts(run: Run, part: Part, lease: Lease) -> StageReport:
    """Hydrate the messages of `part.days` that await a transcript, newest first, at most `run.limit`.

    Returns:
        Counts of `transcribed`, `too_short`, `erased`, `not_ready`, `gave_up`, `forbidden`, `quarantined` and
        `waiting` by day and source, `requests` on the first of the days; the connectors that failed.
    """
    report = StageReport()
    types = None if run.connector_type is None else (run.connector_type,)
    due = run.store.transcripts.awaiting(part.workspace.id, part.days, run.effects.now(), connector_types=types)
    due = within_limit(run, lease, due, report)
    for connector in run.store.connectors.list(part.workspace.id):
        own = [message for message in due if message.connector_id == connector.id]
        if own:
            _Hydrating(run, part, lease, connector, report, total=len(due)).hydrate(own)
    return report


class _Hydrating:
    """One connector's share of the work."""

    def __init__(
        self, run: Run, part: Part, lease: Lease, connector: Connector, report: StageReport, *, total: int
    ) -> None:
        self.run = run
        self.part = part
        self.lease = lease
        self.connector = connector
        self.report = report
        self.total = total
        self.odd_calls = 0

    def hydrate(self, due: Sequence[DueMessage]) -> None:
        """Hydrate all; where the source fails, what is left waits with that reason."""
        left = {message.external_id: message for message in due}
        try:
            session = open_session(self.run, self.part.workspace, self.connector)
            try:
                for batch in _batches(due, session.source.hydrate_batch_size):
                    self._hydrate_batch(session, batch, left)
            finally:
                self.report.count(min(self.part.days), self.connector.connector_type, "requests", session.requests)
        except CONNECTOR_ERRORS as error:
            self._set_aside(list(left.values()), error)

    def _hydrate_batch(self, session: Session, batch: Sequence[DueMessage], left: dict[str, DueMessage]) -> None:
        """Hydrate a batch; one the source cannot answer is halved down to the call that is the cause."""
        refs = [
            CallRef(message.external_id, message.occurred_at, message.duration_s, message.raw) for message in batch
        ]
        try:
            answers = _ask(session, refs)
        except SourceContractError as error:
            if len(batch) > 1:
                middle = len(batch) // 2
                self._hydrate_batch(session, batch[:middle], left)
                self._hydrate_batch(session, batch[middle:], left)
                return
            self._set_aside_one(left.pop(batch[0].external_id), error)
            return
        for answer in answers:
            message = left.pop(answer.external_id, None)
            if message is not None:
                self._record(message, answer)
        self.run.progress("transcripts", self.part.workspace.slug, self.total - len(left), self.total)

    def _set_aside_one(self, message: DueMessage, error: SourceContractError) -> None:
        """Quarantine one call; too many are no accident of theirs, and the source has changed.

        Raises:
            SourceContractError: more than `MOST_ODD_CALLS` calls in one run.
        """
        self.odd_calls += 1
        self.run.store.messages.quarantine(
            self.lease,
            message.id,
            Reason(ReasonCode.BAD_RECORD, str(error)),
            next_attempt_at=self.run.effects.now() + ODD_CALL_AGAIN_AFTER,
        )
        self._count(message, "quarantined")
        if self.odd_calls > MOST_ODD_CALLS:
            raise error

    def _record(self, message: DueMessage, answer: Hydration | NotHydrated) -> None:
        match answer:
            case Hydration(transcript=transcript):
                self._record_transcript(message, transcript)
            case NotHydrated(absence=Absence.FORBIDDEN):
                self._move(message, MessageState.FORBIDDEN, Reason(ReasonCode.REFUSED, answer.words))
            case NotHydrated():
                self._record_absence(message)

    def _record_transcript(self, message: DueMessage, transcript: Transcript) -> None:
        state = self.run.store.transcripts.record(
            self.lease, message.id, transcript, content_hash=message.content_hash
        )
        # Deleted, where the words tell that the call is of somebody who was erased.
        told = {MessageState.TOO_SHORT: "too_short", MessageState.DELETED: "erased"}
        self._count(message, told.get(state, "transcribed"))

    def _record_absence(self, message: DueMessage) -> None:
        now = self.run.effects.now()
        if now - message.occurred_at > GIVE_UP_AFTER:
            words = f"the source gave no transcript within {GIVE_UP_AFTER.days} days of the call"
            self._move(message, MessageState.NO_TRANSCRIPT, Reason(ReasonCode.GAVE_UP, words))
            return
        self.run.store.messages.move(
            self.lease,
            message.id,
            MessageState.AWAITING_TRANSCRIPT,
            Reason(ReasonCode.NOT_READY, "the source has no transcript of this call yet"),
            next_attempt_at=now + ASK_AGAIN_AFTER,
            count_attempt=True,
        )
        self._count(message, ReasonCode.NOT_READY.value)

    def _move(self, message: DueMessage, state: MessageState, reason: Reason) -> None:
        self.run.store.messages.move(self.lease, message.id, state, reason)
        self._count(message, "forbidden" if state == MessageState.FORBIDDEN else reason.code.value)

    def _set_aside(self, messages: Sequence[DueMessage], error: HeadwayError) -> None:
        trouble = record_trouble(self.run, self.part.workspace, self.connector, error)
        self.report.troubles.append(trouble)
        paused = isinstance(error, RateLimitedError)
        reason = Reason(ReasonCode.SOURCE_PAUSED if paused else ReasonCode.SOURCE_FAILED, str(error))
        self.run.store.messages.wait(self.lease, [message.id for message in messages], reason)
        for message in messages:
            self._count(message, "waiting")

    def _count(self, message: DueMessage, what: str) -> None:
        self.report.count(message.occurred_at.date(), message.source, what)


def _ask(session: Session, refs: Sequence[CallRef]) -> list[Hydration | NotHydrated]:
    """The source's answers; asked once more where a page token expired on the way."""
    try:
        return session.ask(lambda: list(session.source.hydrate(refs)))
    except CursorExpiredError:
        return session.ask(lambda: list(session.source.hydrate(refs)))


def _batches(due: Sequence[DueMessage], size: int) -> Iterator[Sequence[DueMessage]]:
    for start in range(0, len(due), size):
        yield due[start : start + size]
