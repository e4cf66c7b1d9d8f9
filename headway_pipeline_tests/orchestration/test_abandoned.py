"""Runs whose process is gone, told apart from those that may be well."""

import json
import socket
import subprocess
import sys
import time
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import dagster as dg
import pytest

from headway_pipeline.orchestration.abandoned import (
    NAMED_WITHIN,
    Silence,
    build_abandoned_sensor,
    end_abandoned_runs,
    server_folder_prefix,
    why_abandoned,
)
from headway_pipeline.orchestration.jobs import INGEST_JOB
from headway_pipeline.orchestration.process_names import PROCESS_TAG, process_tags
from headway_pipeline.orchestration.resources import LedgerResource
from headway_pipeline.store.holders import Holder, this_process
from headway_pipeline.store.tables import locks
from headway_pipeline_tests.orchestration.conftest import RunJob
from headway_pipeline_tests.worlds import Installation

HERE = f"/tmp/{server_folder_prefix()}x1/code.sock"
ELSEWHERE = "/tmp/headway-00000000-x1/code.sock"
RUN = str(uuid4())
LONG_AGO = datetime(2026, 11, 20, tzinfo=UTC)


def of_server(path: str) -> dict[str, str]:
    return {"dagster/grpc_info": json.dumps({"host": "localhost", "socket": path})}


def of_process(holder: Holder, run_id: str = RUN) -> dict[str, str]:
    return {PROCESS_TAG: json.dumps({"run": run_id, "process": asdict(holder)})}


