"""What one workspace gets of another over the API: `python -m benchmarks.swapped_requests [--requests 10000]`.

Two workspaces lie next to each other on a SQLite file, then on a PostgreSQL of its own (or a database in the one of
HEADWAY_TEST_POSTGRES_URL). Tokens of either send requests to every route, with every method, that name the other's
workspace, connectors, themes, calls, features, ingests, cursors and keys. Every answer is searched for the other's
words and ids, every write for what it changed of the other's; what names something of the other's is asked once more
of what does not exist, and must be answered alike. Printed: what was asked, answered and found. Exits with 1 where
anything was found.
"""

import argparse
import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from headway_pipeline.store import open_store
from headway_pipeline.store.schema import upgrade_database
from headway_pipeline.store.sealing import CredentialSealer
from headway_pipeline_tests.api.swapping import Tally, neighbours
from headway_pipeline_tests.databases import running_postgres

KEY = "dGVzdHMtb25seS10ZXN0cy1vbmx5LXRlc3RzLW9ubHk="


@contextmanager
def databases(folder: Path) -> Iterator[dict[str, str]]:
    """Addresses of two empty databases, by their kind."""
    with running_postgres() as postgres:
        url = postgres.create()
        yield {"SQLite": f"sqlite:///{folder / 'headway.db'}", "PostgreSQL": url}
        postgres.drop(url)


def attempt(url: str, folder: Path, requests: int, seed: int) -> Tally:
    """Send the requests over one database."""
    upgrade_database(url)
    store = open_store(url, sealing=lambda: CredentialSealer([KEY]))
    try:
        with neighbours(store, folder) as attempts:
            return attempts.try_all(requests, seed)
    finally:
        store.close()


def show(kind: str, tally: Tally, took_s: float) -> None:
    """Print what came of it."""
    statuses = ", ".join(f"{count} x {status}" for status, count in sorted(tally.statuses.items()))
    print(
        f"{kind}: {tally.requests:,} requests to {len(tally.routes)} routes and methods in {took_s:.0f} s: {statuses}"
    )
    print(f"  {tally.writes:,} were to write; {tally.twins:,} were compared with what does not exist")
    print(f"  {len(tally.foreign)} read or changed something of the other workspace", flush=True)
    for words in tally.foreign[:10]:
        print(f"    {words}")


def main() -> None:
    """Send, look, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=10_000, help="over either database")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    # Forged deliveries are told in the log.
    logging.getLogger("headway_pipeline").setLevel(logging.CRITICAL)
    found = 0
    with TemporaryDirectory() as made, databases(Path(made)) as urls:
        for kind, url in urls.items():
            began = time.perf_counter()
            tally = attempt(url, Path(made), given.requests, given.seed)
            show(kind, tally, time.perf_counter() - began)
            found += len(tally.foreign)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
