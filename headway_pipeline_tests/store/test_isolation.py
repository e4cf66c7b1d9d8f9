"""Within one workspace, the others are not there: whatever is asked, on either database, whoever logs in."""

import secrets
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from headway_pipeline.model.errors import (
    ConfigurationError,
    EvidenceRefusedError,
    OutsideWorkspaceError,
    StoreError,
    UnknownThingError,
)
from headway_pipeline.store import Store, open_store
from headway_pipeline.store.isolation import postgresql
from headway_pipeline.store.isolation.postgresql import gaps, roles_sql
from headway_pipeline.store.isolation.rights import (
    SHARED_TABLES,
    rights_in_workspace,
    tenant_tables,
    workspace_column,
)
from headway_pipeline.store.schema import HEAD, upgrade_database
from headway_pipeline.store.sealing import CredentialSealer
from headway_pipeline.store.statements import insert_into
from headway_pipeline.store.tables import METADATA, audit_log, evidence, messages, settings, themes, workspaces
from headway_pipeline_tests.conftest import TEST_KEY
from headway_pipeline_tests.databases import Postgres
from headway_pipeline_tests.store.tenants import Rows, fill_every_table

TENANT_TABLES = [table.name for table in tenant_tables()]


@dataclass(frozen=True)
class Neighbours:
    """Two workspaces with a row in every table, and the store within the first one."""

    whole: Store
    mine: Rows
    theirs: Rows

    @property
    def my_id(self) -> uuid.UUID:
        return self._id(self.mine)

    @property
    def their_id(self) -> uuid.UUID:
        return self._id(self.theirs)

    @property
    def within(self) -> Store:
        return self.whole.within(self.my_id)

    @staticmethod
    def _id(rows: Rows) -> uuid.UUID:
        key: uuid.UUID = rows["workspaces"]["id"]
        return key

    def standing(self, table: sa.Table, key: uuid.UUID) -> list[Any]:
        """A workspace's rows, seen from outside."""
        query = sa.select(table).where(table.c[str(workspace_column(table))] == key)
        with self.whole.database.reading() as connection:
            return [tuple(row) for row in connection.execute(query)]


def neighbours_of(store: Store) -> Neighbours:
    return Neighbours(store, fill_every_table(store, "Mine"), fill_every_table(store, "Theirs"))


@pytest.fixture
def neighbours(store: Store) -> Neighbours:
    return neighbours_of(store)


@pytest.fixture
def on_sqlite(sqlite_template: Path, tmp_path: Path) -> Iterator[Neighbours]:
    path = tmp_path / "headway.db"
    path.write_bytes(sqlite_template.read_bytes())
    store = open_store(f"sqlite:///{path}", sealing=sealing)
    yield neighbours_of(store)
    store.close()


def sealing() -> CredentialSealer:
    return CredentialSealer([TEST_KEY])


def test_a_forgotten_filter_reads_own_rows_only(neighbours: Neighbours) -> None:
    with neighbours.whole.database.reading() as outside, neighbours.within.database.reading() as inside:
        for table in tenant_tables():
            query = f"SELECT {workspace_column(table)} FROM {table.name}"
            assert len(outside.exec_driver_sql(query).all()) == 2, table.name
            seen = inside.exec_driver_sql(query).scalars().all()
            assert [str(key) for key in seen] == [str(neighbours.my_id)], table.name


def test_every_table_is_a_workspaces_or_is_explained() -> None:
    shared = {name for name, table in METADATA.tables.items() if workspace_column(table) is None}
    assert shared == set(SHARED_TABLES)


@pytest.mark.parametrize("name", sorted(SHARED_TABLES))
def test_what_belongs_to_no_workspace_shows_nothing_within_one(neighbours: Neighbours, name: str) -> None:
    with neighbours.whole.database.writing() as connection:
        connection.execute(settings.insert().values(key="pseudonym_key", value={"sealed": "words"}))
    within = neighbours.within.database
    if within.is_sqlite:
        with within.reading() as connection:
            assert connection.exec_driver_sql(f"SELECT * FROM {name}").all() == []
    else:
        with pytest.raises(OutsideWorkspaceError), within.reading() as connection:
            connection.exec_driver_sql(f"SELECT * FROM {name}")
    with pytest.raises(OutsideWorkspaceError), within.writing() as connection:
        connection.execute(settings.insert().values(key="mine", value={}))


