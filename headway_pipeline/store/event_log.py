"""Thinning out Dagster's event log, which knows no retention of its own (dagster-io/dagster#33785).

What goes are the events of finished runs that only their own page shows: log lines, steps, engine, resources; and plans
to materialize a key that the same run kept. What stays are materializations, observations, check evaluations, plans
that were not kept, and the states of runs: the status of every partition, the latest materialization and the sensors'
cursors rest on them.
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from headway_pipeline.store.engine import Database

__all__ = ["FINISHED", "purge_events", "purge_index", "purge_shard"]

#: Rows in a statement: each is a short transaction that locks little and leaves autovacuum a chance.
BATCH = 10_000
#: Run ids in a statement; SQLite takes at least 999 parameters.
RUN_BATCH = 500
FINISHED = ("SUCCESS", "FAILURE", "CANCELED")
KEPT_PREFIXES = ("ASSET_", "FRESHNESS_", "PIPELINE_")

_events = sa.table(
    "event_logs",
    *(sa.column(name) for name in ("id", "run_id", "dagster_event_type", "asset_key", "partition")),
)
_runs = sa.table("runs", *(sa.column(name) for name in ("run_id", "status", "end_time")))


def _is_of_its_page_only() -> sa.ColumnElement[bool]:
    kind = _events.c.dagster_event_type
    return sa.or_(kind.is_(None), sa.not_(sa.or_(*(kind.startswith(prefix) for prefix in KEPT_PREFIXES))))


def _is_kept_plan() -> sa.ColumnElement[bool]:
    """A plan whose run materialized the key: the materialization says all that the plan did."""
    made = _events.alias("made")
    return sa.and_(
        _events.c.dagster_event_type == "ASSET_MATERIALIZATION_PLANNED",
        sa.exists().where(
            made.c.asset_key == _events.c.asset_key,
            made.c.dagster_event_type == "ASSET_MATERIALIZATION",
            made.c.partition == _events.c.partition,
            made.c.run_id == _events.c.run_id,
            made.c.id > _events.c.id,
        ),
    )


def purge_events(records_url: str, ended_before: datetime) -> int:
    """Delete such events of all runs that ended before a time, from records on PostgreSQL; returns how many.

    Raises:
        StoreError: the database cannot be reached or refuses.
    """
    due = (
        sa.select(_events.c.id)
        .join(_runs, _runs.c.run_id == _events.c.run_id)
        .where(_runs.c.status.in_(FINISHED), _runs.c.end_time < ended_before.timestamp())
        .where(sa.or_(_is_of_its_page_only(), _is_kept_plan()))
        .limit(BATCH)
    )
    statement = sa.delete(_events).where(_events.c.id.in_(due.scalar_subquery()))
    database = Database(records_url, variable="DAGSTER_DATABASE_URL")
    purged = 0
    try:
        while True:
            with database.writing() as connection:
                done = connection.execute(statement).rowcount
            purged += done
            if done < BATCH:
                return purged
    finally:
        database.close()


def purge_index(index: Path, run_ids: Sequence[str]) -> int:
    """Delete the kept plans of these runs from the index of records in SQLite files; returns how many.

    Raises:
        StoreError: the file cannot be written.
    """
    database = Database(f"sqlite:///{index}")
    purged = 0
    try:
        for first in range(0, len(run_ids), RUN_BATCH):
            batch = run_ids[first : first + RUN_BATCH]
            statement = sa.delete(_events).where(_events.c.run_id.in_(batch), _is_kept_plan())
            with database.writing() as connection:
                purged += connection.execute(statement).rowcount
        return purged
    finally:
        database.close()


def purge_shard(shard: Path) -> int:
    """Delete the events in the SQLite file of a run, and give their space back; returns how many.

    What concerns assets is in the index, too. The file itself stays: a webserver that looked at it once expects its
    tables.

    Raises:
        StoreError: the file cannot be written.
    """
    database = Database(f"sqlite:///{shard}")
    try:
        with database.writing() as connection:
            goes = sa.not_(sa.func.coalesce(_events.c.dagster_event_type, "").startswith("PIPELINE_"))
            purged = connection.execute(sa.delete(_events).where(goes)).rowcount
        if purged:
            with database.outside_transactions() as connection:
                connection.exec_driver_sql("VACUUM")
        return purged
    finally:
        database.close()
