"""Indexes for what sensors ask at every tick, and a time for every transcript that is out of date."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the indexes; words that are out of date are due at once."""
    for name, table, column, where in (
        ("ix_messages_filed", "messages", "filed_themes_hash", "state = 'analysed' AND reason IS NULL"),
        ("ix_messages_unfiled", "messages", "occurred_at", "state = 'analysed' AND reason IS NOT NULL"),
        ("ix_listings_incomplete", "listings", "day", "completed_at IS NULL"),
    ):
        condition = sa.text(where)
        op.create_index(name, table, ["workspace_id", column], sqlite_where=condition, postgresql_where=condition)
    asked_again = op.f("ix_transcripts_workspace_id_next_attempt_at")
    op.create_index(asked_again, "transcripts", ["workspace_id", "next_attempt_at"])
    judged = ["workspace_id", "is_relevant", "themes_hash", "message_id"]
    op.create_index("ix_relevance_scores_judged", "relevance_scores", judged)
    op.execute(
        "UPDATE transcripts SET next_attempt_at = fetched_at WHERE next_attempt_at IS NULL AND content_hash <> "
        "(SELECT content_hash FROM messages WHERE messages.id = transcripts.message_id)"
    )
