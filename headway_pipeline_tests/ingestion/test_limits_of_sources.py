"""Limits, budgets and OAuth against the local Gong and Fathom: real HTTP, and a clock that sleeping moves."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from headway_pipeline.ingestion.hydration import fetch_transcripts
from headway_pipeline.ingestion.listing import list_calls
from headway_pipeline.ingestion.run import Effects, Part, Run, SourceTuning, StageReport
from headway_pipeline.model.workspaces import Credentials
from headway_pipeline.sandbox.keys import OAuthApp
from headway_pipeline.sandbox.rules import FathomRules, GongRules
from headway_pipeline.sandbox.server import Sandbox
from headway_pipeline.sandbox.world import World
from headway_pipeline.sources.discovery import discover
from headway_pipeline.store import Store
from headway_pipeline_tests.ingestion.fakes import FakeAnalyst
from headway_pipeline_tests.sandbox_fixtures import (
    ACCESS_KEY,
    API_TOKEN,
    NOW,
    SECRET_KEY,
    MovableClock,
    company,
    many_calls,
    world_of,
)

#: The state of a call whose transcript came; those of the fixture are short.
READ = "too_short"
KEYS = {
    "gong": Credentials({"access_key": ACCESS_KEY, "secret_key": SECRET_KEY}),
    "fathom": Credentials({"api_token": API_TOKEN}),
}
LISTING = {"gong": "/v2/calls/extensive", "fathom": "/external/v1/meetings"}


@dataclass
class Desk:
    """A workspace with one connector to a sandbox."""

    store: Store
    sandbox: Sandbox
    clock: MovableClock
    source: str
    part: Part
    run: Run

    def do(self, **tuned: Any) -> tuple[StageReport, StageReport]:
        """List and transcribe, as a run of its own."""
        tuning = {name: replace(tuning, **tuned) for name, tuning in self.run.tuning.items()}
        run = replace(self.run, tuning=tuning, allowances={}, until=self.clock())
        with self.store.leases.hold(self.part.workspace.id, run.id) as lease:
            return list_calls(run, self.part, lease), fetch_transcripts(run, self.part, lease)

    @property
    def states(self) -> Counter[str]:
        return Counter(row["state"] for row in self.store.reading.messages(self.part.workspace.id))

    @property
    def statuses(self) -> Counter[int]:
        return Counter(logged.status for logged in self.sandbox.requests)


Connect = Callable[..., Desk]


@pytest.fixture
def connect(store: Store) -> Iterator[Connect]:
    clock = MovableClock()
    with Sandbox(world_of(), clock=clock) as sandbox:

        def connected(source: str, world: World, credentials: Credentials | None = None) -> Desk:
            sandbox.world = world
            workspace = store.workspaces.add("Acme")
            base_url = sandbox.base_url if source == "gong" else sandbox.fathom_url
            store.connectors.add(workspace.id, source, base_url=base_url, credentials=credentials or KEYS[source])
            kind = discover()[source]
            run = Run(
                id="run",
                store=store,
                analyst=FakeAnalyst(),
                sources={source: kind},
                tuning={source: SourceTuning.of(kind)},
                until=NOW,
                effects=Effects(
                    now=clock, sleep=lambda seconds: clock.pass_by(timedelta(seconds=seconds)), jitter=lambda: 0.5
                ),
                environment={},
            )
            days = [(NOW - timedelta(days=n)).date() for n in range(2)]
            return Desk(store, sandbox, clock, source, Part(workspace, days), run)

        yield connected


def test_g19_a_day_quota_that_ends_on_page_three_pauses_the_connector_and_the_next_day_finishes(
    connect: Connect,
) -> None:
    desk = connect("gong", world_of(*many_calls(450)))
    desk.sandbox.gong_rules = GongRules(requests_per_second=3, requests_per_day=2)
    listing, _ = desk.do()
    assert listing.troubles[0].code == "paused_until"
    assert desk.statuses == {200: 2, 429: 1}
    desk.do()
    # Nobody asks before the wait is over.
    assert sum(desk.statuses.values()) == 3
    desk.sandbox.gong_rules = GongRules(requests_per_second=3)
    desk.clock.pass_by(timedelta(days=1))
    listing, hydration = desk.do()
    assert (listing.troubles, hydration.troubles) == ([], [])
    assert desk.states == {READ: 450}
    assert desk.statuses[429] == 1


def test_g7_250_calls_cost_three_listings_and_three_requests_for_transcripts(connect: Connect) -> None:
    desk = connect("gong", world_of(*many_calls(250)))
    desk.sandbox.gong_rules = GongRules(requests_per_second=3, requests_per_day=10_000)
    desk.do()
    assert desk.states == {READ: 250}
    assert desk.statuses == {200: 6}


@pytest.mark.parametrize("headers", [True, False])
def test_f5_a_heavy_bucket_of_five_finishes_slowly_with_at_most_one_refusal_a_window(
    connect: Connect, headers: bool
) -> None:
    desk = connect("fathom", world_of(*many_calls(300, source="fathom")))
    desk.sandbox.fathom_rules = FathomRules(
        requests_per_minute=60, heavy_per_minute=5, has_rate_headers=headers, retry_dates=1
    )
    refused: list[int] = []
    fathom_minute = timedelta(seconds=60)

    def watch(_request: object, /) -> None:
        # Called before the answer: whatever was refused up to now was so in the minute of this moment or before.
        while len(refused) < desk.statuses[429]:
            refused.append(int((desk.clock() - NOW) / fathom_minute))

    desk.sandbox.faults.append(watch)
    began = desk.clock()
    _, hydration = desk.do()
    assert hydration.troubles == []
    assert desk.states == {READ: 300}
    assert desk.clock() - began >= 5 * fathom_minute
    assert max(Counter(refused).values(), default=0) <= 1
    assert desk.statuses[429] <= (1 if headers else 3)


@pytest.mark.parametrize("source", ["gong", "fathom"])
def test_f6_f14_oauth_lists_and_transcribes_and_renews_over_runs(connect: Connect, source: str) -> None:
    scopes = frozenset({"api:calls:read:extensive", "api:calls:read:transcript"})
    app = OAuthApp("client", "client-secret", "first-refresh-token", scopes=scopes)
    world = World((replace(company(*many_calls(12, source=source)), oauth=app),))
    token_path = "/oauth2/generate-customer-token" if source == "gong" else "/external/v1/oauth2/token"
    desk = connect(source, world)
    given = {"client_id": "client", "client_secret": "client-secret", "refresh_token": "first-refresh-token"}
    connector = desk.store.connectors.find(desk.part.workspace.id, source)
    desk.store.connectors.readdress(
        connector.id,
        base_url=connector.base_url,
        credentials=Credentials({**given, "token_url": desk.sandbox.base_url + token_path}),
    )
    listing, hydration = desk.do()
    assert (listing.troubles, hydration.troubles) == ([], [])
    assert desk.states == {READ: 12}
    assert desk.sandbox.count(token_path) == 1
    desk.clock.pass_by(timedelta(days=2))
    listing, _ = desk.do()
    assert listing.troubles == []
    assert desk.sandbox.count(token_path) == 2
    assert set(desk.statuses) == {200}
