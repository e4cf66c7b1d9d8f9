"""A page of calls as a source lists them: which are new to the ledger, changed, private, or of somebody erased."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from headway_pipeline.model.calls import Call, Participant
from headway_pipeline.model.erasure import ErasureScope
from headway_pipeline.model.identity import derived_id
from headway_pipeline.model.ledger import MessageState, Reason, ReasonCode
from headway_pipeline.store.leases import Lease
from headway_pipeline.store.messages import ERASED_REASON, Ledger
from headway_pipeline.store.screening import ForgottenPerson
from headway_pipeline.store.tables import listings, messages, sightings, transcripts

__all__ = ["Change", "ListedPage", "Recorded"]

Change = Literal["new", "changed", "unchanged", "private"]
PRIVATE_REASON = Reason(ReasonCode.MARKED_PRIVATE, "the source marks the call private; only its id and day are kept")
CHANGED_REASON = Reason(ReasonCode.NOT_READY, "the call changed at the source, which may have its transcript now")
#: A call that is listed again after these, public again or back, starts over.
STARTS_OVER = (MessageState.PRIVATE, MessageState.DELETED)


@dataclass(frozen=True, slots=True)
class _Known:
    """What the ledger holds of a listed call."""

    id: uuid.UUID
    content_hash: str
    state: MessageState
    day: date
    is_erased: bool = False
    kept_without: frozenset[uuid.UUID] = frozenset()


@dataclass(frozen=True, slots=True)
class Recorded:
    """What listing one call did to the ledger."""

    external_id: str
    message_id: uuid.UUID
    day: date
    change: Change
    is_erased: bool = False


class ListedPage:
    """A page on its way into the ledger, within one transaction."""

    def __init__(
        self, ledger: Ledger, connection: Connection, lease: Lease, calls: Sequence[Call], listed_at: datetime
    ) -> None:
        """Reads what the ledger holds of `calls`."""
        self._ledger = ledger
        self._connection = connection
        self._lease = lease
        self._calls = calls
        self._listed_at = listed_at
        self._forgotten = ledger.screen.forgotten(connection, lease.workspace_id)
        self._known = self._read_known()
        # Rows to insert, and erased people whose turns a call is kept without, by message.
        self._new: dict[uuid.UUID, dict[str, Any]] = {}
        self._kept_without: dict[uuid.UUID, list[ForgottenPerson]] = {}

    def record(self) -> list[Recorded]:
        """Write what is new or has changed. An unchanged call changes no row."""
        recorded = [self._record_call(call) for call in self._calls]
        if self._new:
            self._connection.execute(messages.insert(), [*self._new.values()])
        for message_id, people in self._kept_without.items():
            self._ledger.screen.attach(self._connection, self._lease.workspace_id, message_id, people)
        return recorded

    def _read_known(self) -> dict[tuple[str, str], _Known]:
        """What the ledger holds of the page's calls, by source and external id."""
        # Not the whole rows: the raw JSON of a page is larger than all the rest of it.
        table = messages.c
        query = sa.select(
            table.source,
            table.external_id,
            table.id,
            table.content_hash,
            table.state,
            table.occurred_at,
            table.erased_at,
        ).where(
            table.workspace_id == self._lease.workspace_id,
            table.external_id.in_([call.external_id for call in self._calls]),
        )
        rows = self._connection.execute(query).all()
        kept_without = self._ledger.screen.kept_without(self._connection, [row.id for row in rows])
        return {
            (row.source, row.external_id): _Known(
                row.id,
                row.content_hash,
                MessageState(row.state),
                row.occurred_at.date(),
                is_erased=row.erased_at is not None,
                kept_without=kept_without.get(row.id, frozenset()),
            )
            for row in rows
        }

    def _record_call(self, call: Call) -> Recorded:
        """One call of a page; new ones are only noted, and inserted with the page."""
        known = self._known.get((call.source, call.external_id))
        if known is not None and known.is_erased:
            return Recorded(call.external_id, known.id, known.day, "unchanged", is_erased=True)
        people = self._forgotten.on(call, known.kept_without if known else ())
        if any(person.scope == ErasureScope.CALLS for person in people):
            result = self._record_erased(call, known)
        else:
            kept = self._forgotten.all_of(people).scrubbed_call(call) if people else call
            result = self._record_kept(kept, known)
            if people:
                self._kept_without[result.message_id] = people
        self._meet(call, result)
        return result

    def _record_kept(self, call: Call, known: _Known | None) -> Recorded:
        workspace_id = self._lease.workspace_id
        if known is None or (known.id in self._new and call.is_private):
            result = _new(workspace_id, call)
            self._new[result.message_id] = _new_row(workspace_id, result.message_id, call)
            return result
        if known.id in self._new:
            # The same call may stand twice on a page that shifted while it was made; the first counts.
            return Recorded(call.external_id, known.id, known.day, "unchanged")
        return self._record_known(call, known)

    def _record_known(self, call: Call, known: _Known) -> Recorded:
        connection, lease = self._connection, self._lease
        if call.is_private:
            if known.state != MessageState.PRIVATE:
                self._ledger.move(connection, lease, known.id, MessageState.PRIVATE, PRIVATE_REASON)
            # Its row keeps the day it had: of a private call nothing more is learned.
            return Recorded(call.external_id, known.id, known.day, "private")
        if known.content_hash == call.content_hash and known.state not in STARTS_OVER:
            return Recorded(call.external_id, known.id, known.day, "unchanged")
        was_unusable = known.state == MessageState.QUARANTINED and not known.content_hash
        if known.state in (*STARTS_OVER, MessageState.FORBIDDEN) or was_unusable:
            self._ledger.move(connection, lease, known.id, MessageState.LISTED)
        elif known.state == MessageState.NO_TRANSCRIPT:
            # Something happened to it at the source: its transcript may have come as well.
            self._ledger.move(connection, lease, known.id, MessageState.AWAITING_TRANSCRIPT, CHANGED_REASON)
        day = call.occurred_at.date()
        if day != known.day:
            self._note_move(known.id, known.day, day)
        self._ledger.update(connection, lease, known.id, **_content(call))
        # Its words are out of date now, whatever time they were to be asked for before.
        asked_at = transcripts.update().where(transcripts.c.message_id == known.id)
        connection.execute(asked_at.values(next_attempt_at=self._listed_at))
        return Recorded(call.external_id, known.id, day, "changed")

    def _note_move(self, message_id: uuid.UUID, before: date, after: date) -> None:
        """Keep the counts of complete listings true where a call they met moves to another day."""
        was_met = sa.exists().where(
            sightings.c.message_id == message_id,
            sightings.c.connector_id == listings.c.connector_id,
            sightings.c.last_listed_at >= listings.c.started_at,
            sightings.c.first_listed_at <= listings.c.completed_at,
        )
        for day, step in ((before, 1), (after, -1)):
            self._connection.execute(
                listings.update()
                .where(listings.c.day == day, was_met)
                .values(moved_count=listings.c.moved_count + step)
            )

    def _record_erased(self, call: Call, known: _Known | None) -> Recorded:
        """A call of somebody who was erased, and that the source lists late or with people it did not name before."""
        if known is not None and known.id not in self._new:
            self._ledger.erase(self._connection, self._lease, known.id)
            return Recorded(call.external_id, known.id, known.day, "changed", is_erased=True)
        nothing = Call.known_by_day(call.source, call.external_id, call.occurred_at)
        result = replace(_new(self._lease.workspace_id, nothing), is_erased=True)
        self._new[result.message_id] = _new_row(self._lease.workspace_id, result.message_id, nothing) | {
            "state": MessageState.DELETED.value,
            "reason": str(ERASED_REASON),
            "erased_at": self._ledger.now(),
        }
        return result

    def _meet(self, call: Call, recorded: Recorded) -> None:
        """The page may hold the call once more."""
        state = MessageState.PRIVATE if call.is_private else MessageState.LISTED
        self._known[call.source, call.external_id] = _Known(
            recorded.message_id, call.content_hash, state, recorded.day, recorded.is_erased
        )


