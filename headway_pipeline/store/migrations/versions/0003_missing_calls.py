"""Calls that sources no longer list, calls that moved to another day, and transcripts that are asked for again."""

import sqlalchemy as sa
from alembic import op

from headway_pipeline.store.tables import columns

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table and the columns."""
    op.add_column("listings", sa.Column("moved_count", sa.Integer(), server_default="0", nullable=False))
    op.add_column("transcripts", sa.Column("next_attempt_at", columns.UtcDateTime(), nullable=True))
    op.create_table(
        "missing_calls",
        sa.Column("workspace_id", columns.DashedUuid(), nullable=False),
        sa.Column("message_id", columns.DashedUuid(), nullable=False),
        sa.Column("connector_id", columns.DashedUuid(), nullable=False),
        sa.Column("missing_since", columns.UtcDateTime(), nullable=False),
        sa.Column("missed_at", columns.UtcDateTime(), nullable=False),
        sa.Column("held_at", columns.UtcDateTime(), nullable=True),
        sa.Column("presence", sa.String(length=12), nullable=True),
        sa.Column("looks", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_look_at", columns.UtcDateTime(), nullable=True),
        sa.CheckConstraint("presence IN ('present', 'gone', 'unknown')", name=op.f("ck_missing_calls_presence")),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=op.f("fk_missing_calls_workspace_id")),
        sa.ForeignKeyConstraint(
            ["workspace_id", "connector_id"],
            ["workspace_connectors.workspace_id", "workspace_connectors.id"],
            name=op.f("fk_missing_calls_workspace_id_connector_id"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "message_id"],
            ["messages.workspace_id", "messages.id"],
            name=op.f("fk_missing_calls_workspace_id_message_id"),
        ),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_missing_calls")),
    )
    op.create_index(op.f("ix_missing_calls_workspace_id"), "missing_calls", ["workspace_id"])
