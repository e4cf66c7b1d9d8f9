"""Erasures with the people they left out, the call a decision is about, and which process holds a lease."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from headway_pipeline.store.tables import columns

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    """Add the tables and columns."""
    _add_lease_holders()
    _add_erased_at()
    _name_the_call_of_a_decision()
    _create_erasures()


def _add_lease_holders() -> None:
    for name, kind in (
        ("host", sa.Text()),
        ("machine", sa.Text()),
        ("pid", sa.BigInteger()),
        ("process_started", sa.BigInteger()),
    ):
        op.add_column("locks", sa.Column(name, kind, nullable=True))


def _add_erased_at() -> None:
    # Written out: SQLite takes a constraint with a new column, where a copy of the table would meet its children.
    kind = "TIMESTAMP WITH TIME ZONE" if op.get_bind().dialect.name == "postgresql" else "DATETIME"
    op.execute(
        f"ALTER TABLE messages ADD COLUMN erased_at {kind} "
        "CONSTRAINT ck_messages_erased CHECK (erased_at IS NULL OR state = 'deleted')"
    )


def _name_the_call_of_a_decision() -> None:
    # A decision about an item that no call holds any more cannot be told apart; it decides nothing.
    op.execute(
        "DELETE FROM decisions WHERE NOT EXISTS "
        "(SELECT 1 FROM extracted_features WHERE extracted_features.id = decisions.extracted_feature_id)"
    )
    op.add_column("decisions", sa.Column("message_id", columns.DashedUuid(), nullable=True))
    op.execute(
        "UPDATE decisions SET message_id = (SELECT message_id FROM extracted_features "
        "WHERE extracted_features.id = decisions.extracted_feature_id)"
    )
    with op.batch_alter_table("decisions") as table:
        table.alter_column("message_id", existing_type=columns.DashedUuid(), nullable=False)
        table.create_foreign_key(
            op.f("fk_decisions_workspace_id_message_id"),
            "messages",
            ["workspace_id", "message_id"],
            ["workspace_id", "id"],
        )
    op.create_index(
        op.f("ix_decisions_workspace_id_message_id"), "decisions", ["workspace_id", "message_id"], unique=False
    )


def _create_erasures() -> None:
    op.create_table(
        "erasures",
        sa.Column("id", columns.DashedUuid(), nullable=False),
        sa.Column("workspace_id", columns.DashedUuid(), nullable=False),
        sa.Column("scope", sa.String(length=8), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("begun_at", columns.UtcDateTime(), nullable=False),
        sa.Column("finished_at", columns.UtcDateTime(), nullable=True),
        sa.Column("removed", JSON, server_default="{}", nullable=False),
        sa.CheckConstraint("scope IN ('calls', 'turns', 'message')", name=op.f("ck_erasures_scope")),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=op.f("fk_erasures_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erasures")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_erasures_workspace_id_id")),
    )
    op.create_index(op.f("ix_erasures_workspace_id_subject"), "erasures", ["workspace_id", "subject"], unique=False)
    op.create_table(
        "erased_people",
        sa.Column("workspace_id", columns.DashedUuid(), nullable=False),
        sa.Column("erasure_id", columns.DashedUuid(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("words", sa.Integer(), nullable=False),
        sa.CheckConstraint("kind IN ('address', 'name', 'alias', 'words')", name=op.f("ck_erased_people_kind")),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=op.f("fk_erased_people_workspace_id")),
        sa.ForeignKeyConstraint(
            ["workspace_id", "erasure_id"],
            ["erasures.workspace_id", "erasures.id"],
            name=op.f("fk_erased_people_workspace_id_erasure_id"),
        ),
        sa.PrimaryKeyConstraint("erasure_id", "kind", "key", name=op.f("pk_erased_people")),
    )
    op.create_index(op.f("ix_erased_people_workspace_id"), "erased_people", ["workspace_id"], unique=False)
    op.create_table(
        "erased_calls",
        sa.Column("workspace_id", columns.DashedUuid(), nullable=False),
        sa.Column("message_id", columns.DashedUuid(), nullable=False),
        sa.Column("erasure_id", columns.DashedUuid(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("removed", JSON, server_default="{}", nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=op.f("fk_erased_calls_workspace_id")),
        sa.ForeignKeyConstraint(
            ["workspace_id", "message_id"],
            ["messages.workspace_id", "messages.id"],
            name=op.f("fk_erased_calls_workspace_id_message_id"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "erasure_id"],
            ["erasures.workspace_id", "erasures.id"],
            name=op.f("fk_erased_calls_workspace_id_erasure_id"),
        ),
        sa.PrimaryKeyConstraint("message_id", "erasure_id", name=op.f("pk_erased_calls")),
    )
