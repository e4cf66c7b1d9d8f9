"""What each stage costs over a file of calls: `python -m benchmarks.stages --calls FILE`.

The calls (JSON Lines, docs/sandbox.md) are served by a sandbox in a process of its own, half through Gong, half
through Fathom, and go through the five stages twice on the embedded database. Printed: CPU seconds of this process a
stage, calls by state, features by type, and peak memory.
"""

import argparse
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

from headway_pipeline.analysis.offline import OfflineAnalyst
from headway_pipeline.ingestion.extraction import extract_features
from headway_pipeline.ingestion.filing import file_features
from headway_pipeline.ingestion.hydration import fetch_transcripts
from headway_pipeline.ingestion.listing import list_calls
from headway_pipeline.ingestion.relevance import score_relevance
from headway_pipeline.ingestion.run import Part, Run, SourceTuning
from headway_pipeline.model.workspaces import Credentials, Workspace
from headway_pipeline.sandbox.worlds import world_from_file
from headway_pipeline.settings import load_settings
from headway_pipeline.sources.discovery import discover
from headway_pipeline.store import Store
from headway_pipeline.store.configured import open_configured_store

STAGES = (list_calls, fetch_transcripts, score_relevance, extract_features, file_features)
THEMES = {
    "Reliability": "Losing data, crashes, errors, outages, things that break",
    "Set-up": "Installing, configuring, documentation, getting started",
    "Integrations": "Working with other tools, exporters, interfaces, plug-ins",
}
PROGRAM = "from headway_pipeline.cli.main import run; run()"
DAYS = 30


def connected(store: Store, calls: Path, port: int) -> Workspace:
    """A workspace whose connectors ask the sandbox at `port`."""
    (company,) = world_from_file(calls, datetime.now(tz=UTC), rebase_dates=True).companies
    workspace = store.workspaces.add("Measured")
    address = f"http://127.0.0.1:{port}"
    keys = Credentials({"access_key": company.access_key, "secret_key": company.secret_key})
    store.connectors.add(workspace.id, "gong", base_url=address, credentials=keys)
    token = Credentials({"api_token": company.api_token})
    store.connectors.add(workspace.id, "fathom", base_url=f"{address}/external/v1", credentials=token)
    for name, description in THEMES.items():
        store.themes.add(workspace.id, name, description=description)
    return workspace


def measure(store: Store, workspace: Workspace) -> list[float]:
    """CPU seconds of each stage of one run over the last 30 days."""
    now = datetime.now(tz=UTC)
    tuning = {name: SourceTuning.of(source) for name, source in discover().items()}
    run = Run("benchmark", store, OfflineAnalyst(), discover(), tuning, until=now, environment={})
    part = Part(workspace, [(now - timedelta(days=n)).date() for n in range(DAYS + 1)])
    seconds = []
    with store.leases.hold(workspace.id, run.id) as lease:
        for stage in STAGES:
            started = time.process_time()
            stage(run, part, lease)
            seconds.append(time.process_time() - started)
    return seconds


def report(store: Store, workspace: Workspace, first: list[float], second: list[float]) -> None:
    """Print the figures."""
    print(f"{'CPU seconds':<20}{'first run':>10}{'second':>10}")
    for stage, before, after in zip(STAGES, first, second, strict=True):
        print(f"{stage.__name__:<20}{before:>10.2f}{after:>10.2f}")
    states: Counter[str] = Counter()
    for by_state in store.messages.counts(workspace.id).values():
        states.update({state.value: number for state, number in by_state.items()})
    found = [*store.reading.features(workspace.id), *store.reading.inbox(workspace.id)]
    print(f"calls by state      {dict(states)}")
    print(f"features by type    {dict(Counter(item.type for item in found))}")
    print(f"peak memory         {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


def main() -> None:
    """Serve, measure, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=Path, required=True)
    calls = parser.parse_args().calls.absolute()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    arguments = ["sandbox", "--port", str(port), "--calls", str(calls), "--rebase-dates"]
    serving = subprocess.Popen([sys.executable, "-c", PROGRAM, *arguments], stderr=subprocess.DEVNULL)
    try:
        time.sleep(5)
        with tempfile.TemporaryDirectory() as folder:
            store = open_configured_store(load_settings({}, Path(folder)))
            workspace = connected(store, calls, port)
            first = measure(store, workspace)
            report(store, workspace, first, measure(store, workspace))
            store.close()
    finally:
        serving.terminate()
        serving.wait()


if __name__ == "__main__":
    main()
