"""The command with a language model that is asked in its own process: what it costs, and what bounds it."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from headway_pipeline.llm.contract import Stage
from headway_pipeline.store.configured import open_configured_store
from headway_pipeline_tests.cli.conftest import Headway
from headway_pipeline_tests.models import ScriptedModel, Truthful
from headway_pipeline_tests.worlds import ASK, TODAY, Installation

DAYS = ("--workspace-id", "acme", "--days-back", "5")


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> ScriptedModel:
    """Stands where Claude would answer."""
    scripted = ScriptedModel(Truthful([ASK]))
    monkeypatch.setattr("headway_pipeline.ingestion.asking.connect", lambda *_a, **_n: scripted)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-secret")
    return scripted


def test_without_a_key_the_rules_read_and_it_says_so(installation: Installation, headway: Headway) -> None:
    said = headway("ingest", *DAYS)
    assert said.code == 0
    assert "read by the offline rules" in said.out
    assert "set ANTHROPIC_API_KEY or OPENAI_API_KEY" in said.err
    model = json.loads(headway("ingest", *DAYS, "--format", "json").out)["model"]
    assert (model["read_by"], model["requests"], model["cost_usd"]) == ("offline", 0, 0.0)


def test_with_a_key_the_providers_default_model_reads_and_the_cost_is_shown(
    installation: Installation, headway: Headway, model: ScriptedModel
) -> None:
    said = headway("ingest", *DAYS)
    assert said.code == 0
    assert "read by anthropic:claude-haiku-5-5: 7 requests, 2 answers from the store" in said.out
    assert "offline" not in said.out + said.err
    again = json.loads(headway("ingest", *DAYS, "--format", "json").out)
    assert (again["model"]["requests"], again["features"]) == (0, 3)
    assert len(model.requests) == 7
    assert model.is_closed
    status = headway("status", "--workspace-id", "acme")
    assert "language models: 7 answers, 7,000 tokens in" in status.err


def test_an_estimate_fetches_and_asks_no_model(
    installation: Installation, headway: Headway, model: ScriptedModel
) -> None:
    said = headway("ingest", *DAYS, "--estimate", "--format", "json")
    assert said.code == 0
    estimate = json.loads(said.out)["estimate"]
    assert (estimate["read_by"], estimate["calls"], estimate["requests"]) == ("anthropic:claude-haiku-5-5", 3, 9)
    assert 0 < estimate["cost_usd"] < 0.1
    assert model.requests == []
    assert set(installation.states.values()) == {"transcribed"}
    assert "3 calls to read by anthropic:claude-haiku-5-5: about" in headway("ingest", *DAYS, "--estimate").out


def test_a_budget_leaves_calls_waiting_and_the_run_complete(
    installation: Installation, headway: Headway, model: ScriptedModel
) -> None:
    said = headway("ingest", *DAYS, "--budget-usd", "0.0001")
    assert said.code == 0
    assert model.requests == []
    assert "budget: the run's budget of 0.0001 USD leaves no room" in said.err
    assert headway("ingest", *DAYS).code == 0
    assert set(installation.states.values()) == {"analysed"}


def test_reanalyse_says_the_price_asks_and_reads_again(
    installation: Installation, headway: Headway, model: ScriptedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    headway("ingest", *DAYS)
    since = ("--workspace-id", "acme", "--since", (TODAY - timedelta(days=5)).date().isoformat())
    same = headway("reanalyse", *since, "--yes")
    assert "every call of these days was read by anthropic:claude-haiku-5-5 as it reads now" in same.out
    before = headway("features", "--workspace-id", "acme", "--format", "json").out
    monkeypatch.setenv("HEADWAY_MODEL", "anthropic:claude-sonnet-5-5")
    asked = len(model.requests)
    refused = headway("reanalyse", *since, stdin="n\n")
    assert refused.code == 130
    assert "3 calls to read by anthropic:claude-sonnet-5-5: about" in refused.err
    assert len(model.requests) == asked
    assert set(installation.states.values()) == {"analysed"}
    said = headway("reanalyse", *since, "--yes", "--format", "json")
    assert said.code == 0
    assert json.loads(said.out)["model"]["read_by"] == "anthropic:claude-sonnet-5-5"
    assert model.asked(Stage.EXTRACTION) == 6
    assert headway("features", "--workspace-id", "acme", "--format", "json").out == before


def test_a_workspace_is_read_as_it_asks_for(
    installation: Installation, headway: Headway, model: ScriptedModel
) -> None:
    edit = ("workspace", "edit", "--workspace-id", "acme")
    said = headway(*edit, "--model", "offline", "--stage-model", "extraction=anthropic", "--monthly-budget-usd", "9")
    assert (
        "model offline, monthly_budget_usd 9.0, stage_models {'extraction': 'anthropic:claude-haiku-5-5'}" in said.out
    )
    headway("ingest", *DAYS)
    assert {request.stage for request in model.requests} == {Stage.EXTRACTION}
    headway(*edit, "--no-redact", "--model", "", "--stage-model", "extraction=", "--monthly-budget-usd", "-1")
    reading = installation.store.workspaces.find("acme").reading
    assert (reading.to_json(), reading.is_redacting) == ({"is_redacting": False}, False)


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--model", "nobody:m", "there is no provider named 'nobody'"),
        ("--stage-model", "reading=anthropic", "names no stage and model"),
    ],
)
def test_a_model_or_stage_there_is_not_is_refused(
    installation: Installation, headway: Headway, option: str, value: str, words: str
) -> None:
    said = headway("workspace", "edit", "--workspace-id", "acme", option, value)
    assert (said.code, words in said.err) == (1, True)


def test_the_doctor_says_who_reads_and_what_is_missing(
    empty_home: Path, headway: Headway, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "analyst: offline rules" in headway("doctor").out
    monkeypatch.setenv("HEADWAY_MODEL", "anthropic")
    monkeypatch.setenv("HEADWAY_BUDGET_USD", "20")
    said = headway("doctor")
    assert said.code == 1
    assert "MEND  analyst: ANTHROPIC_API_KEY is not set" in said.out
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-secret")
    said = headway("doctor")
    assert "ok    analyst: anthropic:claude-haiku-5-5; 16 calls at once; 20 USD a month and workspace" in said.out
    assert "sk-secret" not in said.out + said.err


@pytest.mark.parametrize(
    ("variable", "value"),
    [("HEADWAY_BUDGET_USD", "much"), ("HEADWAY_BUDGET_USD", "nan"), ("HEADWAY_CALLS_AT_ONCE", "0")],
)
def test_a_number_that_is_none_is_named(
    empty_home: Path, headway: Headway, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    said = headway("workspace", "list")
    assert (said.code, f"{variable} is {value!r}" in said.err) == (1, True)


def test_a_key_is_in_no_run_config_no_metadata_and_no_error(
    installation_on_disk: Installation, headway: Headway, model: ScriptedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = headway("ingest", *DAYS, "--verbose")
    assert "sk-secret" not in said.out + said.err
    written = b"".join(path.read_bytes() for path in installation_on_disk.settings.home.rglob("*") if path.is_file())
    assert b"sk-secret" not in written
    store = open_configured_store(installation_on_disk.settings)
    assert len(store.reading.features(installation_on_disk.workspace.id)) == 3
    store.close()