def test_no_row_is_written_into_another_workspace(neighbours: Neighbours) -> None:
    for table in tenant_tables():
        before = neighbours.standing(table, neighbours.their_id)
        # Evidence is refused for a transcript that is not there, which comes to the same.
        refused = EvidenceRefusedError if table is evidence else OutsideWorkspaceError
        row = neighbours.theirs[table.name] | _fresh_key(table)
        with pytest.raises((refused, OutsideWorkspaceError)), neighbours.within.database.writing() as connection:
            connection.execute(table.insert().values(**row))
        moved = {str(workspace_column(table)): neighbours.their_id}
        with pytest.raises(StoreError), neighbours.within.database.writing() as connection:
            connection.execute(table.update().values(moved))
        assert neighbours.standing(table, neighbours.their_id) == before, table.name


def _fresh_key(table: sa.Table) -> dict[str, Any]:
    """Another id, so that it is not the key that is in the way."""
    if table.name == "workspaces":
        return {"id": uuid.uuid4(), "slug": "third"}
    return {"id": uuid.uuid4()} if "id" in table.c else {}


def test_an_update_or_delete_without_a_filter_leaves_others_alone(neighbours: Neighbours) -> None:
    for table in reversed(METADATA.sorted_tables):
        if table.name not in TENANT_TABLES:
            continue
        before, rights = neighbours.standing(table, neighbours.their_id), rights_in_workspace(table)
        same = {str(workspace_column(table)): neighbours.my_id}
        if "UPDATE" in rights:
            assert _matched(neighbours.within, table.update().values(same)) == 1, table.name
        # Children go first; a parent whose children may not be deleted may not be either.
        if "DELETE" in rights:
            assert _matched(neighbours.within, table.delete()) == 1, table.name
            assert neighbours.standing(table, neighbours.my_id) == [], table.name
        assert neighbours.standing(table, neighbours.their_id) == before, table.name
        assert len(before) == 1, table.name


def _matched(store: Store, statement: sa.UpdateBase) -> int:
    with store.database.writing() as connection:
        return connection.execute(statement).rowcount


def test_an_upsert_that_meets_anothers_row_does_not_change_it(neighbours: Neighbours) -> None:
    theirs = neighbours.theirs["themes"]
    made = insert_into(neighbours.whole.database, themes).values(
        id=theirs["id"], workspace_id=neighbours.my_id, name="taken over"
    )
    upsert = made.on_conflict_do_update(index_elements=["id"], set_={"name": "taken over"})
    before = neighbours.standing(themes, neighbours.their_id)
    try:
        with neighbours.within.database.writing() as connection:
            assert connection.execute(upsert).rowcount == 0
    except OutsideWorkspaceError:
        assert not neighbours.whole.database.is_sqlite
    assert neighbours.standing(themes, neighbours.their_id) == before


def test_replacing_anothers_row_by_its_key_is_refused(on_sqlite: Neighbours) -> None:
    """SQLite's REPLACE removes the row in its way without asking a trigger; nothing refers to this one."""
    before = on_sqlite.standing(audit_log, on_sqlite.their_id)
    row = on_sqlite.mine["audit_log"] | {"id": on_sqlite.theirs["audit_log"]["id"]}
    with pytest.raises(StoreError), on_sqlite.within.database.writing() as connection:
        connection.execute(audit_log.insert().prefix_with("OR REPLACE").values(**row))
    assert on_sqlite.standing(audit_log, on_sqlite.their_id) == before


def test_a_workspace_makes_no_other_and_rewrites_no_record(neighbours: Neighbours) -> None:
    within = neighbours.within
    with pytest.raises(OutsideWorkspaceError):
        within.workspaces.add("Third")
    for statement in (audit_log.update().values(actor="somebody else"), audit_log.delete()):
        with pytest.raises(OutsideWorkspaceError), within.database.writing() as connection:
            connection.execute(statement)
    assert len(neighbours.standing(audit_log, neighbours.my_id)) == 1


