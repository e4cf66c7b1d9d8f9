"""What may be done inside one workspace, table by table. Row-level security and SQLite's triggers are made from it.

A table with a `workspace_id` gives its own rows of that workspace for everything, unless it is named here. A table
without one gives nothing.
"""

from collections.abc import Mapping

import sqlalchemy as sa

from headway_pipeline.store.tables import METADATA

__all__ = ["EVERYTHING", "SHARED_TABLES", "rights_in_workspace", "tenant_tables", "workspace_column"]

EVERYTHING = ("SELECT", "INSERT", "UPDATE", "DELETE")

#: Tables of which a workspace may do less with its own rows.
LIMITED: Mapping[str, tuple[str, ...]] = {
    # The operator makes workspaces; one cannot make itself a neighbour.
    "workspaces": ("SELECT", "UPDATE"),
    # Disabled, archived and revoked, never removed: history refers to them.
    "workspace_connectors": ("SELECT", "INSERT", "UPDATE"),
    "themes": ("SELECT", "INSERT", "UPDATE"),
    "api_tokens": ("SELECT", "INSERT", "UPDATE"),
    # What was done here is added to, not rewritten by whoever did it.
    "audit_log": ("SELECT", "INSERT"),
}

#: Tables that belong to no workspace, and why none may touch them.
SHARED_TABLES: Mapping[str, str] = {
    "settings": "the installation's own, with the sealed key of all workspaces' erased people",
    "idempotency_keys": "answers by the token that asked for them, an operator's, too; the API's entrance keeps them",
    "source_quotas": "one owner's limits, which several workspaces' connectors share; the runs keep them",
}


def tenant_tables() -> list[sa.Table]:
    """Every table whose rows belong to a workspace, by name."""
    return [table for _, table in sorted(METADATA.tables.items()) if workspace_column(table) is not None]


def workspace_column(table: sa.Table) -> str | None:
    """The column that says whose a row is; None for a shared table."""
    if table.name == "workspaces":
        return "id"
    return "workspace_id" if "workspace_id" in table.c else None


def rights_in_workspace(table: sa.Table) -> tuple[str, ...]:
    """What a workspace may do with its own rows of a table."""
    if workspace_column(table) is None:
        return ()
    return LIMITED.get(table.name, EVERYTHING)
