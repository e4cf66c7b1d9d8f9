"""Extracted features as people read them: with their call, their theme, what was decided, and their evidence.

A page costs five queries however long it is: the rows, their evidence with the segments it stands in, decisions, and
the names of themes.
"""

import json
import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from headway_pipeline.model.calls import Segment
from headway_pipeline.model.decisions import Decision, DecisionKind
from headway_pipeline.model.errors import InputError, UnknownThingError
from headway_pipeline.model.filters import FeatureFilter, Page, PageKey
from headway_pipeline.model.links import known_address
from headway_pipeline.store.decisions import decisions_about
from headway_pipeline.store.engine import Database
from headway_pipeline.store.filtering import feature_conditions, on_page, page_of
from headway_pipeline.store.tables import evidence, extracted_features, features, messages, themes, transcripts

__all__ = [
    "FoundFeature",
    "NamedScore",
    "ShownEvidence",
    "ShownMessage",
    "feature_id",
    "feature_page",
    "filtered_items",
]


@dataclass(frozen=True, slots=True)
class ShownMessage:
    """The call a feature comes from."""

    id: uuid.UUID
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
class NamedScore:
    """How well an item fits a theme, as the analyst sees it, 0 to 1."""

    theme_id: uuid.UUID
    theme: str
    score: float


@dataclass(frozen=True, slots=True)
class FoundFeature:
    """A feature, or an item of the inbox (`theme` is None).

    Attributes:
        theme: where it stands; of a dismissed item, where it would.
        best_themes: the analyst's best two, best first.
        decisions: what people decided about it, verdict first.
    """

    id: uuid.UUID
    type: str
    title: str
    description: str
    theme_id: uuid.UUID | None
    theme: str | None
    urgency: str
    urgency_reason: str
    sentiment: str
    sentiment_score: float
    confidence: float
    origin: str
    best_themes: tuple[NamedScore, ...]
    decisions: tuple[Decision, ...]
    message: ShownMessage
    evidence: tuple[ShownEvidence, ...]


#: Eight digits or more.
ID_BEGINNING = re.compile(r"[0-9a-f]{8}[0-9a-f-]{0,28}")
OWN = (
    *("id", "message_id", "type", "title", "description", "urgency", "urgency_reason", "sentiment"),
    *("sentiment_score", "confidence", "origin", "matched_theme_id", "best_themes"),
)


def filtered_items(query: sa.Select[Any], workspace_id: uuid.UUID, where: FeatureFilter) -> sa.Select[Any]:
    """`query` over the extracted features of `where`, each with its message and, where it is filed, its feature."""
    items = extracted_features
    return (
        query.select_from(items)
        .join(messages, messages.c.id == items.c.message_id)
        .outerjoin(features, features.c.extracted_feature_id == items.c.id)
        .where(*feature_conditions(workspace_id, where))
    )


def feature_page(
    database: Database,
    workspace_id: uuid.UUID,
    where: FeatureFilter,
    *,
    only: uuid.UUID | None = None,
    after: PageKey | None = None,
    limit: int,
) -> Page[FoundFeature]:
    """At most `limit` rows that come after `after`, newest call first.

    Args:
        only: this one, if it is among them.
    """
    columns = (extracted_features.c[name] for name in OWN)
    of_message = (messages.c[name] for name in ("source", "external_id", "url", "occurred_at", "account"))
    selected = sa.select(*columns, *of_message, messages.c.title.label("call_title"), features.c.theme_id)
    query = on_page(filtered_items(selected, workspace_id, where), extracted_features.c.id, after, limit)
    if only is not None:
        query = query.where(extracted_features.c.id == only)
    with database.reading() as connection:
        shown, last = page_of(connection.execute(query).mappings().all(), limit)
        found = _found(database, connection, workspace_id, shown)
    return Page(found, last)


