"""How well the database keeps its rows from whoever should not read them, as its own catalog tells."""

from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa

from headway_pipeline.store.engine import Database
from headway_pipeline.store.tables import METADATA

__all__ = ["DatabaseRole", "Hardening", "TableGuard"]

#: Of these the server is known to be the right one.
VERIFYING_MODES = ("verify-ca", "verify-full")


@dataclass(frozen=True, slots=True)
class DatabaseRole:
    """Whom this program connects as.

    Attributes:
        owned: tables of ours that it owns; an owner may switch row-level security off.
    """

    name: str
    is_superuser: bool
    bypasses_row_security: bool
    owned: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TableGuard:
    """Row-level security of one table that holds rows of workspaces."""

    table: str
    is_enabled: bool
    is_forced: bool
    policies: int

    @property
    def is_tight(self) -> bool:
        """Whether a forgotten filter reads nothing."""
        return self.is_enabled and self.is_forced and self.policies > 0


class Hardening:
    """Reads PostgreSQL's catalog. An embedded database has neither roles nor a network."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def is_embedded(self) -> bool:
        """Whether there is nothing to look at."""
        return self._database.is_sqlite

    def role(self) -> DatabaseRole:
        """Whom this program connects as to PostgreSQL."""
        role = sa.text("SELECT rolname, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user")
        owned = sa.text(
            "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p') "
            "AND pg_has_role(current_user, c.relowner, 'USAGE') ORDER BY c.relname"
        )
        with self._database.reading() as connection:
            name, is_superuser, bypasses = connection.execute(role).one()
            tables = [row.relname for row in connection.execute(owned) if row.relname in METADATA.tables]
        return DatabaseRole(name, is_superuser, bypasses, tuple(tables))

    def guards(self) -> list[TableGuard]:
        """Row-level security of PostgreSQL's tables that hold rows of workspaces, by name."""
        query = sa.text(
            "SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity, "
            "(SELECT count(*) FROM pg_policy p WHERE p.polrelid = c.oid) AS policies "
            "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p') ORDER BY c.relname"
        )
        tenants = {table.name for table in METADATA.tables.values() if "workspace_id" in table.c}
        with self._database.reading() as connection:
            rows = [row for row in connection.execute(query) if row.relname in tenants]
        return [TableGuard(row.relname, row.relrowsecurity, row.relforcerowsecurity, row.policies) for row in rows]

    def is_way_trusted(self, loopback: Collection[str]) -> bool:
        """Whether nobody on the way to PostgreSQL can read or answer in its place.

        Args:
            loopback: hosts that are this machine.
        """
        host = self._database.url.host
        if not host or host.startswith("/") or host in loopback:
            return True
        return self._database.url.query.get("sslmode") in VERIFYING_MODES
