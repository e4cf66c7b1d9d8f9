"""Which calls are to be read, and what was found in them, with its evidence."""

import uuid
from collections.abc import Sequence
from datetime import date, datetime
from functools import partial
from typing import Any

from sqlalchemy.engine import Connection

from headway_pipeline.model.features import ExtractedFeature, Sentiment, read_by
from headway_pipeline.model.identity import derived_id
from headway_pipeline.model.ledger import MessageState, ReasonCode
from headway_pipeline.store.item_identity import identified, known_items
from headway_pipeline.store.leases import Lease
from headway_pipeline.store.messages import Ledger, is_due
from headway_pipeline.store.placing import hold_call
from headway_pipeline.store.relevance import DueCall, due_calls, due_of
from headway_pipeline.store.searching import search_text
from headway_pipeline.store.statements import has_no_reason_of, on_days
from headway_pipeline.store.tables import (
    evidence,
    extracted_features,
    features,
    messages,
    relevance_scores,
    transcripts,
)

__all__ = ["Extractions"]


class Extractions:
    """What customers asked for, reported and suffer from."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def awaiting(
        self, workspace_id: uuid.UUID, days: Sequence[date], now: datetime, *, without: Sequence[ReasonCode] = ()
    ) -> list[DueCall]:
        """Relevant calls that were not read at their present words; newest first.

        Args:
            without: not those that wait for one of these reasons.
        """
        query = due_calls().where(
            messages.c.workspace_id == workspace_id,
            on_days(days),
            is_due(now, MessageState.TRANSCRIBED),
            relevance_scores.c.is_relevant,
            relevance_scores.c.text_hash == transcripts.c.text_hash,
            has_no_reason_of(*without),
        )
        with self._ledger.database.reading() as connection:
            return due_of(connection, query)

    def record(
        self,
        lease: Lease,
        message_id: uuid.UUID,
        *,
        text_hash: str,
        items: Sequence[ExtractedFeature],
        sentiment: Sentiment,
        sentiment_score: float,
        analyst: str,
        analyst_version: str,
    ) -> None:
        """Store one reading of a call in place of an older one; items found again keep their ids.

        Raises:
            EvidenceRefusedError: a quote is not the named slice of its segment, or a known vendor's.
        """
        versions = {"text_hash": text_hash, "analyst": analyst, "analyst_version": analyst_version}
        with self._ledger.writing(lease) as connection:
            hold_call(connection, lease.workspace_id, message_id)
            _replace(connection, lease, message_id, items, versions)
            self._ledger.move(
                connection,
                lease,
                message_id,
                MessageState.ANALYSED,
                analysed_text_hash=text_hash,
                analysed_by=read_by(analyst, analyst_version),
                filed_themes_hash=None,
                sentiment=sentiment.value,
                sentiment_score=sentiment_score,
            )


def item_id(message_id: uuid.UUID, item: ExtractedFeature) -> uuid.UUID:
    """The id of an item: its message, its type and where its first evidence stands."""
    first = item.evidence[0]
    place = (str(first.segment_index), str(first.char_start), str(first.char_end))
    return derived_id("extracted_feature", str(message_id), item.type.value, *place)


def _replace(
    connection: Connection,
    lease: Lease,
    message_id: uuid.UUID,
    items: Sequence[ExtractedFeature],
    versions: dict[str, str],
) -> None:
    known = known_items(connection, lease.workspace_id, message_id)
    for table in (features, evidence, extracted_features):
        connection.execute(
            table.delete().where(table.c.workspace_id == lease.workspace_id, table.c.message_id == message_id)
        )
    rows, spans = [], []
    for position, (key, item) in enumerate(identified(items, known, partial(item_id, message_id)).items()):
        owner = {"workspace_id": lease.workspace_id, "message_id": message_id}
        first = {"created_at": known[key].created_at} if key in known else {}
        rows.append({"id": key, "position": position, **owner, **_columns(item), **versions, **first})
        for order, span in enumerate(item.evidence):
            spans.append(
                {
                    "id": derived_id("evidence", str(key), str(order)),
                    "extracted_feature_id": key,
                    "position": order,
                    "segment_index": span.segment_index,
                    "char_start": span.char_start,
                    "char_end": span.char_end,
                    "quote": span.quote,
                    **owner,
                }
            )
    if rows:
        for row in rows:
            connection.execute(extracted_features.insert().values(**row))
        connection.execute(evidence.insert(), spans)


def _columns(item: ExtractedFeature) -> dict[str, Any]:
    return {
        "type": item.type.value,
        "title": item.title,
        "description": item.description,
        "urgency": item.urgency.value,
        "urgency_reason": item.urgency_reason,
        "sentiment": item.sentiment.value,
        "sentiment_score": item.sentiment_score,
        "confidence": item.confidence,
        "origin": item.origin.value,
        "search_text": search_text(item.title, item.description, [span.quote for span in item.evidence]),
    }
