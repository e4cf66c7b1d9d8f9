"""An item keeps its first id when its call is read again: what people decided about it hangs on that.

The same item is one of the same type about the same words: spans of two readings that share at least half of the
shorter one. An item that is new gets an id made of its place.
"""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from headway_pipeline.model.features import Evidence, ExtractedFeature, FeatureType, shared_characters
from headway_pipeline.model.identity import derived_id
from headway_pipeline.store.tables import evidence, extracted_features

__all__ = ["KnownItem", "identified", "known_items"]


@dataclass(frozen=True, slots=True)
class KnownItem:
    """An item of an earlier reading."""

    type: FeatureType
    created_at: datetime
    evidence: tuple[Evidence, ...]


def known_items(
    connection: Connection, workspace_id: uuid.UUID, message_id: uuid.UUID
) -> Mapping[uuid.UUID, KnownItem]:
    """The items of a call's last reading, in their order."""
    spans: dict[uuid.UUID, list[Evidence]] = {}
    query = sa.select(evidence).where(evidence.c.workspace_id == workspace_id, evidence.c.message_id == message_id)
    for row in connection.execute(query):
        span = Evidence(row.segment_index, row.char_start, row.char_end, row.quote)
        spans.setdefault(row.extracted_feature_id, []).append(span)
    table = extracted_features.c
    items = (
        sa.select(table.id, table.type, table.created_at)
        .where(table.workspace_id == workspace_id, table.message_id == message_id)
        .order_by(table.position)
    )
    return {
        row.id: KnownItem(FeatureType(row.type), row.created_at, tuple(spans.get(row.id, ())))
        for row in connection.execute(items)
    }


def identified(
    items: Sequence[ExtractedFeature],
    known: Mapping[uuid.UUID, KnownItem],
    new_id: Callable[[ExtractedFeature], uuid.UUID],
) -> dict[uuid.UUID, ExtractedFeature]:
    """The items under their ids, in their order: the pairs that share most come first, each id once."""
    pairs = [
        (shared, -number, key)
        for number, item in enumerate(items)
        for key, old in known.items()
        if item.type is old.type and (shared := _shared(item.evidence, old.evidence)) > 0
    ]
    id_of: dict[int, uuid.UUID] = {}
    for _shared_words, negative, key in sorted(pairs, key=lambda pair: (-pair[0], -pair[1], str(pair[2]))):
        if -negative not in id_of and key not in id_of.values():
            id_of[-negative] = key
    taken = set(id_of.values())
    found: dict[uuid.UUID, ExtractedFeature] = {}
    for number, item in enumerate(items):
        found[id_of.get(number) or _free_id(new_id(item), taken)] = item
    return found


def _free_id(wanted: uuid.UUID, taken: set[uuid.UUID]) -> uuid.UUID:
    """Two new items of one type at one place are one item; one beside an item that moved away is another."""
    return derived_id("beside", str(wanted)) if wanted in taken else wanted


def _shared(new: Sequence[Evidence], old: Sequence[Evidence]) -> int:
    """Characters that the two have in common, in spans that are about the same words."""
    return sum(shared_characters(one, other) for one in new for other in old)