def test_what_looks_over_all_workspaces_sees_one(neighbours: Neighbours) -> None:
    with neighbours.whole.database.writing() as connection:
        connection.exec_driver_sql("UPDATE model_batches SET state = 'prepared'")
    whole, within = neighbours.whole, neighbours.within
    assert len(whole.workspaces.list()) == len(whole.batches.open()) == len(whole.hints.due()) == 2
    assert [found.id for found in within.workspaces.list()] == [neighbours.my_id]
    assert [found.workspace_id for found in within.batches.open()] == [neighbours.my_id]
    assert [found.workspace_id for found in within.hints.due()] == [neighbours.my_id]


def test_another_workspace_is_not_even_named_in_an_error(neighbours: Neighbours) -> None:
    with pytest.raises(UnknownThingError) as caught:
        neighbours.within.workspaces.find(str(neighbours.their_id))
    assert neighbours.theirs["workspaces"]["slug"] not in str(caught.value)


def test_one_does_not_leave_a_workspace_by_asking(neighbours: Neighbours) -> None:
    within = neighbours.within
    assert within.within(neighbours.my_id).workspaces.list()
    for leave in (
        lambda: within.within(neighbours.their_id),
        within.compact,
        within.database.as_login,
        lambda: within.database.outside_transactions().__enter__(),
    ):
        with pytest.raises(OutsideWorkspaceError):
            leave()


def test_a_workspace_that_is_nobodys_holds_nothing(neighbours: Neighbours) -> None:
    nobody = neighbours.whole.within(uuid.uuid4())
    assert nobody.workspaces.list(include_inactive=True) == []
    assert nobody.reading.messages(neighbours.my_id) == []


def test_connections_that_are_used_again_carry_nothing_over(neighbours: Neighbours) -> None:
    """Also after a transaction that failed half way, and after a refused statement."""
    whole, mine = neighbours.whole, neighbours.within
    theirs = whole.within(neighbours.their_id)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            _fail_half_way(mine)
        with pytest.raises(StoreError), mine.database.writing() as connection:
            connection.exec_driver_sql("SELECT nonsense")
        assert _titles(theirs) == {neighbours.their_id: None}
        assert _titles(whole) == {neighbours.my_id: None, neighbours.their_id: None}
        assert _titles(mine) == {neighbours.my_id: None}


def _fail_half_way(store: Store) -> None:
    with store.database.writing() as connection:
        connection.execute(messages.update().values(title="half"))
        raise ZeroDivisionError


def _titles(store: Store) -> dict[uuid.UUID, str | None]:
    with store.database.reading() as connection:
        rows = connection.execute(sa.select(messages.c.workspace_id, messages.c.title)).all()
    return {row.workspace_id: row.title for row in rows}


def test_a_connection_outside_a_transaction_is_in_no_workspace(neighbours: Neighbours) -> None:
    within = neighbours.within.database
    with within.reading() as connection:
        connection.execute(sa.select(messages)).all()
    raw = within.engine.raw_connection()
    try:
        cursor = raw.cursor()
        if within.is_sqlite:
            cursor.execute("SELECT count(*) FROM messages")
            assert cursor.fetchone() == (0,)
        else:
            cursor.execute("SELECT current_user = session_user, current_setting('headway.workspace_id', true)")
            assert cursor.fetchone() in [(True, ""), (True, None)]
    finally:
        raw.close()


