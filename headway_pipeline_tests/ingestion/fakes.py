"""A scripted source and a scripted analyst, a clock that only moves when told, and a run over them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import ClassVar

from sqlalchemy.engine import Connection

from headway_pipeline.analysis.contract import Candidate, Matches, Quote, Reading, Relevance
from headway_pipeline.ingestion.run import Effects, Part, Run, SourceTuning
from headway_pipeline.model.calls import Call, Segment, Side, Transcript
from headway_pipeline.model.errors import AnalysisError, Failing
from headway_pipeline.model.features import (
    ExtractedFeature,
    FeatureType,
    Origin,
    Sentiment,
    Theme,
    ThemeScore,
    Urgency,
)
from headway_pipeline.model.ledger import Presence
from headway_pipeline.model.windows import TimeWindow
from headway_pipeline.model.workspaces import Credentials, Workspace
from headway_pipeline.sources.contract import (
    Absence,
    BadRecord,
    CallRef,
    CredentialField,
    HttpSource,
    Hydration,
    NotHydrated,
    Page,
    RequestDefaults,
    Standing,
)
from headway_pipeline.store import Store

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
AT = Failing("fake")
ASK = "we need the export to run on a schedule"
SPEECH = f"Honestly {ASK} because nobody wants to pull it by hand. " * 4


class Clock:
    """Moves only when somebody sleeps or a test says so."""

    def __init__(self) -> None:
        self.now = NOW
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += timedelta(seconds=seconds)

    def effects(self) -> Effects:
        return Effects(now=lambda: self.now, sleep=self.sleep, jitter=lambda: 0.5)


@dataclass
class Script:
    """What the fake source does; tests change it between runs.

    Attributes:
        before_list: called with the number of the listing request, may raise.
        before_hydrate: the same for hydration; `before_look` for second looks.
        hidden: by API token, the calls that are not listed for it; `refused`, those whose words it may not have.
        presence: what a second look at a call finds; UNKNOWN where it says nothing.
    """

    calls: list[Call] = field(default_factory=list)
    speech: dict[str, str] = field(default_factory=dict)
    absent: dict[str, Absence] = field(default_factory=dict)
    bad_records: tuple[BadRecord, ...] = ()
    presence: dict[str, Presence] = field(default_factory=dict)
    hidden: dict[str, set[str]] = field(default_factory=dict)
    refused: dict[str, set[str]] = field(default_factory=dict)
    looked_up: list[str] = field(default_factory=list)
    page_size: int = 2
    before_list: Callable[[int], None] = lambda _number: None
    before_hydrate: Callable[[int], None] = lambda _number: None
    before_look: Callable[[int], None] = lambda _number: None
    listed: list[tuple[TimeWindow, str | None]] = field(default_factory=list)
    hydrated: list[list[str]] = field(default_factory=list)


class FakeSource(HttpSource):
    """Lists and hydrates as its script says, without HTTP."""

    name: ClassVar[str] = "fake"
    label: ClassVar[str] = "Fake"
    default_base_url: ClassVar[str] = "https://fake.example"
    vendor_hosts: ClassVar[tuple[str, ...]] = ("fake.example",)
    credential_fields: ClassVar[tuple[CredentialField, ...]] = (
        CredentialField("api_token", "API token", ("fake_api_token",), "FAKE_API_TOKEN"),
    )
    request_defaults: ClassVar[RequestDefaults] = RequestDefaults(requests_per_second=1000, requests_per_day=10_000)
    hydrate_batch_size: ClassVar[int] = 3
    script: ClassVar[Script]

    @classmethod
    def authorization(cls, credentials: Credentials) -> Mapping[str, str]:
        return {"Authorization": credentials["api_token"]}

    def check(self) -> Standing:
        return Standing(True, "sees everything")

    def list(self, window: TimeWindow, page_token: str | None) -> Page:
        script = self.script
        script.listed.append((window, page_token))
        script.before_list(len(script.listed))
        hidden = script.hidden.get(self.connection.credentials["api_token"], set())
        within = [
            call
            for call in script.calls
            if window.start <= call.occurred_at < window.end and call.external_id not in hidden
        ]
        start = int(page_token or 0)
        end = start + script.page_size
        return Page(
            calls=tuple(within[start:end]),
            next_token=str(end) if end < len(within) else None,
            bad_records=script.bad_records if start == 0 else (),
        )

    def hydrate(self, refs: Sequence[CallRef]) -> Iterator[Hydration | NotHydrated]:
        script = self.script
        script.hydrated.append([ref.external_id for ref in refs])
        script.before_hydrate(len(script.hydrated))
        refused = script.refused.get(self.connection.credentials["api_token"], set())
        for ref in refs:
            absence = Absence.FORBIDDEN if ref.external_id in refused else script.absent.get(ref.external_id)
            if absence is not None:
                yield NotHydrated(ref.external_id, absence, "says the script")
            else:
                yield Hydration(ref.external_id, transcript(script.speech.get(ref.external_id, SPEECH)))

    def look_up(self, ref: CallRef) -> Presence:
        script = self.script
        script.looked_up.append(ref.external_id)
        script.before_look(len(script.looked_up))
        return script.presence.get(ref.external_id, Presence.UNKNOWN)

    @classmethod
    def link(cls, url: str, start_ms: int | None) -> str:
        return f"{url}#{start_ms}"


def transcript(text: str) -> Transcript:
    return Transcript((Segment(0, "Rosa", Side.CUSTOMER, 0, 60_000, text),))


def call(external_id: str, *, days_ago: int = 0, hour: int = 9, content_hash: str = "v1") -> Call:
    started = (NOW - timedelta(days=days_ago)).replace(hour=hour)
    return Call("fake", external_id, started, title=f"Call {external_id}", content_hash=content_hash)


class FakeAnalyst:
    """Finds its one ask wherever it stands; files everything under the first theme.

    Attributes:
        fails_on: words in whose presence it fails.
        asked: the stages it was asked for, in order.
    """

    name = "fake"
    version = "1"

    def __init__(self) -> None:
        self.fails_on: str | None = None
        self.quote = ASK
        self.asked: list[str] = []

    def _look(self, stage: str, transcript: Transcript) -> str:
        self.asked.append(stage)
        text = transcript.segments[0].text
        if self.fails_on is not None and self.fails_on in text:
            raise AnalysisError("the analyst choked", "try again")
        return text

    def judge_relevance(self, transcript: Transcript, themes: Sequence[Theme]) -> Relevance:
        is_relevant = "export" in self._look("relevance", transcript)
        return Relevance(is_relevant, 0.9, "names exports" if is_relevant else "no word of any theme")

    def extract(self, transcript: Transcript) -> Reading:
        self._look("extraction", transcript)
        candidate = Candidate(
            type=FeatureType.FEATURE_REQUEST,
            title="Scheduled exports",
            description="Exports should run by themselves.",
            urgency=Urgency.MEDIUM,
            urgency_reason="",
            sentiment=Sentiment.NEUTRAL,
            sentiment_score=0.0,
            confidence=0.9,
            origin=Origin.VOLUNTEERED,
            quotes=(Quote(0, self.quote),),
        )
        return Reading((candidate,), Sentiment.NEUTRAL, 0.0)

    def match(self, items: Sequence[ExtractedFeature], themes: Sequence[Theme]) -> Matches:
        self.asked.append("matching")
        return Matches(tuple((ThemeScore(themes[0].id, 0.9),) for _ in items))


@dataclass
class Bench:
    """A workspace with one connector to the scripted source, and a run over it."""

    store: Store
    workspace: Workspace
    script: Script
    analyst: FakeAnalyst
    clock: Clock
    run: Run

    def part(self, days_back: int = 6) -> Part:
        return Part(self.workspace, [NOW.date() - timedelta(days=n) for n in range(days_back + 1)])

    def with_run(self, **changes: object) -> Run:
        return replace(self.run, **changes)  # type: ignore[arg-type]

    def pass_by(self, **span: float) -> None:
        """Let time pass; the next run's upper bound is the time it is then."""
        self.clock.now += timedelta(**span)
        self.run = replace(self.run, until=self.clock.now)

    @property
    def states(self) -> dict[str, str]:
        return {row["external_id"]: row["state"] for row in self.store.reading.messages(self.workspace.id)}

    @property
    def reasons(self) -> dict[str, str | None]:
        return {row["external_id"]: row["reason"] for row in self.store.reading.messages(self.workspace.id)}


