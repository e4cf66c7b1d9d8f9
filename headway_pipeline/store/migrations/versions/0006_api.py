"""Tokens end."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("api_tokens", sa.Column("expires_at", sa.DateTime(timezone=True)))
