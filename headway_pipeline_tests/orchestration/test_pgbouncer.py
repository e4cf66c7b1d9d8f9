"""Dagster's records behind a real PgBouncer in session mode (Debian: apt-get install pgbouncer)."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url

from headway_pipeline.model.errors import DatabaseUnavailableError
from headway_pipeline.orchestration.event_log import purge_event_log
from headway_pipeline.orchestration.instance import opened_instance
from headway_pipeline.settings import current_settings
from headway_pipeline_tests.databases import Postgres
from headway_pipeline_tests.worlds import use_home

CONFIG = """\
[databases]
* = host={host} port={port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen_port}
unix_socket_dir =
auth_type = any
pool_mode = session
max_client_conn = 200
default_pool_size = 10
"""


@pytest.fixture
def behind_pgbouncer(
    tmp_path_factory: pytest.TempPathFactory, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[URL, int]]:
    """The address of an empty database, and the port of a PgBouncer in front of its server."""
    program = shutil.which("pgbouncer") or shutil.which("/usr/sbin/pgbouncer")
    if program is None:
        pytest.skip("no pgbouncer on this machine (Debian: apt-get install pgbouncer)")
    folder = tmp_path_factory.mktemp("pgbouncer")
    url = make_url(postgres.create())
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    user = f"user={url.username}"
    config = CONFIG.format(host=url.host, port=f"{url.port} {user}", listen_port=port)
    path = folder / "pgbouncer.ini"
    path.write_text(config, encoding="utf-8")
    command = [program, "-q", str(path)]
    if os.geteuid() == 0:
        # It refuses to run as root.
        for parent in (path, *path.parents):
            if parent == Path("/tmp"):
                break
            parent.chmod(0o755)
        command = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", *command]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(port, process)
        use_home(folder / "home", monkeypatch)
        yield url, port
    finally:
        process.terminate()
        process.wait(10)
    postgres.drop(url.render_as_string(hide_password=False))


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(100):
        assert process.poll() is None, "pgbouncer ended by itself"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError("pgbouncer did not start")


@dg.asset
def counted(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
    """Writes some events."""
    for number in range(20):
        context.log.info("line %d", number)
    return dg.MaterializeResult(metadata={"calls": 1})


def test_runs_are_recorded_read_and_purged_through_it(
    behind_pgbouncer: tuple[URL, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, port = behind_pgbouncer
    named = url.set(drivername="postgresql", port=port).render_as_string(hide_password=False)
    monkeypatch.setenv("DAGSTER_DATABASE_URL", named)
    with opened_instance(current_settings()) as instance:
        # One after another: Dagster's set-up of loggers is not made for threads.
        assert all(dg.materialize([counted], instance=instance).success for _ in range(3))
        with ThreadPoolExecutor(8) as pool:
            counts = list(pool.map(lambda _: instance.get_runs_count(), range(40)))
        assert counts == [3] * 40
        assert len(instance.fetch_materializations(dg.AssetKey("counted"), limit=100).records) == 3
        assert purge_event_log(instance, datetime.now(tz=UTC) + timedelta(minutes=1)) > 3 * 20
        assert len(instance.fetch_materializations(dg.AssetKey("counted"), limit=100).records) == 3
    engine = sa.create_engine(url)
    assert sa.inspect(engine).has_table("event_logs", schema="public")
    engine.dispose()


def test_a_schema_by_option_is_refused_by_pgbouncer_which_takes_no_options(
    behind_pgbouncer: tuple[URL, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Why docs/operations.md names DAGSTER_DATABASE_URL for it: else records would land among our tables."""
    url, port = behind_pgbouncer
    monkeypatch.setenv("DATABASE_URL", url.set(port=port).render_as_string(hide_password=False))
    with pytest.raises(DatabaseUnavailableError), opened_instance(current_settings()):
        pass
