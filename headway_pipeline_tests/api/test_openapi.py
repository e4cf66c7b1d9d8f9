"""The API against its own OpenAPI document: schemathesis asks for what it allows, and for what it does not allow.

The number of requests is what `make test` bears; HEADWAY_TEST_EXAMPLES asks for another number a route and phase.
"""

import json
import os
import socket
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from fastapi import FastAPI

from headway_pipeline.api.app import build_api
from headway_pipeline.api.rates import Limits, Rate
from headway_pipeline.model.access import Role
from headway_pipeline.model.filters import MessageFilter
from headway_pipeline.settings import Settings
from headway_pipeline.store import Store
from headway_pipeline_tests.api.fakes import FakeLauncher
from headway_pipeline_tests.api.serving import served
from headway_pipeline_tests.store.filed import desk, one_item
from headway_pipeline_tests.store.rows import DAY, place

RULES = Path(__file__).with_name("beyond_openapi.py")
EXAMPLES = int(os.environ.get("HEADWAY_TEST_EXAMPLES", "5"))
#: A walk from answer to request is short, and there are many ways.
WALKS = 8
ALL_PHASES = ("examples", "coverage", "fuzzing", "stateful")
#: They are kept, and nobody reaches them.
WIDE = Rate(1_000_000, 1_000_000.0)

CONFIG = """
hooks = "{rules}"
seed = 1
[generation]
max-examples = {examples}
database = "none"
[phases.stateful.generation]
max-examples = {walks}
[auth.wfc]
path = "{users}"
# An edit of a state of long ago is a conflict (412, RFC 9110); 422 is for `refused_by_a_known_rule` to judge.
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "3xx", 401, 403, 404, 409, 412, 422, 429, "5xx"]
# An edit that does not say of what is answered as RFC 6585 has it.
[checks.missing_required_header]
expected-statuses = [400, 401, 403, 406, 415, 422, 428]
"""


@pytest.fixture(autouse=True)
def loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """No source is found, whatever connectors are made and tried: this machine alone has a name."""
    find = socket.getaddrinfo

    def find_here(host: Any, *arguments: Any, **named: Any) -> Any:
        if host not in ("127.0.0.1", "localhost"):
            raise socket.gaierror(socket.EAI_NONAME, "not in tests")
        return find(host, *arguments, **named)

    monkeypatch.setattr(socket, "getaddrinfo", find_here)


class Filled:
    """Two workspaces, one with calls and features, an operator's token, and the ids of what there is."""

    def __init__(self, store: Store) -> None:
        at = desk(store)
        features = [one_item(at, f"c{number}", hours=number) for number in range(3)]
        at.file(at.exports)
        features.append(one_item(at, "c9", hours=9))
        at.file(None)
        place(store, "Globex")
        request = store.ingest_requests.add(at.id, DAY, DAY, requested_by="test")
        messages = store.reading.message_page(at.id, MessageFilter(), after=None, limit=9).rows
        _, self.token = store.api_tokens.create("o", Role.OPERATOR)
        self.known = {
            "path.workspace_id": ["acme"],
            "path.feature_id": [str(key) for key in features],
            "path.theme_id": [str(at.exports), str(at.billing)],
            "path.connector_id": [str(at.at.connector.id)],
            "path.message_id": [str(row["id"]) for row in messages],
            "path.ingest_id": [str(request.id)],
            "header.If-Match": ["*"],
        }

    def describe(self, folder: Path) -> Path:
        """Write down for schemathesis who asks, and after what; the path of its configuration."""
        header = {"name": "Authorization", "value": f"Bearer {self.token}"}
        users = [{"name": "operator", "fixedHeaders": [header]}]
        (folder / "users.json").write_text(json.dumps({"auth": users}))
        lines = [CONFIG.format(rules=RULES, examples=EXAMPLES, walks=WALKS * EXAMPLES, users=folder / "users.json")]
        lines += [f'[dictionaries."{name}"]\nvalues = {json.dumps(values)}' for name, values in self.known.items()]
        lines += ["[parameters]"]
        lines += [f'"{name}" = {{ dictionary = "{name}", probability = 0.8 }}' for name in self.known]
        config = folder / "schemathesis.toml"
        config.write_text("\n".join(lines))
        return config


def asked(app: FastAPI, config: Path, *phases: str) -> dict[str, Any]:
    """What schemathesis, asking a real server, reports; it fails where anything is found."""
    folder = config.parent
    document, report = folder / "openapi.json", folder / "report.json"
    with served(app) as url:
        # From a file, for an address that the document is loaded from is not asked again.
        document.write_bytes(requests.get(f"{url}/openapi.json", timeout=30).content)
        command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run", str(document)]
        command += ["--url", url, "--checks", "all", "--phases", ",".join(phases), "--continue-on-failure"]
        command += ["--no-color", "--report-json-path", str(report)]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    (folder / "output.txt").write_text(done.stdout + done.stderr)
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(report.read_text())
    return found


def build(store: Store, settings: Settings) -> FastAPI:
    limits = Limits(address=WIDE, token=WIDE, failure=WIDE)
    return build_api(store, settings, launcher=FakeLauncher(), now=lambda: datetime.now(tz=UTC), limits=limits)


def test_the_api_does_what_its_document_says(store: Store, settings: Settings, tmp_path: Path) -> None:
    app = build(store, settings)
    report = asked(app, Filled(store).describe(tmp_path), *ALL_PHASES)
    routes = sum(len(methods) for methods in app.openapi()["paths"].values())
    assert report["operations"]["tested"] == routes
    assert {name: phase["status"] for name, phase in report["phases"].items()} == dict.fromkeys(ALL_PHASES, "success")
    assert report["test_cases"]["generated"] > 50 * routes


def test_operations_have_names_of_their_own_and_links_lead_to_them(store: Store, settings: Settings) -> None:
    paths = build(store, settings).openapi()["paths"]
    routes = [route for methods in paths.values() for route in methods.values()]
    names = [route["operationId"] for route in routes]
    assert len(set(names)) == len(names)
    assert all(name.isidentifier() and len(name) < 25 for name in names)
    links = [one for route in routes for answer in route["responses"].values() for one in answer.get("links", ())]
    assert set(links) <= set(names)
    assert len(links) == 10
