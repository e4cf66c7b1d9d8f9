"""What Dagster loads: `workspace.yaml` names this module."""

import warnings
from collections.abc import Mapping
from typing import Any

import dagster as dg

from headway_pipeline.orchestration.assets import build_assets
from headway_pipeline.orchestration.checks import build_checks
from headway_pipeline.orchestration.jobs import build_ingest_job
from headway_pipeline.orchestration.partitions import build_partitions
from headway_pipeline.orchestration.resources import build_resources
from headway_pipeline.orchestration.sensors import build_sensors
from headway_pipeline.settings import current_settings
from headway_pipeline.sources.discovery import discover

__all__ = ["build_defs", "defs"]


def build_defs(resource_overrides: Mapping[str, Any] | None = None) -> dg.Definitions:
    """The whole graph; the command line and tests assemble the same one with other resources."""
    with warnings.catch_warnings():
        # `backfill_policy` is marked beta; decision 0003 says why it is used all the same.
        warnings.simplefilter("ignore", dg.BetaWarning)
        assets = build_assets(build_partitions(current_settings().start_date))
    return dg.Definitions(
        assets=assets,
        asset_checks=build_checks(),
        jobs=[build_ingest_job()],
        sensors=build_sensors(),
        resources={**build_resources(discover()), **(resource_overrides or {})},
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """Called by Dagster when it loads the code location; importing this module does nothing."""
    return build_defs()
