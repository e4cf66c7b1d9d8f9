"""Edits that are held against the state their author saw."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from headway_pipeline.model.errors import StaleEditError

__all__ = ["write_edit"]


def write_edit(
    connection: Connection,
    table: sa.Table,
    condition: sa.ColumnElement[bool],
    values: Mapping[str, Any],
    *,
    now: datetime,
    seen_at: datetime | None,
) -> None:
    """Write `values` over the one row of the condition.

    Args:
        seen_at: the row's `updated_at` as the author of the edit saw it; None for whoever edits without looking.

    Raises:
        StaleEditError: the row was written since then.
    """
    if seen_at is not None:
        # Compared here and not in SQL: SQLite writes its own times without a fraction, ours with one, and compares
        # texts. The transaction holds the write lock, or the row's.
        query = sa.select(table.c.updated_at).where(condition).with_for_update()
        if connection.execute(query).scalar_one_or_none() != seen_at:
            raise StaleEditError("somebody else edited it first", "read it again, then repeat the edit")
        # Two edits within one reading of the clock must not look like one.
        now = max(now, seen_at + timedelta(microseconds=1))
    connection.execute(table.update().where(condition).values(**values, updated_at=now))
