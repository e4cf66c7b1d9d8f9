"""How fast the API's listings answer over 100,000 features: `python -m benchmarks.api_reads`.

A PostgreSQL of its own (or a database in the one of HEADWAY_TEST_POSTGRES_URL) gets a workspace with 20,000 calls of
240 turns, five extracted features in each, 20 themes, 400 accounts and two years. `headway api` answers on loopback
from a process of its own, over one kept connection. Printed of each request: median, 95th percentile, worst; warm.
"""

import argparse
import http.client
import os
import random
import socket
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlencode

import sqlalchemy as sa

from headway_pipeline.model.access import Role
from headway_pipeline.model.features import FeatureType, Sentiment, Urgency
from headway_pipeline.model.ledger import MessageState
from headway_pipeline.model.workspaces import Credentials
from headway_pipeline.store import Store, open_store
from headway_pipeline.store.schema import upgrade_database
from headway_pipeline.store.sealing import CredentialSealer
from headway_pipeline.store.searching import search_text
from headway_pipeline.store.tables import (
    decisions,
    evidence,
    extracted_features,
    features,
    messages,
    sightings,
    transcripts,
)
from headway_pipeline_tests.databases import running_postgres

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
KEY = "dGVzdHMtb25seS10ZXN0cy1vbmx5LXRlc3RzLW9ubHk="
ITEMS_A_CALL, DAYS, THEMES, ACCOUNTS, TURNS = 5, 730, 20, 400, 240
CALLS_AT_ONCE = 200
RUN = "from headway_pipeline.cli.main import run; run()"
WORDS = (
    "export", "invoice", "report", "dashboard", "filter", "schedule", "webhook", "permission", "search", "calendar",
    "mobile", "offline", "import", "sync", "contract", "ledger", "payroll", "approval", "budget", "template",
    "reminder", "audit", "archive", "label", "region", "currency",
)  # fmt: skip
ASKS = (
    "We would really like to {0} the {1} by itself, because {2} takes us the whole morning every Monday",
    "It keeps losing the {0} whenever somebody opens the {1}, and then the {2} is wrong for days",
    "The {0} is so slow with our {1} that people go back to spreadsheets for the {2}",
)


def _sentence(rng: random.Random) -> str:
    return rng.choice(ASKS).format(*rng.sample(WORDS, 3))


