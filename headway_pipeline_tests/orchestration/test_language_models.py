"""What Dagster shows of a run in which a language model reads: who, what for, at which price; and never a key."""

from datetime import timedelta

import dagster as dg
import pytest

from headway_pipeline.model.errors import AskedModel, ModelCredentialsError, ModelRateLimitedError
from headway_pipeline.orchestration.partitions import partition_key
from headway_pipeline_tests.models import ScriptedModel, Truthful
from headway_pipeline_tests.orchestration.conftest import RunJob
from headway_pipeline_tests.worlds import ASK, CHAT, TODAY, Installation

WHERE = AskedModel("anthropic", "claude-haiku-5-5", 401)


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> ScriptedModel:
    scripted = ScriptedModel(Truthful([ASK]))
    monkeypatch.setattr("headway_pipeline.ingestion.asking.connect", lambda *_a, **_n: scripted)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-secret")
    return scripted


def shown(result: dg.ExecuteInProcessResult, asset: str) -> dict[str, object]:
    """The metadata of the newest day."""
    key = partition_key("acme", (TODAY - timedelta(days=1)).date())
    for event in result.all_events:
        if event.is_step_materialization and event.asset_key == dg.AssetKey(asset) and event.partition == key:
            metadata = event.step_materialization_data.materialization.metadata
            return {name: value.value for name, value in metadata.items()}
    raise AssertionError(f"{asset} was not materialized")


def test_metadata_says_the_price_before_and_after_and_who_reads(
    installation: Installation, model: ScriptedModel, instance: dg.DagsterInstance, run_job: RunJob
) -> None:
    result = run_job()
    assert result.success
    estimate = shown(result, "transcripts")["estimate"]
    assert isinstance(estimate, dict)
    assert (estimate["calls"], estimate["requests"]) == (1, 3)
    assert 0 < estimate["cost_usd"] < 0.1
    for asset in ("relevance_scores", "extracted_features", "theme_matched_features"):
        assert str(shown(result, asset)["read by"]).startswith("anthropic:claude-haiku-5-5, version ")
    paid = shown(result, "extracted_features")["model"]
    assert isinstance(paid, dict)
    assert (paid["requests"], paid["cached"], paid["input_tokens"]) == (1, 0, 1_000)
    assert 0 < paid["cost_usd"] < estimate["cost_usd"]
    written = " ".join(str(entry) for entry in instance.all_logs(result.run_id))
    for private in ("sk-secret", ASK, CHAT, "Carl", "as planted"):
        assert private not in written
    assert model.is_closed


def test_without_a_model_metadata_says_that_the_rules_read_and_nothing_is_to_pay(
    installation: Installation, run_job: RunJob
) -> None:
    result = run_job()
    assert str(shown(result, "relevance_scores")["read by"]).startswith("offline, version ")
    estimate = shown(result, "transcripts")["estimate"]
    assert isinstance(estimate, dict)
    assert (estimate["requests"], estimate["cost_usd"]) == (0, 0.0)


def test_a_refused_key_makes_the_run_red_with_what_to_do_and_the_next_run_goes_on(
    installation: Installation, model: ScriptedModel, run_job: RunJob
) -> None:
    def refuse(_request: object) -> object:
        raise ModelCredentialsError("Anthropic refuses the key", "set ANTHROPIC_API_KEY anew", at=WHERE)

    model.behaviour, truth = refuse, model.behaviour  # type: ignore[assignment]
    result = run_job()
    assert not result.success
    (event,) = [event for event in result.all_events if event.is_step_failure]
    data = event.step_failure_data.user_failure_data
    assert data is not None
    assert "set ANTHROPIC_API_KEY anew" in str(data.description)
    assert "model" in str(shown(result, "relevance_scores")["troubles"])
    model.behaviour = truth
    assert run_job().success
    assert set(installation.states.values()) == {"analysed"}


def test_a_budget_in_the_runs_config_holds_and_is_complete_for_what_was_asked(
    installation: Installation, model: ScriptedModel, run_job: RunJob
) -> None:
    result = run_job(run_config={"resources": {"scope": {"config": {"budget_usd": 0.0}}}})
    assert result.success
    assert model.requests == []
    assert shown(result, "relevance_scores")["waiting"] == 1


def test_the_model_of_a_run_may_be_named_in_its_config(
    installation: Installation, model: ScriptedModel, run_job: RunJob
) -> None:
    run_job(run_config={"resources": {"analyst": {"config": {"model": "anthropic:another"}}}})
    assert {request.model for request in model.requests} == {"another"}
    model.requests.clear()
    run_job(run_config={"resources": {"analyst": {"config": {"model": "offline"}}}})
    assert model.requests == []


def test_a_pause_makes_the_run_red_and_says_when_it_may_go_on(
    installation: Installation, model: ScriptedModel, run_job: RunJob
) -> None:
    def pause(_request: object) -> object:
        raise ModelRateLimitedError("slow down", "nothing is lost", at=WHERE, retry_after_s=7_200)

    model.behaviour = pause  # type: ignore[assignment]
    result = run_job()
    assert not result.success
    assert len(model.requests) <= 16
    assert installation.states == dict.fromkeys(installation.states, "transcribed")
