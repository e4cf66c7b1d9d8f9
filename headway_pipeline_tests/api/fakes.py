"""Stands in for Dagster."""

from collections.abc import Collection, Mapping

from headway_pipeline.api.launching import RunState
from headway_pipeline.store.ingest_requests import IngestRequestRow


class FakeLauncher:
    """Keeps what it is asked; there is no Dagster unless a run's id is set."""

    def __init__(self) -> None:
        self.asked: list[IngestRequestRow] = []
        self.run_id: str | None = None
        self.known: dict[str, RunState] = {}

    def launch(self, request: IngestRequestRow) -> str | None:
        self.asked.append(request)
        return self.run_id

    def states(self, run_ids: Collection[str]) -> Mapping[str, RunState]:
        return {run_id: state for run_id, state in self.known.items() if run_id in run_ids}
