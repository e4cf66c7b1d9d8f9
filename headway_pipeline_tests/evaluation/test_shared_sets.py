"""What is asked of the offline analyst, on the labelled sets where they are at hand; nothing of them is kept here."""

import os
from pathlib import Path

import pytest

from headway_pipeline.analysis.offline import OfflineAnalyst
from headway_pipeline.evaluation.labelled import DataFolder
from headway_pipeline.evaluation.report import figure_rows
from headway_pipeline.evaluation.run import evaluate

FOLDER = Path(os.environ.get("HEADWAY_EVAL_DATA") or Path(__file__).parents[3] / "shared" / "data")
#: docs/accuracy.md says by how much these fall short.
SHORT = {("feedback_type_appreviews_panichella2015", name) for name in ("bug_report F1", "feature_request F1")}

pytestmark = pytest.mark.skipif(
    not (FOLDER / "calls_reference_extraction.jsonl").exists(), reason="the labelled sets are not here"
)


def test_every_figure_is_what_is_asked_but_those_the_documentation_names() -> None:
    rows = list(figure_rows(evaluate(OfflineAnalyst(), DataFolder(FOLDER))))
    asked = [row for row in rows if row["asked"] is not None]
    assert asked
    short = {(row["data"], row["figure"]) for row in asked if row["value"] < row["asked"]}
    assert short <= SHORT
