"""How the API asks Dagster for a run, and what it asks after one."""

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Protocol

from headway_pipeline.store.ingest_requests import IngestRequestRow

__all__ = ["Launcher", "RunState"]


class RunState(StrEnum):
    """Where a run stands."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Launcher(Protocol):
    """Starts runs somewhere else; nothing runs within a request."""

    def launch(self, request: IngestRequestRow) -> str | None:
        """Ask for the run of a request; its id, or None where nobody is there to start it."""

    def states(self, run_ids: Collection[str]) -> Mapping[str, RunState]:
        """Where runs stand, by their ids; those of which nobody can tell are left out."""
