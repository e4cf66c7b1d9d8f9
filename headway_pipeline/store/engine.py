"""Connections to SQLite and PostgreSQL, short transactions, and their failures in our words."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, NoSuchModuleError, OperationalError

from headway_pipeline.model.errors import (
    ConfigurationError,
    DatabaseUnavailableError,
    EvidenceRefusedError,
    StoreError,
)

__all__ = ["BUSY_TIMEOUT_S", "EVIDENCE_REFUSED", "Database", "database_url"]

BUSY_TIMEOUT_S = 30
POOL_SIZE = 5
#: What the triggers say first; everything after it names the rule.
EVIDENCE_REFUSED = "evidence refused"

_LOCKED = re.compile(r"database is locked|could not obtain lock|deadlock detected", re.IGNORECASE)


def database_url(named: str, *, variable: str = "DATABASE_URL") -> URL:
    """The URL with the driver this project installs; `postgresql://` means psycopg2 here.

    Args:
        variable: where it was named, for people.

    Raises:
        ConfigurationError: it is no URL of SQLite or PostgreSQL. The URL is not shown: it may hold a password.
    """
    try:
        url = make_url(named)
    except (ArgumentError, ValueError):
        # Neither shown nor chained: what could not be read may be a password.
        raise ConfigurationError(
            f"{variable} is no database URL", "write sqlite:///path or postgresql://user:password@host/name"
        ) from None
    if url.get_backend_name() != "sqlite" and re.search(r"[@:/]", f"{url.host or ''}{url.database or ''}"):
        raise ConfigurationError(
            f"{variable} cannot be told apart into password, host and name", "percent-encode the password in it"
        )
    if url.get_backend_name() in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+psycopg2")
    if url.get_backend_name() == "sqlite":
        return url.set(drivername="sqlite+pysqlite")
    raise ConfigurationError(
        f"DATABASE_URL names {url.drivername}, which is not supported", "use SQLite or PostgreSQL"
    )


class Database:
    """An engine with the project's settings, and transactions that raise this project's errors."""

    def __init__(self, named: str, *, variable: str = "DATABASE_URL") -> None:
        self.url = database_url(named, variable=variable)
        self._variable = variable
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.engine = _sqlite_engine(self.url) if self.is_sqlite else _postgres_engine(self.url)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection for reads; nothing is committed.

        Raises:
            StoreError: the database cannot be read.
        """
        with _translated(self.place, self._variable), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One short transaction, committed at the end of the block. No network belongs inside.

        Raises:
            EvidenceRefusedError: a trigger refused a quote.
            StoreError: the database cannot be written.
        """
        with _translated(self.place, self._variable), self.engine.connect() as connection:
            if self.is_sqlite:
                # A deferred transaction that reads first may not be upgraded while another one writes: the busy
                # timeout does not apply to that. Taking the write lock at once makes waiting work.
                connection = connection.execution_options(headway_immediate=True)
            with connection.begin():
                yield connection

    @contextmanager
    def outside_transactions(self) -> Iterator[Connection]:
        """A connection on which every statement stands alone, as VACUUM must.

        Raises:
            StoreError: the database cannot be reached or refuses.
        """
        with _translated(self.place, self._variable), self.engine.connect() as connection:
            yield connection.execution_options(isolation_level="AUTOCOMMIT", headway_alone=True)

    @property
    def place(self) -> str:
        """Where the database is, without a password."""
        if self.is_sqlite:
            return str(self.url.database)
        return f"{self.url.host or 'local socket'}:{self.url.port or 5432}/{self.url.database}"

    def close(self) -> None:
        """Give every connection back."""
        self.engine.dispose()


def _sqlite_engine(url: URL) -> Engine:
    engine = sa.create_engine(
        url,
        json_serializer=partial(json.dumps, ensure_ascii=False),
        connect_args={"timeout": BUSY_TIMEOUT_S},
        hide_parameters=True,
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # The driver must not open transactions by itself: `_begin_sqlite` does.
    connection.isolation_level = None
    for pragma in (
        "journal_mode = WAL",
        "synchronous = NORMAL",
        "foreign_keys = ON",
        f"busy_timeout = {BUSY_TIMEOUT_S * 1000}",
        # What is erased is overwritten.
        "secure_delete = ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    if connection.get_execution_options().get("headway_alone"):
        return
    immediate = connection.get_execution_options().get("headway_immediate")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


def _postgres_engine(url: URL) -> Engine:
    return sa.create_engine(
        url,
        json_serializer=partial(json.dumps, ensure_ascii=False),
        pool_size=POOL_SIZE,
        max_overflow=POOL_SIZE,
        pool_pre_ping=True,
        pool_recycle=900,
        connect_args={"connect_timeout": 10, "application_name": "headway"},
        hide_parameters=True,
    )


@contextmanager
def _translated(place: str, variable: str) -> Iterator[None]:
    """Database errors in our words. Their own words hold values of rows, so they stay in the cause."""
    try:
        yield
    except DBAPIError as error:
        words = str(error.orig)
        if EVIDENCE_REFUSED in words:
            rule = words[words.index(EVIDENCE_REFUSED) :].splitlines()[0]
            raise EvidenceRefusedError(
                rule, "the quote must be a customer's words, copied from the segment"
            ) from error
        if _LOCKED.search(words):
            raise DatabaseUnavailableError(
                f"the database {place} is locked by another process", "wait until the other one is done, then repeat"
            ) from error
        if isinstance(error, OperationalError | InterfaceError):
            raise DatabaseUnavailableError(
                f"the database {place} cannot be reached or used", f"see that it runs and {variable} is right"
            ) from error
        raise StoreError(
            f"the database {place} refused a statement ({type(error.orig).__name__})", "--verbose shows which"
        ) from error
    except (OverflowError, UnicodeError) as error:
        raise StoreError(
            f"a value does not fit into the database {place} ({type(error).__name__})", "--verbose shows where"
        ) from error
    except NoSuchModuleError as error:
        raise ConfigurationError("the database driver is not installed", "install the project again") from error
