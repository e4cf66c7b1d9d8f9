"""Connections to SQLite and PostgreSQL, short transactions, and their failures in our words."""

import json
import re
import threading
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, NoSuchModuleError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFreeError

from headway_pipeline.model.errors import (
    ConfigurationError,
    DatabaseUnavailableError,
    EvidenceRefusedError,
    HeadwayError,
    OutsideWorkspaceError,
    StoreError,
)
from headway_pipeline.store.isolation import (
    LOGIN,
    TENANT_ROLE,
    WORKER,
    WORKER_ROLE,
    Scope,
    postgresql,
    sqlite,
    tenant,
)

__all__ = ["BUSY_TIMEOUT_S", "EVIDENCE_REFUSED", "Database", "database_url"]

BUSY_TIMEOUT_S = 30
POOL_SIZE = 5
#: What the triggers say first; everything after it names the rule.
EVIDENCE_REFUSED = "evidence refused"

_LOCKED = re.compile(r"database is locked|could not obtain lock|deadlock detected", re.IGNORECASE)
_ROLE_REFUSED = re.compile(rf'permission denied to set role|role "({TENANT_ROLE}|{WORKER_ROLE})" does not exist')
#: SQLSTATE of a right that is missing, and of a row that a policy refuses.
_FORBIDDEN = "42501"


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
    """An engine with the project's settings, and transactions that raise this project's errors.

    Every transaction is confined to the scope of the handle it is asked of; `within` and `as_login` give others.
    """

    def __init__(self, named: str, *, variable: str = "DATABASE_URL") -> None:
        self.url = database_url(named, variable=variable)
        self._variable = variable
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.scope: Scope = WORKER
        self._engines = _Engines(self.url)
        self._joined = _Joined()

    @property
    def engine(self) -> Engine:
        """Where this handle's connections come from."""
        return self._engines.tenants if self.is_sqlite and self.scope.workspace_id is not None else self._engines.main

    def within(self, workspace_id: uuid.UUID) -> "Database":
        """The same database with one workspace in it.

        Raises:
            OutsideWorkspaceError: it is within another one already.
        """
        if self.scope.workspace_id not in (None, workspace_id):
            raise OutsideWorkspaceError("a store within one workspace was asked for another one")
        return self._scoped(tenant(workspace_id))

    def as_login(self) -> "Database":
        """The same database without a role, to make and look at tables, not at rows.

        Raises:
            OutsideWorkspaceError: it is within a workspace.
        """
        if self.scope.workspace_id is not None:
            raise OutsideWorkspaceError("a store within a workspace was asked for the whole database")
        return self._scoped(LOGIN)

    def _scoped(self, scope: Scope) -> "Database":
        scoped = object.__new__(Database)
        scoped.__dict__.update(self.__dict__, scope=scope)
        return scoped

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection for reads; nothing is committed.

        Raises:
            StoreError: the database cannot be read.
        """
        joined = self._joined.get(self.scope)
        if joined is None:
            with self._connected() as connection:
                yield connection
        else:
            with self._translated():
                yield joined

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One short transaction, committed at the end of the block. No network belongs inside.

        Raises:
            EvidenceRefusedError: a trigger refused a quote.
            OutsideWorkspaceError: it reached beyond the workspace it is within.
            StoreError: the database cannot be written.
        """
        joined = self._joined.get(self.scope)
        if joined is not None:
            # A part that fails is undone alone: whoever takes the error for an answer goes on with the rest.
            with self._translated(), joined.begin_nested():
                yield joined
            return
        with self._connected() as connection:
            if self.is_sqlite:
                # A deferred transaction that reads first may not be upgraded while another one writes: the busy
                # timeout does not apply to that. Taking the write lock at once makes waiting work.
                connection = connection.execution_options(headway_immediate=True)
            with connection.begin():
                yield connection

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """All that this thread reads and writes through a handle of this scope in the block, in one transaction.

        It is committed at the end of the block, or undone with its error. No network belongs inside, nor a write
        through a handle of another scope: on SQLite that one waits for this one.

        Raises:
            StoreError: the database cannot be written.
        """
        with self.writing() as connection, self._joined.by(self.scope, connection):
            yield

    @contextmanager
    def outside_transactions(self) -> Iterator[Connection]:
        """A connection on which every statement stands alone, as VACUUM must; it acts as the login itself.

        Raises:
            OutsideWorkspaceError: it is asked for within a workspace.
            StoreError: the database cannot be reached or refuses.
        """
        with self.as_login()._connected() as connection:
            yield connection.execution_options(isolation_level="AUTOCOMMIT", headway_alone=True)

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        with self._translated(), self.engine.connect() as connection:
            yield connection.execution_options(headway_scope=self.scope)

    def _translated(self) -> AbstractContextManager[None]:
        return _translated(self.place, self.scope, self._variable)

    @property
    def place(self) -> str:
        """Where the database is, without a password."""
        if self.is_sqlite:
            return str(self.url.database)
        return f"{self.url.host or 'local socket'}:{self.url.port or 5432}/{self.url.database}"

    def close(self) -> None:
        """Give every connection back, those of handles within a workspace, too."""
        self._engines.dispose()


