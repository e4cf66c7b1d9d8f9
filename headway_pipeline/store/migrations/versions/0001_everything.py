"""Every table, the evidence triggers, and uuid_generate_v4() where PostgreSQL has no extension for it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from headway_pipeline.store.migrations import triggers
from headway_pipeline.store.tables import columns

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")

#: The ingestion guide's SQL calls it; the extension is missing from slim builds of PostgreSQL.
UUID_FUNCTION = """
DO $do$
BEGIN
  IF to_regprocedure('uuid_generate_v4()') IS NULL THEN
    BEGIN
      CREATE EXTENSION IF NOT EXISTS "uuid-ossp";
    EXCEPTION WHEN OTHERS THEN
      CREATE FUNCTION uuid_generate_v4() RETURNS uuid LANGUAGE sql AS 'SELECT gen_random_uuid()';
    END;
  END IF;
END
$do$
"""


def upgrade() -> None:
    """Make everything."""
    _create_tables()
    if op.get_bind().dialect.name == "postgresql":
        op.execute(UUID_FUNCTION)
        statements: tuple[str, ...] = triggers.POSTGRESQL
    else:
        statements = triggers.SQLITE
    for statement in statements:
        # Not through text(): a colon in the trigger is no parameter.
        op.get_bind().exec_driver_sql(statement)


def _create_tables() -> None:
    op.create_table(
        "settings",
        sa.Column("key", sa.String(length=120), nullable=False),
        sa.Column("value", JSON, nullable=False),
        sa.Column("updated_at", columns.UtcDateTime(), server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_settings")),
    )
    op.create_table(
        "workspaces",
        sa.Column("id", columns.DashedUuid(), nullable=False),
        sa.Column("slug", sa.String(length=63), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("vendor_domains", JSON, server_default="[]", nullable=False),
        sa.Column("created_at", columns.UtcDateTime(), server_default=sa.func.now(), nullable=False),
        sa.Column("updated_at", columns.UtcDateTime(), server_default=sa.func.now(), nullable=False),
        sa.CheckConstraint("length(slug) > 0", name=op.f("ck_workspaces_slug")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workspaces")),
        sa.UniqueConstraint("slug", name=op.f("uq_workspaces_slug")),
    )
    op.create_table(
        "api_tokens",
        sa.Column("id", columns.DashedUuid(), nullable=False),
        sa.Column("workspace_id", columns.DashedUuid(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.String(length=12), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", columns.UtcDateTime(), server_default=sa.func.now(), nullable=False),
        sa.Column("last_used_at", columns.UtcDateTime(), nullable=True),
        sa.Column("revoked_at", columns.UtcDateTime(), nullable=True),
        sa.CheckConstraint("(role = 'operator') = (workspace_id IS NULL)", name=op.f("ck_api_tokens_scope")),
        sa.CheckConstraint("role IN ('viewer', 'editor', 'admin', 'operator')", name=op.f("ck_api_tokens_role")),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=op.f("fk_api_tokens_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_tokens")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_api_tokens_token_hash")),
    )
    op.create_table(
        "audit_log",
        sa.Column("id", columns.DashedUuid(), nullable=False),
        sa.Column("workspace_id", columns.DashedUuid(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.String(length=60), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("details", JSON, server_default="{}", nullable=False),
        sa.Column("created_at", columns.UtcDateTime(), server_default=sa.func.now(), nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=op.f("fk_audit_log_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_log")),
    )
    op.create_index(
        op.f("ix_audit_log_workspace_id_created_at"), "audit_log", ["workspace_id", "created_at"], unique=False
    )
    op.create_table(
        "locks",
        sa.Column("workspace_id", columns.DashedUuid(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("token", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("acquired_at", columns.UtcDateTime(), nullable=True),
        sa.Column("expires_at", columns.UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=op.f("fk_locks_workspace_id")),
        sa.PrimaryKeyConstraint("workspace_id", name=op.f("pk_locks")),
    )
    op.create_table(
        "messages",
        sa.Column("id", columns.DashedUuid(), nullable=False),
        sa.Column("workspace_id", columns.DashedUuid(), nullable=False),
        sa.Column("source", sa.String(length=40), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("metadata", JSON, server_default="{}", nullable=False),
        sa.Column("created_at", columns.UtcDateTime(), server_default=sa.func.now(), nullable=False),
        sa.Column("updated_at", columns.UtcDateTime(), server_default=sa.func.now(), nullable=False),
        sa.Column("occurred_at", columns.UtcDateTime(), nullable=False),
        sa.Column("duration_s", sa.Integer(), nullable=True),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("language", sa.String(length=12), nullable=True),
        sa.Column("account", sa.Text(), nullable=True),
        sa.Column("participants", JSON, server_default="[]", nullable=False),
        sa.Column("raw", JSON, server_default="{}", nullable=False),
        sa.Column("content_hash", sa.String(length=64), server_default="", nullable=False),
        sa.Column("state", sa.String(length=24), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("resume_state", sa.String(length=24), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_attempt_at", columns.UtcDateTime(), nullable=True),
        sa.Column("analysed_text_hash", sa.String(length=64), nullable=True),
        sa.Column("filed_themes_hash", sa.String(length=64), nullable=True),
        sa.Column("sentiment", sa.String(length=12), nullable=True),
        sa.Column("sentiment_score", sa.Float(), nullable=True),
        sa.CheckConstraint(
            "resume_state IN ("
            "'listed', 'awaiting_transcript', 'transcribed', 'not_relevant', 'analysed', 'too_short', "
            "'no_transcript', 'private', 'forbidden', 'deleted', 'quarantined')",
            name=op.f("ck_messages_resume_state"),
        ),
        sa.CheckConstraint(
            "sentiment IN ('positive', 'neutral', 'negative', 'mixed')", name=op.f("ck_messages_sentiment")
        ),
        sa.CheckConstraint(
            "state IN ("
            "'listed', 'awaiting_transcript', 'transcribed', 'not_relevant', 'analysed', 'too_short', "
            "'no_transcript', 'private', 'forbidden', 'deleted', 'quarantined')",
            name=op.f("ck_messages_state"),
        ),
        sa.CheckConstraint("attempts >= 0", name=op.f("ck_messages_attempts")),
        sa.CheckConstraint("sentiment_score BETWEEN -1 AND 1", name=op.f("ck_messages_sentiment_score")),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=op.f("fk_messages_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messages")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_messages_workspace_id_id")),
        sa.UniqueConstraint(
            "workspace_id", "source", "external_id", name=op.f("uq_messages_workspace_id_source_external_id")
        ),
    )
    op.create_index(
        op.f("ix_messages_workspace_id_occurred_at"), "messages", ["workspace_id", "occurred_at"], unique=False
    )
    op.create_index(op.f("ix_messages_workspace_id_state"), "messages", ["workspace_id", "state"], unique=False)
    op.create_table(
        "model_batches",
        sa.Column("id", columns.DashedUuid(), nullable=False),
        sa.Column("workspace_id", columns.DashedUuid(), nullable=False),
        sa.Column("provider", sa.String(length=40), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("request_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("submitted_at", columns.UtcDateTime(), nullable=True),
        sa.Column("finished_at", columns.UtcDateTime(), nullable=True),
        sa.Column("created_at", columns.UtcDateTime(), server_default=sa.func.now(), nullable=False),
        sa.Column("updated_at", columns.UtcDateTime(), server_default=sa.func.now(), nullable=False),
        sa.CheckConstraint(
            "state IN ('prepared', 'submitted', 'finished', 'failed', 'cancelled')",
            name=op.f("ck_model_batches_state"),
        ),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=op.f("fk_model_batches_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_model_batches")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_model_batches_workspace_id_id")),
    )
    op.create_table(
        "themes",
        sa.Column("id", columns.DashedUuid(), nullable=False),
        sa.Column("workspace_id", columns.DashedUuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("color", sa.Text(), nullable=True),
        sa.Column("icon", sa.Text(), nullable=True),
        sa.Column("sort_order", sa.Integer(), server_default="0", nullable=False),
        sa.Column("is_default", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created_at", columns.UtcDateTime(), server_default=sa.func.now(), nullable=False),
        sa.Column("updated_at", columns.UtcDateTime(), server_default=sa.func.now(), nullable=False),
        sa.Column("archived_at", columns.UtcDateTime(), nullable=True),
        sa.CheckConstraint("length(name) > 0", name=op.f("ck_themes_name")),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=op.f("fk_themes_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_themes")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_themes_workspace_id_id")),
        sa.UniqueConstraint("workspace_id", "name", name=op.f("uq_themes_workspace_id_name")),
    )
    op.create_table(
        "workspace_connectors",
        sa.Column("id", columns.DashedUuid(), nullable=False),
        sa.Column("workspace_id", columns.DashedUuid(), nullable=False),
        sa.Column("connector_type", sa.String(length=40), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("credentials", JSON, nullable=True),
        sa.Column("uses_environment", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("base_url", sa.Text(), nullable=True),
        sa.Column("is_active", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("settings", JSON, server_default="{}", nullable=False),
        sa.Column("health", sa.String(length=20), server_default="untried", nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("last_ok_at", columns.UtcDateTime(), nullable=True),
        sa.Column("resume_at", columns.UtcDateTime(), nullable=True),
        sa.Column("created_at", columns.UtcDateTime(), server_default=sa.func.now(), nullable=False),
        sa.Column("updated_at", columns.UtcDateTime(), server_default=sa.func.now(), nullable=False),
        sa.CheckConstraint(
            "health IN ("
            "'untried', 'ok', 'sees_nothing', 'wrong_host', 'bad_credentials', 'missing_permission', "
            "'paused_until', 'drifting', 'unreachable')",
            name=op.f("ck_workspace_connectors_health"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_workspace_connectors_workspace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workspace_connectors")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_workspace_connectors_workspace_id_id")),
        sa.UniqueConstraint("workspace_id", "name", name=op.f("uq_workspace_connectors_workspace_id_name")),
    )
    op.create_table(
        "decisions",
        sa.Column("id", columns.DashedUuid(), nullable=False),
        sa.Column("workspace_id", columns.DashedUuid(), nullable=False),
        sa.Column("extracted_feature_id", columns.DashedUuid(), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("theme_id", columns.DashedUuid(), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("created_at", columns.UtcDateTime(), server_default=sa.func.now(), nullable=False),
        sa.CheckConstraint("(kind = 'move') = (theme_id IS NOT NULL)", name=op.f("ck_decisions_theme")),
        sa.CheckConstraint("kind IN ('accept', 'dismiss', 'move')", name=op.f("ck_decisions_kind")),
        sa.ForeignKeyConstraint(
            ["workspace_id", "theme_id"],
            ["themes.workspace_id", "themes.id"],
            name=op.f("fk_decisions_workspace_id_theme_id"),
        ),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=op.f("fk_decisions_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decisions")),
    )
    op.create_index(
        op.f("ix_decisions_workspace_id_extracted_feature_id"),
        "decisions",
        ["workspace_id", "extracted_feature_id"],
        unique=False,
    )
    op.create_table(
        "extracted_features",
        sa.Column("id", columns.DashedUuid(), nullable=False),
        sa.Column("workspace_id", columns.DashedUuid(), nullable=False),
        sa.Column("message_id", columns.DashedUuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("type", sa.String(length=20), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("urgency", sa.String(length=12), nullable=False),
        sa.Column("urgency_reason", sa.Text(), nullable=False),
        sa.Column("sentiment", sa.String(length=12), nullable=False),
        sa.Column("sentiment_score", sa.Float(), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=False),
        sa.Column("origin", sa.String(length=12), nullable=False),
        sa.Column("analyst", sa.Text(), nullable=False),
        sa.Column("analyst_version", sa.Text(), nullable=False),
        sa.Column("text_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", columns.UtcDateTime(), server_default=sa.func.now(), nullable=False),
        sa.CheckConstraint("origin IN ('volunteered', 'elicited')", name=op.f("ck_extracted_features_origin")),
        sa.CheckConstraint(
            "sentiment IN ('positive', 'neutral', 'negative', 'mixed')", name=op.f("ck_extracted_features_sentiment")
        ),
        sa.CheckConstraint(
            "type IN ('feature_request', 'bug_report', 'pain_point')", name=op.f("ck_extracted_features_type")
        ),
        sa.CheckConstraint(
            "urgency IN ('low', 'medium', 'high', 'critical')", name=op.f("ck_extracted_features_urgency")
        ),
        sa.CheckConstraint("confidence BETWEEN 0 AND 1", name=op.f("ck_extracted_features_confidence")),
        sa.CheckConstraint("sentiment_score BETWEEN -1 AND 1", name=op.f("ck_extracted_features_sentiment_score")),
        sa.ForeignKeyConstraint(
            ["workspace_id", "message_id"],
            ["messages.workspace_id", "messages.id"],
            name=op.f("fk_extracted_features_workspace_id_message_id"),
        ),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=op.f("fk_extracted_features_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_extracted_features")),
        sa.UniqueConstraint(
            "workspace_id", "message_id", "id", name=op.f("uq_extracted_features_workspace_id_message_id_id")
        ),
    )
    op.create_index(
        op.f("ix_extracted_features_workspace_id_message_id"),
        "extracted_features",
        ["workspace_id", "message_id"],
        unique=False,
    )
    op.create_table(
        "listings",
        sa.Column("workspace_id", columns.DashedUuid(), nullable=False),
        sa.Column("connector_id", columns.DashedUuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("listed_count", sa.Integer(), nullable=False),
        sa.Column("started_at", columns.UtcDateTime(), nullable=False),
        sa.Column("completed_at", columns.UtcDateTime(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.CheckConstraint("(completed_at IS NULL) = (error IS NOT NULL)", name=op.f("ck_listings_outcome")),
        sa.ForeignKeyConstraint(
            ["workspace_id", "connector_id"],
            ["workspace_connectors.workspace_id", "workspace_connectors.id"],
            name=op.f("fk_listings_workspace_id_connector_id"),
        ),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=op.f("fk_listings_workspace_id")),
        sa.PrimaryKeyConstraint("connector_id", "day", name=op.f("pk_listings")),
    )
    op.create_table(
        "model_answers",
        sa.Column("workspace_id", columns.DashedUuid(), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("stage", sa.String(length=16), nullable=False),
        sa.Column("provider", sa.String(length=40), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("prompt_version", sa.String(length=64), nullable=False),
        sa.Column("message_id", columns.DashedUuid(), nullable=True),
        sa.Column("batch_id", columns.DashedUuid(), nullable=True),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("claimed_by", sa.Text(), nullable=True),
        sa.Column("claimed_until", columns.UtcDateTime(), nullable=True),
        sa.Column("raw_text", sa.Text(), nullable=True),
        sa.Column("stop_reason", sa.Text(), nullable=True),
        sa.Column("answered_model", sa.Text(), nullable=True),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column("usage", JSON, nullable=True),
        sa.Column("input_tokens", sa.Integer(), nullable=True),
        sa.Column("output_tokens", sa.Integer(), nullable=True),
        sa.Column("cost_usd", sa.Float(), nullable=True),
        sa.Column("latency_ms", sa.Integer(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("created_at", columns.UtcDateTime(), server_default=sa.func.now(), nullable=False),
        sa.Column("answered_at", columns.UtcDateTime(), nullable=True),
        sa.CheckConstraint("state IN ('claimed', 'answered', 'failed')", name=op.f("ck_model_answers_state")),
        sa.ForeignKeyConstraint(
            ["workspace_id", "batch_id"],
            ["model_batches.workspace_id", "model_batches.id"],
            name=op.f("fk_model_answers_workspace_id_batch_id"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "message_id"],
            ["messages.workspace_id", "messages.id"],
            name=op.f("fk_model_answers_workspace_id_message_id"),
        ),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=op.f("fk_model_answers_workspace_id")),
        sa.PrimaryKeyConstraint("workspace_id", "fingerprint", name=op.f("pk_model_answers")),
    )
    op.create_index(
        op.f("ix_model_answers_workspace_id_created_at"),
        "model_answers",
        ["workspace_id", "created_at"],
        unique=False,
    )
    op.create_index(
        op.f("ix_model_answers_workspace_id_message_id"),
        "model_answers",
        ["workspace_id", "message_id"],
        unique=False,
    )
    op.create_table(
        "relevance_scores",
        sa.Column("workspace_id", columns.DashedUuid(), nullable=False),
        sa.Column("message_id", columns.DashedUuid(), nullable=False),
        sa.Column("is_relevant", sa.Boolean(), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("best", JSON, nullable=False),
        sa.Column("text_hash", sa.String(length=64), nullable=False),
        sa.Column("themes_hash", sa.String(length=64), nullable=False),
        sa.Column("analyst", sa.Text(), nullable=False),
        sa.Column("analyst_version", sa.Text(), nullable=False),
        sa.Column("created_at", columns.UtcDateTime(), server_default=sa.func.now(), nullable=False),
        sa.CheckConstraint("confidence BETWEEN 0 AND 1", name=op.f("ck_relevance_scores_confidence")),
        sa.ForeignKeyConstraint(
            ["workspace_id", "message_id"],
            ["messages.workspace_id", "messages.id"],
            name=op.f("fk_relevance_scores_workspace_id_message_id"),
        ),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=op.f("fk_relevance_scores_workspace_id")),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_relevance_scores")),
    )
    op.create_table(
        "sightings",
        sa.Column("workspace_id", columns.DashedUuid(), nullable=False),
        sa.Column("message_id", columns.DashedUuid(), nullable=False),
        sa.Column("connector_id", columns.DashedUuid(), nullable=False),
        sa.Column("first_listed_at", columns.UtcDateTime(), nullable=False),
        sa.Column("last_listed_at", columns.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id", "connector_id"],
            ["workspace_connectors.workspace_id", "workspace_connectors.id"],
            name=op.f("fk_sightings_workspace_id_connector_id"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "message_id"],
            ["messages.workspace_id", "messages.id"],
            name=op.f("fk_sightings_workspace_id_message_id"),
        ),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=op.f("fk_sightings_workspace_id")),
        sa.PrimaryKeyConstraint("message_id", "connector_id", name=op.f("pk_sightings")),
    )
    op.create_index(
        op.f("ix_sightings_connector_id_last_listed_at"),
        "sightings",
        ["connector_id", "last_listed_at"],
        unique=False,
    )
    op.create_table(
        "source_requests",
        sa.Column("workspace_id", columns.DashedUuid(), nullable=False),
        sa.Column("connector_id", columns.DashedUuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("endpoint", sa.String(length=120), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id", "connector_id"],
            ["workspace_connectors.workspace_id", "workspace_connectors.id"],
            name=op.f("fk_source_requests_workspace_id_connector_id"),
        ),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=op.f("fk_source_requests_workspace_id")),
        sa.PrimaryKeyConstraint("connector_id", "day", "endpoint", "status", name=op.f("pk_source_requests")),
    )
    op.create_table(
        "transcripts",
        sa.Column("workspace_id", columns.DashedUuid(), nullable=False),
        sa.Column("message_id", columns.DashedUuid(), nullable=False),
        sa.Column("segments", JSON, nullable=False),
        sa.Column("text_hash", sa.String(length=64), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("speech_chars", sa.Integer(), nullable=False),
        sa.Column("fetched_at", columns.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id", "message_id"],
            ["messages.workspace_id", "messages.id"],
            name=op.f("fk_transcripts_workspace_id_message_id"),
        ),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=op.f("fk_transcripts_workspace_id")),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_transcripts")),
        sa.UniqueConstraint("workspace_id", "message_id", name=op.f("uq_transcripts_workspace_id_message_id")),
    )
    op.create_table(
        "webhook_events",
        sa.Column("id", columns.DashedUuid(), nullable=False),
        sa.Column("workspace_id", columns.DashedUuid(), nullable=False),
        sa.Column("connector_id", columns.DashedUuid(), nullable=False),
        sa.Column("delivery_id", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("occurred_at", columns.UtcDateTime(), nullable=True),
        sa.Column("received_at", columns.UtcDateTime(), nullable=False),
        sa.Column("handled_at", columns.UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["workspace_id", "connector_id"],
            ["workspace_connectors.workspace_id", "workspace_connectors.id"],
            name=op.f("fk_webhook_events_workspace_id_connector_id"),
        ),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=op.f("fk_webhook_events_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_events")),
        sa.UniqueConstraint("connector_id", "delivery_id", name=op.f("uq_webhook_events_connector_id_delivery_id")),
    )
    op.create_index(
        op.f("ix_webhook_events_workspace_id_handled_at"),
        "webhook_events",
        ["workspace_id", "handled_at"],
        unique=False,
    )
    op.create_table(
        "evidence",
        sa.Column("id", columns.DashedUuid(), nullable=False),
        sa.Column("workspace_id", columns.DashedUuid(), nullable=False),
        sa.Column("extracted_feature_id", columns.DashedUuid(), nullable=False),
        sa.Column("message_id", columns.DashedUuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("segment_index", sa.Integer(), nullable=False),
        sa.Column("char_start", sa.Integer(), nullable=False),
        sa.Column("char_end", sa.Integer(), nullable=False),
        sa.Column("quote", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "segment_index >= 0 AND char_start >= 0 AND char_end > char_start", name=op.f("ck_evidence_span")
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "message_id", "extracted_feature_id"],
            ["extracted_features.workspace_id", "extracted_features.message_id", "extracted_features.id"],
            name=op.f("fk_evidence_workspace_id_message_id_extracted_feature_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "message_id"],
            ["transcripts.workspace_id", "transcripts.message_id"],
            name=op.f("fk_evidence_workspace_id_message_id"),
        ),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=op.f("fk_evidence_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evidence")),
    )
    op.create_index(
        op.f("ix_evidence_workspace_id_extracted_feature_id"),
        "evidence",
        ["workspace_id", "extracted_feature_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_evidence_workspace_id_message_id"), "evidence", ["workspace_id", "message_id"], unique=False
    )
    op.create_table(
        "features",
        sa.Column("id", columns.DashedUuid(), nullable=False),
        sa.Column("workspace_id", columns.DashedUuid(), nullable=False),
        sa.Column("message_id", columns.DashedUuid(), nullable=False),
        sa.Column("theme_id", columns.DashedUuid(), nullable=False),
        sa.Column("extracted_feature_id", columns.DashedUuid(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("type", sa.String(length=20), nullable=False),
        sa.Column("urgency", sa.String(length=12), nullable=False),
        sa.Column("sentiment_score", sa.Float(), nullable=False),
        sa.Column("theme_score", sa.Float(), nullable=False),
        sa.Column("second_theme_id", columns.DashedUuid(), nullable=True),
        sa.Column("second_theme_score", sa.Float(), nullable=True),
        sa.Column("created_at", columns.UtcDateTime(), server_default=sa.func.now(), nullable=False),
        sa.Column("updated_at", columns.UtcDateTime(), server_default=sa.func.now(), nullable=False),
        sa.CheckConstraint("type IN ('feature_request', 'bug_report', 'pain_point')", name=op.f("ck_features_type")),
        sa.CheckConstraint("urgency IN ('low', 'medium', 'high', 'critical')", name=op.f("ck_features_urgency")),
        sa.CheckConstraint("sentiment_score BETWEEN -1 AND 1", name=op.f("ck_features_sentiment_score")),
        sa.CheckConstraint("theme_score BETWEEN 0 AND 1", name=op.f("ck_features_theme_score")),
        sa.ForeignKeyConstraint(
            ["workspace_id", "message_id", "extracted_feature_id"],
            ["extracted_features.workspace_id", "extracted_features.message_id", "extracted_features.id"],
            name=op.f("fk_features_workspace_id_message_id_extracted_feature_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "message_id"],
            ["messages.workspace_id", "messages.id"],
            name=op.f("fk_features_workspace_id_message_id"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "theme_id"],
            ["themes.workspace_id", "themes.id"],
            name=op.f("fk_features_workspace_id_theme_id"),
        ),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=op.f("fk_features_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_features")),
        sa.UniqueConstraint("extracted_feature_id", name=op.f("uq_features_extracted_feature_id")),
    )
    op.create_index(
        op.f("ix_features_workspace_id_message_id"), "features", ["workspace_id", "message_id"], unique=False
    )
    op.create_index(op.f("ix_features_workspace_id_theme_id"), "features", ["workspace_id", "theme_id"], unique=False)
