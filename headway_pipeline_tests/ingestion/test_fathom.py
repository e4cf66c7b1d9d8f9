"""The stages over the real Fathom source and the sandbox: calls that a listing meets beside the run's days."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import pytest

from headway_pipeline.ingestion.hydration import fetch_transcripts
from headway_pipeline.ingestion.listing import list_calls
from headway_pipeline.ingestion.run import Effects, Part, Run, SourceTuning, StageReport
from headway_pipeline.model.workspaces import Credentials, Workspace
from headway_pipeline.sandbox.exchange import Reply, Request, json_reply
from headway_pipeline.sandbox.server import Sandbox
from headway_pipeline.sandbox.world import SandboxCall
from headway_pipeline.sources.fathom import FathomSource
from headway_pipeline.store import Store
from headway_pipeline_tests.ingestion.fakes import FakeAnalyst
from headway_pipeline_tests.sandbox_fixtures import API_TOKEN, NOW, SAID, MovableClock, call, many_calls, world_of

DAY = (NOW - timedelta(days=2)).date()
LONG = [
    *SAID,
    ("c", "And the reports are fine, but they take a while to load on Mondays when everybody looks at them."),
]


def meeting(call_id: str, started_at: datetime) -> SandboxCall:
    return call(call_id, title=call_id, started_at=started_at, said=LONG, source="fathom")


@dataclass
class Desk:
    """A workspace connected to a Fathom, and a run over it."""

    store: Store
    workspace: Workspace
    sandbox: Sandbox
    run: Run

    def do(self, *days: date) -> tuple[StageReport, StageReport]:
        """List and transcribe these days."""
        part = Part(self.workspace, [*days])
        with self.store.leases.hold(self.workspace.id, self.run.id) as lease:
            return list_calls(self.run, part, lease), fetch_transcripts(self.run, part, lease)

    @property
    def states(self) -> dict[str, str]:
        return {row["title"]: row["state"] for row in self.store.reading.messages(self.workspace.id)}


def counted(report: StageReport) -> dict[str, int]:
    found: Counter[str] = Counter()
    for (_day, _source, what), number in report.counts.items():
        found[what] += number
    return dict(found)


@pytest.fixture
def desk(store: Store) -> Iterator[Desk]:
    clock = MovableClock()
    with Sandbox(world_of(), clock=clock) as sandbox:
        workspace = store.workspaces.add("Acme")
        credentials = Credentials({"api_token": API_TOKEN})
        store.connectors.add(workspace.id, "fathom", base_url=sandbox.fathom_url, credentials=credentials)
        run = Run(
            id="run-1",
            store=store,
            analyst=FakeAnalyst(),
            sources={"fathom": FathomSource},
            tuning={"fathom": SourceTuning.of(FathomSource)},
            until=NOW,
            effects=Effects(now=clock, sleep=lambda _seconds: None, jitter=lambda: 0.5),
            environment={},
        )
        yield Desk(store, workspace, sandbox, run)


def at(day: date, hour: int, minute: int = 0) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=NOW.tzinfo)


def test_a_call_outside_the_days_of_the_run_is_stored_as_listed_and_counted(desk: Desk) -> None:
    day_after = DAY + timedelta(days=1)
    desk.sandbox.world = world_of(
        meeting("of the day", at(DAY, 9)),
        meeting("over midnight", at(DAY, 23, 59)),
        meeting("the day before", at(DAY - timedelta(days=1), 23, 59)),
        meeting("the day after", at(day_after, 9)),
    )
    listing, transcripts = desk.do(DAY)
    assert desk.states == {
        "of the day": "transcribed",
        "over midnight": "transcribed",
        "the day before": "listed",
        "the day after": "listed",
    }
    numbers = counted(listing)
    assert (numbers["listed"], numbers["new"], numbers["outside"]) == (2, 2, 2)
    assert counted(transcripts)["transcribed"] == 2

    later, _ = desk.do(day_after)
    assert counted(later)["listed"] == 1
    assert desk.states["the day after"] == "transcribed"


def test_the_books_balance_after_a_run_met_more_of_a_day_that_was_listed_before(desk: Desk) -> None:
    """A listing of one day comes upon late calls of the next, which its own listing had not seen."""
    day_after = DAY + timedelta(days=1)
    early = meeting("early", at(day_after, 9))
    desk.sandbox.world = world_of(early)
    desk.do(day_after)
    desk.sandbox.world = world_of(early, meeting("late", at(day_after, 10)))
    clock = desk.run.effects.now
    assert isinstance(clock, MovableClock)
    clock.now = datetime.now(tz=NOW.tzinfo) + timedelta(hours=1)
    desk.do(DAY)
    assert desk.states == {"early": "transcribed", "late": "listed"}
    assert desk.store.audit.unbalanced_listings(desk.workspace.id, None) == []


def test_a_record_that_cannot_be_used_is_set_aside_and_the_books_balance(desk: Desk) -> None:
    """Fathom seeds accounts with a demo meeting that lasts for years."""
    demo = {
        "recording_id": 7,
        "title": "Fathom Demo",
        "created_at": f"{DAY}T09:00:00Z",
        "recording_start_time": "2021-01-01T00:00:00Z",
        "recording_end_time": f"{DAY}T09:00:00Z",
    }

    def serve(request: Request, /) -> Reply:
        return json_reply(200, {"limit": 10, "next_cursor": None, "items": [demo]})

    desk.sandbox.faults.append(serve)
    for _again in range(2):
        listing, _ = desk.do(DAY)
        assert counted(listing)["bad_records"] == 1
    (row,) = desk.store.reading.messages(desk.workspace.id)
    assert (row["external_id"], row["state"]) == ("7", "quarantined")
    assert "24 hours" in row["reason"]
    assert desk.store.audit.unbalanced_listings(desk.workspace.id, None) == []


def test_a_page_that_shifts_during_the_walk_repeats_a_call_and_loses_none(desk: Desk) -> None:
    """Page tokens are page numbers: what appears during the walk moves every later call by one."""
    calls = many_calls(10, source="fathom")
    appeared = call("appeared", started_at=NOW - timedelta(minutes=9), source="fathom")
    desk.sandbox.world = world_of(*calls, call("oldest", started_at=NOW - timedelta(hours=1), source="fathom"))

    def insert(request: Request, /) -> Reply | None:
        if request.query.get("cursor"):
            desk.sandbox.world = world_of(*calls, appeared)
        return None

    desk.sandbox.faults.append(insert)
    listing, _ = desk.do(NOW.date())
    assert listing.troubles == []
    assert counted(listing)["listed"] == 10
    desk.sandbox.faults.clear()
    again, _ = desk.do(NOW.date())
    assert counted(again)["new"] == 1


def test_f3_25_calls_and_one_that_appears_during_the_walk_are_26_and_none_is_counted_twice(desk: Desk) -> None:
    known = [meeting(f"known-{number}", at(DAY, 9, number)) for number in range(25)]
    newcomer = meeting("newcomer", at(DAY, 9, 40))
    desk.sandbox.world = world_of(*known)
    pages = 0

    def appears_after_the_first_page(request: Request, /) -> Reply | None:
        nonlocal pages
        pages += request.path.endswith("/meetings")
        if pages == 2:
            desk.sandbox.world = world_of(newcomer, *known)
        return None

    desk.sandbox.faults.append(appears_after_the_first_page)
    part = Part(desk.workspace, [DAY])
    with desk.store.leases.hold(desk.workspace.id, desk.run.id) as lease:
        first = list_calls(desk.run, part, lease)
        assert len(desk.states) == 25
        second = list_calls(desk.run, part, lease)
    assert (counted(first)["listed"], counted(first)["new"]) == (25, 25)
    assert (counted(second)["listed"], counted(second)["new"]) == (26, 1)
    assert len(desk.states) == 26
