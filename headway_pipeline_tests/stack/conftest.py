"""One installation for all tests of this folder: starting it costs more than most of them."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa

from headway_pipeline.model.workspaces import Credentials
from headway_pipeline.orchestration.instance import process_environment
from headway_pipeline.orchestration.launch import prepare_instance
from headway_pipeline.sandbox.server import Sandbox
from headway_pipeline.settings import current_settings
from headway_pipeline.store.configured import open_configured_store
from headway_pipeline.store.dagster_records import records_url
from headway_pipeline.store.schema import upgrade_database
from headway_pipeline_tests.conftest import TEST_KEY
from headway_pipeline_tests.databases import Server, running_server
from headway_pipeline_tests.stack.processes import Processes, Stack, wait_for
from headway_pipeline_tests.worlds import TODAY, Installation, sandbox_call, use_home, world

KEYS = {"access_key": "the-access-key", "secret_key": "the-secret-key"}
#: How long the hourly schedule was not looked at when the daemon starts; its minute passed once in it.
MISSED = timedelta(hours=1)


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One workspace with three calls of yesterday; the hourly schedule was missed once."""
    calls = [sandbox_call(number) for number in (1, 2, 3)]
    folder = tmp_path_factory.mktemp("stack")
    with pytest.MonkeyPatch.context() as environment, running_server() as server, Sandbox(world(*calls)) as sandbox:
        use_home(folder / "home", environment)
        for name, value in _variables(server, sandbox).items():
            environment.setenv(name, value)
        settings = current_settings()
        upgrade_database(settings.database_url)
        store = open_configured_store(settings)
        acme = store.workspaces.add("Acme")
        store.connectors.add(acme.id, "gong", base_url=sandbox.base_url, credentials=Credentials(KEYS))
        store.themes.add(acme.id, "Exports", description="Getting data out on a schedule")
        prepare_instance(settings, [acme.slug])
        processes = Processes(folder, process_environment(settings))
        stack = Stack(Installation(settings, sandbox, store, acme), server, processes)
        try:
            processes.start_code_server()
            wait_for("the code server", processes.is_serving_code)
            processes.start_webserver()
            wait_for("the webserver", stack.is_loaded)
            # Only what was stopped and started has a time since when it runs.
            for name in ("hourly", "nightly", "weekly"):
                stack.stop_schedule(name)
            stack.start_schedule("hourly")
            set_back(stack, "hourly", MISSED)
            processes.start_daemon()
            yield stack
        finally:
            processes.stop()
            store.close()


def _variables(server: Server, sandbox: Sandbox) -> dict[str, str]:
    return {
        "DATABASE_URL": server.url,
        "HEADWAY_SECRET_KEY": TEST_KEY,
        "HEADWAY_START_DATE": (TODAY - timedelta(days=40)).date().isoformat(),
        "HEADWAY_FIRST_DAYS": "1",
        "HEADWAY_MODEL": "offline",
        "GONG_ACCESS_KEY": KEYS["access_key"],
        "GONG_SECRET_KEY": KEYS["secret_key"],
    }


def set_back(stack: Stack, schedule: str, by: timedelta) -> None:
    """Have Dagster believe that a schedule runs since `by` longer than it does: what it missed, it makes up for."""
    url = records_url(stack.installation.settings)
    assert url is not None
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        changed = connection.execute(
            sa.text(
                "UPDATE instigators SET instigator_body = jsonb_set(instigator_body::jsonb, "
                "'{job_specific_data,start_timestamp}', to_jsonb((instigator_body::jsonb "
                "-> 'job_specific_data' ->> 'start_timestamp')::float - :by))::text "
                "WHERE instigator_body::jsonb -> 'origin' ->> 'job_name' = :schedule"
            ),
            {"by": by.total_seconds(), "schedule": schedule},
        )
        assert changed.rowcount == 1
    engine.dispose()
