"""A workspace connected to a local Gong and a local Fathom over HTTP, and whole runs over it. Time is the test's."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import sqlalchemy as sa

from headway_pipeline.ingestion.extraction import extract_features
from headway_pipeline.ingestion.filing import file_features
from headway_pipeline.ingestion.hydration import fetch_transcripts
from headway_pipeline.ingestion.listing import list_calls
from headway_pipeline.ingestion.relevance import score_relevance
from headway_pipeline.ingestion.run import Effects, Part, Run, SourceTuning, StageReport, Trouble
from headway_pipeline.model.windows import days_between
from headway_pipeline.model.workspaces import Credentials, Workspace
from headway_pipeline.sandbox.addresses import call_number
from headway_pipeline.sandbox.server import Sandbox
from headway_pipeline.sandbox.world import Course, SandboxCall, World
from headway_pipeline.sources.contract import Source
from headway_pipeline.sources.fathom import FathomSource
from headway_pipeline.sources.gong import GongSource
from headway_pipeline.store import Store
from headway_pipeline_tests.ingestion.fakes import SPEECH, FakeAnalyst
from headway_pipeline_tests.sandbox_fixtures import (
    ACCESS_KEY,
    API_TOKEN,
    NOW,
    SECRET_KEY,
    MovableClock,
    call,
    company,
)

GONG: Mapping[str, type[Source]] = {"gong": GongSource}
FATHOM: Mapping[str, type[Source]] = {"fathom": FathomSource}
BOTH: Mapping[str, type[Source]] = {**GONG, **FATHOM}
STAGES = (list_calls, fetch_transcripts, score_relevance, extract_features, file_features)
#: Everything that holds words of a call, or what was made of them.
DERIVED = ("transcripts", "relevance_scores", "extracted_features", "evidence", "features", "model_answers")


def spoken(call_id: str, *, source: str = "gong", course: Course | None = None, **changes: object) -> SandboxCall:
    """A call whose customer asks for exports; an hour before now unless `changes` say otherwise."""
    made = call(call_id, said=[("c", SPEECH), ("v", "Thanks.")], started_at=NOW - timedelta(hours=1), source=source)
    return replace(made, title=call_id, course=course or Course(), **changes)  # type: ignore[arg-type]


def gong_calls(count: int) -> list[SandboxCall]:
    """Calls a minute apart, all of them over."""
    return [spoken(f"call-{n}", started_at=NOW - timedelta(hours=2, minutes=n)) for n in range(count)]


@dataclass
class Desk:
    """A workspace, what it is connected to, and the time it is there."""

    store: Store
    workspace: Workspace
    sandbox: Sandbox
    clock: MovableClock
    analyst: FakeAnalyst
    run: Run

    def ingest(self, days_back: int = 6, *, stages: Collection[object] = STAGES) -> list[StageReport]:
        """One run of every stage over the last days, up to now; seven days are one window."""
        run = replace(self.run, until=self.clock.now)
        part = Part(self.workspace, days_between((self.clock.now - timedelta(days=days_back)).date(), self.today))
        with self.store.leases.hold(self.workspace.id, run.id) as lease:
            return [stage(run, part, lease) for stage in STAGES if stage in stages]

    def troubles(self, reports: Sequence[StageReport]) -> list[Trouble]:
        """What went wrong in a run."""
        return [trouble for report in reports for trouble in report.troubles]

    def counted(self, reports: Sequence[StageReport]) -> dict[str, int]:
        """What a run counted, over all days and sources."""
        found: Counter[str] = Counter()
        for report in reports:
            for (_day, _source, what), number in report.counts.items():
                found[what] += number
        return dict(found)

    def change(self, *calls: SandboxCall) -> None:
        """Serve these calls besides, or instead of those of the same id."""
        self.sandbox.world = self.sandbox.world.with_calls(*calls)

    def pass_by(self, **span: float) -> None:
        """Let time pass."""
        self.clock.pass_by(timedelta(**span))

    @property
    def today(self) -> date:
        """The UTC day it is there."""
        return self.clock.now.date()

    @property
    def states(self) -> dict[str, str]:
        """The state of each call by title; of a call without a title by its id."""
        return {str(row["title"] or row["external_id"]): str(row["state"]) for row in self.messages}

    @property
    def messages(self) -> list[dict[str, object]]:
        """Every row of the ledger."""
        return self.store.reading.messages(self.workspace.id)

    def words_left(self) -> dict[str, int]:
        """Rows that hold words of calls or what was made of them, by table."""
        with self.store.database.reading() as connection:
            return {
                name: connection.execute(sa.text(f"SELECT count(*) FROM {name}")).scalar_one() for name in DERIVED
            }

    def is_balanced(self) -> bool:
        """Whether the ledger holds what was listed, and every state that needs a reason has one."""
        audit = self.store.audit
        return not audit.unbalanced_listings(self.workspace.id, None) and not audit.unexplained_messages(
            self.workspace.id, None
        )


def id_of(served: SandboxCall) -> str:
    """A Gong call's id as the ledger knows it."""
    return call_number(served)


@contextmanager
def desk_over(
    store: Store, *calls: SandboxCall, sources: Mapping[str, type[Source]] = BOTH, at: datetime = NOW
) -> Iterator[Desk]:
    """A desk over a sandbox that serves these calls, connected to these sources."""
    clock = MovableClock(at)
    with Sandbox(World((company(*calls),)), clock=clock) as sandbox:
        workspace = store.workspaces.add("Acme")
        keys = Credentials({"access_key": ACCESS_KEY, "secret_key": SECRET_KEY})
        if "gong" in sources:
            store.connectors.add(workspace.id, "gong", base_url=sandbox.base_url, credentials=keys)
        if "fathom" in sources:
            token = Credentials({"api_token": API_TOKEN})
            store.connectors.add(workspace.id, "fathom", base_url=sandbox.fathom_url, credentials=token)
        store.themes.add(workspace.id, "Exports", description="Getting data out")
        analyst = FakeAnalyst()
        analyst.quote = SPEECH[:40]
        run = Run(
            id="run-1",
            store=store,
            analyst=analyst,
            sources=sources,
            tuning={name: unhurried(SourceTuning.of(source)) for name, source in sources.items()},
            until=at,
            effects=Effects(now=clock, sleep=lambda s: clock.pass_by(timedelta(seconds=s)), jitter=lambda: 0.5),
            environment={},
        )
        yield Desk(store, workspace, sandbox, clock, analyst, run)


def unhurried(tuning: SourceTuning) -> SourceTuning:
    """Without a pace: what is counted here are requests, not seconds."""
    return replace(tuning, requests_per_second=1000.0, buckets=())
