"""Moves of messages through the ledger, and counts of where they stand."""

import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from headway_pipeline.model.errors import StoreError
from headway_pipeline.model.ledger import MessageState, Reason, ReasonCode, may_follow
from headway_pipeline.store.engine import Database
from headway_pipeline.store.leases import Lease, verify
from headway_pipeline.store.placing import hold_call
from headway_pipeline.store.screening import Screen
from headway_pipeline.store.statements import IN_PIECES, has_reason, on_days
from headway_pipeline.store.tables import (
    decisions,
    evidence,
    extracted_features,
    features,
    messages,
    missing_calls,
    model_answers,
    relevance_scores,
    sightings,
    transcripts,
)

__all__ = ["ERASED_REASON", "Ledger", "Messages", "Waiting", "forget_reading", "is_due", "purge"]

#: Messages on their way: they may wait for something.
WAITING_STATES = (
    MessageState.LISTED.value,
    MessageState.AWAITING_TRANSCRIPT.value,
    MessageState.TRANSCRIBED.value,
)
#: How many ids one statement names.
IDS_AT_ONCE = 500
ERASED_REASON = Reason(ReasonCode.ERASED, "erased on request; only the id and the day are kept")
PURGED_STATES = (MessageState.PRIVATE, MessageState.FORBIDDEN, MessageState.DELETED)


class Ledger:
    """What every writer of the ledger works with: database, clock, writes under a lease, and who was erased."""

    def __init__(self, database: Database, now: Callable[[], datetime], screen: Screen) -> None:
        self.database = database
        self.now = now
        self.screen = screen

    @contextmanager
    def writing(self, lease: Lease) -> Iterator[Connection]:
        """A transaction that commits only if `lease` is still held.

        Raises:
            WorkspaceBusyError: it is not.
            StoreError: the database cannot be written.
        """
        with self.database.writing() as connection:
            verify(connection, lease)
            yield connection

    def update(self, connection: Connection, lease: Lease, message_id: uuid.UUID, **values: Any) -> None:
        """Change one message of the lease's workspace."""
        connection.execute(
            messages.update()
            .where(messages.c.workspace_id == lease.workspace_id, messages.c.id == message_id)
            .values(**values, updated_at=self.now())
        )

    def move(
        self,
        connection: Connection,
        lease: Lease,
        message_id: uuid.UUID,
        state: MessageState,
        reason: Reason | None = None,
        *,
        before: MessageState | None = None,
        **values: Any,
    ) -> None:
        """Move one message, if it may go there; attempts and retry times start afresh unless given.

        Args:
            before: its state, where this transaction has read it already.

        Raises:
            StoreError: the move is not one of the ledger's.
        """
        if before is None:
            query = sa.select(messages.c.state).where(
                messages.c.workspace_id == lease.workspace_id, messages.c.id == message_id
            )
            before = MessageState(connection.execute(query).scalar_one())
        if not may_follow(before, state):
            raise StoreError(
                f"a message cannot go from {before.value} to {state.value}", "this is a defect: report it"
            )
        if state in PURGED_STATES:
            purge(connection, lease.workspace_id, message_id, keep_hash=state == MessageState.FORBIDDEN)
        fresh: dict[str, Any] = {"resume_state": None, "attempts": 0, "next_attempt_at": None}
        self.update(
            connection, lease, message_id, state=state.value, reason=str(reason) if reason else None, **fresh | values
        )

    def erase(self, connection: Connection, lease: Lease, message_id: uuid.UUID) -> None:
        """Make one message a tombstone that no listing brings back, and that nobody looks for any more."""
        connection.execute(missing_calls.delete().where(missing_calls.c.message_id == message_id))
        self.move(connection, lease, message_id, MessageState.DELETED, ERASED_REASON, erased_at=self.now())
        # Where it went is known: nobody looks for it at its source any more, and nobody is asked to confirm it.
        connection.execute(
            missing_calls.delete().where(
                missing_calls.c.workspace_id == lease.workspace_id, missing_calls.c.message_id == message_id
            )
        )


def forget_reading(connection: Connection, workspace_id: uuid.UUID, message_id: uuid.UUID) -> None:
    """Remove everything that was derived from a message's transcript."""
    # Evidence and features go with their extracted feature in PostgreSQL and SQLite alike; named here in the order
    # of their dependence, for a reader and for a database whose cascades are off.
    for table in (features, evidence, extracted_features, relevance_scores):
        connection.execute(
            table.delete().where(table.c.workspace_id == workspace_id, table.c.message_id == message_id)
        )


def purge(connection: Connection, workspace_id: uuid.UUID, message_id: uuid.UUID, *, keep_hash: bool = False) -> None:
    """Leave nothing of a message but its id, its day and its state.

    Args:
        keep_hash: so that a call that is listed again but may not be read stays out until it changes.
    """
    hold_call(connection, workspace_id, message_id)
    found = sa.select(extracted_features.c.id).where(
        extracted_features.c.workspace_id == workspace_id, extracted_features.c.message_id == message_id
    )
    # A decision outlives a reading that misses its item, not the call: a person's note may quote it.
    connection.execute(
        decisions.delete().where(
            decisions.c.workspace_id == workspace_id, decisions.c.extracted_feature_id.in_(found)
        )
    )
    forget_reading(connection, workspace_id, message_id)
    for table in (transcripts, model_answers, decisions):
        connection.execute(
            table.delete().where(table.c.workspace_id == workspace_id, table.c.message_id == message_id)
        )
    query = sa.select(messages.c.occurred_at).where(messages.c.id == message_id)
    occurred_at = connection.execute(query).scalar_one()
    connection.execute(
        messages.update()
        .where(messages.c.workspace_id == workspace_id, messages.c.id == message_id)
        .values(
            title=None,
            url=None,
            language=None,
            account=None,
            duration_s=None,
            participants=[],
            metadata={},
            raw={},
            content_hash=messages.c.content_hash if keep_hash else "",
            occurred_at=occurred_at.replace(hour=0, minute=0, second=0, microsecond=0),
            analysed_text_hash=None,
            filed_themes_hash=None,
            sentiment=None,
            sentiment_score=None,
        )
    )


