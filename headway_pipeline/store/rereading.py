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
from headway_pipeline.store.tables import messages, relevance_scores, transcripts

__all__ = ["ReadCall", "Rereading"]

#: Set aside for these reasons, a call may fare better with another model or prompt.
FAILED_READING = (ReasonCode.ANALYSIS_FAILED, ReasonCode.MODEL_FAILED)


@dataclass(frozen=True, slots=True)
class ReadCall:
    """A call that may be read again.

    Attributes:
        state: analysed, not_relevant or quarantined.
    """

    id: uuid.UUID
    occurred_at: datetime
    state: MessageState
    speech_chars: int


class Rereading:
    """Reading again, on request only: no run does so by itself."""

    def __init__(self, ledger: Ledger, answers: Answers) -> None:
        self._ledger = ledger
        self._answers = answers

    def due(
        self, workspace_id: uuid.UUID, days: Sequence[date], *, judged_by: tuple[str, str], read_by: str
    ) -> list[ReadCall]:
        """Calls of these days that others judged or read, and those that could not be read; newest first.

        Args:
            judged_by: analyst and version that would judge relevance now.
            read_by: who would read the calls now, as `extractions.read_by` names them.
        """
        scores, table = relevance_scores.c, messages.c
        otherwise_read = sa.and_(
            table.state == MessageState.ANALYSED.value, table.analysed_by.is_distinct_from(read_by)
        )
        otherwise_judged = sa.and_(
            table.state == MessageState.NOT_RELEVANT.value,
            sa.or_(scores.analyst != judged_by[0], scores.analyst_version != judged_by[1]),
        )
        failed = sa.and_(
            table.state == MessageState.QUARANTINED.value,
            sa.or_(*(table.reason.like(f"{code.value}:%") for code in FAILED_READING)),
        )
        query = (
            sa.select(table.id, table.occurred_at, table.state, transcripts.c.speech_chars)
            .join(transcripts, transcripts.c.message_id == table.id)
            .outerjoin(relevance_scores, scores.message_id == table.id)
            .where(
                table.workspace_id == workspace_id, on_days(days), sa.or_(otherwise_read, otherwise_judged, failed)
            )
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


def _read_call(row: Mapping[Any, Any]) -> ReadCall:
    return ReadCall(row["id"], row["occurred_at"], MessageState(row["state"]), row["speech_chars"])
