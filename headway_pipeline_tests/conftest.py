"""Fixtures every folder of tests shares."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from sqlalchemy.engine import make_url

from headway_pipeline.store import Store, open_store
from headway_pipeline.store.configured import open_configured_store
from headway_pipeline.store.schema import upgrade_database
from headway_pipeline.store.sealing import CredentialSealer
from headway_pipeline_tests.compiled import compile_once
from headway_pipeline_tests.databases import Postgres, running_postgres
from headway_pipeline_tests.fresh_databases import FreshDatabases
from headway_pipeline_tests.worlds import use_home

# The same examples at every run, whatever else the machine does; `--hypothesis-profile=default` searches on.
settings.register_profile("ci", derandomize=True, deadline=None)
settings.load_profile("ci")

#: A key of no use outside these tests.
TEST_KEY = "dGVzdHMtb25seS10ZXN0cy1vbmx5LXRlc3RzLW9ubHk="


def pytest_configure() -> None:
    """In sessions of tests alone: benchmarks take their key from this module, too."""
    compile_once()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let no worker be left alone with the tests that wait longest, nor these meet those of the pages."""
    items.sort(key=lambda item: item.path.parent.name != "stack")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One server for the session; it must start: a database that is not tested is not supported."""
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_template(postgres: Postgres) -> str:
    """The name of a migrated, empty database to copy."""
    url = postgres.create()
    upgrade_database(url)
    return str(make_url(url).database)


@pytest.fixture(scope="session")
def fresh_databases(postgres: Postgres, postgres_template: str) -> Iterator[FreshDatabases]:
    """Migrated, empty databases to lend to one test after another."""
    databases = FreshDatabases(postgres, postgres_template)
    yield databases
    databases.close()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty database file to copy."""
    path = tmp_path_factory.mktemp("template") / "headway.db"
    upgrade_database(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def home_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A HEADWAY_HOME without workspaces to copy: its tables are made, Dagster's, too."""
    from headway_pipeline.orchestration.launch import prepare_instance

    home = tmp_path_factory.mktemp("template") / "home"
    with pytest.MonkeyPatch.context() as environment:
        settings = use_home(home, environment)
        open_configured_store(settings).close()
        prepare_instance(settings, [])
    return home


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A migrated, empty database: every test that asks for one runs on both kinds."""
    if request.param == "sqlite":
        template: Path = request.getfixturevalue("sqlite_template")
        path = tmp_path / "headway.db"
        path.write_bytes(template.read_bytes())
        yield f"sqlite:///{path}"
        return
    databases: FreshDatabases = request.getfixturevalue("fresh_databases")
    url = databases.lend()
    yield url
    databases.give_back(url)


@pytest.fixture
def open_test_store(database_url: str) -> Iterator[Callable[[], Store]]:
    """Opens stores on the test's database and closes them."""
    opened: list[Store] = []

    def open_one() -> Store:
        opened.append(open_store(database_url, sealing=lambda: CredentialSealer([TEST_KEY])))
        return opened[-1]

    yield open_one
    for store in opened:
        store.close()


@pytest.fixture
def store(open_test_store: Callable[[], Store]) -> Store:
    """An empty store on either database."""
    return open_test_store()
