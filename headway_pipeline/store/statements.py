"""Pieces of SQL that several places need: upserts for either database, and conditions on days."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from headway_pipeline.model.windows import consecutive_runs, day_end, day_start
from headway_pipeline.model.workspaces import FOR_A_PERSON
from headway_pipeline.store.engine import Database
from headway_pipeline.store.tables import messages, workspace_connectors

__all__ = ["IN_PIECES", "day_of", "insert_into", "may_be_asked", "on_days"]

#: Execution options of a query whose rows are looked at one by one: they are fetched in pieces, not all at once.
IN_PIECES = {"yield_per": 1000}


def insert_into(database: Database, table: sa.Table) -> Any:
    """An INSERT with `on_conflict_do_update` and `on_conflict_do_nothing`; both dialects spell it alike."""
    return sqlite.insert(table) if database.is_sqlite else postgresql.insert(table)


def day_of(database: Database, at: sa.ColumnElement[datetime]) -> sa.ColumnElement[date]:
    """The UTC day of a stored time, whatever time zone the session has."""
    if database.is_sqlite:
        return sa.func.date(at, type_=sa.Date)
    return sa.cast(sa.func.timezone("UTC", at), sa.Date)


def on_days(days: Sequence[date] | None) -> sa.ColumnElement[bool]:
    """The message's call started on one of `days` (UTC); any day for None."""
    if days is None:
        return sa.true()
    spans = [
        sa.and_(messages.c.occurred_at >= day_start(first), messages.c.occurred_at < day_end(last))
        for first, last in consecutive_runs(list(days))
    ]
    return sa.or_(sa.false(), *spans)


def may_be_asked(now: datetime) -> sa.ColumnElement[bool]:
    """The connector is worth a run of a sensor's: active, not paused, and not broken until a person mends it.

    The schedules ask a broken one all the same, hourly, and so find out where it was mended at its source.
    """
    table = workspace_connectors.c
    return sa.and_(
        table.is_active,
        sa.or_(table.resume_at.is_(None), table.resume_at <= now),
        table.health.not_in([health.value for health in sorted(FOR_A_PERSON)]),
    )
