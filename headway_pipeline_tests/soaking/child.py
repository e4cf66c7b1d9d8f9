"""The real job in a process of its own, at the setting's time; it tells which of its stages begin and end.

Everything is what the command line starts: `launch.ingest`, the discovered sources over HTTP, the store. Other than
there are the clock and the sleep, and after how many seconds an answer is given up.
"""

import os
import time
from dataclasses import dataclass
from datetime import date
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import dagster as dg

from headway_pipeline.ingestion.run import Effects, SourceTuning, no_progress
from headway_pipeline.orchestration import launch
from headway_pipeline.orchestration.resources import LedgerResource, SourceResource, resource_of
from headway_pipeline.settings import current_settings
from headway_pipeline.sources.contract import Source
from headway_pipeline.store import Store
from headway_pipeline_tests.soaking.clock import RUN, SharedClock
from headway_pipeline_tests.soaking.setting import SEALING_KEY, SOURCES, TUNING, opened_store

__all__ = ["STEPS", "Ended", "Errand", "Told", "carry_out"]

#: The steps of the job that are stages, in their order.
STEPS = ("raw_calls", "transcripts", "relevance_scores", "extracted_features", "theme_matched_features")
BEGINS = dg.DagsterEventType.STEP_START
ENDS = (dg.DagsterEventType.STEP_SUCCESS, dg.DagsterEventType.STEP_FAILURE)


@dataclass(frozen=True, slots=True)
class Errand:
    """What a process is to do: one run over these days, both included.

    Attributes:
        home: HEADWAY_HOME.
        clock: the file of the shared clock.
        start_date: of the partitions.
    """

    home: Path
    database_url: str
    clock: Path
    start_date: date
    slug: str
    since: date
    until: date


@dataclass(frozen=True, slots=True)
class Told:
    """A stage begins, or has ended."""

    step: str
    begins: bool


@dataclass(frozen=True, slots=True)
class Ended:
    """The run came to its end.

    Attributes:
        failures: what went wrong in it, but for days that could not be completed.
        cpu_s: what the process has spent.
    """

    failures: tuple[str, ...]
    cpu_s: float


def carry_out(errand: Errand, to_parent: Connection) -> None:
    """One run; tells `Told`s and `Ended`."""
    os.environ.pop("DAGSTER_HOME", None)
    os.environ |= {
        "HEADWAY_HOME": str(errand.home),
        "DATABASE_URL": errand.database_url,
        "HEADWAY_SECRET_KEY": SEALING_KEY,
        "HEADWAY_START_DATE": errand.start_date.isoformat(),
    }
    clock = SharedClock(errand.clock, RUN)
    overrides: dict[str, Any] = {name: _tuned(source) for name, source in SOURCES.items()}
    outcome = launch.ingest(
        current_settings(),
        launch.IngestRequest(errand.slug, errand.since, errand.until),
        no_progress,
        {"ledger": _ledger(errand, clock, to_parent), **overrides},
    )
    failures = () if outcome.has_succeeded or outcome.is_incomplete_only else outcome.failures
    to_parent.send(Ended(failures, time.process_time()))


def _tuned(source: type[Source]) -> SourceResource:
    usual = resource_of(source)
    values = {name: getattr(usual, name) for name in SourceTuning.__slots__}
    return type(usual)(**{**values, **TUNING})


def _ledger(errand: Errand, clock: SharedClock, to_parent: Connection) -> LedgerResource:
    """The ledger at the setting's time. Dagster makes it anew from its configuration: the rest is of this process."""

    def tell(entry: dg.EventLogEntry) -> None:
        event = entry.dagster_event
        if event is not None and event.step_key in STEPS and event.event_type in (BEGINS, *ENDS):
            to_parent.send(Told(event.step_key, begins=event.event_type is BEGINS))

    class SoakLedger(LedgerResource):
        """Its clock is the setting's."""

        def setup_for_execution(self, context: dg.InitResourceContext) -> None:
            super().setup_for_execution(context)
            assert context.instance is not None
            assert context.run is not None
            context.instance.add_event_listener(context.run.run_id, tell)

        def open_store(self) -> Store:
            return opened_store(errand.database_url, clock)

        def effects(self) -> Effects:
            return Effects(now=clock, sleep=clock.sleep)

    return SoakLedger()
