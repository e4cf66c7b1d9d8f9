"""Every sensor of the pipeline.

Concept: https://docs.dagster.io/guides/automate/sensors
"""

import dagster as dg

from headway_pipeline.orchestration.automation.first_ingests import build_first_ingests
from headway_pipeline.orchestration.automation.mirror import build_mirror
from headway_pipeline.orchestration.automation.refilings import build_refilings
from headway_pipeline.orchestration.automation.reruns import build_reruns
from headway_pipeline.orchestration.automation.webhook_hints import build_webhook_hints
from headway_pipeline.orchestration.batches import build_batch_sensors

__all__ = ["build_sensors"]


def build_sensors() -> list[dg.SensorDefinition]:
    """All running from the start."""
    return [
        build_mirror(),
        build_first_ingests(),
        build_refilings(),
        build_reruns(),
        build_webhook_hints(),
        *build_batch_sensors(),
    ]
