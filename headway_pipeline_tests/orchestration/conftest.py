"""An installation and the job over it, in this process."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from headway_pipeline.orchestration.graph import build_defs
from headway_pipeline.orchestration.partitions import WORKSPACE_PARTITIONS, partition_key
from headway_pipeline_tests.worlds import TODAY, Installation, installed, sandbox_call

RunJob = Callable[..., dg.ExecuteInProcessResult]


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home_template: Path) -> Iterator[Installation]:
    """Three calls on the last three days."""
    calls = [sandbox_call(number, days_ago=number) for number in (1, 2, 3)]
    with installed(tmp_path / "home", monkeypatch, *calls, template=home_template) as made:
        yield made


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """Dagster's records, in memory."""
    with dg.DagsterInstance.ephemeral() as made:
        made.add_dynamic_partitions(WORKSPACE_PARTITIONS, ["acme"])
        yield made


@pytest.fixture
def run_job(instance: dg.DagsterInstance) -> RunJob:
    """Runs the job over the last days of a workspace, as the command line and Dagster do."""

    def run(
        *, days_back: int = 3, slug: str = "acme", run_config: dict[str, object] | None = None
    ) -> dg.ExecuteInProcessResult:
        first = (TODAY - timedelta(days=days_back)).date()
        last = (TODAY - timedelta(days=1)).date()
        return (
            build_defs()
            .resolve_job_def("ingest")
            .execute_in_process(
                instance=instance,
                raise_on_error=False,
                run_config=run_config or {},
                tags={
                    "dagster/asset_partition_range_start": partition_key(slug, first),
                    "dagster/asset_partition_range_end": partition_key(slug, last),
                },
            )
        )

    return run
