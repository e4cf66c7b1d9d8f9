"""A row in every table for each of two workspaces, whatever tables there are, and all rows of one."""

import uuid
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from headway_pipeline.store import Store
from headway_pipeline.store.isolation.rights import tenant_tables, workspace_column
from headway_pipeline.store.tables import METADATA
from headway_pipeline.store.tables.columns import DashedUuid, UtcDateTime

__all__ = ["Rows", "everything", "everything_of", "fill_every_table", "own_words"]

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
SPOKEN = [{"index": 0, "speaker": "Rosa", "side": "customer", "start_ms": 0, "end_ms": 9, "text": "It crashes"}]
#: What checks of the tables ask for.
CHOSEN: dict[tuple[str, str], Any] = {
    ("messages", "state"): "analysed",
    ("transcripts", "segments"): SPOKEN,
    ("extracted_features", "type"): "bug_report",
    ("extracted_features", "urgency"): "low",
    ("extracted_features", "sentiment"): "neutral",
    ("extracted_features", "origin"): "volunteered",
    ("evidence", "segment_index"): 0,
    ("evidence", "char_start"): 0,
    ("evidence", "char_end"): 10,
    ("evidence", "quote"): "It crashes",
    ("features", "type"): "bug_report",
    ("features", "urgency"): "low",
    ("decisions", "kind"): "accept",
    ("model_answers", "state"): "answered",
    ("model_batches", "state"): "finished",
    ("listings", "completed_at"): AT,
    ("erasures", "scope"): "calls",
    ("erased_people", "kind"): "name",
    ("api_tokens", "role"): "viewer",
}

#: Of each table, the row of one workspace.
Rows = dict[str, dict[str, Any]]


def own_words(name: str, table: sa.Table) -> str:
    """What stands in every text of a workspace's row that may be anything."""
    return f"{name} {table.name}"


def fill_every_table(store: Store, name: str) -> Rows:
    """Give a new workspace one row in every table that has rows of workspaces."""
    rows: Rows = {}
    own = {table.name for table in tenant_tables()}
    with store.database.writing() as connection:
        for table in METADATA.sorted_tables:
            if table.name in own:
                rows[table.name] = _row(table, name, rows)
                connection.execute(table.insert().values(**rows[table.name]))
    return rows


def everything(store: Store) -> dict[str, list[str]]:
    """Every row of every table, in words and in one order, by table."""
    with store.database.reading() as connection:
        return {
            name: sorted(map(str, connection.execute(sa.select(table)).all()))
            for name, table in METADATA.tables.items()
        }


def everything_of(store: Store, workspace_id: uuid.UUID) -> dict[str, list[Any]]:
    """Every row of a workspace, by table, as whoever owns the tables sees it."""
    with store.database.reading() as connection:
        return {
            table.name: [tuple(row) for row in connection.execute(_own(table, workspace_id))]
            for table in tenant_tables()
        }


def _own(table: sa.Table, workspace_id: uuid.UUID) -> sa.Select[Any]:
    own = table.c[str(workspace_column(table))] == workspace_id
    return sa.select(table).where(own).order_by(*table.primary_key)


def _row(table: sa.Table, name: str, rows: Rows) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for constraint in table.foreign_key_constraints:
        parent = rows[constraint.referred_table.name]
        for element in constraint.elements:
            column = element.parent
            if not column.nullable or column.name == workspace_column(table):
                row[column.name] = parent[element.column.name]
    for column in table.columns:
        if (table.name, column.name) in CHOSEN:
            row[column.name] = CHOSEN[table.name, column.name]
        elif column.name not in row and not column.nullable and column.server_default is None:
            row[column.name] = _value(table, column, name)
    return row


def _value(table: sa.Table, column: sa.Column[Any], name: str) -> Any:
    words = own_words(name, table)
    match column.type:
        case DashedUuid():
            return uuid.uuid5(uuid.NAMESPACE_OID, f"{words} {column.name}")
        case UtcDateTime():
            return AT
        case sa.Date():
            return AT.date()
        case sa.String(length=length):
            return words.replace(" ", "-").lower()[:length]
        case sa.JSON():
            return {}
        case sa.Boolean():
            return True
        case sa.Float():
            return 0.5
    return 1
