import json
from pathlib import Path

import dagster as dg
import pytest

from headway_pipeline.orchestration.assets.evaluation import evaluation_asset
from headway_pipeline.orchestration.resources import AnalystResource


def run() -> dg.ExecuteInProcessResult:
    return dg.materialize([evaluation_asset()], resources={"analyst": AnalystResource()}, raise_on_error=False)


def test_the_asset_shows_figures_and_no_word_of_the_sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = {"text": "The oven timer crashes every evening.", "label": "bug_report"}
    (tmp_path / "feedback_type_appreviews_small.jsonl").write_text(json.dumps(row), encoding="utf-8")
    monkeypatch.setenv("HEADWAY_EVAL_DATA", str(tmp_path))
    (made,) = run().asset_materializations_for_node("evaluation")
    assert made.metadata["met"].value == "1 of 2"
    assert "**1.000** of 0.78: bug_report F1" in str(made.metadata["asked for"].value)
    assert "oven" not in str(made.metadata)


def test_without_a_folder_the_run_fails_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HEADWAY_EVAL_DATA", raising=False)
    result = run()
    assert not result.success
    failure = result.failure_data_for_node("evaluation")
    assert failure is not None
    assert "HEADWAY_EVAL_DATA" in str(failure.user_failure_data)
