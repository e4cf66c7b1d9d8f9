"""Which calls are to be judged, and the judgements."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from headway_pipeline.model.features import ThemeScore
from headway_pipeline.model.ledger import MessageState, Reason, ReasonCode
from headway_pipeline.store.leases import Lease
from headway_pipeline.store.messages import Ledger, is_due
from headway_pipeline.store.statements import IN_PIECES, has_no_reason_of, insert_into, on_days
from headway_pipeline.store.tables import messages, relevance_scores, transcripts

__all__ = ["DueCall", "RelevanceScores", "due_calls", "due_of"]


@dataclass(frozen=True, slots=True)
class DueCall:
    """A call whose transcript is to be read."""

    id: uuid.UUID
    source: str
    occurred_at: datetime
    text_hash: str
    state: MessageState
    attempts: int


def due_calls() -> sa.Select[Any]:
    """Messages with their transcripts and judgements; newest first."""
    return (
        sa.select(
            messages.c.id,
            messages.c.source,
            messages.c.occurred_at,
            messages.c.state,
            messages.c.attempts,
            transcripts.c.text_hash,
        )
        .join(transcripts, transcripts.c.message_id == messages.c.id)
        .outerjoin(relevance_scores, relevance_scores.c.message_id == messages.c.id)
        .order_by(messages.c.occurred_at.desc(), messages.c.id)
    )


def due_of(connection: Connection, query: sa.Select[Any]) -> list[DueCall]:
    """The rows of `due_calls`; many are in memory at once, so they share what they can."""
    same: dict[str, str] = {}
    return [
        DueCall(
            id=row.id,
            source=same.setdefault(row.source, row.source),
            occurred_at=row.occurred_at,
            text_hash=row.text_hash,
            state=MessageState(row.state),
            attempts=row.attempts,
        )
        for row in connection.execute(query, execution_options=IN_PIECES)
    ]


class RelevanceScores:
    """Is a call about any of the workspace's themes?"""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def awaiting(
        self,
        workspace_id: uuid.UUID,
        days: Sequence[date],
        themes_hash: str,
        now: datetime,
        *,
        without: Sequence[ReasonCode] = (),
    ) -> list[DueCall]:
        """Transcribed calls that were not judged at their present words, and calls off older themes; newest first.

        Args:
            without: not those that wait for one of these reasons.
        """
        scores = relevance_scores.c
        unjudged = sa.or_(scores.text_hash.is_(None), scores.text_hash != transcripts.c.text_hash)
        off_older_themes = sa.and_(sa.not_(scores.is_relevant), scores.themes_hash != themes_hash)
        query = due_calls().where(
            messages.c.workspace_id == workspace_id,
            on_days(days),
            is_due(now, MessageState.TRANSCRIBED, MessageState.NOT_RELEVANT),
            sa.or_(unjudged, off_older_themes),
            has_no_reason_of(*without),
        )
        with self._ledger.database.reading() as connection:
            return due_of(connection, query)

    def record(
        self,
        lease: Lease,
        message_id: uuid.UUID,
        *,
        is_relevant: bool,
        confidence: float,
        reason: str,
        best: Sequence[ThemeScore],
        text_hash: str,
        themes_hash: str,
        analyst: str,
        analyst_version: str,
    ) -> None:
        """Store a judgement: a relevant call goes on, another one ends as not relevant, visibly."""
        values = {
            "is_relevant": is_relevant,
            "confidence": confidence,
            "reason": reason,
            "best": [[str(score.theme_id), score.score] for score in best],
            "text_hash": text_hash,
            "themes_hash": themes_hash,
            "analyst": analyst,
            "analyst_version": analyst_version,
        }
        state = MessageState.TRANSCRIBED if is_relevant else MessageState.NOT_RELEVANT
        shown = None if is_relevant else Reason(ReasonCode.OFF_TOPIC, reason)
        with self._ledger.writing(lease) as connection:
            statement = insert_into(self._ledger.database, relevance_scores).values(
                workspace_id=lease.workspace_id, message_id=message_id, **values
            )
            connection.execute(statement.on_conflict_do_update(index_elements=["message_id"], set_=values))
            self._ledger.move(connection, lease, message_id, state, shown)
