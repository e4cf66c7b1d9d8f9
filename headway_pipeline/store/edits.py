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
        condition = sa.and_(condition, table.c.updated_at == seen_at)
        # Two edits within one reading of the clock must not look like one.
        now = max(now, seen_at + timedelta(microseconds=1))
    written = connection.execute(table.update().where(condition).values(**values, updated_at=now))
    if seen_at is not None and written.rowcount == 0:
        raise StaleEditError("somebody else edited it first", "read it again, then repeat the edit")
