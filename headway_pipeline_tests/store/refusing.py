"""A database that takes no entry into the audit log."""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from headway_pipeline.store import Store

__all__ = ["refused_entries"]

SQLITE = ("CREATE TRIGGER refuse_entries BEFORE INSERT ON audit_log BEGIN SELECT RAISE(ABORT, 'refused'); END",)
POSTGRESQL = (
    "CREATE FUNCTION refuse_entries() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'refused'; END$$",
    "CREATE TRIGGER refuse_entries BEFORE INSERT ON audit_log FOR EACH ROW EXECUTE FUNCTION refuse_entries()",
)


@contextmanager
def refused_entries(store: Store) -> Iterator[None]:
    """In the block, every entry is refused."""
    is_sqlite = store.database.is_sqlite
    _run(store, *(SQLITE if is_sqlite else POSTGRESQL))
    try:
        yield
    finally:
        undo = ["DROP TRIGGER refuse_entries"] if is_sqlite else ["DROP FUNCTION refuse_entries() CASCADE"]
        _run(store, *undo)


def _run(store: Store, *statements: str) -> None:
    with store.database.as_login().writing() as connection:
        for statement in statements:
            connection.execute(sa.text(statement))
