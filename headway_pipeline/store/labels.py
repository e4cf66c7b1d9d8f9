"""What people decided, as a labelled set: each call with its words, a call in memory at a time."""

import uuid
from collections.abc import Iterator, Mapping

import sqlalchemy as sa

from headway_pipeline.model.decisions import DecisionKind
from headway_pipeline.model.features import Evidence, FeatureType
from headway_pipeline.model.filters import Decided, FeatureFilter
from headway_pipeline.model.labels import DecidedCall, DecidedItem, NamedTheme
from headway_pipeline.store.engine import Database
from headway_pipeline.store.feature_rows import FoundFeature, feature_page
from headway_pipeline.store.message_rows import transcript_of
from headway_pipeline.store.tables import decisions, extracted_features, themes

__all__ = ["decided_calls"]

#: More than any call holds.
MOST_ITEMS = 1_000


def decided_calls(database: Database, workspace_id: uuid.UUID) -> Iterator[DecidedCall]:
    """Calls with items that somebody decided about. Decisions about what no reading finds any more are left out."""
    items = extracted_features.c
    decided = (
        sa.select(decisions.c.message_id)
        .join(extracted_features, items.id == decisions.c.extracted_feature_id)
        .where(decisions.c.workspace_id == workspace_id, items.workspace_id == workspace_id)
        .distinct()
        .order_by(decisions.c.message_id)
    )
    current = (
        sa.select(themes.c.id, themes.c.name, themes.c.description)
        .where(themes.c.workspace_id == workspace_id, themes.c.archived_at.is_(None))
        .order_by(themes.c.sort_order, themes.c.name)
    )
    with database.reading() as connection:
        message_ids = connection.execute(decided).scalars().all()
        known = {row.id: NamedTheme(row.name, row.description or "") for row in connection.execute(current)}
    for message_id in message_ids:
        call = _call(database, workspace_id, message_id, known)
        if call is not None:
            yield call


def _call(
    database: Database, workspace_id: uuid.UUID, message_id: uuid.UUID, known: Mapping[uuid.UUID, NamedTheme]
) -> DecidedCall | None:
    where = FeatureFilter(message_id=message_id, decided=Decided.ANY)
    found = feature_page(database, workspace_id, where, limit=MOST_ITEMS).rows
    shown = transcript_of(database, workspace_id, message_id)
    # A run may have taken either away since the calls were named.
    if not found or shown is None:
        return None
    return DecidedCall(
        call_id=str(message_id),
        source=shown.message["source"],
        themes=tuple(known.values()),
        transcript=shown.transcript,
        items=tuple(_item(one, known) for one in found),
    )


def _item(found: FoundFeature, known: Mapping[uuid.UUID, NamedTheme]) -> DecidedItem:
    by_kind = {decision.kind: decision for decision in found.decisions}
    verdict = next((kind.value for kind in (DecisionKind.ACCEPT, DecisionKind.DISMISS) if kind in by_kind), None)
    placed = by_kind.get(DecisionKind.MOVE) or by_kind.get(DecisionKind.ACCEPT)
    is_decided = placed is not None and (placed.theme_id is None or placed.theme_id in known)
    return DecidedItem(
        id=str(found.id),
        type=FeatureType(found.type),
        title=found.title,
        description=found.description,
        verdict=verdict,
        is_theme_decided=is_decided,
        is_moved=DecisionKind.MOVE in by_kind,
        theme=placed.theme if placed is not None and is_decided else None,
        evidence=tuple(
            Evidence(span.segment_index, span.char_start, span.char_end, span.quote) for span in found.evidence
        ),
    )
