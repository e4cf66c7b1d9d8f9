"""What Dagster loads: `workspace.yaml` names this module."""

import dagster as dg

from headway_pipeline.orchestration.graph import build_defs

__all__ = ["defs"]


@dg.definitions
def defs() -> dg.Definitions:
    """Called by Dagster when it loads the code location; importing this module does nothing."""
    return build_defs()
