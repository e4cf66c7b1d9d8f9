"""What listing and transcripts cost, and how memory grows with the number of calls: `python -m benchmarks.ingestion`.

A local Gong in a process of its own serves made-up calls; a process for each measurement runs the stages on a fresh
embedded database with the limits off. Printed: calls a CPU second of listing (new, and again unchanged) and of
transcripts of 9,000 words, and the peak memory (resident set) of all five stages at 2,000 and 20,000 short calls.
"""

import argparse
import json
import multiprocessing
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.synthetic_calls import synthetic_call
from headway_pipeline.analysis.offline import OfflineAnalyst
from headway_pipeline.ingestion.extraction import extract_features
from headway_pipeline.ingestion.filing import file_features
from headway_pipeline.ingestion.hydration import fetch_transcripts
from headway_pipeline.ingestion.listing import list_calls
from headway_pipeline.ingestion.relevance import score_relevance
from headway_pipeline.ingestion.run import Part, Run, SourceTuning
from headway_pipeline.model.calls import Side
from headway_pipeline.model.workspaces import Credentials
from headway_pipeline.sandbox.server import Sandbox
from headway_pipeline.sandbox.world import Company, SandboxCall, Speaker, Utterance, World
from headway_pipeline.settings import load_settings
from headway_pipeline.sources.gong import GongSource
from headway_pipeline.store.configured import open_configured_store

STAGES = (list_calls, fetch_transcripts, score_relevance, extract_features, file_features)
DAYS = 20
LONG_WORDS, SHORT_WORDS = 9_000, 60
#: Transcripts that differ; the calls share them in turn.
DIFFERENT = 20
KEYS = {"access_key": "k", "secret_key": "s"}


def world_of(count: int, words: int, now: datetime) -> World:
    """One company whose `count` calls are spread evenly over the last `DAYS` days."""
    people = (
        Speaker("Vendor", "Ines Okafor", Side.VENDOR, "ines@larkspur.example"),
        Speaker("Customer", "Tomas Lindqvist", Side.CUSTOMER, "tomas@brackwater.example"),
    )
    spoken = [tuple(_utterances(words, seed)) for seed in range(min(count, DIFFERENT))]
    step = timedelta(days=DAYS) / count
    calls = tuple(
        SandboxCall(f"call-{n}", f"Call {n}", now - timedelta(hours=1) - n * step, people, spoken[n % len(spoken)])
        for n in range(count)
    )
    return World((Company("Larkspur", KEYS["access_key"], KEYS["secret_key"], "larkspur.example", calls),))


def _utterances(words: int, seed: int) -> Iterator[Utterance]:
    for segment in synthetic_call(words, seed).segments:
        start_s, end_s = (segment.start_ms or 0) / 1000, (segment.end_ms or 0) / 1000
        yield Utterance(segment.speaker or "Customer", start_s, end_s, segment.text)


def _serve(count: int, words: int, address: Any) -> None:
    with Sandbox(world_of(count, words, datetime.now(tz=UTC))) as sandbox:
        address.send(sandbox.base_url)
        address.recv()


@contextmanager
def served(count: int, words: int) -> Iterator[str]:
    """The address of a local Gong with these calls, in a process of its own."""
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(count, words, theirs))
    process.start()
    try:
        yield ours.recv()
    finally:
        ours.send(None)
        process.join()


def measure(base_url: str, stages: int) -> dict[str, Any]:
    """CPU seconds of the first `stages` stages, of a second listing, and the peak memory of this process."""
    now = datetime.now(tz=UTC)
    tuning = replace(
        SourceTuning.of(GongSource),
        requests_per_second=1e6,
        buckets=(),
        requests_per_day=10**9,
        requests_per_run=10**9,
    )
    with tempfile.TemporaryDirectory() as folder:
        store = open_configured_store(load_settings({}, Path(folder)))
        workspace = store.workspaces.add("Measured")
        store.connectors.add(workspace.id, "gong", base_url=base_url, credentials=Credentials(KEYS))
        store.themes.add(workspace.id, "Exports", description="Getting data out: files, schedules, spreadsheets")
        run = Run("benchmark", store, OfflineAnalyst(), {"gong": GongSource}, {"gong": tuning}, now, environment={})
        part = Part(workspace, [(now - timedelta(days=n)).date() for n in range(DAYS + 1)])
        with store.leases.hold(workspace.id, run.id) as lease:
            seconds = [_timed(lambda: stage(run, part, lease)) for stage in STAGES[:stages]]  # noqa: B023
            again = _timed(lambda: list_calls(run, part, lease))
        calls = sum(number for states in store.messages.counts(workspace.id).values() for number in states.values())
        store.close()
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"calls": calls, "seconds": seconds, "again": again, "peak_mb": peak_mb}


def _timed(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def measured(count: int, words: int, stages: int) -> dict[str, Any]:
    """`measure` in a fresh process."""
    with served(count, words) as address:
        command = [sys.executable, "-m", "benchmarks.ingestion", "--measure", address, "--stages", str(stages)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    answer: dict[str, Any] = json.loads(done.stdout)
    if answer["calls"] != count:
        raise SystemExit(f"{answer['calls']} of {count} calls arrived")
    return answer


def report(few: int, many: int, long: int) -> None:
    """Measure and print."""
    listed = measured(many, SHORT_WORDS, 1)
    print(f"listing, {many} new calls          {many / listed['seconds'][0]:>8.0f} calls a CPU second")
    print(f"listing, {many} unchanged calls    {many / listed['again']:>8.0f} calls a CPU second")
    read = measured(long, LONG_WORDS, 2)
    print(f"transcripts, {long} of {LONG_WORDS} words   {long / read['seconds'][1]:>8.0f} calls a CPU second")
    peaks = {count: measured(count, SHORT_WORDS, len(STAGES))["peak_mb"] for count in (few, many)}
    for count, peak in peaks.items():
        print(f"peak memory, {count} calls        {peak:>8.1f} MB")
    print(f"ratio                             {peaks[many] / peaks[few]:>8.2f}")


def main() -> None:
    """Measure everything, or one thing in a child process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--few", type=int, default=2_000)
    parser.add_argument("--many", type=int, default=20_000)
    parser.add_argument("--long", type=int, default=500)
    parser.add_argument("--measure", metavar="ADDRESS", help=argparse.SUPPRESS)
    parser.add_argument("--stages", type=int, default=1, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.measure:
        print(json.dumps(measure(asked.measure, asked.stages)))
    else:
        report(asked.few, asked.many, asked.long)


if __name__ == "__main__":
    main()
