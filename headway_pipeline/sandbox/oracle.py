"""What a ledger must say, at a moment, of the calls of a sandbox's company: for soaks and state machines in tests.

It knows nothing of the pipeline but the states of a message; it derives each call's state from the world alone, as
if the pipeline had just been run until nothing changed any more.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from headway_pipeline.model.ledger import MessageState
from headway_pipeline.model.windows import TimeWindow
from headway_pipeline.sandbox.addresses import call_number
from headway_pipeline.sandbox.fathom.callers import FathomCalls
from headway_pipeline.sandbox.fathom.shapes import recording_id, shared_with, transcript_at
from headway_pipeline.sandbox.fathom.views import FathomView, MeetingFilter
from headway_pipeline.sandbox.gong.views import DetailsView, TranscriptsView
from headway_pipeline.sandbox.keys import FathomUser
from headway_pipeline.sandbox.world import NEVER, Company, SandboxCall

__all__ = ["Expectation", "Patience", "expectations"]

_S = MessageState
READ = frozenset({_S.TRANSCRIBED, _S.NOT_RELEVANT, _S.ANALYSED})


@dataclass(frozen=True, slots=True)
class Patience:
    """How the pipeline under test is set.

    Attributes:
        gives_up_after: how long a transcript is waited for; counted from the call's start or from its first
            listing, whichever the pipeline does.
        shortest: fewer characters of speech are too short.
    """

    gives_up_after: timedelta = timedelta(days=7)
    shortest: int = 200


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a ledger must say of one call.

    Attributes:
        external_id: as the source writes it.
        call: as it is now.
        states: it must be in one of these; empty: it must not be in the ledger.
        may_be_absent: it may be missing, too, for no run need have met it while it was there.
    """

    source: str
    external_id: str
    call: SandboxCall
    states: frozenset[MessageState]
    may_be_absent: bool = False

    @property
    def holds_words(self) -> bool:
        """Whether anything that was said may be held."""
        return bool(self.states & (READ | {_S.TOO_SHORT}))

    def is_met_by(self, state: MessageState | None) -> bool:
        """Whether a ledger may say this; None: it does not know the call."""
        return (self.may_be_absent or not self.states) if state is None else state in self.states


def expectations(
    company: Company, now: datetime, users: Collection[FathomUser] = (), patience: Patience | None = None
) -> dict[tuple[str, str], Expectation]:
    """What to expect of every call of a company, by source and external id; of any other call, nothing may be held.

    Args:
        company: whose calls.
        now: the sandbox's clock.
        users: whose Fathom keys are connected; nobody named: the company's own.
        patience: how the pipeline is set.
    """
    patience = patience or Patience()
    viewers = _viewers(company, users)
    found = (_expected(company, call, now, viewers, patience) for call in company.calls)
    return {(one.source, one.external_id): one for one in found}


def _viewers(company: Company, users: Collection[FathomUser]) -> list[FathomView]:
    bare = FathomCalls(company).company
    return [FathomView(bare, user, MeetingFilter()) for user in users or (company.fathom_admin,)]


def _expected(
    company: Company, call: SandboxCall, now: datetime, viewers: Collection[FathomView], patience: Patience
) -> Expectation:
    is_in_gong = call.source == "gong"
    external_id = call_number(call) if is_in_gong else str(recording_id(call))
    present = call.at(now)
    seen = [*_seen(company, call, viewers)]
    first = min((span.start for span in seen), default=NEVER)
    if now < first:
        return Expectation(call.source, external_id, present, frozenset())
    was_private = present.is_private or (not is_in_gong and shared_with(present) == "no_teams")
    if not any(span.start <= now < span.end for span in seen):
        # What was known as private may stay so when it disappears.
        gone = {_S.DELETED} | ({_S.PRIVATE} if was_private else set())
        return Expectation(call.source, external_id, present, frozenset(gone), may_be_absent=True)
    if was_private:
        return Expectation(call.source, external_id, present, frozenset({_S.PRIVATE}))
    return Expectation(call.source, external_id, present, _readable(company, call, now, first, patience))


def _seen(company: Company, call: SandboxCall, viewers: Collection[FathomView]) -> Iterator[TimeWindow]:
    """From when to when each key lists the call."""
    views = [DetailsView(company.access_key)] if call.source == "gong" else viewers
    for view in views:
        span = view.seen(call)
        if span is not None:
            yield span


def _readable(
    company: Company, call: SandboxCall, now: datetime, first: datetime, patience: Patience
) -> frozenset[MessageState]:
    if _has_transcript(company, call, now):
        spoken = sum(len(utterance.text) for utterance in call.at(now).utterances)
        return READ if spoken >= patience.shortest else frozenset({_S.TOO_SHORT})
    if now < call.started_at + patience.gives_up_after:
        return frozenset({_S.AWAITING_TRANSCRIPT})
    if now < first + patience.gives_up_after:
        return frozenset({_S.AWAITING_TRANSCRIPT, _S.NO_TRANSCRIPT})
    return frozenset({_S.NO_TRANSCRIPT})


def _has_transcript(company: Company, call: SandboxCall, now: datetime) -> bool:
    if not call.utterances:
        return False
    if call.source == "gong":
        return TranscriptsView(company.access_key).sees(call, now)
    return now >= transcript_at(call)
