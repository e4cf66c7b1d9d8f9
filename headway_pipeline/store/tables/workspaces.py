"""Workspaces and their connectors."""

import sqlalchemy as sa

from headway_pipeline.model.workspaces import ConnectorHealth
from headway_pipeline.store.tables.columns import (
    JSON_TYPE,
    METADATA,
    DashedUuid,
    UtcDateTime,
    created_at,
    one_of,
    updated_at,
    workspace_id,
)

__all__ = ["workspace_connectors", "workspaces"]

workspaces = sa.Table(
    "workspaces",
    METADATA,
    sa.Column("id", DashedUuid(), primary_key=True),
    sa.Column("slug", sa.String(63), nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("is_active", sa.Boolean(create_constraint=False), nullable=False, server_default=sa.true()),
    sa.Column("vendor_domains", JSON_TYPE, nullable=False, server_default="[]"),
    # What differs from the installation's: see model/workspaces.py.
    sa.Column("settings", JSON_TYPE, nullable=False, server_default="{}"),
    created_at(),
    updated_at(),
    sa.CheckConstraint("length(slug) > 0", name="slug"),
)

workspace_connectors = sa.Table(
    "workspace_connectors",
    METADATA,
    sa.Column("id", DashedUuid(), primary_key=True),
    workspace_id(),
    sa.Column("connector_type", sa.String(40), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    # {"v": 1, "sealed": "<ciphertext>"}; NULL for a connector that reads the operator's environment.
    sa.Column("credentials", JSON_TYPE),
    sa.Column("uses_environment", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("base_url", sa.Text),
    sa.Column("is_active", sa.Boolean, nullable=False, server_default=sa.true()),
    sa.Column("settings", JSON_TYPE, nullable=False, server_default="{}"),
    sa.Column("health", sa.String(20), nullable=False, server_default=ConnectorHealth.UNTRIED.value),
    sa.Column("last_error", sa.Text),
    sa.Column("last_ok_at", UtcDateTime()),
    sa.Column("resume_at", UtcDateTime()),
    # Of the last complete listing: records, bad records, and fields the parser does not know, with how often.
    sa.Column("drift", JSON_TYPE, nullable=False, server_default="{}"),
    # Who renews the access token, and until when nobody else may; NULL while nobody does.
    sa.Column("renewing_by", sa.Text),
    sa.Column("renewing_until", UtcDateTime()),
    created_at(),
    # When people last changed it: what runs write here (health, drift, renewed tokens) is no change.
    updated_at(),
    sa.UniqueConstraint("workspace_id", "id"),
    sa.UniqueConstraint("workspace_id", "name"),
    one_of("health", ConnectorHealth),
)
