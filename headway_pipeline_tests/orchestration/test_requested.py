"""Ingests that were asked for over the API become runs, once each."""

import uuid
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pytest
from dagster._core.test_utils import create_run_for_test

from headway_pipeline.orchestration.graph import build_defs
from headway_pipeline.orchestration.requested import REQUEST_TAG, decide, run_config, run_tags
from headway_pipeline.orchestration.resources import LedgerResource
from headway_pipeline.store.ingest_requests import IngestRequestRow
from headway_pipeline.store.tables import workspaces
from headway_pipeline_tests.worlds import Installation

DAY = date(2026, 11, 20)


def request(**changes: object) -> IngestRequestRow:
    values: dict[str, object] = {
        "id": uuid.uuid4(),
        "workspace_id": uuid.uuid4(),
        "slug": "acme",
        "since": DAY,
        "until": DAY,
        "connector_type": None,
        "max_calls": None,
        "requested_by": "token ci",
        "created_at": datetime(2026, 11, 20, 12, 0, tzinfo=UTC),
        "run_id": None,
        **changes,
    }
    return IngestRequestRow(**values)  # type: ignore[arg-type]


def test_a_request_whose_run_is_there_needs_no_second_one() -> None:
    there, waiting = request(), request()
    todo = decide([there, waiting], {str(there.id): "run-1"})
    assert todo.noted == ((there, "run-1"),)
    assert todo.asked == (waiting,)


def test_the_run_says_its_days_who_asked_and_what_bounds_it() -> None:
    asked = request(connector_type="gong", max_calls=5)
    assert run_tags(asked) == {
        "dagster/asset_partition_range_start": "2026-11-20|acme",
        "dagster/asset_partition_range_end": "2026-11-20|acme",
        "workspace": "acme",
        "asked_by": "api",
        REQUEST_TAG: str(asked.id),
    }
    assert run_config(asked)["resources"]["scope"]["config"] == {"limit": 5, "connector_type": "gong"}
    assert run_config(request())["resources"]["scope"]["config"] == {}


def test_the_sensor_asks_for_a_run_until_it_is_there_and_then_notes_it(
    installation: Installation, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, acme = installation.store, installation.workspace
    store.ingest_requests.add(acme.id, DAY, DAY, requested_by="token ci")
    sensor = build_defs().resolve_sensor_def("requested_ingests")

    def tick() -> dg.SensorResult | dg.SkipReason:
        with dg.build_sensor_context(instance=instance, resources={"ledger": LedgerResource()}) as context:
            answer = sensor(context)
        assert isinstance(answer, dg.SensorResult | dg.SkipReason)
        return answer

    # Whoever wrote it down is asking the webserver.
    assert isinstance(tick(), dg.SkipReason)
    monkeypatch.setattr("headway_pipeline.store.ingest_requests.CLAIM", timedelta(0))
    asked = store.ingest_requests.add(acme.id, DAY, DAY, requested_by="token ci")
    for _ in range(2):
        result = tick()
        assert isinstance(result, dg.SensorResult)
        (run_request,) = result.run_requests or []
        # Dagster itself takes a run key once.
        assert run_request.run_key == str(asked.id)
    create_run_for_test(instance, tags=dict(run_request.tags))
    result = tick()
    assert isinstance(result, dg.SensorResult)
    assert result.run_requests == []
    assert isinstance(tick(), dg.SkipReason)
    assert store.ingest_requests.find(acme.id, asked.id).run_id is not None


def test_a_workspace_that_is_new_gets_its_partition_with_its_run(
    installation: Installation, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("headway_pipeline.store.ingest_requests.CLAIM", timedelta(0))
    store = installation.store
    other = store.workspaces.add("Other")
    store.ingest_requests.add(other.id, DAY, DAY, requested_by="token ci")
    sensor = build_defs().resolve_sensor_def("requested_ingests")
    with dg.build_sensor_context(instance=instance, resources={"ledger": LedgerResource()}) as context:
        result = sensor(context)
    assert isinstance(result, dg.SensorResult)
    (added,) = result.dynamic_partitions_requests or []
    assert added.partition_keys == ["other"]


def test_a_slug_that_is_none_stops_no_other_request_and_is_told_of(
    installation: Installation,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("headway_pipeline.store.ingest_requests.CLAIM", timedelta(0))
    store, acme = installation.store, installation.workspace
    odd = store.workspaces.add("Odd")
    with store.database.writing() as connection:
        connection.execute(workspaces.update().where(workspaces.c.id == odd.id).values(slug="Odd...slug|\n"))
    for workspace_id in (odd.id, acme.id):
        store.ingest_requests.add(workspace_id, DAY, DAY, requested_by="token ci")
    sensor = build_defs().resolve_sensor_def("requested_ingests")
    with dg.build_sensor_context(instance=instance, resources={"ledger": LedgerResource()}) as context:
        result = sensor(context)
    assert isinstance(result, dg.SensorResult)
    assert [request.tags["workspace"] for request in result.run_requests or []] == ["acme"]
    assert "no slug for a partition: 'Odd...slug|\\n'; use a-z" in capsys.readouterr().err
    # It waits, and a slug that is one gets it its run.
    with store.database.writing() as connection:
        connection.execute(workspaces.update().where(workspaces.c.id == odd.id).values(slug="odd"))
    with dg.build_sensor_context(instance=instance, resources={"ledger": LedgerResource()}) as context:
        result = sensor(context)
    assert isinstance(result, dg.SensorResult)
    assert [request.tags["workspace"] for request in result.run_requests or []] == ["odd", "acme"]


@pytest.mark.parametrize("bounds", [{}, {"connector_type": "gong", "max_calls": 5}])
def test_the_config_of_the_run_is_one_that_the_job_takes(bounds: dict[str, object]) -> None:
    job = build_defs().resolve_job_def("ingest")
    assert dg.validate_run_config(job, run_config(request(**bounds)))
