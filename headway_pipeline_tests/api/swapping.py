"""Requests that name another workspace's things: how they are drawn and sent, and what must not come of them.

Every route of the application, with every method; each thing a request names is the caller's own or the neighbour's.
After a request nothing of the neighbour may stand in the answer, and no row of the neighbour be another one. Where it
named something of theirs, the answer is the one to a thing that does not exist.
"""

import json
import random
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from fastapi.testclient import TestClient

from headway_pipeline.api.app import build_api
from headway_pipeline.api.rates import Limits, Rate
from headway_pipeline.model.access import Role
from headway_pipeline.sandbox.server import Sandbox
from headway_pipeline.settings import load_settings
from headway_pipeline.store import Store
from headway_pipeline_tests.api.fakes import FakeLauncher
from headway_pipeline_tests.api.neighbours import NOBODY, Neighbour, settled
from headway_pipeline_tests.store.rows import NOW
from headway_pipeline_tests.store.tenants import everything_of
from headway_pipeline_tests.webhooks import fathom_body, fathom_delivery
from headway_pipeline_tests.worlds import world

__all__ = ["Asked", "Attempts", "Route", "Tally", "neighbours", "routes_of"]

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
ID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")
#: What may differ between two answers that say the same.
CHANCE = re.compile(rf"{ID.pattern}|\d{{4}}-\d\d-\d\dT[\d:.]+(?:Z|\+00:00)|made \d+")
#: Query parameters that name something, by what they name.
NAMING = {name: name for name in ("connector_id", "theme_id", "message_id", "account", "text", "cursor")}
#: Query parameters that show more.
SHOWING = {"format": "ndjson", "inactive": "true", "archived": "true", "decided": "any"}
UNLIMITED = Limits(*(Rate(1_000_000, 1_000_000.0),) * 3)
#: Between two requests; refusals of deliveries are counted by the minute.
TICK = timedelta(seconds=3)


@dataclass(frozen=True)
class Route:
    """An address with a method, declared or not, and the query parameters it takes."""

    method: str
    path: str
    takes: tuple[str, ...]
    is_declared: bool

    @property
    def name(self) -> str:
        """As the OpenAPI document words it."""
        return f"{self.method} {self.path}"


@dataclass(frozen=True)
class Asked:
    """A request, but for whose things its names are.

    Attributes:
        theirs: the names under which it says what is the neighbour's.
        number: makes what it makes a thing of its own.
    """

    route: Route
    theirs: frozenset[str]
    query: tuple[str, ...]
    bearer: str | None
    by_slug: bool
    guard: str | None
    number: int


@dataclass
class Tally:
    """What was asked, and what came of it."""

    requests: int = 0
    statuses: dict[int, int] = field(default_factory=dict)
    routes: set[str] = field(default_factory=set)
    writes: int = 0
    twins: int = 0
    foreign: list[str] = field(default_factory=list)


def routes_of(app: Any) -> list[Route]:
    """Every address with every method."""
    found = []
    for path, methods in app.openapi()["paths"].items():
        for method in METHODS:
            declared = methods.get(method.lower())
            takes = tuple(one["name"] for one in (declared or {}).get("parameters", ()) if one["in"] == "query")
            found.append(Route(method, path, takes, declared is not None))
    return found


def bodies(name: str, named: Mapping[str, str], number: int) -> dict[str, Any] | None:
    """What is sent to a route; None for nothing."""
    address = name.replace("/api/v1/workspaces/{workspace_id}", "")
    made: dict[str, dict[str, Any]] = {
        "POST /api/v1/workspaces": {"name": f"made {number}"},
        "PATCH ": {"name": f"made {number}"},
        "POST /connectors": {
            "connector_type": "gong",
            "name": f"made {number}",
            "gong_access_key": "a",
            "gong_secret_key": "b",
        },
        "PATCH /connectors/{connector_id}": {"name": f"made {number}", "is_active": True},
        "POST /themes": {"name": f"made {number}"},
        "PATCH /themes/{theme_id}": {"description": f"made {number}", "is_archived": False},
        "POST /ingests": {"days_back": 0},
        "PUT /features/{feature_id}/verdict": {"verdict": "accept", "note": f"made {number}"},
        "PUT /features/{feature_id}/theme": {"theme_id": named["theme_id"], "note": f"made {number}"},
    }
    return made.get(address)


@contextmanager
def neighbours(store: Store, folder: Path) -> Iterator["Attempts"]:
    """An application in which two workspaces are next to each other, and their sources."""
    clock = [NOW]
    settings = load_settings({"HEADWAY_HOME": str(folder)}, folder)
    app = build_api(store, settings, launcher=FakeLauncher(), now=lambda: clock[0], limits=UNLIMITED)
    with (
        Sandbox(world()) as sandbox,
        TestClient(app, base_url="http://127.0.0.1:8000", raise_server_exceptions=False) as client,
    ):
        okapi = settled(store, "Okapi", base_url=sandbox.fathom_url, minutes=0)
        zebra = settled(store, "Zebra", base_url=sandbox.fathom_url, minutes=20)

        def tick() -> datetime:
            clock[0] += TICK
            return clock[0]

        yield Attempts(store, client, routes_of(app), (okapi, zebra), tick)


