"""Where connectors' webhooks are delivered to, what they are held against, and how many came to what."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from headway_pipeline.store.tables import columns

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "connector_webhooks",
        sa.Column("connector_id", columns.DashedUuid(), nullable=False),
        sa.Column("workspace_id", columns.DashedUuid(), nullable=False),
        sa.Column("secret", JSON, nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("remote_id", sa.Text(), nullable=True),
        sa.Column("created_at", columns.UtcDateTime(), server_default=sa.func.now(), nullable=False),
        *_of_connector("connector_webhooks"),
        sa.PrimaryKeyConstraint("connector_id", name=op.f("pk_connector_webhooks")),
    )
    op.create_table(
        "webhook_counts",
        sa.Column("workspace_id", columns.DashedUuid(), nullable=False),
        sa.Column("connector_id", columns.DashedUuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        *_of_connector("webhook_counts"),
        sa.PrimaryKeyConstraint("connector_id", "day", "outcome", name=op.f("pk_webhook_counts")),
    )


def _of_connector(table: str) -> tuple[sa.ForeignKeyConstraint, sa.ForeignKeyConstraint]:
    return (
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=op.f(f"fk_{table}_workspace_id")),
        sa.ForeignKeyConstraint(
            ["workspace_id", "connector_id"],
            ["workspace_connectors.workspace_id", "workspace_connectors.id"],
            name=op.f(f"fk_{table}_workspace_id_connector_id"),
        ),
    )
