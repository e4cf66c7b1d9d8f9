"""Stages that ask a scripted model, over the bench of `fakes.py`."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from headway_pipeline.ingestion.analysts import LanguageModels, ModelSettings
from headway_pipeline.ingestion.asking import Desk
from headway_pipeline.ingestion.extraction import extract_features
from headway_pipeline.ingestion.filing import file_features
from headway_pipeline.ingestion.hydration import fetch_transcripts
from headway_pipeline.ingestion.listing import list_calls
from headway_pipeline.ingestion.relevance import score_relevance
from headway_pipeline.ingestion.run import Run, StageReport
from headway_pipeline.llm.contract import Stage
from headway_pipeline.llm.discovery import ModelChoice
from headway_pipeline_tests.ingestion.fakes import Bench
from headway_pipeline_tests.models import MODEL, ScriptedModel

FETCH = (list_calls, fetch_transcripts)
READ = (score_relevance, extract_features, file_features)


def reading(
    at: Bench,
    model: ScriptedModel,
    run_id: str = "run-1",
    *,
    named: str = MODEL,
    stage_models: dict[Stage, ModelChoice | None] | None = None,
    calls_at_once: int = 1,
    run_budget_usd: float | None = None,
    monthly_budget_usd: float | None = None,
) -> Run:
    """A run in which `model` reads."""
    desk = Desk(
        at.store,
        run_id,
        {},
        effects=at.run.effects,
        run_budget_usd=run_budget_usd,
        monthly_budget_usd=monthly_budget_usd,
        connect_to=lambda _name: model,
    )
    settings = ModelSettings(ModelChoice("anthropic", named), stage_models or {})
    models = LanguageModels(at.store, desk, settings)
    return replace(at.run, id=run_id, models=models, calls_at_once=calls_at_once)


def carry_out(at: Bench, run: Run, stages: Sequence[object] = (*FETCH, *READ)) -> list[StageReport]:
    """These stages; what each did."""
    with at.store.leases.hold(at.workspace.id, run.id) as lease:
        return [stage(run, at.part(), lease) for stage in stages]  # type: ignore[operator]


def counted(reports: Sequence[StageReport]) -> Counter[str]:
    """What was counted, over all days and stages."""
    found: Counter[str] = Counter()
    for report in reports:
        for (_day, _source, what), number in report.counts.items():
            found[what] += number
    return found
