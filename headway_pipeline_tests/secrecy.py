"""Everything that was written down: files, every cell of every database, unpacked. To look for what must not be."""

import sqlite3
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import make_url

__all__ = ["in_database", "in_folder", "places_of"]

SQLITE_MAGIC = b"SQLite format 3\x00"


def in_folder(folder: Path, *, without: frozenset[str] = frozenset()) -> Iterator[tuple[str, bytes]]:
    """Every file below a folder, and every cell of those that are SQLite databases; what and its bytes.

    Args:
        without: names of files that hold secrets by their purpose.
    """
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.name in without:
            continue
        content = path.read_bytes()
        yield str(path.relative_to(folder)), content
        if content.startswith(SQLITE_MAGIC):
            yield from _in_sqlite(path, str(path.relative_to(folder)))


def _in_sqlite(path: Path, name: str) -> Iterator[tuple[str, bytes]]:
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for row in connection.execute(f'SELECT * FROM "{table}"'):
                yield f"{name}, table {table}", b"\n".join(map(_unpacked, row))
    finally:
        connection.close()


def in_database(url: str) -> Iterator[tuple[str, bytes]]:
    """Every row of every table of a PostgreSQL database, whatever its schema."""
    engine = sa.create_engine(make_url(url).set(drivername="postgresql+psycopg2"))
    try:
        with engine.connect() as connection:
            named = sa.text(
                "SELECT schemaname, tablename FROM pg_tables "
                "WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
            )
            for schema, table in connection.execute(named).all():
                for row in connection.exec_driver_sql(f'SELECT * FROM "{schema}"."{table}"'):
                    yield f"table {schema}.{table}", b"\n".join(map(_unpacked, row))
    finally:
        engine.dispose()


def _unpacked(cell: object) -> bytes:
    """A cell as bytes; Dagster packs its snapshots."""
    if isinstance(cell, memoryview):
        cell = bytes(cell)
    if not isinstance(cell, bytes):
        return str(cell).encode("utf-8", "backslashreplace")
    try:
        return zlib.decompress(cell)
    except zlib.error:
        return cell


def places_of(planted: Mapping[str, str], written: Iterator[tuple[str, bytes]]) -> dict[str, set[str]]:
    """Where each of the planted words stands, by its name; a name with an empty set was found nowhere."""
    found: dict[str, set[str]] = {name: set() for name in planted}
    for place, content in written:
        for name, word in planted.items():
            if word.encode() in content:
                found[name].add(place)
    return found
