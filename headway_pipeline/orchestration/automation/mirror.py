"""The sensor that keeps Dagster's view of workspaces equal to the database: partitions, connectors, themes.

Concept: https://docs.dagster.io/guides/automate/sensors
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from headway_pipeline.orchestration.assets import CHAIN
from headway_pipeline.orchestration.assets.set_up import WORKSPACE_CONNECTORS, WORKSPACE_THEMES
from headway_pipeline.orchestration.descriptions import described
from headway_pipeline.orchestration.failures import translated
from headway_pipeline.orchestration.partitions import (
    WORKSPACE_PARTITIONS,
    odd_slugs,
    workspace_partitions,
    workspaces_of,
)
from headway_pipeline.orchestration.resources import LedgerResource
from headway_pipeline.store.watch import SetUp
from headway_pipeline.store.workspaces import is_slug

__all__ = ["PartitionChange", "Report", "build_mirror", "decide_partitions", "decide_reports", "marks_of"]

#: What was reported last, by workspace: see `marks_of`. The sensor's cursor; losing it costs one report each.
Reported = Mapping[str, str]
#: Digits of each hash in the cursor: Dagster writes it into every tick, and there are 17,000 of them in two days.
MARK_DIGITS = 12
WAITING = [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED]


@dataclass(frozen=True, slots=True)
class PartitionChange:
    """Partition keys to add and to remove."""

    add: tuple[str, ...]
    remove: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """Something people changed in a workspace."""

    asset: str
    slug: str
    version: str
    counts: Mapping[str, int]


def decide_partitions(active: Collection[str], existing: Collection[str]) -> PartitionChange:
    """What makes `existing` equal to `active`; the same answer however many ticks were missed."""
    return PartitionChange(
        add=tuple(sorted(set(active) - set(existing))), remove=tuple(sorted(set(existing) - set(active)))
    )


def decide_reports(set_ups: Sequence[SetUp], reported: Reported) -> list[Report]:
    """What differs from what was reported last."""
    reports = []
    for found in set_ups:
        connectors, _, themes = reported.get(found.slug, "").partition(" ")
        for mark, report in (
            (connectors, Report(WORKSPACE_CONNECTORS, found.slug, found.connectors_hash, found.connectors)),
            (themes, Report(WORKSPACE_THEMES, found.slug, found.themes_hash, {"themes": found.themes})),
        ):
            if mark != report.version[:MARK_DIGITS]:
                reports.append(report)
    return reports


def marks_of(set_ups: Sequence[SetUp]) -> dict[str, str]:
    """What the next tick compares with: of each workspace the first digits of both hashes."""
    return {
        found.slug: f"{found.connectors_hash[:MARK_DIGITS]} {found.themes_hash[:MARK_DIGITS]}" for found in set_ups
    }


def build_mirror() -> dg.SensorDefinition:
    """Level-triggered: a missed tick, a restart or a key somebody deleted by hand heals with the next tick."""

    @dg.sensor(
        name="workspace_mirror",
        minimum_interval_seconds=10,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=described(
            "Keeps the workspace partitions equal to the active workspaces of the database, and reports changes of "
            "connectors and themes as materializations of workspace_connectors and workspace_themes.",
            "sensors",
        ),
        asset_selection=dg.AssetSelection.assets(*CHAIN),
    )
    def workspace_mirror(
        context: dg.SensorEvaluationContext, ledger: LedgerResource
    ) -> dg.SensorResult | dg.SkipReason:
        with translated():
            found = ledger.store.watch.set_ups()
        set_ups = [one for one in found if is_slug(one.slug)]
        if odd := odd_slugs(one.slug for one in found):
            context.log.warning("%s", odd)
        existing = context.instance.get_dynamic_partitions(WORKSPACE_PARTITIONS)
        change = decide_partitions([one.slug for one in set_ups], existing)
        reports = decide_reports(set_ups, json.loads(context.cursor or "{}"))
        _stop_waiting_runs(context.instance, change.remove)
        cursor = json.dumps(marks_of(set_ups))
        if not (change.add or change.remove or reports):
            context.update_cursor(cursor)
            return dg.SkipReason("partitions, connectors and themes are as they were")
        return dg.SensorResult(
            dynamic_partitions_requests=_requests(change), asset_events=[*map(_event, reports)], cursor=cursor
        )

    return workspace_mirror


def _requests(change: PartitionChange) -> list[dg.AddDynamicPartitionsRequest | dg.DeleteDynamicPartitionsRequest]:
    partitions = workspace_partitions()
    requests: list[dg.AddDynamicPartitionsRequest | dg.DeleteDynamicPartitionsRequest] = []
    if change.add:
        requests.append(partitions.build_add_request(list(change.add)))
    if change.remove:
        requests.append(partitions.build_delete_request(list(change.remove)))
    return requests


def _event(report: Report) -> dg.AssetMaterialization:
    counts: dict[str, Any] = {what: dg.MetadataValue.int(number) for what, number in sorted(report.counts.items())}
    return dg.AssetMaterialization(
        report.asset, partition=report.slug, tags={"dagster/data_version": report.version}, metadata=counts
    )


def _stop_waiting_runs(instance: dg.DagsterInstance, closed: Collection[str]) -> None:
    """Runs that wait in the queue for a workspace that was closed are not to begin, whoever launched them."""
    if not closed:
        return
    for run in instance.get_runs(dg.RunsFilter(statuses=WAITING)):
        about = workspaces_of(run.tags)
        if not about or not about <= set(closed):
            continue
        instance.report_run_canceled(run, message="the workspace was deactivated before the run began")
