"""The whole graph, assembled: the same for Dagster, the command line and tests, with other resources where asked.

Concept: https://docs.dagster.io/guides/build/projects-and-components/organizing-dagster-projects
"""

import warnings
from collections.abc import Mapping
from typing import Any

import dagster as dg

from headway_pipeline.evaluation.labelled import EVAL_DATA
from headway_pipeline.orchestration.assets import build_assets, evaluation_asset, set_up_assets
from headway_pipeline.orchestration.checks import build_checks
from headway_pipeline.orchestration.connector_health import build_connector_check
from headway_pipeline.orchestration.event_log import build_purge_job, build_purge_schedule
from headway_pipeline.orchestration.jobs import build_batches_job, build_evaluation_job, build_ingest_job
from headway_pipeline.orchestration.partitions import build_partitions, workspace_partitions
from headway_pipeline.orchestration.resources import build_resources
from headway_pipeline.orchestration.schedules import build_schedules
from headway_pipeline.orchestration.sensors import build_sensors
from headway_pipeline.settings import current_settings
from headway_pipeline.sources.discovery import discover

__all__ = ["build_defs"]


def build_defs(resource_overrides: Mapping[str, Any] | None = None) -> dg.Definitions:
    """Assets, checks, jobs, schedules, sensors and resources.

    The asset `evaluation` is there where labelled sets are: elsewhere it could only fail, and "Materialize all" over
    a range of dates would ask for it, too.

    Args:
        resource_overrides: resources in place of the configured ones, by name.
    """
    settings = current_settings()
    has_labelled_sets = bool(settings.environment.get(EVAL_DATA))
    with warnings.catch_warnings():
        # `backfill_policy` is marked beta; docs/decisions/0003 says why it is used all the same.
        warnings.simplefilter("ignore", dg.BetaWarning)
        assets = build_assets(build_partitions(settings.start_date))
    return dg.Definitions(
        assets=[
            *set_up_assets(workspace_partitions()),
            *assets,
            *([evaluation_asset()] if has_labelled_sets else []),
        ],
        asset_checks=[*build_checks(), build_connector_check()],
        jobs=[
            build_ingest_job(),
            build_batches_job(),
            build_purge_job(),
            *([build_evaluation_job()] if has_labelled_sets else []),
        ],
        schedules=[*build_schedules(), build_purge_schedule()],
        sensors=build_sensors(),
        resources={**build_resources(discover()), **(resource_overrides or {})},
        executor=dg.in_process_executor,
    )