def is_due(now: datetime, *states: MessageState) -> sa.ColumnElement[bool]:
    """The message is in one of `states`, or quarantined from one, and its next attempt, if it has one, is due."""
    words = [state.value for state in states]
    set_aside = sa.and_(messages.c.state == MessageState.QUARANTINED.value, messages.c.resume_state.in_(words))
    return sa.and_(
        sa.or_(messages.c.state.in_(words), set_aside),
        sa.or_(messages.c.next_attempt_at.is_(None), messages.c.next_attempt_at <= now),
    )


@dataclass(frozen=True, slots=True)
class Waiting:
    """Messages of one day that share a state and a reason."""

    day: date
    source: str
    state: MessageState
    reason: Reason
    count: int


class Messages:
    """Where messages stand."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def move(
        self,
        lease: Lease,
        message_id: uuid.UUID,
        state: MessageState,
        reason: Reason | None = None,
        *,
        next_attempt_at: datetime | None = None,
        count_attempt: bool = False,
    ) -> None:
        """Move a message; into private, forbidden or deleted everything derived from it is purged.

        Raises:
            StoreError: the move is not one of the ledger's.
        """
        attempts = messages.c.attempts + 1 if count_attempt else 0
        with self._ledger.writing(lease) as connection:
            self._ledger.move(
                connection, lease, message_id, state, reason, attempts=attempts, next_attempt_at=next_attempt_at
            )

    def quarantine(self, lease: Lease, message_id: uuid.UUID, reason: Reason, *, next_attempt_at: datetime) -> None:
        """Set a message aside; it returns to the state it came from when its next attempt is due."""
        came_from = sa.func.coalesce(messages.c.resume_state, messages.c.state)
        with self._ledger.writing(lease) as connection:
            self._ledger.update(
                connection,
                lease,
                message_id,
                resume_state=came_from,
                state=MessageState.QUARANTINED.value,
                reason=str(reason),
                attempts=messages.c.attempts + 1,
                next_attempt_at=next_attempt_at,
            )

    def wait(
        self,
        lease: Lease,
        message_ids: Sequence[uuid.UUID],
        reason: Reason,
        *,
        states: Collection[str] = WAITING_STATES,
    ) -> None:
        """Say why messages on their way stay where they are; what has ended keeps its own reason.

        Args:
            states: those in which they may wait.
        """
        words = str(reason)
        for start in range(0, len(message_ids), IDS_AT_ONCE):
            with self._ledger.writing(lease) as connection:
                connection.execute(
                    messages.update()
                    .where(
                        messages.c.workspace_id == lease.workspace_id,
                        messages.c.id.in_(message_ids[start : start + IDS_AT_ONCE]),
                        messages.c.state.in_(states),
                        messages.c.reason.is_distinct_from(words),
                    )
                    .values(reason=words, updated_at=self._ledger.now())
                )

    def participant_names(self, workspace_id: uuid.UUID, message_id: uuid.UUID) -> tuple[str, ...]:
        """The names of those who were invited to or heard on a call, as the source gives them."""
        query = sa.select(messages.c.participants).where(
            messages.c.workspace_id == workspace_id, messages.c.id == message_id
        )
        with self._ledger.database.reading() as connection:
            participants = connection.execute(query).scalar_one()
        return tuple(person["name"] for person in participants if isinstance(person, dict) and person.get("name"))

    def counts(
        self, workspace_id: uuid.UUID, days: Sequence[date] | None = None
    ) -> Mapping[str, Mapping[MessageState, int]]:
        """Messages by source and state."""
        query = (
            sa.select(messages.c.source, messages.c.state, sa.func.count())
            .where(messages.c.workspace_id == workspace_id, on_days(days))
            .group_by(messages.c.source, messages.c.state)
            .order_by(messages.c.source, messages.c.state)
        )
        found: dict[str, dict[MessageState, int]] = {}
        with self._ledger.database.reading() as connection:
            for source, state, number in connection.execute(query):
                found.setdefault(source, {})[MessageState(state)] = number
        return found

    def waiting(
        self,
        workspace_id: uuid.UUID,
        days: Sequence[date] | None = None,
        *,
        seen_by: Collection[uuid.UUID] | None = None,
        codes: Collection[ReasonCode] | None = None,
    ) -> list[Waiting]:
        """Messages that have a reason for where they stand, by day, source, state and reason.

        Args:
            seen_by: only messages that one of these connectors listed.
            codes: only these reasons.
        """
        table = messages.c
        query = sa.select(table.occurred_at, table.source, table.state, table.reason).where(
            table.workspace_id == workspace_id, on_days(days), table.reason.is_not(None)
        )
        if seen_by is not None:
            query = query.where(
                sa.exists().where(sightings.c.message_id == table.id, sightings.c.connector_id.in_(seen_by))
            )
        if codes is not None:
            query = query.where(has_reason(*codes))
        found: dict[tuple[date, str, str, str], int] = {}
        with self._ledger.database.reading() as connection:
            for occurred_at, source, state, reason in connection.execute(query, execution_options=IN_PIECES):
                key = (occurred_at.date(), source, state, reason)
                found[key] = found.get(key, 0) + 1
        return [
            Waiting(day, source, MessageState(state), parsed, number)
            for (day, source, state, words), number in sorted(found.items())
            if (parsed := Reason.parse(words)) is not None
        ]
