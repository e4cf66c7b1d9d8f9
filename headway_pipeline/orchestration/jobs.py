"""Jobs: the one that carries a call from its listing to its theme, and the one that measures the analyst.

Concept: https://docs.dagster.io/guides/build/jobs
"""

import dagster as dg

from headway_pipeline.orchestration.assets import CHAIN

__all__ = ["EVALUATION_JOB", "INGEST_JOB", "build_evaluation_job", "build_ingest_job"]

INGEST_JOB = "ingest"
EVALUATION_JOB = "evaluate"


def build_ingest_job() -> "dg.UnresolvedAssetJobDefinition":
    """All five assets and their checks, over any rectangle of workspaces and days."""
    return dg.define_asset_job(
        INGEST_JOB,
        selection=dg.AssetSelection.assets(*CHAIN),
        description="List calls, fetch transcripts, judge relevance, extract features and file them under themes.",
    )


def build_evaluation_job() -> "dg.UnresolvedAssetJobDefinition":
    """The asset `evaluation` alone; it has no partitions and takes no part in an ingest."""
    return dg.define_asset_job(
        EVALUATION_JOB,
        selection=dg.AssetSelection.assets("evaluation"),
        description="Measure the analyst over the labelled sets that HEADWAY_EVAL_DATA names.",
    )
