"""Sensors: gather with one query a tick, decide in a pure function, act through Dagster.

Concept: https://docs.dagster.io/guides/automate/sensors
"""

from collections.abc import Collection
from dataclasses import dataclass

import dagster as dg

from headway_pipeline.orchestration.assets import CHAIN
from headway_pipeline.orchestration.batches import build_batch_sensors
from headway_pipeline.orchestration.failures import translated
from headway_pipeline.orchestration.partitions import WORKSPACE_PARTITIONS
from headway_pipeline.orchestration.requested import build_request_sensor
from headway_pipeline.orchestration.resources import LedgerResource

__all__ = ["PartitionChange", "build_sensors", "decide_partitions"]


@dataclass(frozen=True, slots=True)
class PartitionChange:
    """Partition keys to add and to remove."""

    add: tuple[str, ...]
    remove: tuple[str, ...]


def decide_partitions(active: Collection[str], existing: Collection[str]) -> PartitionChange:
    """What makes `existing` equal to `active`; the same answer however many ticks were missed."""
    return PartitionChange(
        add=tuple(sorted(set(active) - set(existing))), remove=tuple(sorted(set(existing) - set(active)))
    )


def build_sensors() -> list[dg.SensorDefinition]:
    """Every sensor of the pipeline."""

    @dg.sensor(
        name="workspaces_as_partitions",
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Keeps the workspace partitions equal to the active workspaces of the database.",
        asset_selection=dg.AssetSelection.assets(*CHAIN),
    )
    def workspaces_as_partitions(
        context: dg.SensorEvaluationContext, ledger: LedgerResource
    ) -> dg.SensorResult | dg.SkipReason:
        with translated():
            active = [workspace.slug for workspace in ledger.store.workspaces.list()]
        change = decide_partitions(active, context.instance.get_dynamic_partitions(WORKSPACE_PARTITIONS))
        if change == PartitionChange((), ()):
            return dg.SkipReason("every active workspace has its partition")
        partitions = dg.DynamicPartitionsDefinition(name=WORKSPACE_PARTITIONS)
        requests: list[dg.AddDynamicPartitionsRequest | dg.DeleteDynamicPartitionsRequest] = []
        if change.add:
            requests.append(partitions.build_add_request(list(change.add)))
        if change.remove:
            requests.append(partitions.build_delete_request(list(change.remove)))
        return dg.SensorResult(dynamic_partitions_requests=requests)

    return [workspaces_as_partitions, build_request_sensor(), *build_batch_sensors()]
