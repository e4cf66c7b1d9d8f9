"""Engines share what they compiled where their dialects are set alike, and nowhere else."""

import json
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import CursorResult

THINGS = sa.Table("things", sa.MetaData(), sa.Column("number", sa.Integer), sa.Column("said", sa.JSON))


def an_engine(**settings: Any) -> sa.Engine:
    engine = sa.create_engine("sqlite://", poolclass=sa.StaticPool, **settings)
    with engine.begin() as connection:
        THINGS.create(connection)
    return engine


def asked(engine: sa.Engine, statement: sa.Executable) -> CursorResult[Any]:
    with engine.begin() as connection:
        return connection.execute(statement)


def compiled(engine: sa.Engine, statement: sa.Executable) -> Any:
    """What the engine takes the statement for."""
    found: list[Any] = []

    def look(_connection: Any, _cursor: Any, _sql: Any, _parameters: Any, context: Any, _many: Any) -> None:
        found.append(context.compiled)

    sa.event.listen(engine, "before_cursor_execute", look)
    asked(engine, statement)
    sa.event.remove(engine, "before_cursor_execute", look)
    (one,) = found
    return one


def test_a_second_engine_compiles_nothing_again_and_has_its_own_rows_and_parameters() -> None:
    first, second = an_engine(), an_engine()
    adding = [sa.insert(THINGS).values(number=number, said={"n": number}) for number in (1, 2)]
    asked(first, adding[0])
    asked(second, adding[1])
    choosing = [sa.select(THINGS).where(THINGS.c.number == number) for number in (1, 2)]
    assert compiled(first, choosing[0]) is compiled(second, choosing[1])
    with first.connect() as one, second.connect() as other:
        assert one.execute(choosing[0]).all() == [(1, {"n": 1})]
        assert one.execute(choosing[1]).all() == []
        assert other.execute(choosing[1]).all() == [(2, {"n": 2})]
    for engine in (first, second):
        engine.dispose()


@pytest.mark.parametrize(
    "settings",
    [{"paramstyle": "named"}, {"json_serializer": partial(json.dumps, indent=1)}, {"json_serializer": str}],
)
def test_an_engine_that_is_set_otherwise_compiles_for_itself(settings: dict[str, Any]) -> None:
    first, second = an_engine(), an_engine(**settings)
    adding = sa.insert(THINGS).values(number=1, said={"n": 1})
    assert compiled(first, adding) is not compiled(second, adding)
    for engine in (first, second):
        engine.dispose()
