"""What the purge of Dagster's event log gives back: `python -m benchmarks.event_log`.

Runs the job over two days of a workspace without connectors, many times, on SQLite and (where
HEADWAY_TEST_POSTGRES_URL or the wheel gives one) on PostgreSQL; prints events and bytes before and after.
"""

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

RUNS = int(sys.argv[1]) if len(sys.argv) > 1 else 24


@contextmanager
def homes() -> Iterator[list[tuple[str, str | None]]]:
    """Both kinds of database."""
    from headway_pipeline_tests.databases import running_postgres

    with running_postgres() as postgres:
        yield [("SQLite", None), ("PostgreSQL", postgres.create())]


def measure(name: str, url: str | None) -> None:
    """Fill one installation, purge it and print."""
    from headway_pipeline.orchestration.event_log import purge_event_log
    from headway_pipeline.orchestration.instance import opened_instance
    from headway_pipeline.orchestration.launch import IngestRequest, ingest
    from headway_pipeline.settings import current_settings
    from headway_pipeline.store.configured import open_configured_store

    with tempfile.TemporaryDirectory() as folder:
        os.environ["HEADWAY_HOME"] = f"{folder}/home"
        os.environ.pop("DATABASE_URL", None)
        if url is not None:
            os.environ["DATABASE_URL"] = url
        settings = current_settings()
        store = open_configured_store(settings)
        slug = store.workspaces.add("Acme").slug
        store.close()
        today = datetime.now(tz=UTC).date()
        for _ in range(RUNS):
            ingest(settings, IngestRequest(slug, today - timedelta(days=1), today), lambda *_: None)
        with opened_instance(settings) as instance:
            before = size(settings.dagster_home, url)
            started = time.monotonic()
            purged = purge_event_log(instance, datetime.now(tz=UTC) + timedelta(minutes=1))
            seconds = time.monotonic() - started
            after = size(settings.dagster_home, url)
    print(
        f"{name:<11}{RUNS} runs, {purged / RUNS:.0f} events a run removed in {seconds:.1f} s: "
        f"{before / RUNS / 1024:.0f} KB a run before, {after / RUNS / 1024:.0f} after"
    )


def size(home: Path, url: str | None) -> int:
    """Bytes of the event log."""
    if url is None:
        return sum(path.stat().st_size for path in (home / "history" / "runs").iterdir())
    import sqlalchemy as sa

    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        # Rewritten, so that the figure is of what is left and not of what is free for later rows.
        connection.exec_driver_sql("VACUUM FULL dagster_records.event_logs")
        found = connection.exec_driver_sql("SELECT pg_total_relation_size('dagster_records.event_logs')").scalar_one()
    engine.dispose()
    return int(found)


def main() -> None:
    """One line a database."""
    with homes() as kinds:
        for name, url in kinds:
            measure(name, url)


if __name__ == "__main__":
    main()
