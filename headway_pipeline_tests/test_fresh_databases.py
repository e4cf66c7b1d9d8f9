"""One test's database is never another's: what is lent again holds nothing of before."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from headway_pipeline.store import Store, open_store
from headway_pipeline.store.sealing import CredentialSealer
from headway_pipeline.store.tables import METADATA
from headway_pipeline_tests.conftest import TEST_KEY
from headway_pipeline_tests.databases import Postgres
from headway_pipeline_tests.fresh_databases import FreshDatabases
from headway_pipeline_tests.store.filed import desk, one_item


@pytest.fixture
def databases(postgres: Postgres, postgres_template: str) -> Iterator[FreshDatabases]:
    made = FreshDatabases(postgres, postgres_template)
    yield made
    made.close()


def opened(url: str) -> Store:
    return open_store(url, sealing=lambda: CredentialSealer([TEST_KEY]))


def run(url: str, *statements: str) -> None:
    engine = sa.create_engine(make_url(url).set(drivername="postgresql+psycopg2"), poolclass=sa.NullPool)
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def key(url: str) -> int:
    """What stays the same of a database that is renamed."""
    engine = sa.create_engine(make_url(url).set(drivername="postgresql+psycopg2"), poolclass=sa.NullPool)
    with engine.connect() as connection:
        found: int = connection.exec_driver_sql(
            "SELECT oid FROM pg_database WHERE datname = current_database()"
        ).scalar_one()
    return found


def test_what_a_test_filled_comes_back_without_a_row_under_another_name(databases: FreshDatabases) -> None:
    first = databases.lend()
    store = opened(first)
    at = desk(store)
    one_item(at, "c1", hours=1)
    at.file(at.exports)
    store.close()
    is_the_same = key(first)
    databases.give_back(first)
    second = databases.lend()
    assert (key(second), second == first) == (is_the_same, False)
    again = opened(second)
    with again.database.reading() as connection:
        for table in METADATA.sorted_tables:
            assert connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one() == 0, table.name
            size = connection.execute(sa.select(sa.func.pg_relation_size(table.name))).scalar_one()
            assert size == 0, f"rows of {table.name} would come in another order than in a new one"
    again.close()
    databases.give_back(second)


def test_two_that_are_lent_are_two(databases: FreshDatabases) -> None:
    both = [databases.lend(), databases.lend()]
    assert key(both[0]) != key(both[1])
    for url in both:
        databases.give_back(url)


@pytest.mark.parametrize(
    "change",
    [
        "CREATE TABLE other (id integer)",
        "ALTER TABLE messages ADD COLUMN other integer",
        "ALTER TABLE messages DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE evidence DISABLE TRIGGER USER",
        "DROP INDEX {index}",
        "GRANT SELECT ON messages TO PUBLIC",
        "CREATE SCHEMA dagster",
        "CREATE FUNCTION other() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
        "UPDATE alembic_version SET version_num = 'other'",
        "SELECT lo_create(0)",
        "CREATE SEQUENCE other",
        "ALTER DATABASE {name} SET work_mem = '1MB'",
        "ALTER DATABASE {name} CONNECTION LIMIT 9",
        "REVOKE CONNECT ON DATABASE {name} FROM PUBLIC",
    ],
)
def test_where_more_than_rows_changed_it_is_lent_to_nobody(databases: FreshDatabases, change: str) -> None:
    first = databases.lend()
    was = key(first)
    index = next(index.name for table in METADATA.sorted_tables for index in table.indexes)
    run(first, change.format(name=make_url(first).database, index=index))
    databases.give_back(first)
    second = databases.lend()
    assert key(second) != was
    databases.give_back(second)


def test_what_a_test_left_running_reaches_no_other_tests_database(databases: FreshDatabases) -> None:
    first = databases.lend()
    left = opened(first)
    with left.database.reading() as connection:
        connection.exec_driver_sql("SELECT 1")
        databases.give_back(first)
        with pytest.raises(sa.exc.OperationalError):
            connection.exec_driver_sql("SELECT 1")
    second = databases.lend()
    with pytest.raises(sa.exc.OperationalError, match="does not exist"):
        run(first, "SELECT 1")
    left.close()
    databases.give_back(second)
