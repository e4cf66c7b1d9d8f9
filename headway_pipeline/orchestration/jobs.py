"""Jobs: one carries a call from its listing to its theme, one lands batches of answers, one measures the analyst.

Concept: https://docs.dagster.io/guides/build/jobs
"""

from typing import Any

import dagster as dg

from headway_pipeline.ingestion.batches import advance_batches
from headway_pipeline.llm.discovery import connect
from headway_pipeline.orchestration.assets import CHAIN
from headway_pipeline.orchestration.failures import NO_RUN_RETRIES, translated
from headway_pipeline.orchestration.resources import LedgerResource
from headway_pipeline.settings import current_settings

__all__ = [
    "BATCHES_JOB",
    "EVALUATION_JOB",
    "FETCHING",
    "INGEST_JOB",
    "READING",
    "build_batches_job",
    "build_evaluation_job",
    "build_ingest_job",
]

INGEST_JOB = "ingest"
BATCHES_JOB = "batches"
EVALUATION_JOB = "evaluate"
#: The part of the chain that asks sources, and the part that asks analysts.
FETCHING = ("raw_calls", "transcripts")
READING = ("relevance_scores", "extracted_features", "theme_matched_features")


def build_ingest_job() -> "dg.UnresolvedAssetJobDefinition":
    """All five assets and their checks, over any rectangle of workspaces and days."""
    return dg.define_asset_job(
        INGEST_JOB,
        selection=dg.AssetSelection.assets(*CHAIN),
        tags=NO_RUN_RETRIES,
        description="List calls, fetch transcripts, judge relevance, extract features and file them under themes.",
    )


def build_batches_job() -> dg.JobDefinition:
    """Ask after open batches of language models, and land what they brought; works on no asset."""

    @dg.op(description="Lands the answers of batches that ended; frees the questions of those that are lost.")
    def land_batches(context: dg.OpExecutionContext, ledger: LedgerResource) -> None:
        environment = current_settings().environment
        with translated(context.retry_number):
            for advanced in advance_batches(ledger.store, lambda name: connect(name, environment), ledger.effects()):
                context.log.info(
                    "batch %s of %s: %s, %d answers, %d questions free again%s",
                    advanced.batch.id,
                    advanced.batch.slug,
                    advanced.state,
                    advanced.answered,
                    advanced.unanswered,
                    f" ({advanced.words})" if advanced.words else "",
                )

    @dg.job(
        name=BATCHES_JOB,
        tags=NO_RUN_RETRIES,
        description="Land the answers of language-model batches in the store of answers.",
        executor_def=dg.in_process_executor,
    )
    def batches() -> Any:
        land_batches()

    return batches


def build_evaluation_job() -> "dg.UnresolvedAssetJobDefinition":
    """The asset `evaluation` alone; it has no partitions and takes no part in an ingest."""
    return dg.define_asset_job(
        EVALUATION_JOB,
        selection=dg.AssetSelection.assets("evaluation"),
        description="Measure the analyst over the labelled sets that HEADWAY_EVAL_DATA names.",
    )
