"""workspace_connectors and workspace_themes: what people set up, as assets that this code does not make.

The sensor `workspace_mirror` reports them from the database where they have changed.
"""

from collections.abc import Sequence

import dagster as dg

__all__ = ["WORKSPACE_CONNECTORS", "WORKSPACE_THEMES", "set_up_assets"]

WORKSPACE_CONNECTORS = "workspace_connectors"
WORKSPACE_THEMES = "workspace_themes"


def set_up_assets(workspaces: dg.DynamicPartitionsDefinition) -> Sequence[dg.AssetSpec]:
    """Both, one partition a workspace."""
    return [
        dg.AssetSpec(
            WORKSPACE_CONNECTORS,
            partitions_def=workspaces,
            group_name="workspaces",
            kinds={"table"},
            owners=["team:product-insights"],
            description=(
                "A workspace's access to Gong, Fathom and other sources, as people set it up; its version changes "
                "with an address, new credentials or a choice, never with health. Change it with "
                "`headway connector`, the API or SQL: a new connector has its recent past ingested by itself."
            ),
        ),
        dg.AssetSpec(
            WORKSPACE_THEMES,
            partitions_def=workspaces,
            group_name="workspaces",
            kinds={"table"},
            owners=["team:product-insights"],
            description=(
                "The themes a workspace files feedback under; its version is the hash that stands on every filed "
                "call. Change them with `headway theme`, the API or SQL: all calls of the workspace are filed again "
                "by themselves, and none is read again."
            ),
        ),
    ]
