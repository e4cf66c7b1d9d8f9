"""Resources: what assets work with, configurable in the UI, never holding a secret.

Concept: https://docs.dagster.io/guides/build/external-resources
Credentials stay in the encrypted column and in the operator's environment; a resource configures and builds.
"""

from collections.abc import Mapping
from contextlib import ExitStack
from datetime import datetime
from typing import Any
from uuid import UUID

import dagster as dg
from pydantic import Field, PrivateAttr

from headway_pipeline.analysis.contract import Analyst
from headway_pipeline.ingestion.analysts import LanguageModels, language_models
from headway_pipeline.ingestion.run import Allowance, Effects, Progress, Run, SourceTuning, no_progress
from headway_pipeline.model.ledger import LEFT_OUT_REASONS
from headway_pipeline.model.workspaces import Workspace
from headway_pipeline.orchestration.descriptions import described, explained
from headway_pipeline.orchestration.process_names import process_tags
from headway_pipeline.settings import current_settings
from headway_pipeline.sources.contract import Bucket, Source
from headway_pipeline.sources.gate import CostClass
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


class BucketConfig(dg.Config):
    """At most so many requests within so many seconds."""

    requests: int = Field(gt=0, description="how many requests")
    per_s: float = Field(gt=0, description="within how many seconds")
    cost: CostClass | None = Field(
        default=None, description="only requests of this class: NORMAL or HEAVY; all, if null"
    )


class SourceResource(dg.ConfigurableResource[Any]):
    """How a source is asked: address, pace, budgets and patience. Credentials are the connectors'."""

    base_url: str = Field(description="API address for connectors that name none")
    requests_per_second: float = Field(gt=0, description="steady pace of one quota owner")
    buckets: list[BucketConfig] = Field(
        description="longer spans and dearer requests that the vendor limits apart; smaller ones are found out"
    )
    requests_per_day: int = Field(
        gt=0, description="budget of one quota owner a UTC day; other tools share the vendor's"
    )
    requests_per_run: int = Field(gt=0, description="budget of one connector in one run; the next run goes on")
    timeout_s: float = Field(gt=0, description="longest silence within one answer, seconds")
    deadline_s: float = Field(gt=0, description="longest time for one answer as a whole, seconds")
    patience_s: float = Field(
        ge=0,
        description=(
            "how long one connector may wait in one run, all in all, for pauses the source asks for and for failures "
            "to pass, seconds; a longer pause ends its work for this run"
        ),
    )
    retries: int = Field(ge=0, description="further tries after a transient failure")
    longest_window_days: int = Field(gt=0, le=7, description="longest span of one listing")
    lookback_days: int = Field(ge=0, description="how far back the nightly sweep looks for late calls")

    def tuning(self) -> SourceTuning:
        """The same in the engine's words."""
        buckets = tuple(Bucket(bucket.requests, bucket.per_s, bucket.cost) for bucket in self.buckets)
        scalars = {name: getattr(self, name) for name in SourceTuning.__slots__ if name != "buckets"}
        return SourceTuning(**scalars, buckets=buckets)


def resource_of(source: type[Source]) -> SourceResource:
    """The resource of a discovered source, of a type of its own, with the source's defaults."""
    # The name of the class is what the UI shows as the resource's type.
    kind = type(
        f"{source.label}Resource",
        (SourceResource,),
        {"__doc__": described(f"How {source.label} is asked.", "resources")},
    )
    tuning = SourceTuning.of(source)
    scalars = {name: getattr(tuning, name) for name in SourceTuning.__slots__ if name != "buckets"}
    buckets = [
        BucketConfig(requests=bucket.requests, per_s=bucket.per_s, cost=bucket.cost) for bucket in tuning.buckets
    ]
    made: SourceResource = kind(**scalars, buckets=buckets)
    return made


@explained
class ScopeResource(dg.ConfigurableResource[Any]):
    """What a run is asked to do, when it is less than everything."""

    limit: int | None = Field(
        default=None, ge=1, description="transcribe and analyse at most this many calls a workspace, newest first"
    )
    connector_type: str | None = Field(default=None, description="only connectors of this source, e.g. gong")
    budget_usd: float | None = Field(
        default=None, ge=0, description="the most that language models may cost in this run; what is left waits"
    )
    batch: bool = Field(
        default=False,
        description="hand questions to language models in as batches at half the price; their calls wait up to a day",
    )
    leave_left_out: bool = Field(
        default=False,
        description="do not read calls that the limit or the budget of another run left out: nobody asked for them",
    )


def scope_config(**asked: object) -> dict[str, Any]:
    """The config of a run that is asked to do less than everything; what is None is not asked."""
    return {"resources": {"scope": {"config": {name: value for name, value in asked.items() if value is not None}}}}


