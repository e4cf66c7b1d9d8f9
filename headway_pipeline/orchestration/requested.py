"""Ingests that were asked for over the API: what their runs look like, and the sensor for those that wait.

The API asks the webserver for a run at once. Where that fails the request waits, and the sensor turns it into a run.
A run carries its request's id in a tag, so that whoever looks next finds it and asks for no second one.

Concept: https://docs.dagster.io/guides/automate/sensors
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from headway_pipeline.orchestration.descriptions import described
from headway_pipeline.orchestration.failures import translated
from headway_pipeline.orchestration.jobs import INGEST_JOB
from headway_pipeline.orchestration.partitions import WORKSPACE_PARTITIONS, missing_partitions, odd_slugs, range_tags
from headway_pipeline.orchestration.resources import LedgerResource, scope_config
from headway_pipeline.store.ingest_requests import IngestRequestRow
from headway_pipeline.store.workspaces import is_slug

__all__ = ["REQUEST_TAG", "Requested", "build_request_sensor", "decide", "partition_of", "run_config", "run_tags"]

REQUEST_TAG = "headway/ingest_request"


def partition_of(request: IngestRequestRow) -> tuple[str, str]:
    """The dynamic dimension and its key that a run of the request needs."""
    return WORKSPACE_PARTITIONS, request.slug


def run_tags(request: IngestRequestRow) -> dict[str, str]:
    """The tags of the run: its days, and who asked for it."""
    return {
        **range_tags(request.slug, request.since, request.until, asked_by="api"),
        REQUEST_TAG: str(request.id),
    }


def run_config(request: IngestRequestRow) -> dict[str, Any]:
    """The run's config: what bounds it."""
    return scope_config(limit=request.max_calls, connector_type=request.connector_type)


@dataclass(frozen=True, slots=True)
class Requested:
    """What a tick does: note runs that are there, ask for those that are not, and for those only that can be.

    Attributes:
        odd: of workspaces whose slug is no partition key; they wait until it is one.
    """

    noted: tuple[tuple[IngestRequestRow, str], ...]
    asked: tuple[IngestRequestRow, ...]
    odd: tuple[IngestRequestRow, ...]


def decide(waiting: Sequence[IngestRequestRow], run_of: Mapping[str, str]) -> Requested:
    """A request whose run is there needs its id noted; any other a run. The same however many ticks were missed."""
    runless = [request for request in waiting if str(request.id) not in run_of]
    return Requested(
        noted=tuple((request, run_of[str(request.id)]) for request in waiting if str(request.id) in run_of),
        asked=tuple(request for request in runless if is_slug(request.slug)),
        odd=tuple(request for request in runless if not is_slug(request.slug)),
    )


def build_request_sensor() -> dg.SensorDefinition:
    """The sensor `requested_ingests`."""

    @dg.sensor(
        name="requested_ingests",
        job_name=INGEST_JOB,
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=described(
            "Starts the runs of ingests that were asked for over the API while no webserver answered it.", "sensors"
        ),
    )
    def requested_ingests(
        context: dg.SensorEvaluationContext, ledger: LedgerResource
    ) -> dg.SensorResult | dg.SkipReason:
        with translated():
            waiting = ledger.store.ingest_requests.waiting()
        if not waiting:
            return dg.SkipReason("nobody waits for an ingest")
        ids = [str(request.id) for request in waiting]
        runs = context.instance.get_runs(dg.RunsFilter(tags={REQUEST_TAG: ids}))
        todo = decide(waiting, {run.tags[REQUEST_TAG]: run.run_id for run in runs})
        if odd := odd_slugs(request.slug for request in todo.odd):
            context.log.warning("%s", odd)
        with translated():
            for request, run_id in todo.noted:
                ledger.store.ingest_requests.record_run(request.workspace_id, request.id, run_id)
        return dg.SensorResult(
            run_requests=[
                dg.RunRequest(run_key=str(request.id), run_config=run_config(request), tags=run_tags(request))
                for request in todo.asked
            ],
            dynamic_partitions_requests=missing_partitions(
                context.instance, [request.slug for request in todo.asked]
            ),
        )

    return requested_ingests
