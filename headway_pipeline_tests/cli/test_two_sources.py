"""Two sources behind one workspace: one failing does not stop the other, and mending it completes the rest."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from headway_pipeline.model.workspaces import Credentials
from headway_pipeline_tests.cli.conftest import Headway
from headway_pipeline_tests.worlds import Installation, installed, sandbox_call, world

INGEST = ("ingest", "--workspace-id", "acme", "--days-back", "5", "--format", "json")


@pytest.fixture
def both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home_template: Path, records_in_memory: None
) -> Iterator[Installation]:
    """Two calls in Gong on two days, two in Fathom on the days before."""
    with installed(tmp_path / "home", monkeypatch, template=home_template) as made:
        gong = [sandbox_call(number, days_ago=number) for number in (1, 2)]
        fathom = [replace(sandbox_call(number, days_ago=number), source="fathom") for number in (3, 4)]
        made.sandbox.world = world(*gong, *fathom)
        made.store.connectors.add(
            made.workspace.id,
            "fathom",
            base_url=made.sandbox.fathom_url,
            credentials=Credentials({"api_token": made.sandbox.world.companies[0].api_token}),
        )
        yield made


def test_both_sources_end_in_one_ledger(headway: Headway, both: Installation) -> None:
    said = headway(*INGEST)
    assert said.code == 0, said.err
    sources = json.loads(said.out)["sources"]
    assert {name: found["analysed"] for name, found in sources.items()} == {"fathom": 2, "gong": 2}
    features = json.loads(headway("features", "--workspace-id", "acme", "--format", "json").out)
    assert {feature["message"]["source"] for feature in features} == {"fathom", "gong"}
    assert all(evidence["side"] != "vendor" for feature in features for evidence in feature["evidence"])


def test_a_second_ingest_lists_both_and_hydrates_neither(headway: Headway, both: Installation) -> None:
    headway(*INGEST)
    both.sandbox.forget_requests()
    sources = json.loads(headway(*INGEST).out)["sources"]
    assert {name: found["unchanged"] for name, found in sources.items()} == {"fathom": 2, "gong": 2}
    assert {request.path for request in both.sandbox.requests} == {"/v2/calls/extensive", "/external/v1/meetings"}


def test_with_gongs_key_wrong_fathoms_calls_are_analysed_and_the_words_name_gong(
    headway: Headway, both: Installation
) -> None:
    both.reconnect(secret_key="wrong")
    said = headway(*INGEST)
    assert said.code == 1
    sources = json.loads(said.out)["sources"]
    assert (sources["gong"]["health"], sources["fathom"]["health"]) == ("bad_credentials", "ok")
    assert sources["fathom"]["analysed"] == 2
    assert "connector gong: gong answers 401" in said.err
    assert "check the credentials" in said.err
    both.reconnect()
    mended = headway(*INGEST)
    assert mended.code == 0
    assert json.loads(mended.out)["sources"]["gong"]["analysed"] == 2


def test_only_the_named_source_is_asked(headway: Headway, both: Installation) -> None:
    both.reconnect(secret_key="wrong")
    said = headway(*INGEST, "--connector-type", "fathom")
    assert said.code == 0, said.err
    assert {request.path for request in both.sandbox.requests} == {"/external/v1/meetings"}
