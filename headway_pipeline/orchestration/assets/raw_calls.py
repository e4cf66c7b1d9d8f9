"""raw_calls: every call the sources list, in the ledger."""

from datetime import date
from functools import partial
from typing import Any

import dagster as dg

from headway_pipeline.ingestion.listing import list_calls
from headway_pipeline.model.workspaces import Workspace
from headway_pipeline.orchestration.assets.set_up import WORKSPACE_CONNECTORS
from headway_pipeline.orchestration.descriptions import described
from headway_pipeline.orchestration.freshness import ALIVE
from headway_pipeline.orchestration.metadata import attach_counts, attach_health, listing_address, listing_command
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
        tags={"asks": "sources"},
        freshness_policy=ALIVE,
        description=described(
            "Every call that each active connector of the workspace lists for the day on which it started (UTC), "
            "one row of `messages` a call, in exactly one state of the ledger. Listed again, an unchanged call "
            "changes nothing. One source failing does not stop the other: see the check `sources_complete`. A "
            "new workspace (`headway workspace add`) becomes a key by itself.",
            "the-assets",
        ),
    )
    def raw_calls(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        for result in carry_out(context, list_calls):
            attach_counts(context, result, ALWAYS, partial(_listing, result.workspace))
            attach_health(context, result)
        return dg.MaterializeResult()

    return raw_calls


def _listing(workspace: Workspace, day: date) -> dict[str, Any]:
    return {
        "list them": listing_command("messages", workspace.slug, day),
        **listing_address("messages", workspace, day),
    }
