"""What is left of sources' limits, drift, and who renews a connector's access token."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from headway_pipeline.store.tables import columns

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    """Add them."""
    op.create_table(
        "source_quotas",
        sa.Column("owner", sa.String(length=120), nullable=False),
        sa.Column("state", JSON, server_default="{}", nullable=False),
        sa.Column("updated_at", columns.UtcDateTime(), server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("owner", name=op.f("pk_source_quotas")),
    )
    op.add_column("workspace_connectors", sa.Column("drift", JSON, server_default="{}", nullable=False))
    op.add_column("workspace_connectors", sa.Column("renewing_by", sa.Text(), nullable=True))
    op.add_column("workspace_connectors", sa.Column("renewing_until", columns.UtcDateTime(), nullable=True))
