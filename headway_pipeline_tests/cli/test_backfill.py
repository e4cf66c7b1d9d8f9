"""`headway backfill`, at once and in batches, against the sandbox's Gong, Claude and GPT."""

import json
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from headway_pipeline.model.features import FeatureType
from headway_pipeline.sandbox.models.rules import Misbehaviour, ModelRules
from headway_pipeline.sandbox.models.truth import Planted
from headway_pipeline_tests.cli.conftest import Headway
from headway_pipeline_tests.worlds import ASK, TODAY, Installation

SINCE = (TODAY - timedelta(days=4)).date().isoformat()
BACKFILL = ("backfill", "--workspace-id", "acme", "--since", SINCE)
IN_BATCHES = (*BACKFILL, "--batch")
STAY = ("--wait", "--look-every", "0.05", "--format", "json")
MODELS = {"anthropic": "claude-haiku-5-5", "openai": "gpt-6-luna"}


def read_by(provider: str, installation: Installation, environment: pytest.MonkeyPatch) -> Installation:
    """The installation, read by a local model that knows what is asked for."""
    models = installation.sandbox.models
    models.model.truth = (Planted(ASK, FeatureType.FEATURE_REQUEST, "Exports"),)
    environment.setenv("HEADWAY_MODEL", provider)
    environment.setenv("ANTHROPIC_API_KEY", "any")
    environment.setenv("ANTHROPIC_BASE_URL", models.anthropic_url)
    environment.setenv("OPENAI_API_KEY", "any")
    environment.setenv("OPENAI_BASE_URL", models.openai_url)
    return installation


@pytest.fixture(params=sorted(MODELS))
def read_by_a_model(
    request: pytest.FixtureRequest, installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> Installation:
    """Each provider that takes batches."""
    return read_by(request.param, installation, monkeypatch)


@pytest.fixture
def read_by_claude(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """One provider, where what is tested is ours: what providers do with batches is tested in `llm` for each."""
    return read_by("anthropic", installation, monkeypatch)


def features(headway: Headway) -> list[dict[str, Any]]:
    read: list[dict[str, Any]] = json.loads(headway("features", "--workspace-id", "acme", "--format", "json").out)
    return read


def test_in_batches_every_call_is_read_and_filed_and_each_question_is_paid_once_at_half_the_price(
    headway: Headway, read_by_a_model: Installation
) -> None:
    said = headway(*IN_BATCHES, *STAY)
    assert said.code == 0, said.err
    answer = json.loads(said.out)
    assert answer["batches"] == []
    assert answer["workspaces"][0]["sources"]["gong"]["analysed"] == 3
    found = features(headway)
    assert [feature["theme"] for feature in found] == ["Exports"] * 3
    assert {feature["evidence"][0]["quote"] for feature in found} == {ASK}
    model = read_by_a_model.sandbox.models.model
    assert all(asked.is_batch for asked in model.asked)
    stages = Counter(asked.stage for asked in model.asked)
    # The calls say the same, so what they ask for is filed by one question.
    assert stages == {"relevance": 3, "extraction": 3, "matching": 1}
    assert set(model.paid.values()) == {1}
    assert read_by_a_model.sandbox.models.openai.files == {}

    store, workspace = read_by_a_model.store, read_by_a_model.workspace
    half = store.answers.spent_usd(workspace.id, TODAY - timedelta(days=1))
    assert half > 0
    full = sum(asked.input_tokens * 0.1 + asked.output_tokens * 0.5 for asked in model.asked) / 1e6
    assert half == pytest.approx(full / 2)

    model.forget_asked()
    assert headway(*IN_BATCHES, *STAY).code == 0
    assert headway(*BACKFILL).code == 0
    assert model.asked == ()


def test_without_waiting_the_calls_wait_and_the_next_backfill_goes_on(
    headway: Headway, read_by_claude: Installation
) -> None:
    said = headway(*IN_BATCHES)
    assert said.code == 0, said.err
    assert set(read_by_claude.states.values()) == {"transcribed"}
    assert "3 questions of acme are in a batch" in said.err
    assert "answer_pending" in said.err
    for _ in range(3):
        said = headway(*IN_BATCHES)
    assert set(read_by_claude.states.values()) == {"analysed"}
    assert len(features(headway)) == 3
    assert set(read_by_claude.sandbox.models.model.paid.values()) == {1}


def test_what_expired_or_failed_in_a_batch_is_asked_again(headway: Headway, read_by_claude: Installation) -> None:
    model = read_by_claude.sandbox.models.model
    model.rules = ModelRules(expires_every=2, fails_every=3)
    headway(*IN_BATCHES)
    headway(*IN_BATCHES)
    model.rules = ModelRules()
    assert headway(*IN_BATCHES, *STAY).code == 0
    assert set(read_by_claude.states.values()) == {"analysed"}
    assert set(model.paid.values()) == {1}


def test_answers_of_no_use_are_objected_to_in_further_batches(headway: Headway, read_by_claude: Installation) -> None:
    model = read_by_claude.sandbox.models.model
    model.rules = ModelRules(misbehaviours=(Misbehaviour.PROSE, None, None))
    said = headway(*IN_BATCHES, *STAY)
    assert said.code in (0, 1), said.err
    assert all(asked.is_batch for asked in model.asked)
    assert set(model.paid.values()) == {1}


def test_waiting_is_for_batches(headway: Headway, installation: Installation) -> None:
    said = headway(*BACKFILL, "--wait")
    assert said.code == 1
    assert "--wait is for batches" in said.err


def test_all_workspaces_are_filled_where_none_is_named(headway: Headway, installation: Installation) -> None:
    headway("workspace", "add", "Another")
    said = headway("backfill", "--since", SINCE, "--format", "json")
    assert [answer["workspace"] for answer in json.loads(said.out)["workspaces"]] == ["acme", "another"]


def test_a_reversed_range_and_a_home_without_workspaces_are_refused(headway: Headway, empty_home: Path) -> None:
    assert "reversed" in headway("backfill", "--since", "2026-02-02", "--until", "2026-02-01").err
    assert "there is no workspace" in headway("backfill", "--since", SINCE).err