def _new(workspace_id: uuid.UUID, call: Call) -> Recorded:
    key = derived_id("message", str(workspace_id), call.source, call.external_id)
    return Recorded(call.external_id, key, call.occurred_at.date(), "private" if call.is_private else "new")


def _new_row(workspace_id: uuid.UUID, key: uuid.UUID, call: Call) -> dict[str, Any]:
    """A row of `messages`; every one names the same columns, so that a page is inserted at once."""
    row = {"id": key, "workspace_id": workspace_id, "source": call.source, "external_id": call.external_id}
    if not call.is_private:
        return row | _content(call) | {"state": MessageState.LISTED.value, "reason": None, "erased_at": None}
    held = {"state": MessageState.PRIVATE.value, "reason": str(PRIVATE_REASON), "erased_at": None}
    return row | _content(Call.known_by_day(call.source, call.external_id, call.occurred_at)) | held


def _content(call: Call) -> dict[str, Any]:
    return {
        "title": call.title,
        "metadata": dict(call.metadata),
        "occurred_at": call.occurred_at,
        "duration_s": call.duration_s,
        "url": call.url,
        "language": call.language,
        "account": call.account,
        "participants": [_person(participant) for participant in call.participants],
        "raw": dict(call.raw),
        "content_hash": call.content_hash,
    }


def _person(participant: Participant) -> dict[str, Any]:
    return {
        "name": participant.name,
        "email": participant.email,
        "side": participant.side,
        "speaker_key": participant.speaker_key,
    }