def test_threads_in_different_workspaces_share_connections_and_never_rows(neighbours: Neighbours) -> None:
    wrong: list[Any] = []

    def read(key: uuid.UUID) -> None:
        within = neighbours.whole.within(key)
        for _ in range(40):
            wrong.extend(found for found in _titles(within) if found != key)

    keys = (neighbours.my_id, neighbours.their_id)
    threads = [threading.Thread(target=read, args=(keys[number % 2],)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_nothing_of_it_is_in_sqlites_file(on_sqlite: Neighbours) -> None:
    assert on_sqlite.within.workspaces.list()
    with on_sqlite.whole.database.reading() as connection:
        made = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE name LIKE '%own%' OR type = 'view'")
        assert made.all() == []


# PostgreSQL alone


@pytest.fixture
def database(postgres: Postgres, postgres_template: str) -> Iterator[str]:
    url = postgres.create(template=postgres_template)
    yield url
    postgres.drop(url)


@contextmanager
def login_of(administrator: str, attributes: str = "") -> Iterator[str]:
    """The URL of a new login on the same database; it owns nothing."""
    name, password = f"login_{secrets.token_hex(4)}", secrets.token_hex(8)
    run_as(administrator, f"CREATE ROLE {name} LOGIN PASSWORD '{password}' {attributes}")
    yield make_url(administrator).set(username=name, password=password).render_as_string(hide_password=False)
    run_as(administrator, f"REASSIGN OWNED BY {name} TO current_user", f"DROP OWNED BY {name}", f"DROP ROLE {name}")


def run_as(url: str, *statements: str) -> list[Any]:
    """What the last of them returns."""
    engine = sa.create_engine(make_url(url).set(drivername="postgresql+psycopg2"), isolation_level="AUTOCOMMIT")
    rows: list[Any] = []
    with engine.connect() as connection:
        for statement in statements:
            done = connection.execution_options(no_parameters=True).exec_driver_sql(statement)
            rows = [tuple(row) for row in done] if done.returns_rows else []
    engine.dispose()
    return rows


def test_every_workspaces_table_is_under_forced_row_level_security(database: str) -> None:
    found = run_as(database, "SELECT relname, relrowsecurity, relforcerowsecurity FROM pg_class WHERE relkind = 'r'")
    secured = {name for name, *flags in found if all(flags)}
    assert secured == set(TENANT_TABLES)
    policies = run_as(database, "SELECT tablename, policyname, roles::text[], cmd, with_check FROM pg_policies")
    for name in TENANT_TABLES:
        own = {row[1]: row for row in policies if row[0] == name}
        assert {policy: row[2] for policy, row in own.items()} == {
            "tenant": ["headway_tenant"],
            "worker": ["headway_worker"],
        }
        assert all(row[3] == "ALL" and row[4] for row in own.values())


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("ALTER TABLE features DISABLE ROW LEVEL SECURITY", "row-level security of features is not forced"),
        ("ALTER TABLE features NO FORCE ROW LEVEL SECURITY", "row-level security of features is not forced"),
        ("DROP POLICY tenant ON themes", "the policies of themes are worker"),
        ("CREATE POLICY open ON themes USING (true)", "the policies of themes are open, tenant, worker"),
        ("GRANT SELECT ON settings TO headway_tenant", "the roles' rights on settings"),
        ("REVOKE INSERT ON messages FROM headway_worker", "the roles' rights on messages"),
    ],
)
def test_what_is_missing_is_named_and_an_upgrade_mends_it(database: str, damage: str, words: str) -> None:
    store = open_store(database, sealing=sealing)
    run_as(database, damage)
    with store.database.as_login().reading() as connection:
        (found,) = gaps(connection)
    assert found.startswith(words)
    assert upgrade_database(database) == (HEAD, HEAD)
    with store.database.as_login().reading() as connection:
        assert gaps(connection) == []
    store.close()


def test_a_login_without_a_role_reads_nothing_even_as_owner(postgres: Postgres) -> None:
    """The owner makes the tables and roles itself; inheriting the roles does not help it either."""
    administrator = postgres.create()
    with login_of(administrator, "CREATEROLE") as owner:
        name = make_url(owner).username
        run_as(administrator, roles_sql("postgres"), f"GRANT headway_tenant, headway_worker TO {name}")
        run_as(administrator, f"ALTER SCHEMA public OWNER TO {name}")
        store = open_store(owner, sealing=sealing)
        fill_every_table(store, "Mine")
        assert len(store.workspaces.list()) == 1
        for table in TENANT_TABLES:
            assert run_as(owner, f"SELECT count(*) FROM {table}") == [(0,)], table
        store.close()
    postgres.drop(administrator)


