"""`headway demo`: what it shows in a minute, and that what it suggests works as printed."""

import re
import shlex
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from headway_pipeline.cli import demo
from headway_pipeline.sandbox.expansion import demo_companies
from headway_pipeline.sandbox.server import Sandbox
from headway_pipeline.sandbox.world import World
from headway_pipeline.sandbox.worlds import demo_world
from headway_pipeline.settings import current_settings
from headway_pipeline.store.configured import open_configured_store
from headway_pipeline_tests.cli.conftest import Headway
from headway_pipeline_tests.worlds import TODAY


@pytest.fixture
def busy_port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The usual port of a sandbox, taken by somebody else."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        monkeypatch.setattr("headway_pipeline.cli.demo.USUAL_PORT", port)
        yield port


def test_the_demo_shows_two_workspaces_its_suggestions_work_and_a_second_one_changes_nothing(
    headway: Headway, empty_home: Path, records_in_memory: None, monkeypatch: pytest.MonkeyPatch, busy_port: int
) -> None:
    # A key at hand is not spent on made-up calls.
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-not-spent")
    said = headway("demo")
    assert said.code == 0, said.err
    assert said.out.count("read by the offline rules") == 2
    companies = demo_companies(TODAY)
    store = open_configured_store(current_settings())
    for company in companies:
        workspace = store.workspaces.find(f"demo-{company.name.lower()}")
        held = store.reading.messages(workspace.id)
        assert len(held) == len(company.calls)
        assert {row["source"] for row in held} == {"gong", "fathom"}
        assert f"{company.name}: " in said.out
        assert store.audit.evidence(workspace.id, None).unverbatim == ()
        assert store.audit.evidence(workspace.id, None).of_vendors == ()
        assert store.audit.unbalanced_listings(workspace.id, None) == []
        # The same ids and titles stand in both companies; what was said in them does not mix.
        spoken = {utterance.text for call in company.calls for utterance in call.utterances}
        found = [*store.reading.features(workspace.id), *store.reading.inbox(workspace.id)]
        assert found
        quotes = {evidence.quote for item in found for evidence in item.evidence}
        assert all(any(quote in text for text in spoken) for quote in quotes)
    store.close()

    suggested = [line.split("  (")[0].split("       ")[0] for line in said.err.splitlines() if line.startswith("  ")]
    commands = [shlex.split(line)[1:] for line in suggested]
    quick = [command for command in commands if command[0] not in ("sandbox", "up")]
    assert {command[0] for command in commands} >= {"features", "inbox", "status", "theme", "sandbox", "up"}
    for command in quick:
        assert headway(*command).code == 0, command

    (sandbox,) = (command for command in commands if command[0] == "sandbox")
    port = int(sandbox[sandbox.index("--port") + 1])
    links = re.findall(r"^ +(http://\S+)$", said.out, re.MULTILINE)
    assert {urlsplit(link).port for link in links} == {port} != {busy_port}
    # As `headway sandbox --port` serves them, when the demo is over.
    with Sandbox(demo_world(TODAY), port=port):
        assert {requests.get(link, timeout=30).status_code for link in links} == {200}

    again = headway("demo")
    assert again.code == 0
    assert set(re.findall(r"(\d+) new, (\d+) changed", again.out)) == {("0", "0")}


def test_the_demo_uses_the_sandbox_that_is_left_running_so_that_its_links_open_afterwards(
    empty_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It once moved the connectors to a port of its own, at which nobody answers when the demo has ended."""
    world = demo_world(TODAY)
    with Sandbox(world) as left_running:
        monkeypatch.setattr(demo, "USUAL_PORT", urlsplit(left_running.base_url).port)
        with demo._addresses(world) as found:
            assert found == (left_running.base_url, left_running.fathom_url)
        # One with other calls is none of ours.
        left_running.world = World()
        with demo._addresses(world) as (gong_url, _):
            assert gong_url != left_running.base_url
