"""Which calls are to be filed, and what is filed under which theme."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from headway_pipeline.model.features import (
    Evidence,
    ExtractedFeature,
    FeatureType,
    Filing,
    Origin,
    Sentiment,
    Urgency,
)
from headway_pipeline.model.ledger import MessageState
from headway_pipeline.store.leases import Lease
from headway_pipeline.store.messages import Ledger, is_due
from headway_pipeline.store.placing import NOTHING, decided_in, hold_call, is_dismissed, place_item
from headway_pipeline.store.statements import IN_PIECES, on_days
from headway_pipeline.store.tables import evidence, extracted_features, features, messages, themes

__all__ = ["DueMatching", "FeatureCounts", "Filings", "StoredFeature"]


@dataclass(frozen=True, slots=True)
class StoredFeature:
    """An extracted feature with its id."""

    id: uuid.UUID
    feature: ExtractedFeature


@dataclass(frozen=True, slots=True)
class DueMatching:
    """A call whose items are to be filed under the present themes. Many are in memory at once, their items not.

    Attributes:
        load: reads the items.
    """

    id: uuid.UUID
    source: str
    occurred_at: datetime
    attempts: int
    load: Callable[[uuid.UUID], tuple[StoredFeature, ...]] = field(repr=False, compare=False)

    @property
    def items(self) -> tuple[StoredFeature, ...]:
        """The call's items with their evidence, read from the database at every use."""
        return self.load(self.id)


@dataclass(frozen=True, slots=True)
class FeatureCounts:
    """One day's features: by type and by theme, and what is in the inbox."""

    by_type: Mapping[str, int] = field(default_factory=dict)
    by_theme: Mapping[str, int] = field(default_factory=dict)
    inbox: int = 0


class Filings:
    """Features: extracted features under their themes."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def awaiting(
        self, workspace_id: uuid.UUID, days: Sequence[date], themes_hash: str, now: datetime
    ) -> list[DueMatching]:
        """Analysed calls that were not filed under the themes of `themes_hash`; newest first."""
        query = (
            sa.select(messages.c.id, messages.c.source, messages.c.occurred_at, messages.c.attempts)
            .where(
                messages.c.workspace_id == workspace_id,
                on_days(days),
                is_due(now, MessageState.ANALYSED),
                messages.c.filed_themes_hash.is_distinct_from(themes_hash),
            )
            .order_by(messages.c.occurred_at.desc(), messages.c.id)
        )
        same: dict[str, str] = {}
        with self._ledger.database.reading() as connection:
            return [
                DueMatching(
                    row.id, same.setdefault(row.source, row.source), row.occurred_at, row.attempts, self._items
                )
                for row in connection.execute(query, execution_options=IN_PIECES)
            ]

    def _items(self, message_id: uuid.UUID) -> tuple[StoredFeature, ...]:
        with self._ledger.database.reading() as connection:
            return _items(connection, message_id)

    def record(
        self,
        lease: Lease,
        message_id: uuid.UUID,
        themes_hash: str,
        filings: Mapping[uuid.UUID, Filing],
        *,
        filed_by: str | None = None,
    ) -> None:
        """File a call's items: under a theme, or out of `features` into the inbox. Unchanged rows stay untouched.

        What people decided about them holds: see `store/placing.py`.

        Args:
            filed_by: analyst and version, as `model.features.read_by` names them.
        """
        with self._ledger.writing(lease) as connection:
            hold_call(connection, lease.workspace_id, message_id)
            decided = decided_in(connection, lease.workspace_id, message_id)
            for item_id, filing in filings.items():
                _keep_match(connection, item_id, filing)
                now = self._ledger.now()
                place_item(connection, self._ledger.database, now, item_id, filing, decided.get(item_id, NOTHING))
            self._ledger.move(
                connection,
                lease,
                message_id,
                MessageState.ANALYSED,
                filed_themes_hash=themes_hash,
                filed_by=filed_by,
            )

    def counts(self, workspace_id: uuid.UUID, days: Sequence[date] | None) -> Mapping[date, FeatureCounts]:
        """Features of each day that has any, by type and theme, and the inbox; without what people dismissed."""
        query = (
            sa.select(messages.c.occurred_at, extracted_features.c.type, themes.c.name)
            .join(extracted_features, extracted_features.c.message_id == messages.c.id)
            .outerjoin(features, features.c.extracted_feature_id == extracted_features.c.id)
            .outerjoin(themes, themes.c.id == features.c.theme_id)
            .where(messages.c.workspace_id == workspace_id, on_days(days), sa.not_(is_dismissed()))
        )
        by_type: dict[date, dict[str, int]] = {}
        by_theme: dict[date, dict[str, int]] = {}
        inbox: dict[date, int] = {}
        with self._ledger.database.reading() as connection:
            for occurred_at, kind, theme in connection.execute(query, execution_options=IN_PIECES):
                day = occurred_at.date()
                types, themed = by_type.setdefault(day, {}), by_theme.setdefault(day, {})
                types[kind] = types.get(kind, 0) + 1
                if theme is None:
                    inbox[day] = inbox.get(day, 0) + 1
                else:
                    themed[theme] = themed.get(theme, 0) + 1
        return {day: FeatureCounts(by_type[day], by_theme[day], inbox.get(day, 0)) for day in sorted(by_type)}


def _keep_match(connection: Connection, item_id: uuid.UUID, filing: Filing) -> None:
    """Store what the analyst thinks, whatever people decided."""
    best = [[str(score.theme_id), score.score] for score in filing.best]
    table = extracted_features.c
    query = sa.select(table.matched_theme_id, table.best_themes).where(table.id == item_id)
    if tuple(connection.execute(query).one()) != (filing.theme_id, best):
        values = {"matched_theme_id": filing.theme_id, "best_themes": best}
        connection.execute(extracted_features.update().where(table.id == item_id).values(**values))


def _items(connection: Connection, message_id: uuid.UUID) -> tuple[StoredFeature, ...]:
    spans: dict[uuid.UUID, list[Evidence]] = {}
    found = sa.select(evidence).where(evidence.c.message_id == message_id).order_by(evidence.c.position)
    for row in connection.execute(found):
        span = Evidence(row.segment_index, row.char_start, row.char_end, row.quote)
        spans.setdefault(row.extracted_feature_id, []).append(span)
    table = extracted_features
    query = sa.select(table).where(table.c.message_id == message_id).order_by(table.c.position)
    return tuple(
        StoredFeature(
            row.id,
            ExtractedFeature(
                type=FeatureType(row.type),
                title=row.title,
                description=row.description,
                urgency=Urgency(row.urgency),
                urgency_reason=row.urgency_reason,
                sentiment=Sentiment(row.sentiment),
                sentiment_score=row.sentiment_score,
                confidence=row.confidence,
                origin=Origin(row.origin),
                evidence=tuple(spans[row.id]),
            ),
        )
        for row in connection.execute(query)
    )
