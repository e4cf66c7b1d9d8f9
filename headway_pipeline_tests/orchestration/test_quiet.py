"""Dagster finds nothing to say against our definitions: they validate, and use nothing that is on its way out.

What is marked beta and used all the same has a decision record and is silenced where it is used.
"""

import os
import subprocess
import sys
import warnings
from pathlib import Path

import dagster as dg
import pytest

from headway_pipeline.orchestration.graph import build_defs

ROOT = Path(__file__).parents[2]
#: What Dagster says of an interface that may go or change.
MARKS = (dg.BetaWarning, dg.PreviewWarning, dg.SupersessionWarning, DeprecationWarning, FutureWarning)


def test_the_definitions_validate_through_the_workspace_file(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("dagster")),
            *("definitions", "validate", "-w", str(ROOT / "workspace.yaml"), "--log-level", "info"),
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "HEADWAY_HOME": str(tmp_path / "home")},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    said = done.stdout + done.stderr
    assert "All code locations passed validation" in said
    assert "headway_pipeline" not in "\n".join(line for line in said.splitlines() if "Warning" in line)


@pytest.mark.parametrize("has_labelled_sets", [True, False])
def test_nothing_we_use_is_deprecated_superseded_or_unready(
    has_labelled_sets: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if has_labelled_sets:
        monkeypatch.setenv("HEADWAY_EVAL_DATA", "labelled")
    else:
        monkeypatch.delenv("HEADWAY_EVAL_DATA", raising=False)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        repository = build_defs().get_repository_def()
        for job in repository.get_all_jobs():
            assert job.name
    ours = [
        str(found.message)
        for found in said
        if issubclass(found.category, MARKS) and "__fields__" not in str(found.message)
    ]
    assert ours == []


def test_every_silenced_mark_has_its_decision() -> None:
    """A silenced warning without a reason in docs/decisions would be forgotten at the next release."""
    for path in (ROOT / "headway_pipeline").rglob("*.py"):
        lines = path.read_text(encoding="utf-8").splitlines()
        for number, line in enumerate(lines):
            if any(f"dg.{mark.__name__}" in line for mark in MARKS[:3]):
                around = "\n".join(lines[max(0, number - 3) : number])
                assert "docs/decisions/" in around, f"{path.name}:{number + 1}"
