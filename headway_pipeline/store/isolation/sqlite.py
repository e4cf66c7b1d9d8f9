"""One workspace on SQLite: a connection on which every table's name means that workspace's rows.

SQLite looks for a name among temporary objects first. So a temporary view over each table, of the rows of one
workspace, stands before the table for whatever is read (https://www.sqlite.org/lang_naming.html). Views cannot be
written: the target of a statement is turned into the table itself, where temporary triggers pass over rows of others
and refuse rows that would become theirs, as row-level security does on PostgreSQL. Nothing of it is in the file.
"""

import re
import uuid
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine

from headway_pipeline.store.isolation.rights import rights_in_workspace, workspace_column
from headway_pipeline.store.tables import METADATA

__all__ = ["REFUSAL", "confine"]

#: What the triggers say first.
REFUSAL = "outside the workspace"

_WORKSPACE = "headway_workspace()"
#: Not `OR REPLACE`: it removes the row that stands in the way without asking a trigger, whoever's it is.
_WRITTEN = re.compile(r'\s*(?P<verb>INSERT INTO|UPDATE|DELETE FROM) (?P<quote>"?)(?P<table>\w+)(?P=quote)')
_KEY = "headway_workspace"


class _Confined:
    """The workspace a connection is in; none between transactions."""

    def __init__(self) -> None:
        self.workspace_id: str | None = None


def confine(engine: Engine) -> None:
    """Make every connection of `engine` see one workspace: the one of its transaction's scope, else none."""
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _enter)
    event.listen(engine, "checkin", _leave)
    event.listen(engine, "before_cursor_execute", _target_the_table, retval=True)


def _prepare(connection: Any, record: Any) -> None:
    confined = record.info[_KEY] = _Confined()
    connection.create_function("headway_workspace", 0, lambda: confined.workspace_id, deterministic=True)
    for table in METADATA.tables.values():
        for statement in _statements(table):
            connection.execute(statement)


def _enter(connection: Connection) -> None:
    scope = connection.get_execution_options()["headway_scope"]
    workspace_id: uuid.UUID | None = scope.workspace_id
    connection.info[_KEY].workspace_id = None if workspace_id is None else str(workspace_id)


def _leave(_connection: Any, record: Any) -> None:
    # A connection that could not be prepared has nothing to forget.
    if _KEY in record.info:
        record.info[_KEY].workspace_id = None


def _target_the_table(
    _connection: Connection, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool
) -> tuple[str, Any]:
    written = _WRITTEN.match(statement)
    if written is None or written["table"] not in METADATA.tables:
        return statement, parameters
    return f'{written["verb"]} main."{written["table"]}"{statement[written.end() :]}', parameters


def _statements(table: sa.Table) -> list[str]:
    """The view and the triggers of one table."""
    column, rights = workspace_column(table), rights_in_workspace(table)
    # As a query of its own it is asked for once a statement, not once a row.
    own = "0" if column is None else f"{column} = (SELECT {_WORKSPACE})"
    made = [f"CREATE TEMP VIEW {table.name} AS SELECT * FROM main.{table.name} WHERE {own}"]
    made += [
        _trigger(table, f"no_{verb}", verb, "1", _refused(f"no {verb} on {table.name}"))
        for verb in ("INSERT", "UPDATE", "DELETE")
        if verb not in rights
    ]
    if column is None:
        return made
    foreign, leaving = f"OLD.{column} IS NOT {_WORKSPACE}", f"NEW.{column} IS NOT {_WORKSPACE}"
    refused = _refused(f"a row of {table.name} of another one")
    return [
        *made,
        _trigger(table, "own_insert", "INSERT", leaving, refused),
        # Another's row is passed over, as if it were not there; only what is left can be refused.
        _trigger(table, "own_update", "UPDATE", foreign, "SELECT RAISE(IGNORE)"),
        _trigger(table, "own_change", "UPDATE", f"NOT ({foreign}) AND {leaving}", refused),
        _trigger(table, "own_delete", "DELETE", foreign, "SELECT RAISE(IGNORE)"),
    ]


def _refused(words: str) -> str:
    return f"SELECT RAISE(ABORT, '{REFUSAL}: {words}')"


def _trigger(table: sa.Table, name: str, verb: str, condition: str, action: str) -> str:
    return (
        f"CREATE TEMP TRIGGER {name.lower()}_{table.name} BEFORE {verb} ON main.{table.name} "
        f"WHEN {condition} BEGIN {action}; END"
    )
