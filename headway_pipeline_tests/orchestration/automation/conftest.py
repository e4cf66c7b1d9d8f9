"""A stand-in for Dagster's daemon: it ticks sensors and does at once what they ask for."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from headway_pipeline.ingestion.run import Effects
from headway_pipeline.orchestration.graph import build_defs
from headway_pipeline.orchestration.jobs import INGEST_JOB
from headway_pipeline.orchestration.partitions import WORKSPACE_PARTITIONS
from headway_pipeline.orchestration.resources import LedgerResource
from headway_pipeline_tests.worlds import Installation

RUN_KEY_TAG = "dagster/run_key"


@dataclass
class Daemon:
    """What Dagster's daemon does with sensors, without waiting.

    Attributes:
        ahead: by how much the sensors' clock is ahead of the real one.
    """

    instance: dg.DagsterInstance
    repository: dg.RepositoryDefinition = field(default_factory=lambda: build_defs().get_repository_def())
    cursors: dict[str, str | None] = field(default_factory=dict)
    ahead: timedelta = timedelta(0)

    def tick(self, name: str) -> list[dg.RunRequest]:
        """Evaluate a sensor, keep what it reports, and return the runs it asks for that were never made."""
        with dg.build_sensor_context(
            instance=self.instance,
            cursor=self.cursors.get(name),
            repository_def=self.repository,
            resources={"ledger": LedgerResource()},
        ) as context:
            answer = self.repository.get_sensor_def(name).evaluate_tick(context)
        self.cursors[name] = answer.cursor
        for change in answer.dynamic_partitions_requests or []:
            if isinstance(change, dg.AddDynamicPartitionsRequest):
                self.instance.add_dynamic_partitions(WORKSPACE_PARTITIONS, list(change.partition_keys))
            else:
                for key in change.partition_keys:
                    self.instance.delete_dynamic_partition(WORKSPACE_PARTITIONS, key)
        for event in answer.asset_events:
            self.instance.report_runless_asset_event(event)
        made = {run.tags.get(RUN_KEY_TAG) for run in self.instance.get_runs()}
        return [request for request in answer.run_requests or [] if request.run_key not in made]

    def launch(self, request: dg.RunRequest) -> dg.DagsterRun:
        """Make the run, but do not carry it out: it waits."""
        job = self.repository.get_job(INGEST_JOB)
        return self.instance.create_run_for_job(job, tags={**request.tags, RUN_KEY_TAG: str(request.run_key)})

    def carry_out(self, request: dg.RunRequest) -> dg.ExecuteInProcessResult:
        """Make the run and carry it out."""
        return self.repository.get_job(INGEST_JOB).execute_in_process(
            instance=self.instance,
            run_config=request.run_config,
            tags={**request.tags, RUN_KEY_TAG: str(request.run_key)},
            asset_selection=list(request.asset_selection or []) or None,
            raise_on_error=False,
        )

    def settle(self, name: str, most: int = 5) -> list[dg.RunRequest]:
        """Tick a sensor and carry out what it asks for until it asks for nothing; returns what it asked for."""
        asked: list[dg.RunRequest] = []
        for _ in range(most):
            requests = self.tick(name)
            if not requests:
                return asked
            asked += requests
            for request in requests:
                assert self.carry_out(request).success
        raise AssertionError(f"{name} asks on and on: {[request.run_key for request in asked]}")


@pytest.fixture
def daemon(installation: Installation, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> Daemon:
    """The daemon of the test's installation; its sensors tell the time by it."""
    assert installation.settings.first_days > 0
    # Thirty days of three calls would only take longer.
    monkeypatch.setenv("HEADWAY_FIRST_DAYS", "4")
    made = Daemon(instance)
    now: Callable[[], datetime] = lambda: datetime.now(tz=UTC) + made.ahead  # noqa: E731
    monkeypatch.setattr(LedgerResource, "effects", lambda _self: Effects(now=now))
    return made
