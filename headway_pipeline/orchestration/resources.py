"""Resources: what assets work with, configurable in the UI, never holding a secret.

Concept: https://docs.dagster.io/guides/build/external-resources
Credentials stay in the encrypted column and in the operator's environment; a resource configures and builds.
"""

from collections.abc import Mapping
from contextlib import ExitStack
from datetime import datetime
from typing import Any

import dagster as dg
from pydantic import Field, PrivateAttr

from headway_pipeline.analysis.contract import Analyst
from headway_pipeline.ingestion.run import Effects, Progress, Run, SourceTuning, no_progress
from headway_pipeline.model.workspaces import Workspace
from headway_pipeline.settings import current_settings
from headway_pipeline.sources.contract import Source
from headway_pipeline.store import Lease, Store
from headway_pipeline.store.configured import open_configured_store

__all__ = [
    "AnalystResource",
    "LedgerResource",
    "ProgressResource",
    "ScopeResource",
    "SourceResource",
    "build_resources",
    "resource_of",
]


class SourceResource(dg.ConfigurableResource[Any]):
    """How a source is asked: address, pace, budget and patience. Credentials are the connectors'."""

    base_url: str = Field(description="API address for connectors that name none")
    requests_per_second: float = Field(gt=0, description="steady pace of one connector")
    burst: int = Field(gt=0, description="how many requests may go at once after a rest")
    requests_per_day: int = Field(gt=0, description="budget of one connector a day; other tools share the vendor's")
    timeout_s: float = Field(gt=0, description="read time-out of one request, seconds")
    patience_s: float = Field(
        ge=0, description="longest wait the source may ask for before its work ends for this run, seconds"
    )
    longest_window_days: int = Field(gt=0, le=7, description="longest span of one listing")
    lookback_days: int = Field(ge=0, description="how far back the nightly sweep looks for late calls")

    def tuning(self) -> SourceTuning:
        """The same in the engine's words."""
        return SourceTuning(
            base_url=self.base_url,
            requests_per_second=self.requests_per_second,
            burst=self.burst,
            requests_per_day=self.requests_per_day,
            timeout_s=self.timeout_s,
            patience_s=self.patience_s,
            longest_window_days=self.longest_window_days,
            lookback_days=self.lookback_days,
        )


def resource_of(source: type[Source]) -> SourceResource:
    """The resource of a discovered source, of a type of its own, with the source's defaults."""
    # The name of the class is what the UI shows as the resource's type.
    kind = type(f"{source.label}Resource", (SourceResource,), {"__doc__": f"How {source.label} is asked."})
    tuning = SourceTuning.of(source)
    made: SourceResource = kind(
        base_url=tuning.base_url,
        requests_per_second=tuning.requests_per_second,
        burst=tuning.burst,
        requests_per_day=tuning.requests_per_day,
        timeout_s=tuning.timeout_s,
        patience_s=tuning.patience_s,
        longest_window_days=tuning.longest_window_days,
        lookback_days=tuning.lookback_days,
    )
    return made


class ScopeResource(dg.ConfigurableResource[Any]):
    """What a run is asked to do, when it is less than everything."""

    limit: int | None = Field(
        default=None, ge=1, description="transcribe and analyse at most this many calls a workspace, newest first"
    )
    connector_type: str | None = Field(default=None, description="only connectors of this source, e.g. gong")


class AnalystResource(dg.ConfigurableResource[Any]):
    """Who reads the calls: the offline analyst, deterministic and free; by meaning, too, with the extra `local`."""

    def analyst(self) -> Analyst:
        """The analyst of this run."""
        from headway_pipeline.analysis.offline import installed_analyst

        return installed_analyst()


class ProgressResource(dg.ConfigurableResource[Any]):
    """Shows nothing; the command line replaces it by progress bars."""

    def progress(self) -> Progress:
        """Where stages report how far they are."""
        return no_progress


class LedgerResource(dg.ConfigurableResource[Any]):
    """The database of calls and features. Its address and keys come from the environment of the process.

    A workspace's ledger is leased by the run that first writes it, until the run's process is done with it.
    """

    lease_patience_s: float = Field(
        default=120.0, ge=0, description="how long to wait for another run of the same workspace, seconds"
    )

    _store: Store = PrivateAttr()
    _until: datetime = PrivateAttr()
    _run_id: str = PrivateAttr()
    _held: ExitStack = PrivateAttr()
    _leases: dict[str, Lease] = PrivateAttr()

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Open the database; called by Dagster before the first step."""
        self._store = self.open_store()
        self._until = self.effects().now()
        self._run_id = context.run.run_id if context.run else "no-run"
        self._held = ExitStack()
        self._leases = {}

    def teardown_after_execution(self, _context: dg.InitResourceContext) -> None:
        """Give the leases back and close the database."""
        self._held.close()
        self._store.close()

    def open_store(self) -> Store:
        """The store named by the environment."""
        return open_configured_store(current_settings())

    def effects(self) -> Effects:
        """The real clock and sleep."""
        return Effects()

    @property
    def store(self) -> Store:
        """The open database."""
        return self._store

    def lease(self, workspace: Workspace) -> Lease:
        """This run's lease on the workspace's ledger.

        Raises:
            WorkspaceBusyError: another run holds it for longer than `lease_patience_s`.
        """
        if workspace.slug not in self._leases:
            held = self._store.leases.hold(workspace.id, owner=self._run_id, patience_s=self.lease_patience_s)
            self._leases[workspace.slug] = self._held.enter_context(held)
        return self._leases[workspace.slug]

    def run(self, resources: Any, sources: Mapping[str, type[Source]]) -> Run:
        """What the stages of this run work with."""
        scope: ScopeResource = resources.scope
        return Run(
            id=self._run_id,
            store=self._store,
            analyst=resources.analyst.analyst(),
            sources=sources,
            tuning={name: getattr(resources, name).tuning() for name in sources},
            until=self._until,
            effects=self.effects(),
            limit=scope.limit,
            connector_type=scope.connector_type,
            progress=resources.progress.progress(),
        )


def build_resources(sources: Mapping[str, type[Source]]) -> dict[str, Any]:
    """Every resource of the pipeline, those of discovered sources under their names."""
    return {
        "ledger": LedgerResource(),
        "scope": ScopeResource(),
        "analyst": AnalystResource(),
        "progress": ProgressResource(),
        **{name: resource_of(source) for name, source in sources.items()},
    }