@dataclass
class Attempts:
    """Sends requests of one neighbour that name things of the other one."""

    store: Store
    client: TestClient
    routes: list[Route]
    both: tuple[Neighbour, Neighbour]
    tick: Callable[[], datetime]

    def try_all(self, count: int, seed: int) -> Tally:
        """`count` requests, one half of them of either neighbour."""
        rng, tally = random.Random(seed), Tally()
        for caller, other in (self.both, self.both[::-1]):
            self._keep_an_answer(other)
            before = self._rows_of(other)
            theirs = frozenset(ID.findall(repr(before))) | {other.word.lower()}
            for number in range(count // 2):
                asked = self.draw(rng, caller, number=2 * (tally.requests + number))
                self._try(asked, caller, other, theirs, tally)
                # What reads is not to write either, but is not looked at each time.
                if asked.route.method not in ("GET", "HEAD") or number % 50 == 0:
                    tally.writes += asked.route.method not in ("GET", "HEAD")
                    after = self._rows_of(other)
                    tally.foreign += [f"{asked} changed {name}" for name in before if before[name] != after[name]]
                    before = after
            tally.requests += count // 2
        return tally

    def _rows_of(self, owner: Neighbour) -> dict[str, list[Any]]:
        """What only its owner may change. That somebody forged deliveries for it is counted for it."""
        rows = everything_of(self.store, owner.workspace_id)
        del rows["webhook_counts"]
        return rows

    def _keep_an_answer(self, owner: Neighbour) -> None:
        """Have the application keep an answer under an Idempotency-Key of the owner's."""
        answer = self.client.post(
            f"/api/v1/workspaces/{owner.workspace_id}/themes",
            json={"name": f"{owner.word} once"},
            headers={"Idempotency-Key": owner.names["key"], "Authorization": f"Bearer {owner.tokens[Role.ADMIN]}"},
        )
        assert answer.status_code == 201

    def draw(self, rng: random.Random, caller: Neighbour, *, number: int) -> Asked:
        """One request with at least one name of the neighbour's."""
        declared = [route for route in self.routes if route.is_declared]
        route = rng.choice(declared if rng.random() < 0.9 else self.routes)
        query = tuple(name for name in route.takes if name in NAMING | SHOWING and rng.random() < 0.3)
        names = [*re.findall(r"{(\w+)}", route.path), *(name for name in query if name in NAMING)]
        names += ["theme_id"] if route.name.endswith("/theme") else []
        names += {"POST": ["key"], "PATCH": ["etag"]}.get(route.method, [])
        chosen = {name for name in [*names, "key", "etag"] if rng.random() < 0.4}
        chosen |= {rng.choice(names)} if names else set()
        bearer = rng.choice(list(caller.tokens.values())) if rng.random() < 0.95 else rng.choice([None, "x" * 43])
        guard = rng.choice(["*", "etag", None])
        by_slug = rng.random() < 0.3
        return Asked(route, frozenset(chosen - {"source"}), query, bearer, by_slug, guard, number)

    def _try(self, asked: Asked, caller: Neighbour, other: Neighbour, theirs: frozenset[str], tally: Tally) -> None:
        sent, status, words = self.ask(asked, caller, other)
        tally.statuses[status] = tally.statuses.get(status, 0) + 1
        tally.routes.add(asked.route.name)
        # A refusal may repeat an id that was sent.
        found = {word for word in theirs - set(ID.findall(sent)) if word in words.lower()}
        if found:
            tally.foreign.append(f"{asked} was answered with {sorted(found)}")
        if asked.theirs - {"key", "etag"}:
            tally.twins += 1
            _, twin_status, twin_words = self.ask(replace(asked, number=asked.number + 1), caller, NOBODY)
            if (status, CHANCE.sub("", words)) != (twin_status, CHANCE.sub("", twin_words)):
                tally.foreign.append(
                    f"{asked}: {status} {words!r}, of what does not exist {twin_status} {twin_words!r}"
                )

    def ask(self, asked: Asked, caller: Neighbour, other: Neighbour) -> tuple[str, int, str]:
        """Send it; returns its address and body, the answer's status, and all words of the answer."""
        named = {name: (other if name in asked.theirs else caller).names[name] for name in caller.names}
        if asked.by_slug:
            named["workspace_id"] = (other if "workspace_id" in asked.theirs else caller).names["slug"]
        path = re.sub(r"{(\w+)}", lambda part: quote({**named, "source": "fathom"}[part[1]]), asked.route.path)
        query = urlencode({name: named[NAMING[name]] if name in NAMING else SHOWING[name] for name in asked.query})
        sent = f"{path}?{query}" if query else path
        body, headers = self._body(asked, caller, named)
        if asked.bearer is not None and "Authorization" not in headers:
            headers["Authorization"] = f"Bearer {asked.bearer}"
        answer = self.client.request(asked.route.method, sent, content=body, headers=headers)
        sent += f"\n{body.decode()}"
        shown = "\n".join(f"{name}: {value}" for name, value in answer.headers.items() if name in SPOKEN)
        return sent, answer.status_code, f"{shown}\n{answer.text}"

    def _body(self, asked: Asked, caller: Neighbour, named: Mapping[str, str]) -> tuple[bytes, dict[str, str]]:
        now = self.tick()
        if asked.route.name == "POST /webhooks/{source}/{connector_id}":
            # Signed as the caller's own source signs, whoever's connector it is for.
            body = fathom_body(asked.number + 1)
            signed = fathom_delivery(body, delivery_id=f"msg_{asked.number}", at=now, secret=caller.secret)
            return body, {"Content-Type": "application/json", **dict(signed.headers)}
        made = bodies(asked.route.name, named, asked.number)
        headers: dict[str, str] = {"If-Match": "*"} if asked.guard == "*" else {}
        if asked.guard == "etag":
            headers["If-Match" if asked.route.method == "PATCH" else "If-None-Match"] = named["etag"]
        if asked.route.method == "POST" and "key" in asked.theirs:
            headers["Idempotency-Key"] = named["key"]
        if made is None:
            return b"", headers
        return json.dumps(made).encode(), {"Content-Type": "application/json", **headers}


#: Headers that say something of what is answered.
SPOKEN = ("location", "link", "content-disposition", "idempotency-replayed")
