"""How near the reading of many calls comes to what the model's own time allows: `python -m benchmarks.concurrency`.

200 calls, a model that takes 2 seconds an answer, 16 calls at once: a stage that asks once a call would ideally take
25 seconds. Printed: wall and CPU seconds of each stage, of this process with its database.
"""

import argparse
import time
from dataclasses import replace

from benchmarks.ledger_of_calls import ASK, NOW, full_ledger
from headway_pipeline.analysis.offline import OfflineAnalyst
from headway_pipeline.ingestion.analysts import LanguageModels, ModelSettings
from headway_pipeline.ingestion.asking import Desk
from headway_pipeline.ingestion.extraction import extract_features
from headway_pipeline.ingestion.filing import file_features
from headway_pipeline.ingestion.relevance import score_relevance
from headway_pipeline.ingestion.run import Effects, Part, Run
from headway_pipeline.llm.contract import LLMRequest, LLMResponse, Stage
from headway_pipeline.llm.discovery import ModelChoice
from headway_pipeline.store import Store
from headway_pipeline_tests.models import LINE, MODEL, ScriptedModel, Truthful, answered, item

STAGES = {
    Stage.RELEVANCE: score_relevance,
    Stage.EXTRACTION: extract_features,
    Stage.MATCHING: file_features,
}
ALLOWED = 1.15


def run_with(store: Store, model: ScriptedModel, run_id: str, calls_at_once: int) -> Run:
    """A run in which `model` reads, with the real clock."""
    effects = replace(Effects(), now=lambda: NOW)
    desk = Desk(store, run_id, {}, effects=effects, connect_to=lambda _name: model)
    models = LanguageModels(store, desk, ModelSettings(ModelChoice("anthropic", MODEL)))
    return Run(
        id=run_id,
        store=store,
        analyst=OfflineAnalyst(),
        sources={},
        tuning={},
        until=NOW,
        effects=effects,
        models=models,
        calls_at_once=calls_at_once,
    )


def measure(run: Run, part: Part, stage: Stage) -> tuple[float, float]:
    """Wall and CPU seconds of one stage."""
    with run.store.leases.hold(part.workspace.id, run.id) as lease:
        wall, cpu = time.perf_counter(), time.process_time()
        STAGES[stage](run, part, lease)
        return time.perf_counter() - wall, time.process_time() - cpu


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--latency-s", type=float, default=2.0)
    parser.add_argument("--at-once", type=int, default=16)
    given = parser.parse_args()
    truth = Truthful([ASK])

    def slow(request: LLMRequest) -> LLMResponse:
        time.sleep(given.latency_s)
        if request.stage is not Stage.EXTRACTION:
            return truth(request)
        # Every call asks for something else, so that none is filed by another's answer.
        number, _side, text = next(line for line in _customer_lines(request) if ASK in line[2])
        return answered({"items": [item(int(number), text)], "call_sentiment": "neutral", "call_sentiment_score": 0})

    with full_ledger(given.calls) as (store, part):
        model = ScriptedModel(slow)
        run = run_with(store, model, "benchmark", given.at_once)
        ideal = given.calls * given.latency_s / given.at_once
        print(f"{given.calls} calls, {given.latency_s} s an answer, {given.at_once} at once: ideally {ideal:.1f} s")
        for stage in Stage:
            asked = len(model.requests)
            wall, cpu = measure(run, part, stage)
            requests = len(model.requests) - asked
            verdict = "within" if wall <= ALLOWED * ideal else "ABOVE"
            print(
                f"{stage.value:<12}{requests:>5} requests {wall:>7.2f} s = {wall / ideal:.3f} of ideal "
                f"({verdict} {ALLOWED}), {cpu:.2f} CPU s"
            )
        again = ScriptedModel(slow)
        for stage in Stage:
            measure(run_with(store, again, "again", given.at_once), part, stage)
        print(f"second run   {len(again.requests)} requests")


def _customer_lines(request: LLMRequest) -> list[tuple[str, str, str]]:
    return [line for line in LINE.findall(request.user) if line[1] == "C"]


if __name__ == "__main__":
    main()
