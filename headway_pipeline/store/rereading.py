"""Which calls were read by somebody else than would read them now, and how they are opened for another reading."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from headway_pipeline.model.ledger import MessageState, ReasonCode
from headway_pipeline.store.answers import Answers
from headway_pipeline.store.leases import Lease
from headway_pipeline.store.messages import Ledger
from headway_pipeline.store.statements import on_days
from headway_pipeline.store.tables import extracted_features, messages, relevance_scores, transcripts

__all__ = ["ReadCall", "Rereading"]

#: Set aside for these reasons, a call may fare better with another model or prompt.
FAILED_READING = (ReasonCode.ANALYSIS_FAILED, ReasonCode.MODEL_FAILED)


@dataclass(frozen=True, slots=True)
class ReadCall:
    """A call that may be read again.

    Attributes:
        state: analysed, not_relevant or quarantined.
        is_read: it was read as it would be now; only its items were filed by somebody else.
    """

    id: uuid.UUID
    occurred_at: datetime
    state: MessageState
    speech_chars: int
    is_read: bool = False


class Rereading:
    """Reading again, on request only: no run does so by itself."""

    def __init__(self, ledger: Ledger, answers: Answers) -> None:
        self._ledger = ledger
        self._answers = answers

    def due(
        self,
        workspace_id: uuid.UUID,
        days: Sequence[date],
        *,
        judged_by: tuple[str, str],
        analysed_by: str,
        filed_by: str,
    ) -> list[ReadCall]:
        """Calls of these days that others judged, read or filed, and those that could not be read; newest first.

        Args:
            judged_by: analyst and version that would judge relevance now.
            analysed_by: who would read the calls now, as `model.features.read_by` names them.
            filed_by: the same of who would file their items.
        """
        wanted = sa.or_(_otherwise_read(analysed_by, filed_by), _otherwise_judged(*judged_by), _could_not_be_read())
        is_read = messages.c.analysed_by.is_not_distinct_from(analysed_by)
        table = messages.c
        query = (
            sa.select(table.id, table.occurred_at, table.state, transcripts.c.speech_chars, is_read.label("is_read"))
            .join(transcripts, transcripts.c.message_id == table.id)
            .outerjoin(relevance_scores, relevance_scores.c.message_id == table.id)
            .where(table.workspace_id == workspace_id, on_days(days), wanted)
            .order_by(table.occurred_at.desc(), table.id)
        )
        with self._ledger.database.reading() as connection:
            return [_read_call(row) for row in connection.execute(query).mappings()]

    def reopen(self, lease: Lease, calls: Sequence[ReadCall]) -> None:
        """Make calls due again; what was found in them stands until they are read."""
        self._answers.allow_again(lease.workspace_id, [call.id for call in calls])
        for call in calls:
            with self._ledger.writing(lease) as connection:
                match call.state:
                    case MessageState.ANALYSED if call.is_read:
                        # As if it had been filed under other themes.
                        self._ledger.update(connection, lease, call.id, filed_themes_hash=None)
                    case MessageState.ANALYSED:
                        self._ledger.move(
                            connection, lease, call.id, MessageState.TRANSCRIBED, analysed_text_hash=None
                        )
                    case MessageState.NOT_RELEVANT:
                        # As if it had been judged by other themes.
                        connection.execute(
                            relevance_scores.update()
                            .where(
                                relevance_scores.c.workspace_id == lease.workspace_id,
                                relevance_scores.c.message_id == call.id,
                            )
                            .values(themes_hash="")
                        )
                    case _:
                        self._ledger.update(connection, lease, call.id, next_attempt_at=None)


def _otherwise_read(analysed_by: str, filed_by: str) -> sa.ColumnElement[bool]:
    """Analysed by others, or its items were filed by others."""
    table = messages.c
    has_items = sa.exists().where(extracted_features.c.message_id == table.id)
    return sa.and_(
        table.state == MessageState.ANALYSED.value,
        sa.or_(
            table.analysed_by.is_distinct_from(analysed_by),
            sa.and_(table.filed_by.is_distinct_from(filed_by), has_items),
        ),
    )


def _otherwise_judged(analyst: str, version: str) -> sa.ColumnElement[bool]:
    """Found to be off every theme by others."""
    scores = relevance_scores.c
    return sa.and_(
        messages.c.state == MessageState.NOT_RELEVANT.value,
        sa.or_(scores.analyst != analyst, scores.analyst_version != version),
    )


def _could_not_be_read() -> sa.ColumnElement[bool]:
    return sa.and_(
        messages.c.state == MessageState.QUARANTINED.value,
        sa.or_(*(messages.c.reason.like(f"{code.value}:%") for code in FAILED_READING)),
    )


def _read_call(row: Mapping[Any, Any]) -> ReadCall:
    state = MessageState(row["state"])
    is_read = state is MessageState.ANALYSED and bool(row["is_read"])
    return ReadCall(row["id"], row["occurred_at"], state, row["speech_chars"], is_read)
