"""What checks look for. Written apart from what writes: a check that shares its subject's code proves nothing."""

import uuid
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import sqlalchemy as sa

from headway_pipeline.model.ledger import MessageState
from headway_pipeline.store.balances import Balances
from headway_pipeline.store.engine import Database
from headway_pipeline.store.statements import on_days
from headway_pipeline.store.tables import evidence, features, messages, themes, transcripts

__all__ = ["Audit"]

#: States that only a reason explains.
NEED_A_REASON = (
    MessageState.AWAITING_TRANSCRIPT,
    MessageState.NOT_RELEVANT,
    MessageState.TOO_SHORT,
    MessageState.NO_TRANSCRIPT,
    MessageState.PRIVATE,
    MessageState.FORBIDDEN,
    MessageState.DELETED,
    MessageState.QUARANTINED,
)


class Audit:
    """Finds what must not be. `days` is None for all days; ids and counts only, never speech."""

    def __init__(self, database: Database, balances: Balances) -> None:
        self._database = database
        self._balances = balances

    def unverbatim_quotes(self, workspace_id: uuid.UUID, days: Sequence[date] | None) -> list[uuid.UUID]:
        """Evidence whose quote is not its slice of the transcript, recomputed without the database's help."""
        return [row.id for row, segment in self._evidence(workspace_id, days) if not _is_slice(row, segment)]

    def vendor_evidence(self, workspace_id: uuid.UUID, days: Sequence[date] | None) -> list[uuid.UUID]:
        """Evidence that rests on a known vendor's words."""
        return [
            row.id for row, segment in self._evidence(workspace_id, days) if segment and segment["side"] == "vendor"
        ]

    def _evidence(
        self, workspace_id: uuid.UUID, days: Sequence[date] | None
    ) -> Iterator[tuple[Any, dict[str, Any] | None]]:
        """Evidence with its segment, one call's transcript in memory at a time."""
        query = (
            sa.select(messages.c.id)
            .where(
                messages.c.workspace_id == workspace_id,
                on_days(days),
                sa.exists().where(evidence.c.message_id == messages.c.id),
            )
            .order_by(messages.c.id)
        )
        with self._database.reading() as connection:
            for message_id in connection.execute(query).scalars().all():
                stored = sa.select(transcripts.c.segments).where(transcripts.c.message_id == message_id)
                segments = connection.execute(stored).scalar() or []
                for row in connection.execute(sa.select(evidence).where(evidence.c.message_id == message_id)):
                    within = 0 <= row.segment_index < len(segments)
                    yield row, segments[row.segment_index] if within else None

    def unfiled_features(self, workspace_id: uuid.UUID, days: Sequence[date] | None) -> list[uuid.UUID]:
        """Features whose theme is archived, missing or another workspace's."""
        query = (
            sa.select(features.c.id)
            .join(messages, messages.c.id == features.c.message_id)
            .outerjoin(themes, themes.c.id == features.c.theme_id)
            .where(
                features.c.workspace_id == workspace_id,
                on_days(days),
                sa.or_(
                    themes.c.id.is_(None),
                    themes.c.archived_at.is_not(None),
                    themes.c.workspace_id != features.c.workspace_id,
                ),
            )
        )
        with self._database.reading() as connection:
            return list(connection.execute(query).scalars())

    def unbalanced_listings(self, workspace_id: uuid.UUID, days: Sequence[date] | None) -> list[str]:
        """Days whose last complete listing does not agree with the calls the ledger saw in it, in words."""
        return [
            f"{found.day}, connector {found.connector}: the source listed {found.listed - found.moved} calls, "
            f"the ledger holds {found.held} of them"
            for found in self._balances.by_day(workspace_id, days)
            if found.difference
        ]

    def unexplained_messages(self, workspace_id: uuid.UUID, days: Sequence[date] | None) -> list[str]:
        """Messages in a state that needs a reason and has none, counted by state."""
        query = (
            sa.select(messages.c.state, sa.func.count())
            .where(
                messages.c.workspace_id == workspace_id,
                on_days(days),
                messages.c.state.in_([state.value for state in NEED_A_REASON]),
                messages.c.reason.is_(None),
            )
            .group_by(messages.c.state)
        )
        with self._database.reading() as connection:
            return [f"{number} messages are {state} without a reason" for state, number in connection.execute(query)]


def _is_slice(row: Any, segment: dict[str, Any] | None) -> bool:
    return segment is not None and segment["text"][row.char_start : row.char_end] == row.quote != ""
