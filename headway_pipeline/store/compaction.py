"""What a database still holds of removed rows, and how far it can be made to let go."""

from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Connection

from headway_pipeline.model.errors import DatabaseUnavailableError
from headway_pipeline.store.engine import BUSY_TIMEOUT_S, Database

__all__ = ["compact"]

#: How long readers of the write-ahead log are waited for.
PATIENCE_S = 10
BACKUPS = "Backups made before hold what was removed until they expire."


def compact(database: Database, tables: list[str]) -> str:
    """Rewrite what held removed rows; returns what may still hold them, in words for a receipt.

    Raises:
        DatabaseUnavailableError: another process keeps the write-ahead log; the same request finishes later.
        StoreError: the database refuses.
    """
    with database.outside_transactions() as connection:
        if database.is_sqlite:
            return _compact_sqlite(connection, database.place)
        return _compact_postgres(connection, tables)


def _compact_sqlite(connection: Connection, place: str) -> str:
    # secure_delete overwrites what is deleted, but a page that was split or filled up may keep a copy of a row that
    # moved on. Only a rewritten file holds nothing else than its rows.
    connection.exec_driver_sql("VACUUM")
    connection.exec_driver_sql(f"PRAGMA busy_timeout = {PATIENCE_S * 1000}")
    is_busy = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").scalar_one()
    connection.exec_driver_sql(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_S * 1000}")
    if not is_busy:
        return f"The database file was rewritten and its write-ahead log emptied. {BACKUPS}"
    raise DatabaseUnavailableError(
        f"the rows are removed, but another process reads {place} and keeps its write-ahead log from being emptied",
        "stop it, then run the same command again: it finishes what is left",
    )


def _compact_postgres(connection: Connection, tables: list[str]) -> str:
    notices: list[str] = []

    def listen(_connection: Any, cursor: Any, *_executed: Any) -> None:
        # A table that may not be vacuumed is no error to the server, only a notice.
        notices.extend(cursor.connection.notices)

    event.listen(connection, "after_cursor_execute", listen)
    for name in tables:
        connection.exec_driver_sql(f'VACUUM "{name}"')
    done = "VACUUM ran over the tables"
    if any("vacuum" in notice for notice in notices):
        done = "VACUUM was not permitted to this role; autovacuum or the owner must run it"
    return (
        f"{done}. Until their pages are written over (VACUUM FULL rewrites them), PostgreSQL's files can hold "
        f"removed rows that no query reaches; so can its write-ahead log, archives and replicas. {BACKUPS}"
    )
