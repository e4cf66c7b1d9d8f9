"""Leases, hints, request counts, tokens, the audit log and settings."""

from typing import Any

import sqlalchemy as sa

from headway_pipeline.store.tables.columns import (
    JSON_TYPE,
    METADATA,
    DashedUuid,
    UtcDateTime,
    created_at,
    updated_at,
    workspace_id,
)
from headway_pipeline.store.tables.messages import of_connector

__all__ = [
    "api_tokens",
    "audit_log",
    "idempotency_keys",
    "ingest_requests",
    "locks",
    "settings",
    "source_quotas",
    "source_requests",
    "webhook_events",
]

_WAITING = sa.text("run_id IS NULL")
ONLY_WAITING: dict[str, Any] = {"postgresql_where": _WAITING, "sqlite_where": _WAITING}

# One row a workspace whose ledger is or was written. `token` grows with every new holder: a writer that lost its
# lease finds another token in its transaction and stops.
locks = sa.Table(
    "locks",
    METADATA,
    workspace_id(primary_key=True),
    sa.Column("owner", sa.Text),
    sa.Column("token", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("acquired_at", UtcDateTime()),
    sa.Column("expires_at", UtcDateTime()),
    # Which process holds it; see store/holders.py.
    sa.Column("host", sa.Text),
    sa.Column("machine", sa.Text),
    sa.Column("pid", sa.BigInteger),
    sa.Column("process_started", sa.BigInteger),
)

# Hints that something happened at a source; polling stays the truth.
webhook_events = sa.Table(
    "webhook_events",
    METADATA,
    sa.Column("id", DashedUuid(), primary_key=True),
    workspace_id(),
    sa.Column("connector_id", DashedUuid(), nullable=False),
    sa.Column("delivery_id", sa.Text, nullable=False),
    sa.Column("external_id", sa.Text),
    sa.Column("occurred_at", UtcDateTime()),
    sa.Column("received_at", UtcDateTime(), nullable=False),
    sa.Column("handled_at", UtcDateTime()),
    of_connector(),
    sa.UniqueConstraint("connector_id", "delivery_id"),
    sa.Index(None, "workspace_id", "handled_at"),
)

source_requests = sa.Table(
    "source_requests",
    METADATA,
    workspace_id(),
    sa.Column("connector_id", DashedUuid(), primary_key=True),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("endpoint", sa.String(120), primary_key=True),
    # HTTP status; 0 for no answer.
    sa.Column("status", sa.Integer, primary_key=True),
    sa.Column("count", sa.Integer, nullable=False),
    of_connector(),
)

# What is left of the limits of one quota owner, which several connectors, even of several workspaces, may share. The
# owner is a keyed fingerprint or a connector's id; the state holds counts and times only.
source_quotas = sa.Table(
    "source_quotas",
    METADATA,
    sa.Column("owner", sa.String(120), primary_key=True),
    sa.Column("state", JSON_TYPE, nullable=False, server_default="{}"),
    updated_at(),
)

api_tokens = sa.Table(
    "api_tokens",
    METADATA,
    sa.Column("id", DashedUuid(), primary_key=True),
    # NULL for the operator's token.
    sa.Column("workspace_id", DashedUuid(), sa.ForeignKey("workspaces.id")),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("role", sa.String(12), nullable=False),
    sa.Column("token_hash", sa.String(64), nullable=False, unique=True),
    created_at(),
    sa.Column("last_used_at", UtcDateTime()),
    sa.Column("revoked_at", UtcDateTime()),
    sa.Column("expires_at", UtcDateTime()),
    sa.CheckConstraint("role IN ('viewer', 'editor', 'admin', 'operator')", name="role"),
    sa.CheckConstraint("(role = 'operator') = (workspace_id IS NULL)", name="scope"),
)

audit_log = sa.Table(
    "audit_log",
    METADATA,
    sa.Column("id", DashedUuid(), primary_key=True),
    sa.Column("workspace_id", DashedUuid(), sa.ForeignKey("workspaces.id")),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("action", sa.String(60), nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("details", JSON_TYPE, nullable=False, server_default="{}"),
    created_at(),
    sa.Index(None, "workspace_id", "created_at"),
)

# Work somebody asked for over the API. A row without a run waits: for whoever claimed it, else for the sensor.
ingest_requests = sa.Table(
    "ingest_requests",
    METADATA,
    sa.Column("id", DashedUuid(), primary_key=True),
    workspace_id(),
    sa.Column("since", sa.Date, nullable=False),
    sa.Column("until", sa.Date, nullable=False),
    sa.Column("connector_type", sa.String(40)),
    sa.Column("max_calls", sa.Integer),
    sa.Column("requested_by", sa.Text, nullable=False),
    created_at(),
    sa.Column("claimed_until", UtcDateTime()),
    sa.Column("run_id", sa.String(64)),
    sa.UniqueConstraint("workspace_id", "id"),
    sa.Index(None, "workspace_id", "created_at"),
    sa.Index("ix_ingest_requests_waiting", "created_at", **ONLY_WAITING),
    sa.CheckConstraint("since <= until", name="days"),
)

# Answers to creations by the key their caller gave: the same key again makes nothing again. `request_hash` is keyed
# with the token's secret, for a body may hold credentials. No answer yet: somebody is at it until `claimed_until`.
idempotency_keys = sa.Table(
    "idempotency_keys",
    METADATA,
    sa.Column("token_id", DashedUuid(), primary_key=True),
    sa.Column("route", sa.String(200), primary_key=True),
    sa.Column("key_hash", sa.String(64), primary_key=True),
    sa.Column("request_hash", sa.String(64), nullable=False),
    sa.Column("claimed_until", UtcDateTime(), nullable=False),
    sa.Column("status", sa.Integer),
    sa.Column("headers", JSON_TYPE),
    sa.Column("body", JSON_TYPE),
    created_at(),
    sa.Index(None, "created_at"),
)

settings = sa.Table(
    "settings",
    METADATA,
    sa.Column("key", sa.String(120), primary_key=True),
    sa.Column("value", JSON_TYPE, nullable=False),
    updated_at(),
)