@explained
class AnalystResource(dg.ConfigurableResource[Any]):
    """Who reads the calls: a language model, or the offline analyst, deterministic and free.

    Keys and addresses of models come from the environment of the process, never from here.
    """

    model: str | None = Field(
        default=None, description='provider:model, or "offline" for the rules; HEADWAY_MODEL when left out'
    )
    calls_at_once: int | None = Field(
        default=None,
        ge=1,
        le=256,
        description="calls a model reads at the same time; HEADWAY_CALLS_AT_ONCE when left out",
    )

    def analyst(self) -> Analyst:
        """Who reads where no language model does."""
        from headway_pipeline.analysis.offline import installed_analyst

        return installed_analyst()

    def at_once(self) -> int:
        """How many calls a model reads at the same time."""
        return self.calls_at_once or current_settings().calls_at_once

    def models(self, store: Store, run_id: str, effects: Effects, scope: ScopeResource) -> LanguageModels:
        """The language models of a run, with what it may spend and whether it may wait."""
        settings = current_settings()
        environment = dict(settings.environment)
        if self.model is not None:
            environment["HEADWAY_MODEL"] = self.model
        return language_models(
            store,
            run_id,
            environment,
            settings,
            effects=effects,
            run_budget_usd=scope.budget_usd,
            is_batch=scope.batch,
        )


@explained
class ProgressResource(dg.ConfigurableResource[Any]):
    """Shows nothing; the command line replaces it by progress bars."""

    def progress(self) -> Progress:
        """Where stages report how far they are."""
        return no_progress


@explained
class LedgerResource(dg.ConfigurableResource[Any]):
    """The database of calls and features. Its address and keys come from the environment of the process.

    A workspace's ledger is leased by the run that first writes it, until the run's process is done with it.
    """

    lease_patience_s: float = Field(
        default=120.0, ge=0, description="how long to wait for another run of the same workspace, seconds"
    )

    _opened: Store | None = PrivateAttr(default=None)
    _until: datetime = PrivateAttr()
    _run_id: str = PrivateAttr()
    _held: ExitStack = PrivateAttr()
    _leases: dict[str, Lease] = PrivateAttr()
    _allowances: dict[UUID, Allowance] = PrivateAttr()
    _models: LanguageModels | None = PrivateAttr(default=None)

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Called by Dagster before the first step. Nothing opens here: a failure here is never tried again."""
        self._opened = None
        self._until = self.effects().now()
        self._run_id = context.run.run_id if context.run else "no-run"
        named = process_tags(self._run_id)
        # A run of the command line was made with them.
        if context.run and context.instance and not named.items() <= context.run.tags.items():
            context.instance.add_run_tags(self._run_id, named)
        self._held = ExitStack()
        self._leases = {}
        self._allowances = {}
        self._models = None

    def teardown_after_execution(self, _context: dg.InitResourceContext) -> None:
        """Give the leases back, and close the models and the database."""
        self._held.close()
        if self._models is not None:
            self._models.close()
        if self._opened is not None:
            self._opened.close()

    def open_store(self) -> Store:
        """The store named by the environment."""
        return open_configured_store(current_settings())

    def effects(self) -> Effects:
        """The real clock and sleep."""
        return Effects()

    @property
    def store(self) -> Store:
        """The database, opened when it is first asked for.

        Raises:
            StoreError: it cannot be opened.
        """
        if self._opened is None:
            self._opened = self.open_store()
        return self._opened

    def lease(self, workspace: Workspace) -> Lease:
        """This run's lease on the workspace's ledger.

        Raises:
            WorkspaceBusyError: another run holds it for longer than `lease_patience_s`.
        """
        if workspace.slug not in self._leases:
            held = self.store.leases.hold(workspace.id, owner=self._run_id, patience_s=self.lease_patience_s)
            self._leases[workspace.slug] = self._held.enter_context(held)
        return self._leases[workspace.slug]

    def run(self, resources: Any, sources: Mapping[str, type[Source]]) -> Run:
        """What the stages of this run work with."""
        scope: ScopeResource = resources.scope
        if self._models is None:
            # One for all assets of the run: it knows what the run has spent.
            self._models = resources.analyst.models(self.store, self._run_id, self.effects(), scope)
        return Run(
            id=self._run_id,
            store=self.store,
            analyst=resources.analyst.analyst(),
            sources=sources,
            tuning={name: getattr(resources, name).tuning() for name in sources},
            until=self._until,
            effects=self.effects(),
            limit=scope.limit,
            connector_type=scope.connector_type,
            left_alone=LEFT_OUT_REASONS if scope.leave_left_out else (),
            progress=resources.progress.progress(),
            allowed_hosts=current_settings().allowed_hosts,
            allowances=self._allowances,
            models=self._models,
            calls_at_once=resources.analyst.at_once(),
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
