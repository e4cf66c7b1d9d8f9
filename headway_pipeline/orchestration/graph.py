"""The whole graph, assembled: the same for Dagster, the command line and tests, with other resources where asked.

Concept: https://docs.dagster.io/guides/build/projects-and-components/organizing-dagster-projects
"""

import warnings
from collections.abc import Mapping
from typing import Any

import dagster as dg

from headway_pipeline.orchestration.assets import build_assets
from headway_pipeline.orchestration.checks import build_checks
from headway_pipeline.orchestration.connector_health import build_connector_check
from headway_pipeline.orchestration.jobs import build_batches_job, build_evaluation_job, build_ingest_job
from headway_pipeline.orchestration.partitions import build_partitions
from headway_pipeline.orchestration.resources import build_resources
from headway_pipeline.orchestration.schedules import build_schedules
from headway_pipeline.orchestration.sensors import build_sensors
from headway_pipeline.settings import current_settings
from headway_pipeline.sources.discovery import discover

__all__ = ["build_defs"]


def build_defs(resource_overrides: Mapping[str, Any] | None = None) -> dg.Definitions:
    """Assets, checks, job, schedules, sensors and resources.

    Args:
        resource_overrides: resources in place of the configured ones, by name.
    """
    with warnings.catch_warnings():
        # `backfill_policy` is marked beta; docs/decisions/0003 says why it is used all the same.
        warnings.simplefilter("ignore", dg.BetaWarning)
        assets = build_assets(build_partitions(current_settings().start_date))
    return dg.Definitions(
        assets=assets,
        asset_checks=[*build_checks(), build_connector_check()],
        jobs=[build_ingest_job(), build_batches_job(), build_evaluation_job()],
        schedules=build_schedules(),
        sensors=build_sensors(),
        resources={**build_resources(discover()), **(resource_overrides or {})},
        executor=dg.in_process_executor,
    )
