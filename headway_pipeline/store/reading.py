"""What people read: messages, features, the inbox and the state of it all. No lease, no writes."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from headway_pipeline.model.calls import Segment
from headway_pipeline.model.windows import day_end, day_start
from headway_pipeline.store.balances import Balances, ConnectorBalance
from headway_pipeline.store.connectors import Connectors
from headway_pipeline.store.engine import Database
from headway_pipeline.store.messages import Messages
from headway_pipeline.store.tables import (
    evidence,
    extracted_features,
    features,
    messages,
    model_answers,
    themes,
    transcripts,
)

__all__ = ["FoundFeature", "Reading", "ShownEvidence", "ShownMessage"]

NOTHING_YET = ConnectorBalance(None, None, 0, 0)
#: How many calls' transcripts are in memory at once while evidence is looked up.
CALLS_AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class ShownMessage:
    """The call a feature comes from."""

    source: str
    external_id: str
    title: str | None
    url: str | None
    occurred_at: datetime
    account: str | None


@dataclass(frozen=True, slots=True)
class ShownEvidence:
    """A quote with who said it and when."""

    segment_index: int
    char_start: int
    char_end: int
    quote: str
    speaker: str | None
    side: str
    start_ms: int | None


@dataclass(frozen=True, slots=True)
class FoundFeature:
    """A feature, or an item of the inbox (`theme` is None)."""

    id: uuid.UUID
    type: str
    title: str
    description: str
    theme: str | None
    urgency: str
    urgency_reason: str
    sentiment: str
    sentiment_score: float
    confidence: float
    origin: str
    message: ShownMessage
    evidence: tuple[ShownEvidence, ...]


class Reading:
    """Listings of one workspace."""

    def __init__(self, database: Database, standing: Messages, connectors: Connectors, balances: Balances) -> None:
        self._database = database
        self._balances = balances
        self._standing = standing
        self._connectors = connectors

    def messages(
        self,
        workspace_id: uuid.UUID,
        *,
        source: str | None = None,
        state: str | None = None,
        since: date | None = None,
        until: date | None = None,
        limit: int | None = None,
    ) -> list[dict[str, Any]]:
        """Calls, newest first: source, external_id, title, occurred_at, state and reason."""
        table = messages.c
        query = sa.select(
            table.source, table.external_id, table.title, table.occurred_at, table.state, table.reason
        ).where(table.workspace_id == workspace_id, *_range(since, until))
        if source is not None:
            query = query.where(table.source == source)
        if state is not None:
            query = query.where(table.state == state)
        query = query.order_by(table.occurred_at.desc(), table.external_id).limit(limit)
        with self._database.reading() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def features(
        self, workspace_id: uuid.UUID, *, theme_id: uuid.UUID | None = None, **filters: Any
    ) -> list[FoundFeature]:
        """Features under themes, newest call first.

        Args:
            theme_id: only this theme.
            filters: type, source, since, until, limit as in `inbox`.
        """
        filed = features.c.theme_id.is_not(None) if theme_id is None else features.c.theme_id == theme_id
        return self._found(workspace_id, filed, **filters)

    def inbox(self, workspace_id: uuid.UUID, **filters: Any) -> list[FoundFeature]:
        """Extracted features under no theme, newest call first.

        Args:
            filters: type, source, since, until (days, both included), limit; None for no filter.
        """
        return self._found(workspace_id, features.c.id.is_(None), **filters)

    def _found(
        self,
        workspace_id: uuid.UUID,
        condition: sa.ColumnElement[bool],
        *,
        type: str | None = None,  # noqa: A002  # the word people filter by
        source: str | None = None,
        since: date | None = None,
        until: date | None = None,
        limit: int | None = None,
    ) -> list[FoundFeature]:
        items = extracted_features.c
        query = _feature_query().where(items.workspace_id == workspace_id, condition, *_range(since, until))
        if type is not None:
            query = query.where(items.type == type)
        if source is not None:
            query = query.where(messages.c.source == source)
        with self._database.reading() as connection:
            rows = connection.execute(query.limit(limit)).mappings().all()
            spans = _evidence_of(connection, workspace_id, rows)
        return [_feature(row, spans[row["id"]]) for row in rows]

    def first_day(self, workspace_id: uuid.UUID) -> date | None:
        """The UTC day of the workspace's oldest call, or None."""
        oldest = sa.select(sa.func.min(messages.c.occurred_at)).where(messages.c.workspace_id == workspace_id)
        with self._database.reading() as connection:
            occurred_at = connection.execute(oldest).scalar()
        return occurred_at.date() if occurred_at else None

    def status(self, workspace_id: uuid.UUID) -> dict[str, Any]:
        """Ledger by source and state, what waits and why, connectors' health and completeness, lag, models' cost."""
        newest = sa.select(sa.func.max(messages.c.occurred_at)).where(messages.c.workspace_id == workspace_id)
        with self._database.reading() as connection:
            newest_call_at = connection.execute(newest).scalar()
            model = connection.execute(_cost(workspace_id)).mappings().one()
        connectors = self._connectors.list(workspace_id)
        complete = self._balances.of_connectors(workspace_id)
        return {
            "ledger": [
                {"source": source, "state": state.value, "calls": number}
                for source, states in self._standing.counts(workspace_id).items()
                for state, number in states.items()
            ],
            "waiting": self._waiting(workspace_id),
            "connectors": [
                {
                    "name": connector.name,
                    "connector_type": connector.connector_type,
                    "health": connector.health.value,
                    "health_words": connector.health_words,
                    "advice": connector.advice,
                    "last_error": connector.last_error,
                    "last_ok_at": connector.last_ok_at,
                    "resume_at": connector.resume_at,
                    **asdict(complete.get(connector.id, NOTHING_YET)),
                }
                for connector in connectors
            ],
            "lag": {
                "newest_call_at": newest_call_at,
                "last_ok_at": min((found.last_ok_at for found in connectors if found.last_ok_at), default=None),
            },
            "model": dict(model),
        }

    def _waiting(self, workspace_id: uuid.UUID) -> list[dict[str, Any]]:
        found: dict[tuple[str, str, str], int] = {}
        for waiting in self._standing.waiting(workspace_id):
            key = (waiting.source, waiting.state.value, str(waiting.reason))
            found[key] = found.get(key, 0) + waiting.count
        return [
            {"source": source, "state": state, "reason": reason, "calls": number}
            for (source, state, reason), number in sorted(found.items())
        ]


