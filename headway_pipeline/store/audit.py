"""What checks look for. Written apart from what writes: a check that shares its subject's code proves nothing."""

import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa

from headway_pipeline.model.calls import Side
from headway_pipeline.model.ledger import MessageState
from headway_pipeline.store.balances import Balances
from headway_pipeline.store.engine import Database
from headway_pipeline.store.statements import on_days
from headway_pipeline.store.tables import evidence, features, messages, themes, transcripts

__all__ = ["Audit", "EvidenceAudit", "Flaw"]

#: How many transcripts are in memory at once.
TRANSCRIPTS_AT_ONCE = {"yield_per": 20}

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


@dataclass(frozen=True, slots=True)
class Flaw:
    """Something that must not be, with the UTC day of its call; in words for people, of ids and counts only."""

    day: date
    words: str

    def __str__(self) -> str:
        return f"{self.day}: {self.words}"


@dataclass(frozen=True, slots=True)
class EvidenceAudit:
    """What one reading of stored evidence against its transcripts found.

    Attributes:
        unverbatim: evidence whose quote is not its slice of the transcript.
        of_vendors: evidence that rests on a known vendor's words.
        sides: how much evidence each side gave.
    """

    unverbatim: tuple[Flaw, ...]
    of_vendors: tuple[Flaw, ...]
    sides: Mapping[str, int]


class Audit:
    """Finds what must not be. `days` is None for all days; ids and counts only, never speech."""

    def __init__(self, database: Database, balances: Balances) -> None:
        self._database = database
        self._balances = balances

    def evidence(self, workspace_id: uuid.UUID, days: Sequence[date] | None) -> EvidenceAudit:
        """Every quote against its transcript, recomputed without the database's help; a transcript is read once."""
        unverbatim, of_vendors = [], []
        sides: Counter[str] = Counter()
        for day, row, segment in self._evidence(workspace_id, days):
            if not _is_slice(row, segment):
                unverbatim.append(Flaw(day, f"evidence {row.id} is not in its transcript"))
            if segment is not None:
                sides[segment["side"]] += 1
                if segment["side"] == Side.VENDOR:
                    of_vendors.append(Flaw(day, f"evidence {row.id} is a vendor's"))
        return EvidenceAudit(tuple(unverbatim), tuple(of_vendors), sides)

    def _evidence(
        self, workspace_id: uuid.UUID, days: Sequence[date] | None
    ) -> Iterator[tuple[date, Any, dict[str, Any] | None]]:
        """Evidence with its day and its segment, one call's transcript in memory at a time."""
        query = (
            sa.select(messages.c.id, messages.c.occurred_at)
            .where(
                messages.c.workspace_id == workspace_id,
                on_days(days),
                sa.exists().where(evidence.c.message_id == messages.c.id),
            )
            .order_by(messages.c.occurred_at, messages.c.id)
        )
        with self._database.reading() as connection:
            for message_id, occurred_at in connection.execute(query).all():
                stored = sa.select(transcripts.c.segments).where(transcripts.c.message_id == message_id)
                segments = connection.execute(stored).scalar() or []
                for row in connection.execute(sa.select(evidence).where(evidence.c.message_id == message_id)):
                    within = 0 <= row.segment_index < len(segments)
                    yield occurred_at.date(), row, segments[row.segment_index] if within else None

    def repeated_segments(self, workspace_id: uuid.UUID, days: Sequence[date] | None) -> list[Flaw]:
        """Transcripts in which a turn stands more than once, or whose segments do not count up from 0."""
        query = (
            sa.select(messages.c.id, messages.c.occurred_at, transcripts.c.segments)
            .join(transcripts, transcripts.c.message_id == messages.c.id)
            .where(messages.c.workspace_id == workspace_id, on_days(days))
            .order_by(messages.c.occurred_at, messages.c.id)
        )
        with self._database.reading() as connection:
            return [
                Flaw(occurred_at.date(), f"call {message_id}: {words}")
                for message_id, occurred_at, segments in connection.execute(
                    query, execution_options=TRANSCRIPTS_AT_ONCE
                )
                for words in _repetitions(segments)
            ]

    def unfiled_features(self, workspace_id: uuid.UUID, days: Sequence[date] | None) -> list[Flaw]:
        """Features whose theme is archived, missing or another workspace's."""
        query = (
            sa.select(features.c.id, messages.c.occurred_at)
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
            return [
                Flaw(occurred_at.date(), f"feature {feature_id} has no living theme")
                for feature_id, occurred_at in connection.execute(query)
            ]

    def unbalanced_listings(self, workspace_id: uuid.UUID, days: Sequence[date] | None) -> list[Flaw]:
        """Days whose last complete listing does not agree with the calls the ledger saw in it."""
        return [
            Flaw(
                found.day,
                f"connector {found.connector}: the source listed {found.listed - found.moved} calls, "
                f"the ledger holds {found.held} of them",
            )
            for found in self._balances.by_day(workspace_id, days)
            if found.difference
        ]

    def unexplained_messages(self, workspace_id: uuid.UUID, days: Sequence[date] | None) -> list[Flaw]:
        """Messages in a state that needs a reason and has none, counted by day and state."""
        query = sa.select(messages.c.occurred_at, messages.c.state).where(
            messages.c.workspace_id == workspace_id,
            on_days(days),
            messages.c.state.in_([state.value for state in NEED_A_REASON]),
            messages.c.reason.is_(None),
        )
        with self._database.reading() as connection:
            counts = Counter((occurred_at.date(), state) for occurred_at, state in connection.execute(query))
        return [
            Flaw(day, f"{number} messages are {state} without a reason")
            for (day, state), number in sorted(counts.items())
        ]


def _is_slice(row: Any, segment: dict[str, Any] | None) -> bool:
    return segment is not None and segment["text"][row.char_start : row.char_end] == row.quote != ""


def _repetitions(segments: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if [segment["index"] for segment in segments] != [*range(len(segments))]:
        yield "its segments are not numbered in their order"
    # Without times two equal turns may well be two.
    turns = Counter(
        (segment["speaker"], segment["side"], segment["start_ms"], segment["end_ms"], segment["text"])
        for segment in segments
        if segment["start_ms"] is not None
    )
    repeated = turns.total() - len(turns)
    if repeated:
        yield f"{repeated} of its {len(segments)} segments stand there once more"
