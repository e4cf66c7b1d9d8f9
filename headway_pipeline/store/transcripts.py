"""Which messages await a transcript, and the transcripts themselves."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from headway_pipeline.model.calls import MIN_SPEECH_CHARS, Segment, Transcript
from headway_pipeline.model.errors import UnknownThingError
from headway_pipeline.model.ledger import MessageState, Reason, ReasonCode
from headway_pipeline.store.leases import Lease
from headway_pipeline.store.messages import Ledger, forget_reading, is_due
from headway_pipeline.store.statements import IN_PIECES, insert_into, on_days
from headway_pipeline.store.tables import messages, sightings, transcripts, workspace_connectors

__all__ = ["HYDRATED", "Details", "DueMessage", "Transcripts"]

#: States of messages that have a transcript, which may have become out of date.
HYDRATED = (
    MessageState.TRANSCRIBED,
    MessageState.NOT_RELEVANT,
    MessageState.ANALYSED,
    MessageState.TOO_SHORT,
)
#: How many parameters a statement holds at most; older SQLite takes 999.
IDS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class DueMessage:
    """A message to hydrate, through the active connector that listed it last. Many are in memory at once.

    Attributes:
        others: further active connectors that listed it, the last one first.
    """

    id: uuid.UUID
    connector_id: uuid.UUID
    source: str
    external_id: str
    occurred_at: datetime
    state: MessageState
    attempts: int
    others: tuple[uuid.UUID, ...] = ()

    def through_another(self) -> "DueMessage":
        """The same, through the next of the others."""
        return replace(self, connector_id=self.others[0], others=self.others[1:])


@dataclass(frozen=True, slots=True)
class Details:
    """What hydrating a message takes besides; read a batch at a time."""

    duration_s: int | None
    raw: Mapping[str, Any]
    content_hash: str


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
        table = messages.c
        query = (
            sa.select(
                *(table.id, sightings.c.connector_id, table.source, table.external_id),
                *(table.occurred_at, table.state, table.attempts),
            )
            .join(sightings, sightings.c.message_id == table.id)
            .join(workspace_connectors, workspace_connectors.c.id == sightings.c.connector_id)
            .outerjoin(transcripts, transcripts.c.message_id == table.id)
            .where(
                table.workspace_id == workspace_id,
                on_days(days),
                workspace_connectors.c.is_active,
                sa.or_(
                    is_due(now, MessageState.LISTED, MessageState.AWAITING_TRANSCRIPT),
                    # Given up, but not for ever: only those that have a time are asked for again.
                    sa.and_(table.state == MessageState.NO_TRANSCRIPT.value, table.next_attempt_at <= now),
                    _outdated(now),
                ),
            )
            .order_by(table.occurred_at.desc(), table.id, sightings.c.last_listed_at.desc(), sightings.c.connector_id)
        )
        if connector_types is not None:
            query = query.where(workspace_connectors.c.connector_type.in_(connector_types))
        found: list[DueMessage] = []
        # One object for each connector and source, not one a row.
        same: dict[Any, Any] = {}
        with self._ledger.database.reading() as connection:
            for row in connection.execute(query, execution_options=IN_PIECES):
                # The rows of a message that several connectors listed follow one another.
                if found and found[-1].id == row.id:
                    connector_id = same.setdefault(row.connector_id, row.connector_id)
                    found[-1] = replace(found[-1], others=(*found[-1].others, connector_id))
                else:
                    found.append(
                        DueMessage(
                            id=row.id,
                            connector_id=same.setdefault(row.connector_id, row.connector_id),
                            source=same.setdefault(row.source, row.source),
                            external_id=row.external_id,
                            occurred_at=row.occurred_at,
                            state=MessageState(row.state),
                            attempts=row.attempts,
                        )
                    )
        return found

    def details(self, workspace_id: uuid.UUID, message_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Details]:
        """What the source needs to hydrate these, by message."""
        query = sa.select(messages.c.id, messages.c.duration_s, messages.c.raw, messages.c.content_hash).where(
            messages.c.workspace_id == workspace_id, messages.c.id.in_(message_ids)
        )
        with self._ledger.database.reading() as connection:
            return {message_id: Details(*values) for message_id, *values in connection.execute(query)}

    def record(
        self, lease: Lease, message_id: uuid.UUID, transcript: Transcript, *, content_hash: str
    ) -> MessageState:
        """Store a transcript, and move its message on; the same words again change nothing downstream.

        Args:
            content_hash: the message's when the transcript was asked for.

        Returns:
            The state the message is in now: deleted, where somebody who was erased speaks on the call.
        """
        text_hash = transcript.text_hash
        query = (
            sa.select(messages.c.state, messages.c.reason, transcripts.c.text_hash)
            .outerjoin(transcripts, transcripts.c.message_id == messages.c.id)
            .where(messages.c.workspace_id == lease.workspace_id, messages.c.id == message_id)
        )
        with self._ledger.writing(lease) as connection:
            screened = self._ledger.screen.transcript(connection, lease.workspace_id, message_id, transcript)
            if screened is None:
                self._ledger.erase(connection, lease, message_id)
                return MessageState.DELETED
            if screened is not transcript:
                transcript, text_hash = screened, screened.text_hash
            row = connection.execute(query).one()
            before = MessageState(row.state)
            if row.text_hash == text_hash and before in HYDRATED:
                self._confirm(connection, lease, message_id, content_hash)
                if before == MessageState.TRANSCRIBED and row.reason is not None:
                    # What it waited for has come; a later stage says what it waits for next.
                    self._ledger.update(connection, lease, message_id, reason=None)
                return before
            if row.text_hash is not None:
                # What was read in the old words goes with them: its evidence would not hold.
                forget_reading(connection, lease.workspace_id, message_id)
            self._write(connection, lease, message_id, transcript, text_hash, content_hash)
            state, reason = MessageState.TRANSCRIBED, None
            if transcript.is_too_short:
                words = f"{transcript.speech_chars} characters of speech; under {MIN_SPEECH_CHARS} nothing is read"
                state, reason = MessageState.TOO_SHORT, Reason(ReasonCode.TOO_SHORT, words)
            self._ledger.move(
                connection,
                lease,
                message_id,
                state,
                reason,
                before=before,
                analysed_text_hash=None,
                filed_themes_hash=None,
            )
        return state

    def postpone(self, lease: Lease, message_id: uuid.UUID, until: datetime) -> None:
        """Ask again after `until` for words that are out of date; until then the old ones stand."""
        with self._ledger.writing(lease) as connection:
            connection.execute(
                transcripts.update()
                .where(transcripts.c.workspace_id == lease.workspace_id, transcripts.c.message_id == message_id)
                .values(next_attempt_at=until)
            )

    def _confirm(self, connection: Connection, lease: Lease, message_id: uuid.UUID, content_hash: str) -> None:
        connection.execute(
            transcripts.update()
            .where(transcripts.c.message_id == message_id, transcripts.c.workspace_id == lease.workspace_id)
            .values(content_hash=content_hash, fetched_at=self._ledger.now(), next_attempt_at=None)
        )

    def _write(
        self,
        connection: Connection,
        lease: Lease,
        message_id: uuid.UUID,
        transcript: Transcript,
        text_hash: str,
        content_hash: str,
    ) -> None:
        values = {
            "segments": [segment.to_json() for segment in transcript.segments],
            "text_hash": text_hash,
            "content_hash": content_hash,
            "speech_chars": transcript.speech_chars,
            "fetched_at": self._ledger.now(),
            "next_attempt_at": None,
        }
        statement = insert_into(self._ledger.database, transcripts).values(
            workspace_id=lease.workspace_id, message_id=message_id, **values
        )
        # By name: the words themselves would be bound, and made JSON, twice.
        again = {name: statement.excluded[name] for name in values}
        connection.execute(statement.on_conflict_do_update(index_elements=["message_id"], set_=again))

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

    def speech_chars(self, workspace_id: uuid.UUID, message_ids: Sequence[uuid.UUID]) -> Mapping[uuid.UUID, int]:
        """How long these messages' transcripts are, in characters of speech."""
        query = sa.select(transcripts.c.message_id, transcripts.c.speech_chars).where(
            transcripts.c.workspace_id == workspace_id
        )
        found: dict[uuid.UUID, int] = {}
        with self._ledger.database.reading() as connection:
            for start in range(0, len(message_ids), IDS_AT_ONCE):
                chunk = message_ids[start : start + IDS_AT_ONCE]
                rows = connection.execute(query.where(transcripts.c.message_id.in_(chunk)))
                found.update({row.message_id: row.speech_chars for row in rows})
        return found


def _outdated(now: datetime) -> sa.ColumnElement[bool]:
    """The words were fetched before the call changed, and it is time to ask for them."""
    return sa.and_(
        messages.c.state.in_([state.value for state in HYDRATED]),
        transcripts.c.content_hash != messages.c.content_hash,
        sa.or_(transcripts.c.next_attempt_at.is_(None), transcripts.c.next_attempt_at <= now),
    )
