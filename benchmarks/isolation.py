"""What it costs to be within one workspace: `python -m benchmarks.isolation [--database URL]`.

Two workspaces with 2,000 calls each; a read of each kind is timed over all workspaces and within one, in turn, and
the fastest of each printed in microseconds. On a fresh SQLite file, or an empty PostgreSQL database.
"""

import argparse
import tempfile
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from headway_pipeline.model.calls import Call, Segment, Side, Transcript
from headway_pipeline.model.features import Evidence, ExtractedFeature, FeatureType, Origin, Sentiment, Urgency
from headway_pipeline.store import Lease, Store, open_store
from headway_pipeline.store.sealing import CredentialSealer

PAGES, ON_A_PAGE, READ_ON_A_PAGE = 100, 20, 5
KEY = "YmVuY2htYXJrcy1vbmx5LWJlbmNobWFya3Mtb25seS0="
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SAID = "Every Monday somebody on my team exports the invoices by hand, and it takes the whole morning. " * 3
ITEM = ExtractedFeature(
    type=FeatureType.PAIN_POINT,
    title="Exports by hand",
    description="The team exports invoices by hand.",
    urgency=Urgency.MEDIUM,
    urgency_reason="",
    sentiment=Sentiment.NEGATIVE,
    sentiment_score=-0.4,
    confidence=0.8,
    origin=Origin.VOLUNTEERED,
    evidence=(Evidence(0, 0, 12, SAID[:12]),),
)
Read = Callable[[Store, uuid.UUID], object]
READS: dict[str, tuple[int, Read]] = {
    "connectors": (200, lambda store, key: store.connectors.list(key)),
    "50 messages": (200, lambda store, key: store.reading.messages(key, limit=50)),
    "50 items of the inbox": (100, lambda store, key: store.reading.inbox(key, limit=50)),
    "status": (50, lambda store, key: store.reading.status(key)),
    "balances": (20, lambda store, key: store.balances.by_day(key, None)),
}


def fill(store: Store, name: str) -> uuid.UUID:
    """A workspace with calls, a quarter of them read."""
    workspace = store.workspaces.add(name)
    connector = store.connectors.add(workspace.id, "gong")
    with store.leases.hold(workspace.id, "benchmark") as lease:
        for page in range(PAGES):
            calls = [
                Call(
                    "gong",
                    f"{page}-{n}",
                    NOW - timedelta(days=page, minutes=n),
                    title="Weekly sync",
                    content_hash="1",
                )
                for n in range(ON_A_PAGE)
            ]
            for row in store.listings.record_page(lease, connector.id, calls, NOW)[:READ_ON_A_PAGE]:
                _read(store, lease, row.message_id)
    return workspace.id


def _read(store: Store, lease: Lease, message_id: uuid.UUID) -> None:
    said = Transcript((Segment(0, "Rosa", Side.CUSTOMER, 0, 900, SAID),))
    store.transcripts.record(lease, message_id, said, content_hash="1")
    store.extractions.record(
        lease,
        message_id,
        text_hash=said.text_hash,
        items=[ITEM],
        sentiment=Sentiment.NEGATIVE,
        sentiment_score=-0.4,
        analyst="benchmark",
        analyst_version="1",
    )


def fastest(reads: list[Callable[[], object]], times: int) -> list[float]:
    """Microseconds of each at its best, measured in turn: what else the machine does only makes them slower."""
    seconds: list[list[float]] = [[] for _ in reads]
    for _ in range(times):
        for read, taken in zip(reads, seconds, strict=True):
            started = time.perf_counter()
            read()
            taken.append(time.perf_counter() - started)
    return [min(taken) * 1e6 for taken in seconds]


def report(url: str) -> None:
    """Fill, measure and print."""
    store = open_store(url, sealing=lambda: CredentialSealer([KEY]))
    key = fill(store, "Measured")
    fill(store, "Beside it")
    if not store.database.is_sqlite:
        # As autovacuum does within a minute.
        with store.database.outside_transactions() as connection:
            connection.exec_driver_sql("ANALYZE")
    within = store.within(key)
    print(f"{'':<24}{'all':>10}{'within':>10}   microseconds, fastest")
    for name, (times, read) in READS.items():
        whole, confined = fastest([lambda: read(store, key), lambda: read(within, key)], times)  # noqa: B023
        print(f"{name:<24}{whole:>10,.0f}{confined:>10,.0f}")
    store.close()


def main() -> None:
    """Measure on the database that is named, or on a file of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", metavar="URL", help="an empty PostgreSQL database")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report(given.database or f"sqlite:///{Path(folder) / 'headway.db'}")


if __name__ == "__main__":
    main()
