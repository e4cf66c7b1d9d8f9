"""What analysts found, the evidence it rests on, and the themes it is filed under."""

import sqlalchemy as sa

from headway_pipeline.model.features import FeatureType, Origin, Sentiment, Urgency
from headway_pipeline.store.tables.columns import (
    JSON_TYPE,
    METADATA,
    DashedUuid,
    UtcDateTime,
    created_at,
    one_of,
    updated_at,
    workspace_id,
)
from headway_pipeline.store.tables.messages import of_message

__all__ = ["decisions", "evidence", "extracted_features", "features", "relevance_scores", "themes"]


def of_extracted_feature() -> sa.ForeignKeyConstraint:
    """The parent is an extracted feature of the same workspace and the same call, and takes its children with it."""
    return sa.ForeignKeyConstraint(
        ["workspace_id", "message_id", "extracted_feature_id"],
        ["extracted_features.workspace_id", "extracted_features.message_id", "extracted_features.id"],
        ondelete="CASCADE",
    )


themes = sa.Table(
    "themes",
    METADATA,
    sa.Column("id", DashedUuid(), primary_key=True),
    workspace_id(),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("description", sa.Text),
    sa.Column("color", sa.Text),
    sa.Column("icon", sa.Text),
    sa.Column("sort_order", sa.Integer, nullable=False, server_default="0"),
    sa.Column("is_default", sa.Boolean, nullable=False, server_default=sa.false()),
    created_at(),
    updated_at(),
    sa.Column("archived_at", UtcDateTime()),
    sa.UniqueConstraint("workspace_id", "id"),
    sa.UniqueConstraint("workspace_id", "name"),
    sa.CheckConstraint("length(name) > 0", name="name"),
)

relevance_scores = sa.Table(
    "relevance_scores",
    METADATA,
    workspace_id(),
    sa.Column("message_id", DashedUuid(), primary_key=True),
    sa.Column("is_relevant", sa.Boolean, nullable=False),
    sa.Column("confidence", sa.Float, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    # [[theme_id, score], ...], best first.
    sa.Column("best", JSON_TYPE, nullable=False),
    sa.Column("text_hash", sa.String(64), nullable=False),
    sa.Column("themes_hash", sa.String(64), nullable=False),
    sa.Column("analyst", sa.Text, nullable=False),
    sa.Column("analyst_version", sa.Text, nullable=False),
    created_at(),
    of_message(),
    sa.CheckConstraint("confidence BETWEEN 0 AND 1", name="confidence"),
    sa.Index("ix_relevance_scores_judged", "workspace_id", "is_relevant", "themes_hash", "message_id"),
)

extracted_features = sa.Table(
    "extracted_features",
    METADATA,
    sa.Column("id", DashedUuid(), primary_key=True),
    workspace_id(),
    sa.Column("message_id", DashedUuid(), nullable=False),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("type", sa.String(20), nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("urgency", sa.String(12), nullable=False),
    sa.Column("urgency_reason", sa.Text, nullable=False),
    sa.Column("sentiment", sa.String(12), nullable=False),
    sa.Column("sentiment_score", sa.Float, nullable=False),
    sa.Column("confidence", sa.Float, nullable=False),
    sa.Column("origin", sa.String(12), nullable=False),
    sa.Column("analyst", sa.Text, nullable=False),
    sa.Column("analyst_version", sa.Text, nullable=False),
    sa.Column("text_hash", sa.String(64), nullable=False),
    created_at(),
    sa.UniqueConstraint("workspace_id", "message_id", "id"),
    of_message(),
    one_of("type", FeatureType),
    one_of("urgency", Urgency),
    one_of("sentiment", Sentiment),
    one_of("origin", Origin),
    sa.CheckConstraint("confidence BETWEEN 0 AND 1", name="confidence"),
    sa.CheckConstraint("sentiment_score BETWEEN -1 AND 1", name="sentiment_score"),
    sa.Index(None, "workspace_id", "message_id"),
)

evidence = sa.Table(
    "evidence",
    METADATA,
    sa.Column("id", DashedUuid(), primary_key=True),
    workspace_id(),
    sa.Column("extracted_feature_id", DashedUuid(), nullable=False),
    sa.Column("message_id", DashedUuid(), nullable=False),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("segment_index", sa.Integer, nullable=False),
    sa.Column("char_start", sa.Integer, nullable=False),
    sa.Column("char_end", sa.Integer, nullable=False),
    sa.Column("quote", sa.Text, nullable=False),
    of_extracted_feature(),
    # No cascade: a transcript with evidence cannot be deleted under it.
    sa.ForeignKeyConstraint(["workspace_id", "message_id"], ["transcripts.workspace_id", "transcripts.message_id"]),
    sa.CheckConstraint("segment_index >= 0 AND char_start >= 0 AND char_end > char_start", name="span"),
    sa.Index(None, "workspace_id", "extracted_feature_id"),
    sa.Index(None, "workspace_id", "message_id"),
)

features = sa.Table(
    "features",
    METADATA,
    sa.Column("id", DashedUuid(), primary_key=True),
    workspace_id(),
    sa.Column("message_id", DashedUuid(), nullable=False),
    sa.Column("theme_id", DashedUuid(), nullable=False),
    sa.Column("extracted_feature_id", DashedUuid(), nullable=False, unique=True),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("type", sa.String(20), nullable=False),
    sa.Column("urgency", sa.String(12), nullable=False),
    sa.Column("sentiment_score", sa.Float, nullable=False),
    sa.Column("theme_score", sa.Float, nullable=False),
    sa.Column("second_theme_id", DashedUuid()),
    sa.Column("second_theme_score", sa.Float),
    created_at(),
    updated_at(),
    of_message(),
    of_extracted_feature(),
    sa.ForeignKeyConstraint(["workspace_id", "theme_id"], ["themes.workspace_id", "themes.id"]),
    one_of("type", FeatureType),
    one_of("urgency", Urgency),
    sa.CheckConstraint("theme_score BETWEEN 0 AND 1", name="theme_score"),
    sa.CheckConstraint("sentiment_score BETWEEN -1 AND 1", name="sentiment_score"),
    sa.Index(None, "workspace_id", "theme_id"),
    sa.Index(None, "workspace_id", "message_id"),
)

# What people decide is its own table: no run overwrites it, every run respects it. It names the extracted feature
# by id without a foreign key, so that a decision outlives a reading of the call that misses the item; it goes with
# its call.
decisions = sa.Table(
    "decisions",
    METADATA,
    sa.Column("id", DashedUuid(), primary_key=True),
    workspace_id(),
    sa.Column("message_id", DashedUuid(), nullable=False),
    sa.Column("extracted_feature_id", DashedUuid(), nullable=False),
    sa.Column("kind", sa.String(12), nullable=False),
    sa.Column("theme_id", DashedUuid()),
    sa.Column("decided_by", sa.Text, nullable=False),
    sa.Column("note", sa.Text),
    created_at(),
    of_message(),
    sa.ForeignKeyConstraint(["workspace_id", "theme_id"], ["themes.workspace_id", "themes.id"]),
    sa.CheckConstraint("kind IN ('accept', 'dismiss', 'move')", name="kind"),
    sa.CheckConstraint("(kind = 'move') = (theme_id IS NOT NULL)", name="theme"),
    sa.Index(None, "workspace_id", "extracted_feature_id"),
    sa.Index(None, "workspace_id", "message_id"),
)