class _Joined(threading.local):
    """The transactions of this thread that its further reads and writes join, by scope."""

    def __init__(self) -> None:
        self._open: dict[Scope, Connection] = {}

    def get(self, scope: Scope) -> Connection | None:
        return self._open.get(scope)

    @contextmanager
    def by(self, scope: Scope, connection: Connection) -> Iterator[None]:
        """What comes in the block joins `connection`; a block within a block has the same one."""
        before = self._open.get(scope)
        self._open[scope] = connection
        try:
            yield
        finally:
            if before is None:
                del self._open[scope]


class _Engines:
    """The connections of one database. On SQLite those within a workspace are kept apart: they see other tables."""

    def __init__(self, url: URL) -> None:
        self._url = url
        self.main = _sqlite_engine(url) if url.get_backend_name() == "sqlite" else _postgres_engine(url)
        self._tenants: Engine | None = None
        self._making = threading.Lock()

    @property
    def tenants(self) -> Engine:
        """Made when a workspace is first entered: most processes enter none."""
        with self._making:
            if self._tenants is None:
                self._tenants = _sqlite_engine(self._url)
                sqlite.confine(self._tenants)
            return self._tenants

    def dispose(self) -> None:
        """Close the connections."""
        for engine in filter(None, (self.main, self._tenants)):
            engine.dispose()


def _sqlite_engine(url: URL) -> Engine:
    if url.database and url.database != ":memory:":
        # Its owner's alone from the first byte on; SQLite gives the files beside it the same mode.
        with suppress(OSError):
            Path(url.database).touch(mode=0o600)
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
    # SQLite's own knows the letters of English only.
    connection.create_function("lower", 1, _lower, deterministic=True)
    for pragma in (
        "journal_mode = WAL",
        "synchronous = NORMAL",
        "foreign_keys = ON",
        f"busy_timeout = {BUSY_TIMEOUT_S * 1000}",
        # What is erased is overwritten.
        "secure_delete = ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _lower(text: Any) -> Any:
    return text.lower() if isinstance(text, str) else text


def _begin_sqlite(connection: Connection) -> None:
    if connection.get_execution_options().get("headway_alone"):
        return
    immediate = connection.get_execution_options().get("headway_immediate")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


def _postgres_engine(url: URL) -> Engine:
    engine = sa.create_engine(
        url,
        json_serializer=partial(json.dumps, ensure_ascii=False),
        pool_size=POOL_SIZE,
        max_overflow=POOL_SIZE,
        pool_pre_ping=True,
        pool_recycle=900,
        connect_args={"connect_timeout": 10, "application_name": "headway"},
        hide_parameters=True,
    )
    event.listen(engine, "begin", _begin_postgres)
    return engine


def _begin_postgres(connection: Connection) -> None:
    # Whoever has no scope acts as the login, to whom row-level security shows nothing.
    postgresql.enter(connection, connection.get_execution_options().get("headway_scope", LOGIN))


@contextmanager
def _translated(place: str, scope: Scope, variable: str) -> Iterator[None]:
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
        if (
            sqlite.REFUSAL in words
            or getattr(error.orig, "pgcode", None) == _FORBIDDEN
            or _ROLE_REFUSED.search(words)
        ):
            raise _forbidden(words, place, scope) from error
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
    except NoConnectionFreeError as error:
        raise DatabaseUnavailableError(
            f"every connection to the database {place} is in use", "repeat it in a moment"
        ) from error
    except (OverflowError, UnicodeError) as error:
        raise StoreError(
            f"a value does not fit into the database {place} ({type(error).__name__})", "--verbose shows where"
        ) from error
    except NoSuchModuleError as error:
        raise ConfigurationError("the database driver is not installed", "install the project again") from error


def _forbidden(words: str, place: str, scope: Scope) -> HeadwayError:
    """What a refused right means depends on who asked."""
    if _ROLE_REFUSED.search(words):
        return ConfigurationError(
            f"the login of {place} may not take the roles {TENANT_ROLE} and {WORKER_ROLE}", postgresql.ROLES_REMEDY
        )
    if scope.workspace_id is not None:
        return OutsideWorkspaceError("a statement reached for what is not its workspace's")
    return StoreError(
        f"the login of {place} lacks a right on the tables",
        "run `headway db upgrade` as the login that owns them; it gives the roles what they need",
    )