def _range(since: date | None, until: date | None) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = []
    if since is not None:
        conditions.append(messages.c.occurred_at >= day_start(since))
    if until is not None:
        conditions.append(messages.c.occurred_at < day_end(until))
    return conditions


def _feature_query() -> sa.Select[Any]:
    items = extracted_features
    return (
        sa.select(
            items,
            themes.c.name.label("theme"),
            messages.c.source,
            messages.c.external_id,
            messages.c.title.label("call_title"),
            messages.c.url,
            messages.c.occurred_at,
            messages.c.account,
        )
        .join(messages, messages.c.id == items.c.message_id)
        .outerjoin(features, features.c.extracted_feature_id == items.c.id)
        .outerjoin(themes, themes.c.id == features.c.theme_id)
        .order_by(messages.c.occurred_at.desc(), items.c.message_id, items.c.position)
    )


def _evidence_of(
    connection: Connection, workspace_id: uuid.UUID, rows: Sequence[Mapping[Any, Any]]
) -> dict[uuid.UUID, list[ShownEvidence]]:
    """The evidence of all rows, a few calls' transcripts at a time."""
    message_ids = list(dict.fromkeys(row["message_id"] for row in rows))
    found: dict[uuid.UUID, list[ShownEvidence]] = {row["id"]: [] for row in rows}
    for start in range(0, len(message_ids), CALLS_AT_ONCE):
        chunk = message_ids[start : start + CALLS_AT_ONCE]
        segments = dict(
            connection.execute(
                sa.select(transcripts.c.message_id, transcripts.c.segments).where(
                    transcripts.c.workspace_id == workspace_id, transcripts.c.message_id.in_(chunk)
                )
            ).all()
        )
        query = sa.select(evidence).where(evidence.c.message_id.in_(chunk)).order_by(evidence.c.position)
        for row in connection.execute(query):
            if row.extracted_feature_id in found:
                segment = Segment.from_json(segments[row.message_id][row.segment_index])
                found[row.extracted_feature_id].append(_shown(row, segment))
    return found


def _shown(row: Any, segment: Segment) -> ShownEvidence:
    return ShownEvidence(
        segment_index=row.segment_index,
        char_start=row.char_start,
        char_end=row.char_end,
        quote=row.quote,
        speaker=segment.speaker,
        side=segment.side.value,
        start_ms=segment.spoken_at_ms(row.char_start),
    )


def _feature(row: Mapping[Any, Any], spans: list[ShownEvidence]) -> FoundFeature:
    names = ("source", "external_id", "url", "occurred_at", "account")
    message = ShownMessage(title=row["call_title"], **{name: row[name] for name in names})
    own = [name for name in FoundFeature.__slots__ if name not in ("message", "evidence")]
    return FoundFeature(**{name: row[name] for name in own}, message=message, evidence=tuple(spans))


def _cost(workspace_id: uuid.UUID) -> sa.Select[Any]:
    table = model_answers.c
    return sa.select(
        sa.func.coalesce(sa.func.sum(table.attempts), 0).label("answers"),
        sa.func.coalesce(sa.func.sum(table.input_tokens), 0).label("input_tokens"),
        sa.func.coalesce(sa.func.sum(table.output_tokens), 0).label("output_tokens"),
        sa.func.coalesce(sa.func.sum(table.cost_usd), 0.0).label("cost_usd"),
        # Of these nobody knows the price; it is missing in the sum.
        sa.func.count().filter(table.cost_usd.is_(None)).label("unpriced"),
    ).where(table.workspace_id == workspace_id, table.attempts > 0)
