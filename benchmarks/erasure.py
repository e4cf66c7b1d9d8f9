"""How long the erasure of one person takes: `python -m benchmarks.erasure [--calls 2000] [--words 9000]`.

A workspace of made-up calls in an embedded database, or in the empty one that `--database` names, each with its
transcript and one feature; one person is on every twentieth call, another one on every other twentieth. Printed:
seconds to find the person (a dry run), to erase their calls, to take another one's turns out, and the file's size.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from benchmarks.synthetic_calls import synthetic_call
from headway_pipeline.ingestion.erasure import ErasureRequest, erase, plan_erasure
from headway_pipeline.model.calls import Call, Participant, Side, Transcript
from headway_pipeline.model.erasure import ErasureScope
from headway_pipeline.model.features import Evidence, ExtractedFeature, FeatureType, Origin, Sentiment, Urgency
from headway_pipeline.model.workspaces import Credentials, Workspace
from headway_pipeline.store import Store, open_store
from headway_pipeline.store.sealing import CredentialSealer

#: Of no use outside this benchmark.
KEY = "YmVuY2htYXJrLW9ubHktYmVuY2htYXJrLW9ubHktMTI="
EVERY = 20
DIFFERENT_TRANSCRIPTS = 10
RESULT = TypeVar("RESULT")


def timed(words: str, work: Callable[[], RESULT]) -> RESULT:
    """Do the work and print how long it took."""
    started, started_cpu = time.perf_counter(), time.process_time()
    answer = work()
    print(f"{words}: {time.perf_counter() - started:.2f} s ({time.process_time() - started_cpu:.2f} CPU s)")
    return answer


def person_on(number: int) -> tuple[str, str]:
    """Name and address of the customer on a call."""
    match number % EVERY:
        case 0:
            return "Rosa Lindgren", "rosa@buyer.example"
        case 1:
            return "Ivo Castellan", "ivo@buyer.example"
        case _:
            return f"Customer Person{'abcdefghij'[number % 10]}", f"person{number % 10}@buyer.example"


def spoken_by(transcript: Transcript, name: str) -> Transcript:
    """The transcript with `name` over the customer's turns."""
    return Transcript(
        tuple(
            replace(segment, speaker=name if segment.side is Side.CUSTOMER else "Vera Vendor")
            for segment in transcript.segments
        )
    )


def fill(store: Store, workspace: Workspace, calls: int, words: int) -> None:
    """Store the calls, their transcripts and a feature each."""
    connector = store.connectors.add(workspace.id, "gong", credentials=Credentials({"access_key": "k"}))
    transcripts = [synthetic_call(words, seed) for seed in range(DIFFERENT_TRANSCRIPTS)]
    now = datetime.now(tz=UTC)
    with store.leases.hold(workspace.id, "benchmark") as lease:
        for number in range(calls):
            name, address = person_on(number)
            person = Participant(name, address, Side.CUSTOMER, str(number))
            raw = {"id": str(number), "parties": [{"name": name, "emailAddress": address, "speakerId": str(number)}]}
            started = now - timedelta(minutes=number + 1)
            call = Call("gong", str(number), started, "Sync", participants=(person,), raw=raw, content_hash="1")
            (recorded,) = store.listings.record_page(lease, connector.id, [call], now)
            transcript = spoken_by(transcripts[number % DIFFERENT_TRANSCRIPTS], name)
            store.transcripts.record(lease, recorded.message_id, transcript, content_hash="1")
            said = next(segment for segment in transcript.segments if segment.side is Side.CUSTOMER)
            item = ExtractedFeature(
                type=FeatureType.PAIN_POINT,
                title="A title",
                description="A description",
                urgency=Urgency.LOW,
                urgency_reason="",
                sentiment=Sentiment.NEUTRAL,
                sentiment_score=0.0,
                confidence=0.5,
                origin=Origin.VOLUNTEERED,
                evidence=(Evidence(said.index, 0, len(said.text), said.text),),
            )
            store.extractions.record(
                lease,
                recorded.message_id,
                text_hash=transcript.text_hash,
                items=[item],
                sentiment=Sentiment.NEUTRAL,
                sentiment_score=0.0,
                analyst="benchmark",
                analyst_version="1",
            )


def main() -> None:
    """Fill, find, erase; print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--words", type=int, default=9000)
    parser.add_argument("--database", help="URL of an empty database; an embedded one when left out")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "headway.db"
        store = open_store(given.database or f"sqlite:///{file}", sealing=lambda: CredentialSealer([KEY]))
        workspace = store.workspaces.add("Measured")
        timed(
            f"{given.calls} calls of {given.words} words stored",
            lambda: fill(store, workspace, given.calls, given.words),
        )
        size(file)

        def request(named: str, scope: ErasureScope) -> ErasureRequest:
            return ErasureRequest(workspace, scope, named, Path(folder) / "exports")

        def carry_out(named: str, scope: ErasureScope) -> int:
            receipt = erase(store, request(named, scope), actor="benchmark", now=lambda: datetime.now(tz=UTC))
            return len(receipt["calls"])

        rosa, ivo = "rosa@buyer.example", "Ivo Castellan"
        plan = timed("found by address", lambda: plan_erasure(store, request(rosa, ErasureScope.CALLS)))
        print(f"  on {len(plan.calls)} calls")
        timed("calls erased", lambda: carry_out(rosa, ErasureScope.CALLS))
        timed("another one's turns erased", lambda: carry_out(ivo, ErasureScope.TURNS))
        timed("of these, the database rewritten", store.compact)
        size(file)
        store.close()


def size(file: Path) -> None:
    """Print how large the embedded database is."""
    if file.exists():
        print(f"  {file.stat().st_size / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