def _segments(rng: random.Random, quotes: Sequence[str]) -> list[dict[str, Any]]:
    """A call of 240 turns; the quotes are whole turns of the customer."""
    segments = []
    for index in range(TURNS):
        side = "customer" if index % 2 else "vendor"
        text = f"{_sentence(rng)}. {' '.join(rng.choices(WORDS, k=6))}."
        segments.append(_segment(index, side, text))
    for number, quote in enumerate(quotes):
        index = 2 * (number * TURNS // (2 * len(quotes))) + 1
        segments[index] = _segment(index, "customer", quote)
    return segments


def _segment(index: int, side: str, text: str) -> dict[str, Any]:
    times = {"start_ms": index * 5_000, "end_ms": index * 5_000 + 4_900}
    return {"index": index, "speaker": side.title(), "side": side, **times, "text": text}


def fill(store: Store, calls: int) -> uuid.UUID:
    """Rows as the pipeline leaves them, written in bulk; returns the workspace's id."""
    rng = random.Random(7)
    workspace = store.workspaces.add("Measured")
    credentials = Credentials({"access_key": "k", "secret_key": "s"})
    connector_id = store.connectors.add(workspace.id, "gong", credentials=credentials).id
    theme_ids = [store.themes.add(workspace.id, word.title()).theme.id for word in WORDS[:THEMES]]
    for start in range(0, calls, CALLS_AT_ONCE):
        rows: dict[sa.Table, list[dict[str, Any]]] = {}
        for number in range(start, min(start + CALLS_AT_ONCE, calls)):
            for table, row in _call_rows(rng, workspace.id, connector_id, theme_ids, number, calls):
                rows.setdefault(table, []).append(row)
        with store.database.writing() as connection:
            for table in (messages, sightings, transcripts, extracted_features, evidence, features, decisions):
                if table in rows:
                    connection.execute(table.insert(), rows[table])
    with store.database.outside_transactions() as connection:
        connection.exec_driver_sql("ANALYZE")
    return workspace.id


def _call_rows(
    rng: random.Random,
    workspace_id: uuid.UUID,
    connector_id: uuid.UUID,
    theme_ids: Sequence[uuid.UUID],
    number: int,
    calls: int,
) -> Iterator[tuple[sa.Table, dict[str, Any]]]:
    of = {"workspace_id": workspace_id, "message_id": uuid.UUID(int=rng.getrandbits(128))}
    occurred_at = NOW - timedelta(minutes=number * DAYS * 24 * 60 // calls)
    yield (
        messages,
        {
            "id": of["message_id"],
            "workspace_id": workspace_id,
            "source": rng.choice(("gong", "gong", "fathom")),
            "external_id": str(number),
            "title": f"Weekly {rng.choice(WORDS)} sync",
            "occurred_at": occurred_at,
            "url": f"https://calls.example/{number}",
            "account": f"Account {int(rng.paretovariate(1)) % ACCOUNTS}",
            "state": MessageState.ANALYSED.value,
            "raw": {"id": str(number)},
        },
    )
    yield sightings, {**of, "connector_id": connector_id, "first_listed_at": NOW, "last_listed_at": NOW}
    quotes = [_sentence(rng) for _ in range(ITEMS_A_CALL)]
    segments = _segments(rng, quotes)
    hashes = {"text_hash": "t", "content_hash": "c"}
    yield transcripts, {**of, "segments": segments, **hashes, "speech_chars": 20_000, "fetched_at": NOW}
    for position, quote in enumerate(quotes):
        yield from _item_rows(rng, of, theme_ids, position, quote, TURNS)


def _item_rows(
    rng: random.Random,
    of: dict[str, uuid.UUID],
    theme_ids: Sequence[uuid.UUID],
    position: int,
    quote: str,
    turns: int,
) -> Iterator[tuple[sa.Table, dict[str, Any]]]:
    key = uuid.UUID(int=rng.getrandbits(128))
    title, description = quote[:70], f"The team says: {quote}. {_sentence(rng)}."
    theme_id = theme_ids[min(int(rng.expovariate(0.2)), len(theme_ids) - 1)]
    is_filed, is_dismissed = rng.random() < 0.8, rng.random() < 0.02
    shown = {
        "title": title,
        "description": description,
        "type": rng.choice(list(FeatureType)).value,
        "urgency": rng.choices(list(Urgency), weights=(50, 35, 12, 3))[0].value,
        "sentiment_score": round(rng.uniform(-1, 1), 2),
    }
    best = [[str(theme_id), 0.8], [str(rng.choice(theme_ids)), 0.4]]
    yield (
        extracted_features,
        {
            "id": key,
            **of,
            "position": position,
            **shown,
            "urgency_reason": "",
            "sentiment": rng.choice(list(Sentiment)).value,
            "confidence": round(rng.uniform(0.3, 1), 2),
            "origin": "volunteered",
            "analyst": "measured",
            "analyst_version": "1",
            "text_hash": "t",
            "search_text": search_text(title, description, [quote]),
            "matched_theme_id": theme_id if is_filed else None,
            "best_themes": best,
        },
    )
    index = 2 * (position * turns // (2 * ITEMS_A_CALL)) + 1
    span = {"segment_index": index, "char_start": 0, "char_end": len(quote), "quote": quote}
    owner = {**of, "extracted_feature_id": key}
    yield evidence, {"id": uuid.UUID(int=rng.getrandbits(128)), **owner, "position": 0, **span}
    if is_dismissed:
        decided = {"kind": "dismiss", "theme_id": None, "decided_by": "measured"}
        yield decisions, {"id": uuid.UUID(int=rng.getrandbits(128)), **owner, **decided}
    elif is_filed:
        scored = {"theme_id": theme_id, "theme_score": 0.8}
        yield features, {"id": uuid.UUID(int=rng.getrandbits(128)), **owner, **shown, **scored}


#: What a product manager's page asks for.
REQUESTS: dict[str, dict[str, Any]] = {
    "features": {},
    "features of a common theme": {"theme": 0},
    "features of a rare theme": {"theme": 18},
    "critical bugs": {"type": "bug_report", "urgency": "critical"},
    "critical bugs of a rare theme": {"type": "bug_report", "urgency": "critical", "theme": 18},
    "one account": {"account": "Account 3"},
    "an account without any": {"account": "Nobody"},
    "one source, the last quarter": {"source": "fathom", "since": "2026-08-20"},
    "half a year ago": {"until": "2026-05-20"},
    "a common word": {"text": "payroll"},
    "a word nobody said": {"text": "unicorn"},
    "sure ones": {"confidence": 0.95},
    "dismissed ones": {"decided": "dismiss"},
}
PATHS: dict[str, tuple[str, dict[str, Any]]] = {
    **{name: ("/features", query) for name, query in REQUESTS.items()},
    "inbox": ("/inbox", {}),
    "messages": ("/messages", {}),
    "summary": ("/features/summary", {}),
    "summary of a theme's last quarter": ("/features/summary", {"theme": 0, "since": "2026-08-20"}),
    "accounts": ("/accounts", {}),
}


@contextmanager
def served(url: str) -> Iterator[int]:
    """`headway api` over the database, in a process of its own; yields its port."""
    with TemporaryDirectory() as home:
        environment = {**os.environ, "DATABASE_URL": url, "HEADWAY_SECRET_KEY": KEY, "HEADWAY_HOME": home}
        port = _free_port()
        command = [sys.executable, "-c", RUN, "api", "--port", str(port)]
        process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
        try:
            for _ in range(200):
                if _answers(port):
                    break
                time.sleep(0.1)
            yield port
        finally:
            process.terminate()
            process.wait(timeout=20)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _answers(port: int) -> bool:
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except OSError:
        return False


def measure(store: Store, workspace_id: uuid.UUID, port: int, rounds: int) -> None:
    """Print a line a request."""
    _, secret = store.api_tokens.create("measured", Role.VIEWER, workspace_id=workspace_id)
    theme_ids = [row.theme.id for row in store.themes.list(workspace_id)]
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    print(f"{'request':<36}{'rows':>7}{'median':>10}{'95 %':>10}{'worst':>10}   ms, of {rounds}")
    for name, (path, given) in PATHS.items():
        query = {"theme_id" if key == "theme" else key: value for key, value in given.items()}
        if "theme_id" in query:
            query["theme_id"] = theme_ids[query["theme_id"]]
        address = f"/api/v1/workspaces/{workspace_id}{path}?{urlencode(query)}"
        spent: list[float] = []
        for turn in range(rounds + 2):
            began = time.perf_counter()
            connection.request("GET", address, headers={"Authorization": f"Bearer {secret}"})
            answer = connection.getresponse()
            body = answer.read()
            if answer.status != 200:
                raise SystemExit(f"{name}: {answer.status} {body[:300]!r}")
            # The first two warm up caches and connections.
            if turn > 1:
                spent.append(1000 * (time.perf_counter() - began))
        rows = body.count(b'"external_id"') or "-"
        worst = sorted(spent)[int(0.95 * len(spent))]
        print(f"{name:<36}{rows:>7}{statistics.median(spent):>10.1f}{worst:>10.1f}{max(spent):>10.1f}", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=30)
    given = parser.parse_args()
    with running_postgres() as postgres:
        url = postgres.create()
        upgrade_database(url)
        store = open_store(url, sealing=lambda: CredentialSealer([KEY]))
        began = time.perf_counter()
        workspace_id = fill(store, given.calls)
        print(f"{given.calls * ITEMS_A_CALL:,} extracted features written in {time.perf_counter() - began:.0f} s")
        with served(url) as port:
            measure(store, workspace_id, port, given.rounds)
        store.close()
        postgres.drop(url)


if __name__ == "__main__":
    main()
