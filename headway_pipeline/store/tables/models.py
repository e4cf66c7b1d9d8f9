"""Answers of language models under the fingerprint of their request, and batches on their way."""

import sqlalchemy as sa

from headway_pipeline.store.tables.columns import (
    JSON_TYPE,
    METADATA,
    DashedUuid,
    UtcDateTime,
    created_at,
    updated_at,
    workspace_id,
)

__all__ = ["model_answers", "model_batches"]

model_batches = sa.Table(
    "model_batches",
    METADATA,
    sa.Column("id", DashedUuid(), primary_key=True),
    workspace_id(),
    sa.Column("provider", sa.String(40), nullable=False),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("external_id", sa.Text),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("request_count", sa.Integer, nullable=False, server_default="0"),
    sa.Column("last_error", sa.Text),
    sa.Column("submitted_at", UtcDateTime()),
    sa.Column("finished_at", UtcDateTime()),
    created_at(),
    updated_at(),
    sa.UniqueConstraint("workspace_id", "id"),
    sa.CheckConstraint("state IN ('prepared', 'submitted', 'finished', 'failed', 'cancelled')", name="state"),
)

# A row is claimed with a lease before the model is asked, so that two runs at once pay once.
model_answers = sa.Table(
    "model_answers",
    METADATA,
    workspace_id(primary_key=True),
    sa.Column("fingerprint", sa.String(64), primary_key=True),
    sa.Column("stage", sa.String(16), nullable=False),
    sa.Column("provider", sa.String(40), nullable=False),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("prompt_version", sa.String(64), nullable=False),
    sa.Column("message_id", DashedUuid()),
    sa.Column("batch_id", DashedUuid()),
    sa.Column("state", sa.String(12), nullable=False),
    sa.Column("claimed_by", sa.Text),
    sa.Column("claimed_until", UtcDateTime()),
    # What the answer may cost at most, while it is asked for.
    sa.Column("reserved_usd", sa.Float),
    # Answers paid for; tokens and cost are those of all of them, the text is the last one's.
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("raw_text", sa.Text),
    sa.Column("stop_reason", sa.Text),
    sa.Column("answered_model", sa.Text),
    sa.Column("request_id", sa.Text),
    sa.Column("usage", JSON_TYPE),
    sa.Column("input_tokens", sa.Integer),
    sa.Column("output_tokens", sa.Integer),
    # NULL where the price is unknown, never 0.
    sa.Column("cost_usd", sa.Float),
    sa.Column("latency_ms", sa.Integer),
    sa.Column("last_error", sa.Text),
    created_at(),
    sa.Column("answered_at", UtcDateTime()),
    sa.ForeignKeyConstraint(["workspace_id", "message_id"], ["messages.workspace_id", "messages.id"]),
    sa.ForeignKeyConstraint(["workspace_id", "batch_id"], ["model_batches.workspace_id", "model_batches.id"]),
    sa.CheckConstraint("state IN ('claimed', 'answered', 'failed')", name="state"),
    sa.Index(None, "workspace_id", "message_id"),
    sa.Index(None, "workspace_id", "created_at"),
    sa.Index(None, "workspace_id", "answered_at"),
)
