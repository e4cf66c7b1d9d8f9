"""Runs whose process is gone, told apart from those that may be well."""

import json
import socket
import subprocess
import sys
import time
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import dagster as dg
import pytest

from headway_pipeline.orchestration.abandoned import (
    NAMED_WITHIN,
    end_abandoned_runs,
    server_folder_prefix,
    why_abandoned,
)
from headway_pipeline.orchestration.jobs import INGEST_JOB
from headway_pipeline.orchestration.process_names import PROCESS_TAG, process_tags
from headway_pipeline.store.holders import Holder, this_process
from headway_pipeline_tests.orchestration.conftest import RunJob

HERE = f"/tmp/{server_folder_prefix()}x1/code.sock"
ELSEWHERE = "/tmp/headway-00000000-x1/code.sock"
RUN = str(uuid4())


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