def test_a_superuser_is_confined_as_everybody_is(database: str) -> None:
    assert run_as(database, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") == [(True,)]
    store = open_store(database, sealing=sealing)
    neighbours = neighbours_of(store)
    with neighbours.within.database.reading() as connection:
        query = "SELECT current_user::text, row_security_active('messages'), count(*) FROM messages"
        assert tuple(connection.exec_driver_sql(query).one()) == ("headway_tenant", True, 1)
    store.close()


def test_the_application_works_as_a_login_that_owns_nothing(database: str) -> None:
    """It reads and writes by its roles, and cannot touch the tables themselves."""
    with login_of(database) as application:
        run_as(database, roles_sql(str(make_url(application).username)))
        store = open_store(application, sealing=sealing)
        neighbours = neighbours_of(store)
        assert [found.id for found in neighbours.within.workspaces.list()] == [neighbours.my_id]
        with pytest.raises(StoreError, match="lacks a right"), store.database.writing() as connection:
            connection.exec_driver_sql("ALTER TABLE messages NO FORCE ROW LEVEL SECURITY")
        store.close()


def test_a_login_without_the_roles_is_told_who_gives_them(database: str) -> None:
    with login_of(database) as stranger:
        store = open_store(stranger, sealing=sealing)
        with pytest.raises(ConfigurationError, match="headway db roles"):
            store.workspaces.list()
        store.close()


def test_an_owner_who_may_not_make_roles_is_told_and_goes_on_when_they_are_given(postgres: Postgres) -> None:
    administrator = postgres.create()
    with login_of(administrator) as owner:
        name = str(make_url(owner).username)
        run_as(administrator, roles_sql("postgres"), f"ALTER SCHEMA public OWNER TO {name}")
        with pytest.raises(ConfigurationError, match="headway db roles"):
            upgrade_database(owner)
        assert run_as(administrator, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [(0,)]
        run_as(administrator, roles_sql(name))
        assert upgrade_database(owner) == (None, HEAD)
        store = open_store(owner, sealing=sealing)
        assert store.workspaces.add("Acme").slug == "acme"
        store.close()
    postgres.drop(administrator)


def test_tables_in_a_schema_of_the_logins_name_are_found_by_the_roles(postgres: Postgres) -> None:
    """The search path begins with "$user", which is another schema for the role that is taken."""
    administrator = postgres.create()
    with login_of(administrator, "CREATEROLE") as owner:
        name = str(make_url(owner).username)
        run_as(administrator, roles_sql(name), f'CREATE SCHEMA "{name}" AUTHORIZATION {name}')
        upgrade_database(owner)
        store = open_store(owner, sealing=sealing)
        neighbours = neighbours_of(store)
        assert [found.id for found in neighbours.within.workspaces.list()] == [neighbours.my_id]
        assert run_as(administrator, "SELECT DISTINCT schemaname FROM pg_tables WHERE tablename = 'messages'") == [
            (name,)
        ]
        store.close()
    postgres.drop(administrator)


def test_a_migration_of_the_owner_changes_rows_of_every_workspace(postgres: Postgres) -> None:
    """Forced row-level security would hide them from it, and the migration would silently do nothing."""
    administrator = postgres.create()
    with login_of(administrator, "CREATEROLE") as owner:
        run_as(administrator, roles_sql(str(make_url(owner).username)))
        run_as(administrator, f"ALTER SCHEMA public OWNER TO {make_url(owner).username}")
        store = open_store(owner, sealing=sealing)
        fill_every_table(store, "Mine")
        fill_every_table(store, "Theirs")
        statement = workspaces.update().values(name="renamed")
        with store.database.as_login().writing() as connection:
            assert connection.execute(statement).rowcount == 0
            postgresql.lift(connection)
            assert connection.execute(statement).rowcount == 2
            postgresql.isolate(connection)
            assert connection.execute(statement).rowcount == 0
        store.close()
    postgres.drop(administrator)
