"""A workspace connected to a local Gong and, by two keys, to a local Fathom, in which everything goes wrong."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from headway_pipeline.analysis.offline import OfflineAnalyst
from headway_pipeline.ingestion.extraction import extract_features
from headway_pipeline.ingestion.filing import file_features
from headway_pipeline.ingestion.hydration import fetch_transcripts
from headway_pipeline.ingestion.listing import list_calls
from headway_pipeline.ingestion.relevance import score_relevance
from headway_pipeline.ingestion.run import Effects, Part, Run, SourceTuning
from headway_pipeline.model.windows import day_start, days_between
from headway_pipeline.model.workspaces import Credentials, Workspace
from headway_pipeline.sandbox.faults import FaultPlan, Faults
from headway_pipeline.sandbox.rules import FathomRules, GongRules
from headway_pipeline.sandbox.server import Sandbox
from headway_pipeline.sandbox.soak import DOMAIN, FATHOM_USERS, Soak, make_soak
from headway_pipeline.sources.contract import Source
from headway_pipeline.sources.fathom import FathomSource
from headway_pipeline.sources.gong import GongSource
from headway_pipeline.store import Store, open_store
from headway_pipeline.store.leases import Leases
from headway_pipeline.store.sealing import CredentialSealer
from headway_pipeline_tests.soaking.clock import SharedClock
from headway_pipeline_tests.soaking.weather import Weather

__all__ = ["SEALING_KEY", "SOURCES", "STAGES", "TUNING", "Setting", "first_day", "opened_store", "set_up"]

#: Opens nothing but what a soak has sealed.
SEALING_KEY = "c29ha3Mtb25seS1zb2Frcy1vbmx5LXNvYWtzLW9ubHk="
SOURCES: Mapping[str, type[Source]] = {"gong": GongSource, "fathom": FathomSource}
STAGES = (list_calls, fetch_transcripts, score_relevance, extract_features, file_features)
#: Real seconds: answers that stay out or trickle in are given up soon, for nothing else is slow here.
TUNING: Mapping[str, Any] = {"timeout_s": 0.6, "deadline_s": 0.9}
STALL_S, SLOW_S = 0.8, 1.4
DAYS_AGO = 84


@dataclass
class Setting:
    """A pipeline and its surroundings.

    Attributes:
        soak: what is served.
        plan: the faults.
    """

    soak: Soak
    clock: SharedClock
    sandbox: Sandbox
    store: Store
    workspace: Workspace
    plan: FaultPlan
    weather: Weather
    runs: int = 0

    def ingest(self, since: date, until: date) -> bool:
        """One run of every stage in this process, up to now; whether no connector had trouble."""
        self.runs += 1
        run = Run(
            id=f"run-{self.runs}",
            store=self.store,
            analyst=OfflineAnalyst(),
            sources=SOURCES,
            tuning={name: replace(SourceTuning.of(source), **TUNING) for name, source in SOURCES.items()},
            until=self.clock(),
            effects=Effects(now=self.clock, sleep=self.clock.sleep, jitter=lambda: 0.5),
            environment={},
        )
        part = Part(self.workspace, days_between(since, until))
        with self.store.leases.hold(self.workspace.id, run.id) as lease:
            reports = [stage(run, part, lease) for stage in STAGES]
        return not any(report.troubles for report in reports)

    def standing(self) -> list[tuple[object, ...]]:
        """How every call stands, and how many features were found."""
        columns = ("source", "external_id", "title", "state")
        rows = self.store.reading.messages(self.workspace.id)
        found = len(self.store.reading.features(self.workspace.id)), len(self.store.reading.inbox(self.workspace.id))
        return [found, *(tuple(row[name] for name in columns) for row in rows)]


def first_day() -> datetime:
    """A Monday some weeks ago: Dagster has no partitions of days to come."""
    today = day_start(datetime.now(tz=UTC).date())
    return today - timedelta(days=DAYS_AGO + today.weekday())


def opened_store(url: str, clock: SharedClock) -> Store:
    """The database of a setting, at the setting's time.

    Leases alone go by real time: who holds one renews it by real time, and made-up hours would end it meanwhile.
    """
    store = open_store(url, sealing=lambda: CredentialSealer([SEALING_KEY]), now=clock, sleep=clock.sleep)
    store.leases = Leases(store.database, lambda: datetime.now(tz=UTC), time.sleep)
    return store


@contextmanager
def set_up(url: str, folder: Path, *, calls: int, days: int, seed: int, share: float = 0.05) -> Iterator[Setting]:
    """A setting over an empty database.

    Args:
        url: of the database.
        folder: for the clock.
        calls: in each source.
        days: over which they are spread.
        seed: of the calls, the faults and the weather.
        share: of requests that fail.
    """
    soak = make_soak(calls, start=first_day(), seed=seed, days=days)
    clock = SharedClock.made(folder / "clock", soak.start)
    plan = FaultPlan(Faults(clock, stall_s=STALL_S, slow_s=SLOW_S), seed=seed, share=share)
    weather = Weather(clock, soak, seed)
    store = opened_store(url, clock)
    with Sandbox(soak.world, clock=clock) as sandbox:
        sandbox.gong_rules = GongRules(requests_per_second=3, requests_per_day=10_000)
        sandbox.fathom_rules = FathomRules(requests_per_minute=60, heavy_per_minute=30, retry_dates=1)
        sandbox.faults += [weather, plan]
        workspace = store.workspaces.add("Quillmark", vendor_domains=frozenset({DOMAIN}))
        _connect(store, workspace, sandbox, soak)
        store.themes.add(workspace.id, "Exports", description="Getting data out: spreadsheets, reports, copies")
        store.themes.add(workspace.id, "Maps", description="The map, its speed, and what is shown on it")
        yield Setting(soak, clock, sandbox, store, workspace, plan, weather)
    store.close()
    clock.close()


def _connect(store: Store, workspace: Workspace, sandbox: Sandbox, soak: Soak) -> None:
    keys = Credentials({"access_key": soak.company.access_key, "secret_key": soak.company.secret_key})
    store.connectors.add(workspace.id, "gong", base_url=sandbox.base_url, credentials=keys)
    for user in FATHOM_USERS:
        token = Credentials({"api_token": user.api_token})
        store.connectors.add(workspace.id, "fathom", name=user.name, base_url=sandbox.fathom_url, credentials=token)
