"""Erasures, and the people they left out: keyed hashes and counts, never an address, a name or a word."""

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

__all__ = ["erased_people", "erasures"]

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
    # What was removed up to now: rows by table, calls and files with their hashes.
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
    sa.ForeignKeyConstraint(["workspace_id", "erasure_id"], ["erasures.workspace_id", "erasures.id"]),
    one_of("kind", IdentityKind),
    sa.Index(None, "workspace_id"),
)
