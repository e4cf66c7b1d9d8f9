"""What reading will cost, in words, and the option that bounds it."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from headway_pipeline.model.workspaces import Workspace
from headway_pipeline.settings import Settings
from headway_pipeline.store import Store

if TYPE_CHECKING:
    from headway_pipeline.ingestion.estimates import Estimate
    from headway_pipeline.ingestion.run import Run

__all__ = ["budget_option", "estimate_words", "price_words", "reader_name", "reading_run", "shown_estimate"]

budget_option = click.option(
    "--budget-usd",
    type=click.FloatRange(min=0),
    metavar="USD",
    help="The most that language models may cost in this run; calls beyond it wait in the ledger.",
)


def price_words(cost_usd: float | None) -> str:
    """A price as people read it; small ones keep the digits that say something."""
    if cost_usd is None:
        return "price unknown"
    return f"{cost_usd:.2f} USD" if cost_usd >= 1 or cost_usd == 0 else f"{cost_usd:.4f} USD"


def reading_run(store: Store, settings: Settings, *, model: str | None = None) -> "Run":
    """A run that asks nothing: for what reading would cost, and who would read.

    Args:
        model: who reads, in place of what the environment says.

    Raises:
        ConfigurationError: the environment names a model there is not.
    """
    from headway_pipeline.analysis.offline import OfflineAnalyst
    from headway_pipeline.ingestion.analysts import language_models
    from headway_pipeline.ingestion.run import Effects, Run

    effects = Effects()
    environment = dict(settings.environment) | ({} if model is None else {"HEADWAY_MODEL": model})
    models = language_models(store, "estimate", environment, settings, effects=effects)
    return Run(
        id="estimate",
        store=store,
        analyst=OfflineAnalyst(),
        sources={},
        tuning={},
        until=effects.now(),
        effects=effects,
        models=models,
    )


def reader_name(run: "Run", workspace: Workspace) -> str:
    """Who reads the workspace's calls."""
    from headway_pipeline.llm.contract import Stage

    return run.read_by(Stage.EXTRACTION, workspace)[0]


def shown_estimate(estimate: "Estimate", reader: str) -> dict[str, Any]:
    """An estimate as data."""
    return {"read_by": reader, **asdict(estimate)}


def estimate_words(estimate: "Estimate", reader: str) -> str:
    """An estimate for people."""
    if estimate.requests == 0:
        return f"{estimate.calls} calls to read by {reader}: nothing to pay"
    return (
        f"{estimate.calls} calls to read by {reader}: about {estimate.input_tokens:,} tokens in and "
        f"{estimate.output_tokens:,} out, {price_words(estimate.cost_usd)} at most as a rule; "
        "what was answered before costs nothing"
    )
