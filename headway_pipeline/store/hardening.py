"""How well the database keeps its rows from whoever should not read them, as its own catalog tells."""

from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa

from headway_pipeline.store.engine import Database
from headway_pipeline.store.isolation.postgresql import gaps
from headway_pipeline.store.isolation.rights import tenant_tables
from headway_pipeline.store.tables import METADATA

__all__ = ["DatabaseRole", "Hardening"]

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
        with self._database.as_login().reading() as connection:
            name, is_superuser, bypasses = connection.execute(role).one()
            tables = [row.relname for row in connection.execute(owned) if row.relname in METADATA.tables]
        return DatabaseRole(name, is_superuser, bypasses, tuple(tables))

    def loose(self) -> list[str]:
        """What does not stand of the row-level security that keeps workspaces apart, a sentence each."""
        with self._database.as_login().reading() as connection:
            return gaps(connection)

    @property
    def guarded(self) -> int:
        """How many tables hold rows of workspaces."""
        return len(tenant_tables())

    def is_way_trusted(self, loopback: Collection[str]) -> bool:
        """Whether nobody on the way to PostgreSQL can read or answer in its place.

        Args:
            loopback: hosts that are this machine.
        """
        host = self._database.url.host
        if not host or host.startswith("/") or host in loopback:
            return True
        return self._database.url.query.get("sslmode") in VERIFYING_MODES
