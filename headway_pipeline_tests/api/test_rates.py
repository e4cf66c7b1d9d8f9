"""How often somebody may ask."""

from collections.abc import Callable
from datetime import UTC, datetime

from fastapi.testclient import TestClient

from headway_pipeline.api.app import build_api
from headway_pipeline.api.rates import Buckets, Lately, Limits, Rate
from headway_pipeline.model.access import Role
from headway_pipeline.model.workspaces import Workspace
from headway_pipeline.settings import Settings
from headway_pipeline.store import Store
from headway_pipeline_tests.api.fakes import FakeLauncher

Clients = Callable[..., TestClient]
MANY = Rate(10_000, 1_000.0)


class Clock:
    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


def test_a_bucket_gives_its_burst_and_then_its_rate() -> None:
    clock = Clock()
    buckets = Buckets(Rate(3, 2.0), clock=clock)
    assert [buckets.take("a") for _ in range(4)] == [0, 0, 0, 0.5]
    clock.at = 0.5
    assert (buckets.take("a"), buckets.take("a")) == (0, 0.5)
    clock.at = 1_000
    assert [buckets.take("a") for _ in range(4)] == [0, 0, 0, 0.5]


def test_callers_do_not_take_from_each_other() -> None:
    buckets = Buckets(Rate(1, 0.1), clock=Clock())
    assert (buckets.take("a"), buckets.take("b")) == (0, 0)
    assert buckets.take("a") > 0


def test_a_flood_of_callers_takes_no_more_memory() -> None:
    buckets = Buckets(Rate(1, 0.1), most=100, clock=Clock())
    for number in range(10_000):
        buckets.take(str(number))
    assert len(buckets) == 100


def limited(store: Store, settings: Settings, limits: Limits, secret: str) -> TestClient:
    app = build_api(store, settings, launcher=FakeLauncher(), now=lambda: datetime.now(tz=UTC), limits=limits)
    return TestClient(app, base_url="http://127.0.0.1", headers={"Authorization": f"Bearer {secret}"})


def test_who_asks_too_often_is_told_when_to_come_back(store: Store, settings: Settings, acme: Workspace) -> None:
    _, first = store.api_tokens.create("first", Role.VIEWER, workspace_id=acme.id)
    _, second = store.api_tokens.create("second", Role.VIEWER, workspace_id=acme.id)
    limits = Limits(address=MANY, token=Rate(2, 0.1), failure=MANY)
    client = limited(store, settings, limits, first)
    path = f"/api/v1/workspaces/{acme.id}"
    answers = [client.get(path) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 10
    assert client.get(path, headers={"Authorization": f"Bearer {second}"}).status_code == 200


def test_who_guesses_tokens_is_stopped_without_asking_the_database(store: Store, settings: Settings) -> None:
    client = limited(store, settings, Limits(address=MANY, token=MANY, failure=Rate(2, 0.01)), "x" * 43)
    statuses = [client.get("/api/v1/workspaces").status_code for _ in range(4)]
    assert statuses == [401, 401, 429, 429]
    assert client.get("/health").status_code == 200


def test_who_asks_on_with_a_revoked_token_shuts_out_nobody_at_the_same_address(
    store: Store, settings: Settings, acme: Workspace
) -> None:
    revoked, old = store.api_tokens.create("old", Role.VIEWER, workspace_id=acme.id)
    _, good = store.api_tokens.create("good", Role.VIEWER, workspace_id=acme.id)
    client = limited(store, settings, Limits(address=MANY, token=MANY, failure=Rate(2, 0.01)), old)
    path, own = f"/api/v1/workspaces/{acme.id}", {"Authorization": f"Bearer {good}"}
    assert [client.get(path).status_code, client.get(path, headers=own).status_code] == [200, 200]
    store.api_tokens.revoke(str(revoked.id))
    assert [client.get(path).status_code for _ in range(4)] == [401, 401, 429, 429]
    assert client.get(path, headers=own).status_code == 200


def test_of_what_was_seen_the_longest_unseen_is_forgotten_first() -> None:
    lately = Lately(most=2)
    for key in (b"a", b"b", b"a", b"c"):
        lately.see(key)
    assert [key in lately for key in (b"a", b"b", b"c")] == [True, False, True]
    lately.forget(b"a")
    lately.forget(b"z")
    assert b"a" not in lately
