"""After runs that went well and runs that failed, no secret stands in any file, table, log or output."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from headway_pipeline.model.workspaces import Credentials
from headway_pipeline.sandbox.server import Sandbox
from headway_pipeline.settings import current_settings
from headway_pipeline.store.configured import open_configured_store
from headway_pipeline_tests.databases import Postgres
from headway_pipeline_tests.secrecy import in_database, in_folder, places_of
from headway_pipeline_tests.worlds import ASK, CHAT, sandbox_call, use_home, world

HEADWAY = Path(sys.executable).with_name("headway")
#: Words of no use anywhere, by what they are.
SECRETS = {
    "Gong's access key": "planted-gong-access",
    "Gong's secret key": "planted-gong-secret",
    "a Gong secret that is refused": "planted-gong-refused",
    "Fathom's token": "planted-fathom-token",
    "a model's key": "planted-model-key",
    "the key that seals": "cGxhbnRlZC1zZWFsaW5nLWtleS1wbGFudGVkLXNlYWw=",
    "the address for alerts": "planted-alert-path",
    "the database's password": "planted-database-password",
}
#: What was said, and by whom: nothing of it belongs into Dagster's records, which have no login and no erasure.
PRIVATE = {"speech": ASK, "more speech": CHAT, "a title": "Check-in 1", "a person": "Carl Customer"}


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, postgres: Postgres, postgres_template: str) -> Iterator[str | None]:
    if request.param == "sqlite":
        yield None
        return
    url = postgres.create(template=postgres_template)
    yield make_url(url).set(password=SECRETS["the database's password"]).render_as_string(hide_password=False)
    postgres.drop(url)


def test_nothing_that_was_written_holds_a_secret(
    database_url: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    use_home(home, monkeypatch)
    monkeypatch.setenv("HEADWAY_SECRET_KEY", SECRETS["the key that seals"])
    monkeypatch.setenv("HEADWAY_ALERT_URL", f"http://127.0.0.1:9/{SECRETS['the address for alerts']}")
    monkeypatch.setenv("ANTHROPIC_API_KEY", SECRETS["a model's key"])
    if database_url is not None:
        monkeypatch.setenv("DATABASE_URL", database_url)
    served = replace(
        world(*(sandbox_call(number, days_ago=number) for number in (1, 2))).companies[0],
        access_key=SECRETS["Gong's access key"],
        secret_key=SECRETS["Gong's secret key"],
        api_token=SECRETS["Fathom's token"],
    )
    with Sandbox(replace(world(), companies=(served,))) as sandbox:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", sandbox.models.anthropic_url)
        output = [_connect_and_run(sandbox), _with_a_refused_key(sandbox)]
    databases = chain() if database_url is None else in_database(database_url)
    everywhere = chain([("what was printed", "\n".join(output).encode())], in_folder(home), databases)
    found = places_of({**SECRETS, "the workspace": "acme", "Gong's connector": "bad_credentials"}, everywhere)
    assert found.pop("the workspace"), "the search itself finds nothing"
    assert found.pop("Gong's connector"), "the run with the refused key left nothing"
    assert found == {name: set() for name in SECRETS}
    private = places_of(PRIVATE, in_folder(home / "dagster"))
    assert private == {name: set() for name in PRIVATE}


def _connect_and_run(sandbox: Sandbox) -> str:
    keys = Credentials({"access_key": SECRETS["Gong's access key"], "secret_key": SECRETS["Gong's secret key"]})
    token = Credentials({"api_token": SECRETS["Fathom's token"]})
    store = open_configured_store(current_settings())
    workspace = store.workspaces.add("Acme", vendor_domains=frozenset({"vendor.example"}))
    store.connectors.add(workspace.id, "gong", base_url=sandbox.base_url, credentials=keys)
    store.connectors.add(workspace.id, "fathom", base_url=sandbox.fathom_url, credentials=token)
    store.themes.add(workspace.id, "Exports")
    store.close()
    return _headway("ingest", "--workspace-id", "acme", "--days-back", "3", "--verbose")


def _with_a_refused_key(sandbox: Sandbox) -> str:
    store = open_configured_store(current_settings())
    workspace = store.workspaces.find("acme")
    refused = Credentials(
        {"access_key": SECRETS["Gong's access key"], "secret_key": SECRETS["a Gong secret that is refused"]}
    )
    connector = store.connectors.find(workspace.id, "gong")
    store.connectors.readdress(connector.id, base_url=sandbox.base_url, credentials=refused)
    store.close()
    return _headway("ingest", "--workspace-id", "acme", "--days-back", "3", "--verbose", expected=1)


def _headway(*arguments: str, expected: int = 0) -> str:
    done = subprocess.run(
        [HEADWAY, *arguments], capture_output=True, text=True, timeout=120, env=os.environ, check=False
    )
    assert done.returncode == expected, done.stderr
    return done.stdout + done.stderr
