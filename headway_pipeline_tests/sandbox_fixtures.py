"""Small worlds for a sandbox, and what a source needs to talk to one. Plain functions: any test may use them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from headway_pipeline.model.calls import Side
from headway_pipeline.model.windows import TimeWindow
from headway_pipeline.model.workspaces import Credentials
from headway_pipeline.sandbox.exchange import Reply, Request
from headway_pipeline.sandbox.server import Sandbox
from headway_pipeline.sandbox.world import Company, SandboxCall, Speaker, Utterance, World
from headway_pipeline.sources.contract import CallRef, Connection, Page
from headway_pipeline.sources.discovery import connect
from headway_pipeline.sources.fathom import FathomSource
from headway_pipeline.sources.gate import Answer, CostClass
from headway_pipeline.sources.gong import GongSource

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
WINDOW = TimeWindow(NOW - timedelta(days=7), NOW)
ACCESS_KEY = "larkspur-access-key"
SECRET_KEY = "larkspur-secret-key"
API_TOKEN = "larkspur-api-token"

VENDOR = Speaker("v", "Ines Okafor", Side.VENDOR, "ines@larkspur.example", "Customer Success Manager")
CUSTOMER = Speaker("c", "Tomas Lindqvist", Side.CUSTOMER, "tomas@brackwater.example", "Head of Operations")
SAID = (
    ("v", "Good to see you again. How did the rollout go?"),
    ("c", "Mostly fine. The route map keeps freezing on the older tablets, though, and the drivers give up on it."),
    ("v", "Thanks for telling us."),
)


def call(
    call_id: str = "call-1",
    *,
    said: Sequence[tuple[str, str]] = SAID,
    started_at: datetime = NOW - timedelta(days=1),
    speakers: tuple[Speaker, ...] = (VENDOR, CUSTOMER),
    title: str = "Rollout review",
    account: str | None = "Brackwater Freight",
    language: str = "en",
    source: str = "gong",
) -> SandboxCall:
    """A call; each of `said` (speaker id, text) takes ten seconds, and two pass before the next."""
    utterances = tuple(
        Utterance(speaker_id, 12.0 * number, 12.0 * number + 10, text)
        for number, (speaker_id, text) in enumerate(said)
    )
    return SandboxCall(call_id, title, started_at, speakers, utterances, language, account, source)


def many_calls(count: int, *, source: str = "gong") -> tuple[SandboxCall, ...]:
    """Calls within `WINDOW`, a minute apart; they are over by `NOW`."""
    first = timedelta(minutes=1 if source == "gong" else 10)
    return tuple(
        call(f"call-{number}", started_at=NOW - first - timedelta(minutes=number), source=source)
        for number in range(count)
    )


def company(*calls: SandboxCall, name: str = "Larkspur", keys: tuple[str, str] = (ACCESS_KEY, SECRET_KEY)) -> Company:
    """A vendor that holds `calls`."""
    return Company(name, *keys, f"{name.lower()}.example", calls)


def world_of(*calls: SandboxCall) -> World:
    """A world of one vendor."""
    return World((company(*calls),))


class MovableClock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, span: timedelta) -> None:
        """Let time pass."""
        self.now += span


class OpenGate:
    """Lets everything through and remembers what it was told."""

    def __init__(self) -> None:
        self.admitted: list[CostClass] = []
        self.answers: list[Answer] = []

    def admit(self, cost: CostClass, /) -> None:
        """Let it through."""
        self.admitted.append(cost)

    def observe(self, answer: Answer, /) -> None:
        """Remember it."""
        self.answers.append(answer)


class Instead:
    """A fault: answers the first `times` requests to `path` (or to any) with `reply`."""

    def __init__(self, reply: Reply, *, path: str | None = None, times: int = 1_000_000) -> None:
        self.reply = reply
        self.path = path
        self.left = times

    def __call__(self, request: Request, /) -> Reply | None:
        if self.left == 0 or (self.path is not None and request.path != self.path):
            return None
        self.left -= 1
        return self.reply


def gong_of(
    sandbox: Sandbox,
    *,
    access_key: str = ACCESS_KEY,
    secret_key: str = SECRET_KEY,
    vendor_domains: frozenset[str] = frozenset(),
    gate: OpenGate | None = None,
    timeout_s: float = 5.0,
) -> GongSource:
    """The Gong source, connected to a sandbox."""
    credentials = Credentials({"access_key": access_key, "secret_key": secret_key})
    connection = Connection(sandbox.base_url, credentials, vendor_domains)
    source = connect(GongSource, connection, gate=gate or OpenGate(), timeout_s=timeout_s)
    assert isinstance(source, GongSource)
    return source


def fathom_of(
    sandbox: Sandbox,
    *,
    api_token: str = API_TOKEN,
    vendor_domains: frozenset[str] = frozenset(),
    gate: OpenGate | None = None,
) -> FathomSource:
    """The Fathom source, connected to a sandbox."""
    connection = Connection(sandbox.fathom_url, Credentials({"api_token": api_token}), vendor_domains)
    source = connect(FathomSource, connection, gate=gate or OpenGate(), timeout_s=5.0)
    assert isinstance(source, FathomSource)
    return source


def refs_of(page: Page) -> list[CallRef]:
    """The calls of a page as the ledger would ask for them."""
    return [CallRef(found.external_id, found.occurred_at, found.duration_s, found.raw) for found in page.calls]
