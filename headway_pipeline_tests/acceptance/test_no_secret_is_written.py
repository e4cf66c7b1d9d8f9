"""After runs and requests that went well or failed, no secret stands in any file, table, log, answer or output."""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy.engine import make_url

from headway_pipeline.model.workspaces import Credentials
from headway_pipeline.sandbox.server import Sandbox
from headway_pipeline.settings import current_settings
from headway_pipeline.store.configured import open_configured_store
from headway_pipeline_tests.api.serving import served_by_process
from headway_pipeline_tests.databases import Postgres
from headway_pipeline_tests.secrecy import in_database, in_folder, places_of
from headway_pipeline_tests.webhooks import fathom_delivery
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
#: What the API is told besides, by what it is.
TOLD = {
    "a token nobody made": "headway_planted-token-that-nobody-made",
    "a secret of a webhook": "whsec_cGxhbnRlZC13ZWJob29rLXNlY3JldA==",
    "a forged signature": "cGxhbnRlZC1mb3JnZWQtc2lnbmF0dXJl",
    "a key in a field nobody knows": "planted-in-unknown-field",
    "a key in a body that is no JSON": "planted-in-no-json",
    "a key of the wrong type": "planted-in-a-list",
    "a password in an address": "planted-in-address",
    "a token in a query": "planted-in-query",
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
    home = _settle(tmp_path, database_url, monkeypatch)
    with _vendors() as sandbox:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", sandbox.models.anthropic_url)
        output = [_connect_and_run(sandbox), _with_a_refused_key(sandbox)]
    found = _places(
        {**SECRETS, "the workspace": "acme", "Gong's connector": "bad_credentials"}, output, home, database_url
    )
    assert found.pop("the workspace"), "the search itself finds nothing"
    assert found.pop("Gong's connector"), "the run with the refused key left nothing"
    assert found == {name: set() for name in SECRETS}
    private = places_of(PRIVATE, in_folder(home / "dagster"))
    assert private == {name: set() for name in PRIVATE}


def test_nothing_that_the_api_was_told_is_written_or_answered(
    database_url: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = _settle(tmp_path, database_url, monkeypatch)
    with _vendors() as sandbox:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", sandbox.models.anthropic_url)
        monkeypatch.setenv("HEADWAY_ALLOWED_HOSTS", sandbox.base_url.removeprefix("http://"))
        monkeypatch.setenv("HEADWAY_DAGSTER_URL", "http://127.0.0.1:9")
        with closing(open_configured_store(current_settings())) as store:
            store.workspaces.add("Acme", vendor_domains=frozenset({"vendor.example"}))
        token = _shown_token()
        with served_by_process(tmp_path / "api.log") as address:
            caller = _Caller(address, token)
            gong = _connect(caller, sandbox)
            _refusals(caller, sandbox)
            _deliveries(caller)
            ran = _headway("ingest", "--workspace-id", "acme", "--days-back", "3", "--verbose")
            caller.edit(gong, {"gong_access_key": "planted-gong-access", "gong_secret_key": "planted-gong-refused"})
            caller.ask("POST", f"/connectors/{gong}/check", expected=200)
            ran += _headway("ingest", "--workspace-id", "acme", "--days-back", "3", "--verbose", expected=1)
    output = [ran, *caller.answers, (tmp_path / "api.log").read_text(encoding="utf-8")]
    told = {**SECRETS, **TOLD, "the token": token}
    found = _places(
        {**told, "an answer": "bad_credentials", "a line of the log": "/check 200"}, output, home, database_url
    )
    assert found.pop("an answer"), "the search itself finds nothing"
    assert found.pop("a line of the log"), "the API wrote no log"
    assert found == {name: set() for name in told}


@dataclass
class _Caller:
    """Who asks the API of the workspace, and all that was answered."""

    address: str
    token: str
    answers: list[str] = field(default_factory=list)

    def ask(self, method: str, path: str, *, expected: int, **given: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.token}", **given.pop("headers", {})}
        url = path if path.startswith("http") else f"{self.address}/api/v1/workspaces/acme{path}"
        answer = requests.request(method, url, headers=headers, timeout=60, **given)
        self.answers.append(f"{answer.headers}\n{answer.text}")
        assert answer.status_code == expected, (path, answer.text)
        return answer

    def edit(self, connector_id: str, changes: dict[str, str]) -> None:
        self.ask("PATCH", f"/connectors/{connector_id}", expected=200, json=changes, headers={"If-Match": "*"})


def _shown_token() -> str:
    """What is shown once, to whoever made it."""
    made = _headway("token", "create", "--workspace-id", "acme", "--role", "admin", "--name", "n", "--format", "json")
    token: str = json.loads(made[made.index("{") : made.rindex("}") + 1])["token"]
    return token


def _connect(caller: _Caller, sandbox: Sandbox) -> str:
    """Both sources and a theme, each request sent twice; returns the id of Gong's connector."""
    keys = {"gong_access_key": SECRETS["Gong's access key"], "gong_secret_key": SECRETS["Gong's secret key"]}
    bodies = [
        {"connector_type": "gong", "base_url": sandbox.base_url, **keys},
        {"connector_type": "fathom", "base_url": sandbox.fathom_url, "fathom_api_token": SECRETS["Fathom's token"]},
    ]
    for number, body in enumerate(bodies * 2):
        headers = {"Idempotency-Key": f"once-{number % 2}"}
        caller.ask("POST", "/connectors", expected=201, json=body, headers=headers)
    caller.ask("POST", "/themes", expected=201, json={"name": "Exports"})
    caller.ask("POST", "/ingests", expected=202, json={"days_back": 1})
    gong, *_ = [
        one for one in caller.ask("GET", "/connectors", expected=200).json()["items"] if "gong" in one["name"]
    ]
    caller.ask("POST", f"/connectors/{gong['id']}/check", expected=200)
    connector_id: str = gong["id"]
    return connector_id


def _refusals(caller: _Caller, sandbox: Sandbox) -> None:
    """Secrets where none belongs."""
    secret = {"gong_access_key": "a", "gong_secret_key": SECRETS["Gong's secret key"]}
    wrong: list[dict[str, Any]] = [
        {"gong_sekret_key": TOLD["a key in a field nobody knows"]},
        {"gong_secret_key": [TOLD["a key of the wrong type"]]},
        {"base_url": f"http://user:{TOLD['a password in an address']}@{sandbox.base_url.removeprefix('http://')}"},
    ]
    for changes in wrong:
        caller.ask("POST", "/connectors", expected=422, json={"connector_type": "gong", **secret, **changes})
    broken = f'{{"connector_type": "gong", "gong_secret_key": "{TOLD["a key in a body that is no JSON"]}",,}}'
    caller.ask("POST", "/connectors", expected=400, data=broken, headers={"Content-Type": "application/json"})
    caller.ask("GET", f"/features?token={TOLD['a token in a query']}", expected=400)
    nobody = {"Authorization": f"Bearer {TOLD['a token nobody made']}"}
    caller.ask("GET", "/features", expected=401, headers=nobody)


def _deliveries(caller: _Caller) -> None:
    """One that is genuine, and one that is forged."""
    secret = TOLD["a secret of a webhook"]
    with closing(open_configured_store(current_settings())) as store:
        connector = store.connectors.find(store.workspaces.find("acme").id, "fathom")
        now = datetime.now(tz=UTC)
        store.webhooks.save(connector, secret, url="https://headway.example", remote_id="wh_1", now=now)
    genuine = fathom_delivery(secret=secret, at=datetime.now(tz=UTC), delivery_id=f"msg_{uuid.uuid4()}")
    headers = {"Content-Type": "application/json", **dict(genuine.headers)}
    url = f"{caller.address}/webhooks/fathom/{connector.id}"
    caller.ask("POST", url, expected=204, data=genuine.body, headers=headers)
    forged = {**headers, "webhook-signature": f"v1,{TOLD['a forged signature']}"}
    caller.ask("POST", url, expected=403, data=genuine.body, headers=forged)


def _settle(folder: Path, database_url: str | None, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home whose environment holds secrets."""
    home = folder / "home"
    use_home(home, monkeypatch)
    monkeypatch.setenv("HEADWAY_SECRET_KEY", SECRETS["the key that seals"])
    monkeypatch.setenv("HEADWAY_ALERT_URL", f"http://127.0.0.1:9/{SECRETS['the address for alerts']}")
    monkeypatch.setenv("ANTHROPIC_API_KEY", SECRETS["a model's key"])
    if database_url is not None:
        monkeypatch.setenv("DATABASE_URL", database_url)
    return home


def _vendors() -> Sandbox:
    """Sources that take the planted keys."""
    served = replace(
        world(*(sandbox_call(number, days_ago=number) for number in (1, 2))).companies[0],
        access_key=SECRETS["Gong's access key"],
        secret_key=SECRETS["Gong's secret key"],
        api_token=SECRETS["Fathom's token"],
    )
    return Sandbox(replace(world(), companies=(served,)))


def _places(words: dict[str, str], output: list[str], home: Path, database_url: str | None) -> dict[str, set[str]]:
    """Where words stand in what was printed, in files and in tables."""
    databases = chain() if database_url is None else in_database(database_url)
    printed = [("what was printed or answered", "\n".join(output).encode())]
    return places_of(words, chain(printed, in_folder(home), databases))


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
