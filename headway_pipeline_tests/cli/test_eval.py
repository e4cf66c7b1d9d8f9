import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from headway_pipeline.cli.main import headway
from headway_pipeline.model.errors import InputError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    row = {"text": "The oven timer crashes every evening.", "label": "bug_report"}
    (tmp_path / "feedback_type_small.jsonl").write_text(json.dumps(row), encoding="utf-8")
    return tmp_path


def test_the_figures_are_json_on_standard_output_and_a_page_where_asked(folder: Path) -> None:
    page = folder / "report.html"
    answer = CliRunner().invoke(
        headway, ["eval", "--data", str(folder), "--format", "json", "--html", str(page)], catch_exceptions=False
    )
    (done,) = json.loads(answer.stdout)
    assert done["analyst"] == "offline"
    assert {row["figure"]: row["value"] for row in done["figures"]}["bug_report F1"] == 1
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_the_folder_may_come_from_the_environment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADWAY_EVAL_DATA", str(folder))
    answer = CliRunner().invoke(headway, ["eval", "--format", "csv"], catch_exceptions=False)
    assert "feedback_type_small" in answer.stdout


def test_without_a_folder_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HEADWAY_EVAL_DATA", raising=False)
    with pytest.raises(InputError, match="--data DIR"):
        CliRunner().invoke(headway, ["eval"], catch_exceptions=False)


def test_agreement_is_between_two(folder: Path) -> None:
    with pytest.raises(InputError, match="two analysts"):
        CliRunner().invoke(headway, ["eval", "--agreement", "--analyst", "offline"], catch_exceptions=False)
