"""Jobs: the one job that carries a call from its listing to its theme.

Concept: https://docs.dagster.io/guides/build/jobs
"""

import dagster as dg

__all__ = ["INGEST_JOB", "build_ingest_job"]

INGEST_JOB = "ingest"


def build_ingest_job() -> "dg.UnresolvedAssetJobDefinition":
    """All five assets and their checks, over any rectangle of workspaces and days."""
    return dg.define_asset_job(
        INGEST_JOB,
        selection=dg.AssetSelection.all(),
        description="List calls, fetch transcripts, judge relevance, extract features and file them under themes.",
    )
