"""Messages as people read them: one call with where it stands, and what was said on it."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from headway_pipeline.model.calls import Segment, Transcript
from headway_pipeline.model.filters import MessageFilter, Page, PageKey
from headway_pipeline.model.links import known_address
from headway_pipeline.store.engine import Database
from headway_pipeline.store.filtering import message_conditions, on_page, page_of
from headway_pipeline.store.tables import messages, transcripts

__all__ = ["MessageRow", "ShownTranscript", "message_page", "transcript_of"]


#: A call in the ledger; what a source did not tell, or what was purged, is None. Times are aware UTC.
MESSAGE_COLUMNS = (
    *("id", "source", "external_id", "title", "occurred_at", "duration_s", "url", "language", "account"),
    *("state", "reason", "sentiment", "sentiment_score", "updated_at"),
)
MessageRow = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ShownTranscript:
    """What was said, and when it was fetched."""

    message: MessageRow
    transcript: Transcript
    fetched_at: datetime


def message_page(
    database: Database,
    workspace_id: uuid.UUID,
    where: MessageFilter,
    *,
    only: uuid.UUID | None = None,
    after: PageKey | None = None,
    limit: int,
) -> Page[MessageRow]:
    """At most `limit` rows that come after `after`, newest first.

    Args:
        only: this one, if it is among them.
    """
    query = sa.select(*(messages.c[name] for name in MESSAGE_COLUMNS))
    query = on_page(query.where(*message_conditions(workspace_id, where)), messages.c.id, after, limit)
    if only is not None:
        query = query.where(messages.c.id == only)
    with database.reading() as connection:
        shown, last = page_of(connection.execute(query).mappings().all(), limit)
    return Page(tuple(map(_row, shown)), last)


def _row(found: Any) -> MessageRow:
    return {**found, "url": known_address(found["url"])}


def transcript_of(database: Database, workspace_id: uuid.UUID, message_id: uuid.UUID) -> ShownTranscript | None:
    """What was said on a call; None where there is no such call, or no words of it."""
    columns = (messages.c[name] for name in MESSAGE_COLUMNS)
    query = (
        sa.select(*columns, transcripts.c.segments, transcripts.c.fetched_at)
        .join(transcripts, transcripts.c.message_id == messages.c.id)
        .where(messages.c.workspace_id == workspace_id, messages.c.id == message_id)
    )
    with database.reading() as connection:
        found = connection.execute(query).mappings().first()
    if found is None:
        return None
    values = dict(found)
    segments, fetched_at = values.pop("segments"), values.pop("fetched_at")
    return ShownTranscript(_row(values), Transcript(tuple(map(Segment.from_json, segments))), fetched_at)
