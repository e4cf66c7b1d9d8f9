"""Answers count their attempts and reserve their price, calls keep who read them, workspaces how theirs are read."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    """Add the columns, and an index for what was spent since a day."""
    op.add_column("model_answers", sa.Column("reserved_usd", sa.Float))
    op.add_column("model_answers", sa.Column("attempts", sa.Integer, nullable=False, server_default="0"))
    op.create_index(
        op.f("ix_model_answers_workspace_id_answered_at"), "model_answers", ["workspace_id", "answered_at"]
    )
    op.add_column("messages", sa.Column("analysed_by", sa.Text))
    op.add_column("messages", sa.Column("filed_by", sa.Text))
    op.add_column("workspaces", sa.Column("settings", JSON, nullable=False, server_default="{}"))
