"""The ledger: messages, who listed them when, and their transcripts."""

import sqlalchemy as sa

from headway_pipeline.model.features import Sentiment
from headway_pipeline.model.ledger import MessageState, Presence
from headway_pipeline.store.tables.columns import (
    JSON_TYPE,
    METADATA,
    DashedUuid,
    UtcDateTime,
    created_at,
    one_of,
    partial_index,
    updated_at,
    workspace_id,
)

__all__ = ["listings", "messages", "missing_calls", "of_message", "sightings", "transcripts"]


def of_message() -> sa.ForeignKeyConstraint:
    """The parent is a message of the same workspace."""
    return sa.ForeignKeyConstraint(["workspace_id", "message_id"], ["messages.workspace_id", "messages.id"])


def of_connector() -> sa.ForeignKeyConstraint:
    """The parent is a connector of the same workspace."""
    return sa.ForeignKeyConstraint(
        ["workspace_id", "connector_id"], ["workspace_connectors.workspace_id", "workspace_connectors.id"]
    )


#: A condition of partial indexes; SQLite takes one only for a query that writes it in the same way.
ANALYSED = "state = 'analysed'"

messages = sa.Table(
    "messages",
    METADATA,
    sa.Column("id", DashedUuid(), primary_key=True),
    workspace_id(),
    sa.Column("source", sa.String(40), nullable=False),
    sa.Column("external_id", sa.Text, nullable=False),
    sa.Column("title", sa.Text),
    sa.Column("metadata", JSON_TYPE, nullable=False, server_default="{}"),
    created_at(),
    updated_at(),
    sa.Column("occurred_at", UtcDateTime(), nullable=False),
    sa.Column("duration_s", sa.Integer),
    sa.Column("url", sa.Text),
    sa.Column("language", sa.String(12)),
    sa.Column("account", sa.Text),
    sa.Column("participants", JSON_TYPE, nullable=False, server_default="[]"),
    sa.Column("raw", JSON_TYPE, nullable=False, server_default="{}"),
    sa.Column("content_hash", sa.String(64), nullable=False, server_default=""),
    sa.Column("state", sa.String(24), nullable=False),
    # `code: words`; see model/ledger.py.
    sa.Column("reason", sa.Text),
    # Where a quarantined message goes back to.
    sa.Column("resume_state", sa.String(24)),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("next_attempt_at", UtcDateTime()),
    # What the call was read and filed at: whether it is out of date is derived from these.
    sa.Column("analysed_text_hash", sa.String(64)),
    sa.Column("filed_themes_hash", sa.String(64)),
    # Analyst and version that read it, e.g. "anthropic:claude-haiku-5-5 3f0c...".
    sa.Column("analysed_by", sa.Text),
    # The same of who filed its items.
    sa.Column("filed_by", sa.Text),
    # Of the call as a whole.
    sa.Column("sentiment", sa.String(12)),
    sa.Column("sentiment_score", sa.Float),
    # When a person had the call erased: whatever the source lists later, it stays a tombstone.
    sa.Column("erased_at", UtcDateTime()),
    sa.UniqueConstraint("workspace_id", "id"),
    sa.UniqueConstraint("workspace_id", "source", "external_id"),
    one_of("state", MessageState),
    one_of("resume_state", MessageState),
    one_of("sentiment", Sentiment),
    sa.CheckConstraint("sentiment_score BETWEEN -1 AND 1", name="sentiment_score"),
    sa.CheckConstraint("attempts >= 0", name="attempts"),
    sa.CheckConstraint("erased_at IS NULL OR state = 'deleted'", name="erased"),
    sa.Index(None, "workspace_id", "occurred_at"),
    sa.Index(None, "workspace_id", "state"),
    # What the sensors ask at every tick, out of small indexes: see store/watch.py and store/unfinished.py.
    partial_index("ix_messages_filed", "workspace_id", "filed_themes_hash", where=f"{ANALYSED} AND reason IS NULL"),
    partial_index("ix_messages_unfiled", "workspace_id", "occurred_at", where=f"{ANALYSED} AND reason IS NOT NULL"),
)

sightings = sa.Table(
    "sightings",
    METADATA,
    workspace_id(),
    sa.Column("message_id", DashedUuid(), primary_key=True),
    sa.Column("connector_id", DashedUuid(), primary_key=True),
    # Since when no complete listing of its day missed it.
    sa.Column("first_listed_at", UtcDateTime(), nullable=False),
    sa.Column("last_listed_at", UtcDateTime(), nullable=False),
    of_message(),
    of_connector(),
    sa.Index(None, "connector_id", "last_listed_at"),
)

listings = sa.Table(
    "listings",
    METADATA,
    workspace_id(),
    sa.Column("connector_id", DashedUuid(), primary_key=True),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("run_id", sa.Text, nullable=False),
    sa.Column("listed_count", sa.Integer, nullable=False),
    # How many more of its calls have left the day since than have come to it, for their start was changed.
    sa.Column("moved_count", sa.Integer, nullable=False, server_default="0"),
    sa.Column("started_at", UtcDateTime(), nullable=False),
    # NULL while the last attempt failed; `error` then says why.
    sa.Column("completed_at", UtcDateTime()),
    sa.Column("error", sa.Text),
    of_connector(),
    sa.CheckConstraint("(completed_at IS NULL) = (error IS NOT NULL)", name="outcome"),
    partial_index("ix_listings_incomplete", "workspace_id", "day", where="completed_at IS NULL"),
)

# Known calls that a complete listing by every connector of their source did not bring. A call that is listed again,
# or deleted, leaves the table.
missing_calls = sa.Table(
    "missing_calls",
    METADATA,
    workspace_id(),
    sa.Column("message_id", DashedUuid(), primary_key=True),
    # Who listed it last.
    sa.Column("connector_id", DashedUuid(), nullable=False),
    # When the first, and when the last of the listings began that missed it.
    sa.Column("missing_since", UtcDateTime(), nullable=False),
    sa.Column("missed_at", UtcDateTime(), nullable=False),
    # Set while its connector lost sight of too much at once to believe it.
    sa.Column("held_at", UtcDateTime()),
    # What the last second look found; NULL before the first.
    sa.Column("presence", sa.String(12)),
    sa.Column("looks", sa.Integer, nullable=False, server_default="0"),
    sa.Column("next_look_at", UtcDateTime()),
    of_message(),
    of_connector(),
    one_of("presence", Presence),
    sa.Index(None, "workspace_id"),
)

transcripts = sa.Table(
    "transcripts",
    METADATA,
    workspace_id(),
    sa.Column("message_id", DashedUuid(), primary_key=True),
    sa.Column("segments", JSON_TYPE, nullable=False),
    sa.Column("text_hash", sa.String(64), nullable=False),
    # The message's content_hash at hydration: another one means the transcript is to be fetched again.
    sa.Column("content_hash", sa.String(64), nullable=False),
    sa.Column("speech_chars", sa.Integer, nullable=False),
    sa.Column("fetched_at", UtcDateTime(), nullable=False),
    # When words that are out of date are asked for again; NULL while they are not.
    sa.Column("next_attempt_at", UtcDateTime()),
    sa.UniqueConstraint("workspace_id", "message_id"),
    of_message(),
    sa.Index(None, "workspace_id", "next_attempt_at"),
)
