"""Indexes for what sensors ask at every tick, and a time for every transcript that is out of date."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the indexes; words that are out of date are due at once."""
    for name, table, columns, where in (
        ("ix_messages_filed", "messages", ["workspace_id", "filed_themes_hash"], "state = 'analysed' AND reason IS NULL"),
        ("ix_messages_unfiled", "messages", ["workspace_id", "occurred_at"], "state = 'analysed' AND reason IS NOT NULL"),
        ("ix_listings_incomplete", "listings", ["workspace_id", "day"], "completed_at IS NULL"),
    ):
        op.create_index(name, table, columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))
    op.create_index(op.f("ix_transcripts_workspace_id_next_attempt_at"), "transcripts", ["workspace_id", "next_attempt_at"])
    op.create_index(
        "ix_relevance_scores_judged",
        "relevance_scores",
        ["workspace_id", "is_relevant", "themes_hash", "message_id"],
    )
    op.execute(
        "UPDATE transcripts SET next_attempt_at = fetched_at WHERE next_attempt_at IS NULL AND content_hash <> "
        "(SELECT content_hash FROM messages WHERE messages.id = transcripts.message_id)"
    )
