"""Runs the command in this process, as the console script does."""

import io
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from headway_pipeline.cli.main import run
from headway_pipeline_tests.worlds import Installation, installed, sandbox_call, use_home

if TYPE_CHECKING:
    from dagster import DagsterInstance


@dataclass(frozen=True)
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str


Headway = Callable[..., Said]


@pytest.fixture
def headway(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Headway:
    """`headway("workspace", "list")`; `stdin` is what stands on standard input."""

    def call(*arguments: str, stdin: str = "") -> Said:
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            run(arguments)
        told = capsys.readouterr()
        return Said(int(ended.value.code or 0), told.out, told.err)

    return call


@pytest.fixture
def empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A HEADWAY_HOME that is not there yet, and no other setting."""
    return use_home(tmp_path / "home", monkeypatch).home


@pytest.fixture
def installation_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home_template: Path
) -> Iterator[Installation]:
    """The workspace `acme` connected to a sandbox with three calls on the last three days."""
    calls = [sandbox_call(number, days_ago=number) for number in (1, 2, 3)]
    with installed(tmp_path / "home", monkeypatch, *calls, template=home_template) as made:
        yield made


@pytest.fixture
def records_in_memory(monkeypatch: pytest.MonkeyPatch) -> "Iterator[DagsterInstance]":
    """Dagster keeps its records in memory, for on disk they cost more than the run itself."""
    import dagster as dg

    with dg.DagsterInstance.ephemeral() as instance:
        monkeypatch.setattr(
            "headway_pipeline.orchestration.launch.opened_instance", lambda _settings: nullcontext(instance)
        )
        yield instance


@pytest.fixture
def installation(installation_on_disk: Installation, records_in_memory: "DagsterInstance") -> Installation:
    """The same, for what neither reads nor writes files beside the database."""
    return installation_on_disk
