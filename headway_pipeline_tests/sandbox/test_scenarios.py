import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
import requests
from click.testing import CliRunner

from headway_pipeline.cli.sandbox import SCENARIOS as OFFERED
from headway_pipeline.cli.sandbox import command
from headway_pipeline.sandbox.addresses import call_number
from headway_pipeline.sandbox.exchange import Request
from headway_pipeline.sandbox.scenarios import SCENARIOS, begin
from headway_pipeline.sandbox.server import Sandbox
from headway_pipeline.sandbox.world import World
from headway_pipeline.sandbox.worlds import ACCESS_KEY, SECRET_KEY
from headway_pipeline_tests.sandbox.clients import FathomClient, GongClient
from headway_pipeline_tests.sandbox_fixtures import NOW, MovableClock, many_calls, world_of

TEN_MINUTES = timedelta(minutes=10)


def begun(client: GongClient | FathomClient, name: str) -> None:
    assert begin(name, client.sandbox, NOW)


def test_the_command_offers_every_scenario() -> None:
    assert set(OFFERED) == set(SCENARIOS)


def test_transcripts_come_late(gong: Callable[[World], GongClient]) -> None:
    calls = many_calls(40)
    client = gong(world_of(*calls))
    begun(client, "late-transcripts")
    numbers = [call_number(call) for call in calls]
    before = client.transcripts(*numbers)
    client.clock.pass_by(TEN_MINUTES)
    assert (len(before), len(client.transcripts(*numbers))) == (20, 38)


def test_calls_come_late(gong: Callable[[World], GongClient]) -> None:
    client = gong(world_of(*many_calls(30)))
    begun(client, "late-calls")
    before = len(client.titles())
    client.clock.pass_by(TEN_MINUTES)
    assert (before, len(client.titles())) == (20, 30)


def test_calls_change(gong: Callable[[World], GongClient]) -> None:
    client = gong(world_of(*many_calls(30)))
    begun(client, "changes")
    client.clock.pass_by(TEN_MINUTES)
    rows = [row["metaData"] for row in client.page()["calls"]]
    assert len(rows) == 27
    assert sum(row["isPrivate"] for row in rows) == 3
    assert sum(row["title"].startswith("Renamed") for row in rows) == 3


def test_requests_fail() -> None:
    with Sandbox(world_of(), clock=MovableClock()) as sandbox:
        begin("faults", sandbox, NOW)
        (plan,) = sandbox.faults
        found = [plan(Request("GET", "/v2/users")) for _ in range(500)]
    assert 5 <= sum(one is not None for one in found) <= 60


def test_limits_are_met(gong: Callable[[World], GongClient], fathom: Callable[[World], FathomClient]) -> None:
    client, other = gong(world_of(*many_calls(1))), fathom(world_of(*many_calls(1, source="fathom")))
    begun(client, "limits")
    begun(other, "limits")
    assert [client.get("/v2/users").status_code for _ in range(4)] == [200, 200, 200, 429]
    heavy = [other.get("/meetings", include_transcript="true").status_code for _ in range(6)]
    assert heavy == [200] * 5 + [429]


def test_both_are_odd(gong: Callable[[World], GongClient]) -> None:
    client = gong(world_of(*many_calls(1), *many_calls(10, source="fathom")))
    begun(client, "oddities")
    assert "sandboxExtra" in client.page()["calls"][0]
    fathom = FathomClient(client.sandbox, client.clock)
    assert [len(page["items"]) for page in fathom.walk()] == [10, 0]


def test_the_command_begins_a_scenario_and_says_what_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    line = {"id": "1", "title": "T", "speakers": [], "utterances": [{"speaker_id": "a", "text": "Hello."}]}
    (tmp_path / "calls.jsonl").write_text(json.dumps(line), encoding="utf-8")
    statuses: list[int] = []

    def watched(_: float) -> None:
        # The command sleeps until Ctrl-C: meanwhile it serves.
        (served,) = running
        statuses.extend(
            requests.get(f"{served.base_url}/v2/users", auth=(ACCESS_KEY, SECRET_KEY), timeout=5).status_code
            for _ in range(4)
        )
        raise KeyboardInterrupt

    running: list[Sandbox] = []
    start = Sandbox.start

    def started(sandbox: Sandbox) -> None:
        running.append(sandbox)
        start(sandbox)

    monkeypatch.setattr(Sandbox, "start", started)
    monkeypatch.setattr("headway_pipeline.cli.sandbox.time.sleep", watched)
    arguments = ["--port", "0", "--calls", str(tmp_path / "calls.jsonl"), "--scenario", "limits"]
    result = CliRunner().invoke(command, arguments)
    assert "From now on Gong allows 3 requests a second" in result.stderr
    assert statuses == [200, 200, 200, 429]
