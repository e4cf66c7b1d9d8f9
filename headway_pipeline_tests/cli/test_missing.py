"""What a person sees of calls that are gone, of a key that lost its sight, and of counts that must agree."""

import csv
import io
import json
from datetime import timedelta

import dagster as dg
import pytest

from headway_pipeline.orchestration.graph import build_defs
from headway_pipeline_tests.cli.conftest import Headway
from headway_pipeline_tests.worlds import TODAY, Installation, sandbox_call, world

INGEST = ("ingest", "--workspace-id", "acme", "--days-back", "4")
MISSING = ("missing", "--workspace-id", "acme")


@pytest.fixture
def blind(headway: Headway, installation: Installation) -> Installation:
    """Three calls were ingested, and then their source lists none of them."""
    assert headway(*INGEST).code == 0
    installation.sandbox.world = world()
    said = headway(*INGEST)
    assert (said.code, said.err.count("warning: acme: connector gong no longer lists 3 calls")) == (0, 1)
    return installation


def test_f17_a_key_that_lost_its_sight_deletes_nothing_until_a_person_confirms_it(
    headway: Headway, blind: Installation
) -> None:
    assert set(blind.states.values()) == {"analysed"}
    rows = json.loads(headway(*MISSING, "--format", "json").out)
    assert [row["standing"].partition(":")[0] for row in rows] == ["held back"] * 3
    (connector,) = json.loads(headway("status", "--workspace-id", "acme", "--format", "json").out)["connectors"]
    assert (connector["missing"], connector["held"]) == (3, 3)
    said = headway(*MISSING, "--connector", "gong", "--confirm")
    assert (said.code, said.err.splitlines()) == (
        0,
        ["deleted 3 calls; their ids and days are kept", "no call is missing"],
    )
    assert {row["state"] for row in blind.store.reading.messages(blind.workspace.id)} == {"deleted"}
    assert blind.store.reading.features(blind.workspace.id) == []


def test_a_check_says_what_happened_and_what_to_do(blind: Installation) -> None:
    defs = build_defs()
    with dg.DagsterInstance.ephemeral() as instance:
        selection = dg.AssetSelection.checks(dg.AssetCheckKey(dg.AssetKey("raw_calls"), "no_sudden_loss"))
        job = dg.define_asset_job("check", selection=selection)
        result = (
            dg.Definitions(assets=defs.assets, asset_checks=defs.asset_checks, resources=defs.resources, jobs=[job])
            .resolve_job_def("check")
            .execute_in_process(instance=instance)
        )
        (evaluation,) = result.get_asset_check_evaluations()
    assert (evaluation.passed, evaluation.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "connector gong no longer lists 3 calls" in (evaluation.description or "")
    assert "headway missing --workspace-id acme --connector gong --confirm" in (evaluation.description or "")


def test_status_sets_what_each_connector_listed_of_a_day_against_what_is_held(
    headway: Headway, installation: Installation
) -> None:
    headway(*INGEST)
    for asked in (("--days", "4"), ("--since", f"{TODAY - timedelta(days=3):%Y-%m-%d}")):
        answer = json.loads(headway("status", "--workspace-id", "acme", *asked, "--format", "json").out)
        days = {row["day"]: row for row in answer["days"]}
        assert len(days) == 4
        yesterday = days[f"{TODAY - timedelta(days=1):%Y-%m-%d}"]
        counts = ("listed", "held", "difference", "done", "waiting", "missing")
        assert [yesterday[name] for name in counts] == [1, 1, 0, 1, 0, 0]
    table = headway("status", "--workspace-id", "acme", "--days", "4")
    assert f"{TODAY - timedelta(days=3):%Y-%m-%d}" in table.out
    rows = [
        *csv.DictReader(
            io.StringIO(headway("status", "--workspace-id", "acme", "--days", "2", "--format", "csv").out)
        )
    ]
    assert [(row["connector"], row["listed"], row["difference"]) for row in rows] == [
        ("gong", "1", "0"),
        ("gong", "0", "0"),
    ]


def test_a_range_is_named_once(headway: Headway, installation: Installation) -> None:
    said = headway("status", "--workspace-id", "acme", "--days", "2", "--since", "2026-01-01")
    assert (said.code, said.err) == (
        1,
        "error: --days and --since say the same in two ways: give one of them\n",
    )


def test_a_deleted_call_is_shown_as_such(headway: Headway, installation: Installation) -> None:
    headway(*INGEST)
    installation.sandbox.world = world(*(sandbox_call(number, days_ago=number) for number in (1, 2)))
    headway(*INGEST)
    rows = json.loads(headway("messages", "--workspace-id", "acme", "--state", "deleted", "--format", "json").out)
    assert [(row["title"], row["reason"].partition(":")[0]) for row in rows] == [(None, "gone")]
    answer = json.loads(headway("status", "--workspace-id", "acme", "--days", "4", "--format", "json").out)
    assert [row["deleted"] for row in answer["days"]] == [1, 0, 0, 0]
