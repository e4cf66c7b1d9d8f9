"""Pieces of SQL that several places need: upserts for either database, orders, and conditions."""

import uuid
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from headway_pipeline.model.ledger import ReasonCode
from headway_pipeline.model.windows import consecutive_runs, day_end, day_start
from headway_pipeline.model.workspaces import FOR_A_PERSON
from headway_pipeline.store.engine import Database
from headway_pipeline.store.tables import messages, workspace_connectors
from headway_pipeline.store.tables.columns import DashedUuid, UtcDateTime

__all__ = [
    "IN_PIECES",
    "day_of",
    "has_no_reason_of",
    "has_reason",
    "insert_into",
    "may_be_asked",
    "newest_first",
    "on_days",
]

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


def has_reason(*codes: ReasonCode) -> sa.ColumnElement[bool]:
    """The message stands where it does for one of these reasons: they are stored as `code: words`."""
    reason = messages.c.reason
    return sa.or_(sa.false(), *(reason.startswith(f"{code.value}: ", autoescape=True) for code in codes))


def has_no_reason_of(*codes: ReasonCode) -> sa.ColumnElement[bool]:
    """The message stands where it does for none of these reasons."""
    return sa.or_(messages.c.reason.is_(None), sa.not_(has_reason(*codes)))


def newest_first(
    query: sa.Select[Any],
    at: sa.Column[datetime],
    key: sa.Column[uuid.UUID],
    after: tuple[datetime, uuid.UUID] | None = None,
) -> sa.Select[Any]:
    """Rows by their time, the newest first, then by id; from after the row of that time and id on.

    A page goes on after its last row's place, never after a number of rows: what comes in meanwhile shifts nothing.
    """
    if after is not None:
        time, last = sa.literal(after[0], UtcDateTime()), sa.literal(after[1], DashedUuid())
        # The first condition alone is one that an index on the time answers.
        query = query.where(at <= time, sa.or_(at < time, key < last))
    return query.order_by(at.desc(), key.desc())


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