def a_dead_process() -> Holder:
    """One that ran on this machine a moment ago."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        process.stdin.close()
    return replace(this_process(), pid=process.pid, started=1)


@pytest.mark.parametrize(
    ("tags", "is_listening", "expected"),
    [
        ({}, False, None),
        (of_server(HERE), False, "the code server that started the run is gone"),
        (of_server(HERE), True, None),
        (of_server(ELSEWHERE), False, None),
        ({"dagster/grpc_info": '{"host": "code", "port": 4000}'}, False, None),
        ({"dagster/grpc_info": "nonsense"}, False, None),
        ({"dagster/grpc_info": "[]"}, False, None),
        ({PROCESS_TAG: '{"surprise": 1}'}, False, None),
        ({PROCESS_TAG: "[]"}, False, None),
        ({PROCESS_TAG: json.dumps({"run": RUN})}, False, None),
        (process_tags(RUN), False, None),
        (of_process(replace(this_process(), host="another")), False, None),
    ],
)
def test_a_run_is_abandoned_only_where_that_is_known(
    tags: dict[str, str], is_listening: bool, expected: str | None
) -> None:
    assert why_abandoned(RUN, tags, lambda _path: is_listening) == expected


def test_the_run_of_a_process_that_ended_is_abandoned() -> None:
    tags = of_process(a_dead_process())
    assert "ended before the run did" in (why_abandoned(RUN, tags, lambda _path: True) or "")
    assert "ended before the run did" in (why_abandoned(RUN, {**tags, **of_server(HERE)}, lambda _path: True) or "")


def test_a_retry_is_not_judged_by_the_process_of_the_run_it_repeats() -> None:
    """Dagster gives a retry the tags of the run it repeats."""
    assert why_abandoned(str(uuid4()), of_process(a_dead_process()), lambda _path: True) is None


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({}, "its process ended before it did anything"),
        (of_server(HERE), "its process ended before it did anything"),
        (
            of_process(replace(this_process(), host="another"), "the run it repeats"),
            "its process ended before it did",
        ),
        (process_tags(RUN), None),
        (of_process(replace(this_process(), host="another")), None),
        ({PROCESS_TAG: "[]"}, None),
    ],
)
def test_a_run_whose_process_never_named_itself_has_none(tags: dict[str, str], expected: str | None) -> None:
    long = NAMED_WITHIN + timedelta(seconds=1)
    assert (why_abandoned(RUN, tags, lambda _path: True, nameless_for=long) or "None").startswith(str(expected))
    assert why_abandoned(RUN, tags, lambda _path: True, nameless_for=NAMED_WITHIN) is None


def test_a_run_that_was_cut_off_before_its_process_had_a_name_is_failed_and_others_runs_are_left_alone() -> None:
    """The database went away in the first second of a run, and for an hour nobody could say how it ended."""
    with dg.DagsterInstance.ephemeral() as instance:
        runs = {}
        for name, job, asset in (
            ("of the job", INGEST_JOB, None),
            ("of the pages", "__ASSET_JOB", "raw_calls"),
            ("of another job", "somebody_elses", None),
            ("of another asset", "__ASSET_JOB", "orders"),
        ):
            selection = None if asset is None else frozenset({dg.AssetKey(asset)})
            run = instance.add_run(dg.DagsterRun(job, asset_selection=selection))
            instance.report_dagster_event(dg.DagsterEvent("PIPELINE_START", job), run.run_id)
            runs[run.run_id] = name
        now = time.time()
        assert end_abandoned_runs(instance, lambda: now + NAMED_WITHIN.total_seconds() - 10) == []
        ended = end_abandoned_runs(instance, lambda: now + NAMED_WITHIN.total_seconds() + 10)
        assert {runs[run_id] for run_id in ended} == {"of the job", "of the pages"}


AT_NOON = Silence(43_200.0, {"one": "11:55", "two": "11:58"})


@pytest.mark.parametrize(
    ("later_s", "lapsed", "silent"),
    [
        (60, {"one": "11:55", "two": "11:58"}, {"one", "two"}),
        # It was renewed, and ended again.
        (60, {"one": "11:55", "two": "12:00"}, {"one"}),
        (60, {"three": "12:00"}, set()),
        (20, {"one": "11:55"}, set()),
    ],
)
def test_a_lease_that_ended_is_looked_at_twice_before_its_owner_is_taken_for_dead(
    later_s: float, lapsed: dict[str, str], silent: set[str]
) -> None:
    later = Silence(AT_NOON.at + later_s, lapsed)
    assert later.since(Silence.parse(AT_NOON.to_text())) == silent
    assert Silence(AT_NOON.at + later_s, AT_NOON.lapsed).since(Silence.parse(None)) == set()


@pytest.mark.parametrize("text", ["", "nonsense", "[]", '{"at": "noon"}', '{"at": 1, "lapsed": []}'])
def test_a_cursor_that_cannot_be_read_is_as_if_nobody_had_looked(text: str) -> None:
    assert AT_NOON.since(Silence.parse(text)) == set()


def test_a_run_on_another_machine_is_ended_a_minute_after_its_lease(
    installation: Installation, instance: dg.DagsterInstance
) -> None:
    """A container that was stopped once left its run open for twelve hours."""
    elsewhere = replace(this_process(), host="another")
    gone, alive = (instance.add_run(dg.DagsterRun(INGEST_JOB)) for _ in range(2))
    for run in (gone, alive):
        instance.report_dagster_event(dg.DagsterEvent("PIPELINE_START", INGEST_JOB), run.run_id)
        instance.add_run_tags(run.run_id, of_process(elsewhere, run.run_id))
    store, workspace = installation.store, installation.workspace
    other = store.workspaces.add("Globex")
    with store.leases.hold(workspace.id, gone.run_id), store.leases.hold(other.id, alive.run_id):
        with store.database.writing() as connection:
            connection.execute(locks.update().where(locks.c.owner == gone.run_id).values(expires_at=LONG_AGO))
        cursor = _tick(instance, None)
        assert instance.get_runs_count(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE])) == 0
        # Pressed again at once: that was no second look.
        assert _tick(instance, cursor) == cursor
        assert instance.get_runs_count(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE])) == 0
        looked = Silence.parse(cursor)
        _tick(instance, replace(looked, at=looked.at - 60).to_text())
    statuses = {run.run_id: run.status for run in instance.get_runs()}
    assert statuses == {gone.run_id: dg.DagsterRunStatus.FAILURE, alive.run_id: dg.DagsterRunStatus.STARTED}


def _tick(instance: dg.DagsterInstance, cursor: str | None) -> str | None:
    with dg.build_sensor_context(instance, cursor=cursor, resources={"ledger": LedgerResource()}) as context:
        build_abandoned_sensor()(context)
        return context.cursor


@pytest.mark.usefixtures("installation")
def test_every_run_over_the_ledger_names_its_process(instance: dg.DagsterInstance, run_job: RunJob) -> None:
    run = instance.get_run_by_id(run_job().run_id)
    assert run is not None
    assert json.loads(run.tags[PROCESS_TAG]) == {"run": run.run_id, "process": asdict(this_process())}


def test_an_abandoned_run_is_failed_with_its_reason_and_one_that_is_well_goes_on(tmp_path: Path) -> None:
    """A killed `headway ingest` once kept its workspace's queued runs waiting for half a day."""
    folder = tmp_path / f"{server_folder_prefix()}y"
    folder.mkdir()
    with dg.DagsterInstance.ephemeral() as instance, socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "code.sock"))
        server.listen()
        dead, killed, own = a_dead_process(), str(uuid4()), str(uuid4())
        tagged = {
            "killed": of_process(dead, killed),
            "serverless": of_server(HERE),
            "own": process_tags(own),
            "served": of_server(str(folder / "code.sock")),
        }
        ids = {}
        for name, tags in tagged.items():
            run = instance.create_run_for_job(
                _job(), status=dg.DagsterRunStatus.STARTED, tags=tags, run_id={"killed": killed, "own": own}.get(name)
            )
            ids[run.run_id] = name
        assert {ids[run_id] for run_id in end_abandoned_runs(instance)} == {"killed", "serverless"}
        statuses = {ids[run.run_id]: run.status for run in instance.get_runs()}
        assert {name for name, status in statuses.items() if status is dg.DagsterRunStatus.FAILURE} == {
            "killed",
            "serverless",
        }
        assert end_abandoned_runs(instance) == []


def _job() -> dg.JobDefinition:
    @dg.op
    def nothing() -> None: ...

    @dg.job
    def job() -> None:
        nothing()

    return job
