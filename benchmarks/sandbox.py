"""What the local Gong and Fathom cost by themselves: `python -m benchmarks.sandbox --calls 20000 --words 9000`.

So that a benchmark over them knows what is not the pipeline's. Lists a month of calls in windows of a week, then asks
for some transcripts, over HTTP from the same process. Printed: records a CPU second of server and client together.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import requests

from headway_pipeline.sandbox.server import Sandbox
from headway_pipeline.sandbox.soak import FATHOM_USERS, Soak, make_soak

START = datetime(2026, 10, 1, tzinfo=UTC)
WEEK = timedelta(days=7)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=20_000, help="in each source")
    parser.add_argument("--words", type=int, default=9_000, help="of a transcript")
    parser.add_argument("--transcripts", type=int, default=500, help="how many to ask for")
    asked = parser.parse_args()
    began = time.process_time()
    soak = make_soak(asked.calls, start=START, seed=1, words=asked.words)
    print(f"made a world of 2 x {asked.calls} calls in {time.process_time() - began:.1f} CPU s")
    with Sandbox(soak.world, clock=lambda: soak.end) as sandbox, requests.Session() as session:
        _report("calls listed by Gong", lambda: len([*_gong_calls(sandbox, session, soak)]))
        _report("meetings listed by Fathom", lambda: sum(1 for _ in _fathom_meetings(sandbox, session, soak)))
        ids = [row["metaData"]["id"] for row in _gong_calls(sandbox, session, soak)][: asked.transcripts]
        _report(
            f"Gong transcripts of {asked.words} words", lambda: len(_gong_transcripts(sandbox, session, soak, ids))
        )


def _report(what: str, act: Callable[[], int]) -> None:
    began = time.process_time()
    count = act()
    spent = time.process_time() - began
    print(f"{what}: {count} in {spent:.1f} CPU s, {count / spent:.0f} a CPU second")


def _windows(soak: Soak) -> Iterator[tuple[str, str]]:
    start = soak.start
    while start < soak.end:
        yield start.isoformat(), min(start + WEEK, soak.end).isoformat()
        start += WEEK


def _gong_calls(sandbox: Sandbox, session: requests.Session, soak: Soak) -> Iterator[dict[str, Any]]:
    address = f"{sandbox.base_url}/v2/calls/extensive"
    keys = (soak.company.access_key, soak.company.secret_key)
    for start, end in _windows(soak):
        body: dict[str, Any] = {
            "filter": {"fromDateTime": start, "toDateTime": end},
            "contentSelector": {"context": "Basic", "exposedFields": {"parties": True}},
        }
        while True:
            page = session.post(address, json=body, auth=keys, timeout=30).json()
            yield from page["calls"]
            if "cursor" not in page["records"]:
                break
            body["cursor"] = page["records"]["cursor"]


def _gong_transcripts(
    sandbox: Sandbox, session: requests.Session, soak: Soak, ids: list[str]
) -> list[dict[str, Any]]:
    keys = (soak.company.access_key, soak.company.secret_key)
    found: list[dict[str, Any]] = []
    for first in range(0, len(ids), 100):
        body = {"filter": {"callIds": ids[first : first + 100]}}
        answer = session.post(f"{sandbox.base_url}/v2/calls/transcript", json=body, auth=keys, timeout=30)
        found += answer.json()["callTranscripts"]
    return found


def _fathom_meetings(sandbox: Sandbox, session: requests.Session, soak: Soak) -> Iterator[dict[str, Any]]:
    headers = {"X-Api-Key": FATHOM_USERS[0].api_token}
    for start, end in _windows(soak):
        query = {"created_after": start, "created_before": end}
        while True:
            page = session.get(f"{sandbox.fathom_url}/meetings", params=query, headers=headers, timeout=30).json()
            yield from page["items"]
            if not page["next_cursor"]:
                break
            query["cursor"] = page["next_cursor"]


if __name__ == "__main__":
    main()
