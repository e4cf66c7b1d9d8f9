"""Which messages await a transcript, and the transcripts themselves."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from headway_pipeline.model.calls import MIN_SPEECH_CHARS, Segment, Transcript
from headway_pipeline.model.errors import UnknownThingError
from headway_pipeline.model.ledger import MessageState, Reason, ReasonCode
from headway_pipeline.store.leases import Lease
from headway_pipeline.store.messages import Ledger, forget_reading, is_due
from headway_pipeline.store.statements import insert_into, on_days
from headway_pipeline.store.tables import messages, sightings, transcripts, workspace_connectors

__all__ = ["HYDRATED", "DueMessage", "Transcripts"]

#: States of messages that have a transcript, which may have become out of date.
HYDRATED = (
    MessageState.TRANSCRIBED,
    MessageState.NOT_RELEVANT,
    MessageState.ANALYSED,
    MessageState.TOO_SHORT,
)


@dataclass(frozen=True, slots=True)
class DueMessage:
    """A message to hydrate, through the active connector that listed it last."""

    id: uuid.UUID
    connector_id: uuid.UUID
    source: str
    external_id: str
    occurred_at: datetime
    duration_s: int | None
    raw: Mapping[str, Any]
    content_hash: str
    state: MessageState
    attempts: int


class Transcripts:
    """What was said."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def awaiting(
        self,
        workspace_id: uuid.UUID,
        days: Sequence[date],
        now: datetime,
        *,
        connector_types: Sequence[str] | None = None,
    ) -> list[DueMessage]:
        """Messages that have no transcript, or one that was fetched before the call changed; newest first."""
        outdated = sa.and_(
            messages.c.state.in_([state.value for state in HYDRATED]),
            transcripts.c.content_hash != messages.c.content_hash,
        )
        query = (
            sa.select(messages, sightings.c.connector_id)
            .join(sightings, sightings.c.message_id == messages.c.id)
            .join(workspace_connectors, workspace_connectors.c.id == sightings.c.connector_id)
            .outerjoin(transcripts, transcripts.c.message_id == messages.c.id)
            .where(
                messages.c.workspace_id == workspace_id,
                on_days(days),
                workspace_connectors.c.is_active,
                sa.or_(is_due(now, MessageState.LISTED, MessageState.AWAITING_TRANSCRIPT), outdated),
            )
            .order_by(messages.c.occurred_at.desc(), messages.c.id, sightings.c.last_listed_at.desc())
        )
        if connector_types is not None:
            query = query.where(workspace_connectors.c.connector_type.in_(connector_types))
        found: dict[uuid.UUID, DueMessage] = {}
        with self._ledger.database.reading() as connection:
            for row in connection.execute(query).mappings():
                found.setdefault(row["id"], _due(row))
        return list(found.values())

    def record(
        self, lease: Lease, message_id: uuid.UUID, transcript: Transcript, *, content_hash: str
    ) -> MessageState:
        """Store a transcript, and move its message on; the same words again change nothing downstream.

        Args:
            content_hash: the message's when the transcript was asked for.

        Returns:
            The state the message is in now: deleted, where somebody who was erased speaks on the call.
        """
        with self._ledger.writing(lease) as connection:
            screened = self._ledger.screen.transcript(connection, lease.workspace_id, message_id, transcript)
            if screened is None:
                self._ledger.erase(connection, lease, message_id)
                return MessageState.DELETED
            transcript = screened
            query = sa.select(transcripts.c.text_hash).where(transcripts.c.message_id == message_id)
            if connection.execute(query).scalar() == transcript.text_hash:
                return self._confirm(connection, lease, message_id, content_hash)
            # What was read in the old words goes with them: its evidence would not hold.
            forget_reading(connection, lease.workspace_id, message_id)
            self._write(connection, lease, message_id, transcript, content_hash)
            state, reason = MessageState.TRANSCRIBED, None
            if transcript.is_too_short:
                words = f"{transcript.speech_chars} characters of speech; under {MIN_SPEECH_CHARS} nothing is read"
                state, reason = MessageState.TOO_SHORT, Reason(ReasonCode.TOO_SHORT, words)
            self._ledger.move(
                connection, lease, message_id, state, reason, analysed_text_hash=None, filed_themes_hash=None
            )
        return state

    def _confirm(
        self, connection: Connection, lease: Lease, message_id: uuid.UUID, content_hash: str
    ) -> MessageState:
        connection.execute(
            transcripts.update()
            .where(transcripts.c.message_id == message_id, transcripts.c.workspace_id == lease.workspace_id)
            .values(content_hash=content_hash, fetched_at=self._ledger.now())
        )
        query = sa.select(messages.c.state, messages.c.reason).where(messages.c.id == message_id)
        row = connection.execute(query).one()
        state = MessageState(row.state)
        if state == MessageState.TRANSCRIBED and row.reason is not None:
            # What it waited for has come; a later stage says what it waits for next.
            self._ledger.update(connection, lease, message_id, reason=None)
        return state

    def _write(
        self, connection: Connection, lease: Lease, message_id: uuid.UUID, transcript: Transcript, content_hash: str
    ) -> None:
        values = {
            "segments": [segment.to_json() for segment in transcript.segments],
            "text_hash": transcript.text_hash,
            "content_hash": content_hash,
            "speech_chars": transcript.speech_chars,
            "fetched_at": self._ledger.now(),
        }
        statement = insert_into(self._ledger.database, transcripts).values(
            workspace_id=lease.workspace_id, message_id=message_id, **values
        )
        connection.execute(statement.on_conflict_do_update(index_elements=["message_id"], set_=values))

    def get(self, workspace_id: uuid.UUID, message_id: uuid.UUID) -> Transcript:
        """The transcript of a message.

        Raises:
            UnknownThingError: it has none.
        """
        query = sa.select(transcripts.c.segments).where(
            transcripts.c.workspace_id == workspace_id, transcripts.c.message_id == message_id
        )
        with self._ledger.database.reading() as connection:
            segments = connection.execute(query).scalar_one_or_none()
        if segments is None:
            raise UnknownThingError(f"message {message_id} has no transcript", "`headway messages` says why")
        return Transcript(tuple(Segment.from_json(segment) for segment in segments))


def _due(row: Mapping[Any, Any]) -> DueMessage:
    values = {name: row[name] for name in DueMessage.__slots__}
    return DueMessage(**values | {"state": MessageState(row["state"])})
