"""Erasures, the people they left out and where: keyed hashes, ids and counts, never an address, a name or a word."""

import sqlalchemy as sa

from headway_pipeline.model.erasure import ErasureScope, IdentityKind
from headway_pipeline.store.tables.columns import (
    JSON_TYPE,
    METADATA,
    DashedUuid,
    UtcDateTime,
    one_of,
    workspace_id,
)
from headway_pipeline.store.tables.messages import of_message

__all__ = ["erased_calls", "erased_people", "erasures"]


def of_erasure() -> sa.ForeignKeyConstraint:
    """The parent is an erasure in the same workspace."""
    return sa.ForeignKeyConstraint(["workspace_id", "erasure_id"], ["erasures.workspace_id", "erasures.id"])


erasures = sa.Table(
    "erasures",
    METADATA,
    sa.Column("id", DashedUuid(), primary_key=True),
    workspace_id(),
    sa.Column("scope", sa.String(8), nullable=False),
    # Keyed hash of the person or message that was named.
    sa.Column("subject", sa.String(64), nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("begun_at", UtcDateTime(), nullable=False),
    # NULL until everything is removed: the same request again finishes it.
    sa.Column("finished_at", UtcDateTime()),
    # What was removed beside calls, up to now: rows by table, files with their hashes.
    sa.Column("removed", JSON_TYPE, nullable=False, server_default="{}"),
    sa.UniqueConstraint("workspace_id", "id"),
    one_of("scope", ErasureScope),
    sa.Index(None, "workspace_id", "subject"),
)

erased_people = sa.Table(
    "erased_people",
    METADATA,
    workspace_id(),
    sa.Column("erasure_id", DashedUuid(), primary_key=True),
    sa.Column("kind", sa.String(8), primary_key=True),
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("words", sa.Integer, nullable=False),
    of_erasure(),
    one_of("kind", IdentityKind),
    sa.Index(None, "workspace_id"),
)

# The calls an erasure concerned. One of scope `turns` keeps them without its person, however often they are fetched.
erased_calls = sa.Table(
    "erased_calls",
    METADATA,
    workspace_id(),
    sa.Column("message_id", DashedUuid(), primary_key=True),
    sa.Column("erasure_id", DashedUuid(), primary_key=True),
    # Of the rows that were removed; NULL where the person was left out before anything was stored.
    sa.Column("sha256", sa.String(64)),
    # How many rows, by table.
    sa.Column("removed", JSON_TYPE, nullable=False, server_default="{}"),
    of_message(),
    of_erasure(),
)
