"""raw_calls: every call the sources list, in the ledger."""

from datetime import date

import dagster as dg

from headway_pipeline.ingestion.listing import list_calls
from headway_pipeline.orchestration.assets.set_up import WORKSPACE_CONNECTORS
from headway_pipeline.orchestration.metadata import attach_counts, attach_health, listing_command
from headway_pipeline.orchestration.stages import carry_out, resource_keys

__all__ = ["raw_calls_asset"]

ALWAYS = ("listed", "new", "changed", "unchanged", "private", "outside", "requests")


def raw_calls_asset(partitions: dg.MultiPartitionsDefinition) -> dg.AssetsDefinition:
    """The first asset of the chain."""

    @dg.asset(
        name="raw_calls",
        deps=[WORKSPACE_CONNECTORS],
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name="ingestion",
        kinds={"python", "json", "table"},
        owners=["team:product-insights"],
        required_resource_keys=resource_keys(),
        description=(
            "Every call that each active connector of the workspace lists for the day on which it started (UTC), "
            "one row of `messages` a call, in exactly one state of the ledger. Listed again, an unchanged call "
            "changes nothing. One source failing does not stop the other: see the check `sources_complete`."
        ),
    )
    def raw_calls(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        for result in carry_out(context, list_calls):
            attach_counts(context, result, ALWAYS, _listing)
            attach_health(context, result)
        return dg.MaterializeResult()

    return raw_calls


def _listing(slug: str, day: date) -> dict[str, dg.MarkdownMetadataValue]:
    return {"list them": listing_command("messages", slug, day)}
