"""Tokens end, work is asked for over the API, and creations are answered once."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from headway_pipeline.store.tables.columns import DashedUuid

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add the column and the tables."""
    op.add_column("api_tokens", sa.Column("expires_at", TIME))
    op.create_table(
        "ingest_requests",
        sa.Column("id", DashedUuid(), nullable=False),
        sa.Column("workspace_id", DashedUuid(), nullable=False),
        sa.Column("since", sa.Date, nullable=False),
        sa.Column("until", sa.Date, nullable=False),
        sa.Column("connector_type", sa.String(40)),
        sa.Column("max_calls", sa.Integer),
        sa.Column("requested_by", sa.Text, nullable=False),
        sa.Column("created_at", TIME, nullable=False, server_default=sa.func.now()),
        sa.Column("claimed_until", TIME),
        sa.Column("run_id", sa.String(64)),
        sa.CheckConstraint("since <= until", name=op.f("ck_ingest_requests_days")),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=op.f("fk_ingest_requests_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ingest_requests")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_ingest_requests_workspace_id_id")),
    )
    op.create_index(
        op.f("ix_ingest_requests_workspace_id_created_at"), "ingest_requests", ["workspace_id", "created_at"]
    )
    waiting = sa.text("run_id IS NULL")
    op.create_index(
        "ix_ingest_requests_waiting",
        "ingest_requests",
        ["created_at"],
        postgresql_where=waiting,
        sqlite_where=waiting,
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("token_id", DashedUuid(), nullable=False),
        sa.Column("route", sa.String(200), nullable=False),
        sa.Column("key_hash", sa.String(64), nullable=False),
        sa.Column("request_hash", sa.String(64), nullable=False),
        sa.Column("claimed_until", TIME, nullable=False),
        sa.Column("status", sa.Integer),
        sa.Column("headers", JSON),
        sa.Column("body", JSON),
        sa.Column("created_at", TIME, nullable=False, server_default=sa.func.now()),
        sa.PrimaryKeyConstraint("token_id", "route", "key_hash", name=op.f("pk_idempotency_keys")),
    )
    op.create_index(op.f("ix_idempotency_keys_created_at"), "idempotency_keys", ["created_at"])