def feature_id(database: Database, workspace_id: uuid.UUID, beginning: str) -> uuid.UUID:
    """The one extracted feature whose id begins so.

    Raises:
        UnknownThingError: there is none.
        InputError: there are several, or it is no beginning of an id.
    """
    remedy = "ids stand in `headway features` and `headway inbox`; whole ones in their JSON"
    written = beginning.lower()
    if not ID_BEGINNING.fullmatch(written):
        raise InputError(f"{beginning!r} is no id of a feature, nor the beginning of one", remedy)
    items = extracted_features.c
    query = sa.select(items.id).where(
        items.workspace_id == workspace_id, sa.cast(items.id, sa.Text).startswith(written, autoescape=True)
    )
    with database.reading() as connection:
        found = connection.execute(query.limit(2)).scalars().all()
    if not found:
        raise UnknownThingError(f"there is no feature {beginning}", remedy)
    if len(found) > 1:
        raise InputError(f"several features begin with {beginning}", "give more of the id")
    key: uuid.UUID = found[0]
    return key


def _found(
    database: Database, connection: Connection, workspace_id: uuid.UUID, rows: Sequence[Mapping[Any, Any]]
) -> tuple[FoundFeature, ...]:
    if not rows:
        return ()
    ids = [row["id"] for row in rows]
    spans = _evidence_of(database, connection, workspace_id, ids)
    decided = decisions_about(connection, workspace_id, ids)
    known = sa.select(themes.c.id, themes.c.name).where(themes.c.workspace_id == workspace_id)
    names = {row.id: row.name for row in connection.execute(known)}
    return tuple(_feature(row, spans[row["id"]], decided[row["id"]], names) for row in rows)


def _evidence_of(
    database: Database, connection: Connection, workspace_id: uuid.UUID, item_ids: Sequence[uuid.UUID]
) -> dict[uuid.UUID, list[ShownEvidence]]:
    """The evidence of all items; of the transcripts only the segments it stands in leave the database."""
    found: dict[uuid.UUID, list[ShownEvidence]] = {item_id: [] for item_id in item_ids}
    query = (
        sa.select(evidence, _segment_of(database).label("segment"))
        .join(transcripts, transcripts.c.message_id == evidence.c.message_id)
        .where(evidence.c.workspace_id == workspace_id, evidence.c.extracted_feature_id.in_(item_ids))
        .order_by(evidence.c.position)
    )
    for row in connection.execute(query):
        # One driver reads JSON by itself, the other one gives its text.
        stored = json.loads(row.segment) if isinstance(row.segment, str) else row.segment
        found[row.extracted_feature_id].append(_shown(row, Segment.from_json(stored)))
    return found


def _segment_of(database: Database) -> sa.ColumnElement[Any]:
    if database.is_sqlite:
        path = sa.literal("$[") + sa.cast(evidence.c.segment_index, sa.Text) + sa.literal("]")
        return sa.func.json_extract(transcripts.c.segments, path, type_=sa.Text)
    return sa.type_coerce(transcripts.c.segments, sa.Text).op("->")(evidence.c.segment_index)


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


def _feature(
    row: Mapping[Any, Any],
    spans: Iterable[ShownEvidence],
    decided: Sequence[Decision],
    names: Mapping[uuid.UUID, str],
) -> FoundFeature:
    of_call = ("source", "external_id", "occurred_at", "account")
    message = ShownMessage(
        id=row["message_id"],
        title=row["call_title"],
        url=known_address(row["url"]),
        **{name: row[name] for name in of_call},
    )
    best = [(uuid.UUID(theme_id), score) for theme_id, score in row["best_themes"] or ()]
    theme_id = _place(row, decided)
    copied = (
        *("id", "type", "title", "description", "urgency", "urgency_reason", "sentiment", "sentiment_score"),
        *("confidence", "origin"),
    )
    return FoundFeature(
        **{name: row[name] for name in copied},
        theme_id=theme_id,
        theme=None if theme_id is None else names[theme_id],
        best_themes=tuple(NamedScore(key, names[key], score) for key, score in best if key in names),
        decisions=tuple(decided),
        message=message,
        evidence=tuple(spans),
    )


def _place(row: Mapping[Any, Any], decided: Sequence[Decision]) -> uuid.UUID | None:
    by_kind = {decision.kind: decision for decision in decided}
    if DecisionKind.DISMISS not in by_kind:
        stands: uuid.UUID | None = row["theme_id"]
        return stands
    move = by_kind.get(DecisionKind.MOVE)
    matched: uuid.UUID | None = row["matched_theme_id"]
    return matched if move is None else move.theme_id
