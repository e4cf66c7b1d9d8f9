"""An installation on a PostgreSQL of its own, started, and what other programs write into its database with SQL."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

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


@contextmanager
def running_stack(folder: Path, *, has_quick_daemon: bool = False) -> Iterator[Stack]:
    """One workspace with three calls of yesterday; the hourly schedule was missed once.

    The environment of this process is that of the installation as long as it runs.

    Args:
        has_quick_daemon: backfills wait for a second where Dagster has them wait for half a minute.
    """
    calls = [sandbox_call(number) for number in (1, 2, 3)]
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
            processes.start_daemon(is_quick=has_quick_daemon)
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


def write_workspace(stack: Stack, slug: str) -> UUID:
    """A workspace with a theme and the operator's access to the sandbox's calls."""
    workspace_id = uuid4()
    stack.sql("INSERT INTO workspaces (id, slug, name) VALUES (:w, :slug, :slug)", w=workspace_id, slug=slug)
    stack.sql(
        "INSERT INTO workspace_connectors (id, workspace_id, connector_type, name, base_url, uses_environment) "
        "VALUES (gen_random_uuid(), :w, 'gong', 'gong', :url, true)",
        w=workspace_id,
        url=stack.installation.sandbox.base_url,
    )
    write_theme(stack, workspace_id, "Exports")
    return workspace_id


def write_theme(stack: Stack, workspace_id: UUID, name: str) -> None:
    """A theme with a description that fits what the calls ask for."""
    stack.sql(
        "INSERT INTO themes (id, workspace_id, name, description) "
        "VALUES (gen_random_uuid(), :w, :name, 'Getting data out on a schedule')",
        w=workspace_id,
        name=name,
    )


def is_filed(stack: Stack, slug: str) -> bool:
    """Whether all calls of a workspace are filed at its present themes."""
    (standing,) = [one for one in stack.installation.store.watch.standings() if one.slug == slug]
    return standing.filed_at == {standing.themes_hash}
