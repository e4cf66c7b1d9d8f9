"""What a change of themes costs over many calls that were read: `python -m benchmarks.theme_change`.

2,000 calls are read by a scripted model, a theme is added, and the stages run again. Printed: requests by stage and
CPU seconds of each run. Nothing is extracted twice, and no relevant call is judged twice.
"""

import argparse
import time
from collections import Counter

from benchmarks.concurrency import run_with
from benchmarks.ledger_of_calls import ASK, full_ledger
from headway_pipeline.ingestion.extraction import extract_features
from headway_pipeline.ingestion.filing import file_features
from headway_pipeline.ingestion.relevance import score_relevance
from headway_pipeline.ingestion.run import Part
from headway_pipeline.store import Store
from headway_pipeline_tests.models import ScriptedModel, Truthful


def read_all(store: Store, part: Part, run_id: str) -> tuple[Counter[str], float]:
    """Requests by stage, and CPU seconds."""
    model = ScriptedModel(Truthful([ASK]))
    run = run_with(store, model, run_id, calls_at_once=4)
    cpu = time.process_time()
    with store.leases.hold(part.workspace.id, run_id) as lease:
        for stage in (score_relevance, extract_features, file_features):
            stage(run, part, lease)
    return Counter(request.stage.value for request in model.requests), time.process_time() - cpu


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=2_000)
    calls = parser.parse_args().calls
    with full_ledger(calls) as (store, part):
        for run_id in ("first", "second", "after a change of themes"):
            if run_id.startswith("after"):
                store.themes.add(part.workspace.id, "Onboarding", description="Getting started")
            requests, cpu = read_all(store, part, run_id)
            shown = ", ".join(f"{number} {stage}" for stage, number in sorted(requests.items())) or "none"
            features = len(store.reading.features(part.workspace.id))
            print(f"{run_id:<26} requests: {shown}; {features} features; {cpu:.1f} CPU s")


if __name__ == "__main__":
    main()
