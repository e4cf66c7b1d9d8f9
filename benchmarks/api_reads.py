"""How fast the API's listings answer over 100,000 features: `python -m benchmarks.api_reads`.

A PostgreSQL of its own (or the one in HEADWAY_TEST_POSTGRES_URL) gets a workspace with 20,000 calls of about 20
minutes, five extracted features in each, 20 themes, 400 accounts and two years. `headway api` answers on loopback from a
process of its own; each request is sent over one kept connection. Printed: median, 95th percentile and worst, warm.
"""

import random
import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from headway_pipeline.model.features import FeatureType, Sentiment, Urgency
from headway_pipeline.model.ledger import MessageState
from headway_pipeline.store import Store
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

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
KEY = "dGVzdHMtb25seS10ZXN0cy1vbmx5LXRlc3RzLW9ubHk="
ITEMS_A_CALL, DAYS, THEMES, ACCOUNTS, TURNS = 5, 730, 20, 400, 240
CALLS_AT_ONCE = 200
WORDS = [
    "export",
    "invoice",
    "report",
    "dashboard",
    "filter",
    "schedule",
    "webhook",
    "permission",
    "search",
    "calendar",
    "mobile",
    "offline",
    "import",
    "sync",
    "contract",
    "ledger",
    "payroll",
    "approval",
    "budget",
    "template",
    "reminder",
    "audit",
    "archive",
    "label",
    "region",
    "currency",
]
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
    connector_id = uuid.uuid4()
    with store.database.writing() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO workspace_connectors (id, workspace_id, connector_type, name) VALUES (:id, :of, 'gong', 'gong')"
            ),
            {"id": str(connector_id), "of": str(workspace.id)},
        )
    theme_ids = [store.themes.add(workspace.id, f"{word.title()}").theme.id for word in WORDS[:THEMES]]
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
