"""transcripts: what was said, for the calls that await it."""

import dagster as dg

from headway_pipeline.ingestion.hydration import fetch_transcripts
from headway_pipeline.orchestration.descriptions import described
from headway_pipeline.orchestration.metadata import attach_counts, attach_health, estimates_of
from headway_pipeline.orchestration.stages import carry_out, resource_keys

__all__ = ["transcripts_asset"]

ALWAYS = ("transcribed", "not_ready", "too_short", "gave_up", "waiting", "requests")


def transcripts_asset(partitions: dg.MultiPartitionsDefinition) -> dg.AssetsDefinition:
    """The second asset of the chain."""

    @dg.asset(
        name="transcripts",
        deps=["raw_calls"],
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name="ingestion",
        kinds={"python", "json", "table"},
        owners=["team:product-insights"],
        required_resource_keys=resource_keys(),
        tags={"asks": "sources"},
        description=described(
            "The transcripts of the calls that await one, fetched in the source's own batch size (Gong: 100 calls a "
            "request, Fathom: 10). A transcript that is not there yet is asked for again by a later run; one that "
            "never comes is given up after 7 days, visibly; under 200 characters of speech a call is `too_short`.",
            "the-assets",
        ),
    )
    def transcripts(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        for result in carry_out(context, fetch_transcripts):
            attach_counts(context, result, ALWAYS, on_days=estimates_of(result))
            attach_health(context, result)
        return dg.MaterializeResult()

    return transcripts
