"""Stage 2: fetch the transcripts that messages await, in batches of the source's own size."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from headway_pipeline.ingestion.limits import within_limit
from headway_pipeline.ingestion.run import Part, Run, StageReport
from headway_pipeline.ingestion.sessions import CONNECTOR_ERRORS, Session, open_session, record_trouble
from headway_pipeline.model.calls import Transcript
from headway_pipeline.model.errors import (
    CursorExpiredError,
    HeadwayError,
    RateLimitedError,
    SourceContractError,
    SourceError,
)
from headway_pipeline.model.ledger import MessageState, Reason, ReasonCode
from headway_pipeline.model.workspaces import Connector
from headway_pipeline.sources.contract import Absence, CallRef, Hydration, NotHydrated
from headway_pipeline.store import HYDRATED, DueMessage, Lease

__all__ = ["ask_again_after", "fetch_transcripts"]

#: A transcript that has not come this long after the call is given up, visibly; sources take hours, seldom days.
GIVE_UP_AFTER = timedelta(days=7)
#: After each time it was not there; from then on daily. Three days take eight requests, shared with other calls.
ASK_AGAIN_AFTER = (
    timedelta(minutes=15),
    timedelta(hours=1),
    timedelta(hours=3),
    timedelta(hours=6),
    timedelta(hours=12),
)
THEN_EVERY = timedelta(days=1)
#: What was given up is welcome later: a run over its day asks again after this, until the call is that old.
WELCOME_AFTER = timedelta(days=7)
WELCOME_UNTIL = timedelta(days=60)
#: A call whose transcript the source answers in no usable form.
ODD_CALL_AGAIN_AFTER = timedelta(days=1)
MOST_ODD_CALLS = 5


def fetch_transcripts(run: Run, part: Part, lease: Lease) -> StageReport:
    """Hydrate the messages of `part.days` that await a transcript, newest first, at most `run.limit`.

    What one connector may not or cannot fetch is asked of the others that listed it.

    Returns:
        Counts of `transcribed`, `too_short`, `erased`, `not_ready`, `gave_up`, `forbidden`, `quarantined` and
        `waiting` by day and source, `requests` on the first of the days; the connectors that failed.
    """
    report = StageReport()
    types = None if run.connector_type is None else (run.connector_type,)
    due = run.store.transcripts.awaiting(part.workspace.id, part.days, run.effects.now(), connector_types=types)
    due = within_limit(run, lease, due, report)
    connectors = run.store.connectors.list(part.workspace.id)
    left, total = due, len(due)
    # Each round leaves a message with one connector less to ask.
    while left:
        handed_on: list[DueMessage] = []
        for connector in connectors:
            own = [message for message in left if message.connector_id == connector.id]
            if own:
                handed_on += _Hydrating(run, part, lease, connector, report, total=total).hydrate(own)
        left = handed_on
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
        self.handed_on: list[DueMessage] = []

    def hydrate(self, due: Sequence[DueMessage]) -> list[DueMessage]:
        """Hydrate all; where the source fails, what is left waits with that reason.

        Returns:
            What this connector did not bring, and another one may.
        """
        left = {message.external_id: message for message in due}
        try:
            session = open_session(self.run, self.part.workspace, self.connector)
            try:
                for batch in _batches(due, session.source.batch_size):
                    self._hydrate_batch(session, batch, left)
            finally:
                self.report.count(min(self.part.days), self.connector.connector_type, "requests", session.requests)
        except CONNECTOR_ERRORS as error:
            self._set_aside(list(left.values()), error)
        return self.handed_on

    def _hydrate_batch(self, session: Session, batch: Sequence[DueMessage], left: dict[str, DueMessage]) -> None:
        """Hydrate a batch; one the source cannot answer is halved down to the call that is the cause.

        Each transcript is recorded as it comes: of a batch that breaks off, the rest is asked for again.
        """
        details = self.run.store.transcripts.details(self.part.workspace.id, [message.id for message in batch])
        refs = [
            CallRef(message.external_id, message.occurred_at, known.duration_s, known.raw)
            for message in batch
            if (known := details.get(message.id)) is not None
        ]
        try:
            for answer in _answers(session, refs):
                message = left.pop(answer.external_id, None)
                if message is not None:
                    self._record(message, answer, details[message.id].content_hash)
        except SourceContractError as error:
            rest = [message for message in batch if message.external_id in left]
            if len(rest) < 2:
                self._set_aside_one(left.pop(rest[0].external_id) if rest else None, error)
                return
            middle = len(rest) // 2
            self._hydrate_batch(session, rest[:middle], left)
            self._hydrate_batch(session, rest[middle:], left)
            return
        self.run.progress("transcripts", self.part.workspace.slug, self.total - len(left), self.total)

    def _set_aside_one(self, message: DueMessage | None, error: SourceContractError) -> None:
        """Quarantine one call; too many are no accident of theirs, and the source has changed.

        Raises:
            SourceContractError: more than `MOST_ODD_CALLS` calls in one run, or it is no call's fault.
        """
        if message is None:
            raise error
        self.odd_calls += 1
        again_at = self.run.effects.now() + ODD_CALL_AGAIN_AFTER
        if message.state in HYDRATED:
            # What was read in the old words stands; only the new ones have to wait.
            self.run.store.transcripts.postpone(self.lease, message.id, again_at)
            self._count(message, ReasonCode.NOT_READY.value)
        else:
            reason = Reason(ReasonCode.BAD_RECORD, str(error))
            self.run.store.messages.quarantine(self.lease, message.id, reason, next_attempt_at=again_at)
            self._count(message, "quarantined")
        if self.odd_calls > MOST_ODD_CALLS:
            raise error

    def _record(self, message: DueMessage, answer: Hydration | NotHydrated, content_hash: str) -> None:
        match answer:
            case Hydration(transcript=transcript):
                self._record_transcript(message, transcript, content_hash)
            case NotHydrated(absence=Absence.FORBIDDEN) if message.others:
                self.handed_on.append(message.through_another())
            case NotHydrated(absence=Absence.FORBIDDEN):
                self._move(message, MessageState.FORBIDDEN, Reason(ReasonCode.REFUSED, answer.words))
            case NotHydrated():
                self._record_absence(message)

    def _record_transcript(self, message: DueMessage, transcript: Transcript, content_hash: str) -> None:
        # A turn that a source gives twice would be read, and paid for, twice.
        state = self.run.store.transcripts.record(
            self.lease, message.id, transcript.without_repetitions, content_hash=content_hash
        )
        # Deleted, where the words tell that the call is of somebody who was erased.
        told = {MessageState.TOO_SHORT: "too_short", MessageState.DELETED: "erased"}
        self._count(message, told.get(state, "transcribed"))

    def _record_absence(self, message: DueMessage) -> None:
        now = self.run.effects.now()
        age = now - message.occurred_at
        if message.state in HYDRATED:
            wait = WELCOME_AFTER if age > GIVE_UP_AFTER else ASK_AGAIN_AFTER[-1]
            self.run.store.transcripts.postpone(self.lease, message.id, now + wait)
            self._count(message, ReasonCode.NOT_READY.value)
            return
        if age > GIVE_UP_AFTER:
            words = f"the source gave no transcript within {GIVE_UP_AFTER.days} days of the call"
            again_at = now + WELCOME_AFTER if age < WELCOME_UNTIL else None
            reason = Reason(ReasonCode.GAVE_UP, words)
            self._move(message, MessageState.NO_TRANSCRIPT, reason, next_attempt_at=again_at)
            return
        attempts = message.attempts if message.state == MessageState.AWAITING_TRANSCRIPT else 0
        self.run.store.messages.move(
            self.lease,
            message.id,
            MessageState.AWAITING_TRANSCRIPT,
            Reason(ReasonCode.NOT_READY, "the source has no transcript of this call yet"),
            next_attempt_at=now + ask_again_after(attempts),
            count_attempt=True,
        )
        self._count(message, ReasonCode.NOT_READY.value)

    def _move(
        self,
        message: DueMessage,
        state: MessageState,
        reason: Reason,
        *,
        next_attempt_at: datetime | None = None,
    ) -> None:
        self.run.store.messages.move(self.lease, message.id, state, reason, next_attempt_at=next_attempt_at)
        self._count(message, "forbidden" if state == MessageState.FORBIDDEN else reason.code.value)

    def _set_aside(self, messages: Sequence[DueMessage], error: HeadwayError) -> None:
        trouble = record_trouble(self.run, self.part.workspace, self.connector, error)
        self.report.troubles.append(trouble)
        self.handed_on += [message.through_another() for message in messages if message.others]
        messages = [message for message in messages if not message.others]
        paused = isinstance(error, RateLimitedError)
        reason = Reason(ReasonCode.SOURCE_PAUSED if paused else ReasonCode.SOURCE_FAILED, str(error))
        self.run.store.messages.wait(self.lease, [message.id for message in messages], reason)
        for message in messages:
            self._count(message, "waiting")

    def _count(self, message: DueMessage, what: str) -> None:
        self.report.count(message.occurred_at.date(), message.source, what)


def ask_again_after(attempts: int) -> timedelta:
    """How long to wait for a transcript that was not there `attempts` times before."""
    return ASK_AGAIN_AFTER[attempts] if attempts < len(ASK_AGAIN_AFTER) else THEN_EVERY


def _answers(session: Session, refs: Sequence[CallRef]) -> Iterator[Hydration | NotHydrated]:
    """The source's answers as they come; what is left is asked for once more where a page token expired.

    A request that fails on the way ends the source's iterator, so that each further try asks for what is left.
    """
    left = {ref.external_id: ref for ref in refs}
    stream: Iterator[Hydration | NotHydrated] | None = None
    has_expired = False

    def next_answer() -> Hydration | NotHydrated | None:
        nonlocal stream
        stream = stream or iter(session.source.hydrate([*left.values()]))
        try:
            return next(stream, None)
        except SourceError:
            stream = None
            raise

    while left:
        try:
            answer = session.ask(next_answer)
        except CursorExpiredError:
            if has_expired:
                raise
            has_expired = True
            continue
        if answer is None:
            return
        left.pop(answer.external_id, None)
        yield answer


def _batches(due: Sequence[DueMessage], size: int) -> Iterator[Sequence[DueMessage]]:
    for start in range(0, len(due), size):
        yield due[start : start + size]