def bench(store: Store, *calls: Call) -> Bench:
    """Everything an ingestion test needs."""
    script = Script(calls=list(calls))
    kind = type("ScriptedSource", (FakeSource,), {"script": script})
    workspace = store.workspaces.add("Acme")
    store.connectors.add(workspace.id, "fake", credentials=Credentials({"api_token": "t"}))
    store.themes.add(workspace.id, "Exports", description="Getting data out")
    clock, analyst = Clock(), FakeAnalyst()
    run = Run(
        id="run-1",
        store=store,
        analyst=analyst,
        sources={"fake": kind},
        tuning={"fake": SourceTuning.of(kind)},
        until=NOW,
        effects=clock.effects(),
        environment={},
    )
    return Bench(store, workspace, script, analyst, clock, run)


def day_of(external_call: Call) -> date:
    return external_call.occurred_at.date()


class KilledError(BaseException):
    """The process is gone; no handler of ours may see it coming."""


@contextmanager
def killed_after(store: Store, commits: int) -> Iterator[list[int]]:
    """Let `commits` transactions commit and the process end right after the last; yields how many did."""
    original = store.database.writing
    done = [0]

    @contextmanager
    def writing() -> Iterator[Connection]:
        with original() as connection:
            yield connection
        done[0] += 1
        if done[0] == commits:
            raise KilledError

    store.database.writing = writing  # type: ignore[method-assign]
    try:
        yield done
    finally:
        store.database.writing = original  # type: ignore[method-assign]
