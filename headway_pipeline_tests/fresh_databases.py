"""Migrated, empty PostgreSQL databases for one test after another.

Making a database writes some six hundred files, and every test would wait for that. One that a test gives back is
emptied instead and lent again, under a name that nobody knows: what a test left running finds nothing. Only what
differs from the template in no more than rows is lent again; where a test changed anything else, it is dropped.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import make_url

from headway_pipeline_tests.databases import Postgres

__all__ = ["FreshDatabases"]

#: Everything about a database but its rows, by the catalogue that says it; oids below 16384 are PostgreSQL's own.
CATALOGUES = {
    "pg_class": "oid >= 16384",
    "pg_attribute": "attrelid >= 16384",
    "pg_attrdef": "true",
    "pg_constraint": "oid >= 16384",
    "pg_index": "indexrelid >= 16384",
    "pg_trigger": "true",
    "pg_event_trigger": "true",
    "pg_policy": "true",
    "pg_rewrite": "oid >= 16384",
    "pg_proc": "oid >= 16384",
    "pg_type": "oid >= 16384",
    # What sessions made for temporary tables stays behind, empty.
    "pg_namespace": "nspname !~ '^pg_(toast_)?temp_'",
    "pg_extension": "true",
    "pg_default_acl": "true",
    # Where each sequence stands, too.
    "pg_sequences": "true",
    "pg_largeobject_metadata": "true",
    "pg_database": "datname = current_database()",
    "pg_db_role_setting": "setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())",
    "alembic_version": "true",
}
#: What is another one in every copy, and what rows and VACUUM change.
FLEETING = ",".join(
    (
        *("oid", "datname", "setdatabase", "datfrozenxid", "datminmxid", "relfrozenxid", "relminmxid"),
        *("relpages", "reltuples", "relallvisible", "relallfrozen"),
    )
)
SHAPE = "SELECT " + ", ".join(
    f"(SELECT coalesce(sum(hashtext((to_jsonb(one) - '{{{FLEETING}}}'::text[])::text)), 0)"
    f" FROM {name} one WHERE {which})"
    for name, which in CATALOGUES.items()
)
#: Tables that hold a row or the place of one.
USED = """
SELECT quote_ident(relname) FROM pg_class
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname <> 'alembic_version'
    AND pg_relation_size(oid) > 0
"""


class FreshDatabases:
    """Lends copies of a template; each is a test's own until it is given back."""

    def __init__(self, postgres: Postgres, template: str) -> None:
        self._postgres = postgres
        self._template = template
        self._idle: list[str] = []
        self._shape: tuple[Any, ...] | None = None

    def lend(self) -> str:
        """The URL of a migrated, empty database."""
        if self._idle:
            return self._idle.pop()
        url = self._postgres.create(template=self._template)
        if self._shape is None:
            with _connected(url) as connection:
                self._shape = tuple(connection.exec_driver_sql(SHAPE).one())
        return url

    def give_back(self, url: str) -> None:
        """Empty a database that was lent, or drop it where that does not make it what it was."""
        url = self._postgres.rename(url)
        with _connected(url) as connection:
            is_fresh = _empty(connection) and tuple(connection.exec_driver_sql(SHAPE).one()) == self._shape
        if is_fresh:
            self._idle.append(url)
        else:
            self._postgres.drop(url)

    def close(self) -> None:
        """Drop what is lent to nobody."""
        while self._idle:
            self._postgres.drop(self._idle.pop())


@contextmanager
def _connected(url: str) -> Iterator[sa.Connection]:
    engine = sa.create_engine(
        make_url(url).set(drivername="postgresql+psycopg2"), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool
    )
    with engine.connect() as connection:
        yield connection


def _empty(connection: sa.Connection) -> bool:
    """Delete every row, past triggers and references, and the places of rows; False where the server lets us not."""
    if connection.exec_driver_sql("SHOW is_superuser").scalar() != "on":
        return False
    used = connection.exec_driver_sql(USED).scalars().all()
    if used:
        deletions = "; ".join(f"DELETE FROM {name}" for name in used)
        connection.exec_driver_sql(f"BEGIN; SET LOCAL session_replication_role = replica; {deletions}; COMMIT")
        connection.exec_driver_sql(f"VACUUM {', '.join(used)}")
    return not connection.exec_driver_sql(USED).scalars().all()
