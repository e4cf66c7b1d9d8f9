"""Dagster's three programs as processes of their own, what they are asked, and the PostgreSQL behind them."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import requests
import sqlalchemy as sa

from headway_pipeline.orchestration.assets import CHAIN
from headway_pipeline.orchestration.partitions import range_tags
from headway_pipeline_tests.databases import Server, free_port
from headway_pipeline_tests.worlds import Installation

__all__ = ["LOCATION", "Processes", "Stack", "wait_for"]

Found = TypeVar("Found")

LOCATION = "headway_pipeline"
REPOSITORY = {"repositoryName": "__repository__", "repositoryLocationName": LOCATION}
QUICK_DAEMON = Path(__file__).parents[1] / "quick_daemon.py"
#: A machine that does other things beside takes several times what an idle one does.
PATIENCE_S = 300.0
LOOK_EVERY_S = 0.25
#: The code server would wait a minute for requests that nobody will send any more.
STOP_PATIENCE_S = 5.0


def wait_for(what: str, look: Callable[[], Found | None], timeout_s: float = PATIENCE_S) -> Found:
    """What `look` finds, as soon as that is something."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(LOOK_EVERY_S)
    raise AssertionError(f"{what}: not within {timeout_s:.0f} s")


class Processes:
    """The programs, each leading a group of its own; all of them end with this object."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        self._environment = {**os.environ, **environment}
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self.port, self._code_port = free_port(), free_port()
        self._workspace = folder / "workspace.yaml"
        server = f"{{host: 127.0.0.1, port: {self._code_port}, location_name: {LOCATION}}}"
        self._workspace.write_text(f"load_from:\n  - grpc_server: {server}\n", encoding="utf-8")

    def start_code_server(self) -> None:
        """What loads our definitions and starts runs."""
        serving = ("-m", "headway_pipeline.definitions", "-h", "127.0.0.1", "-p", str(self._code_port))
        self._start("code-server", "dagster", "api", "grpc", *serving, "--location-name", LOCATION)

    def start_webserver(self) -> None:
        """What people and programs talk to."""
        self._start("webserver", "dagster-webserver", *self._target(), "-h", "127.0.0.1", "-p", str(self.port))

    def start_daemon(self, *, is_quick: bool = False) -> None:
        """What evaluates schedules and sensors, and launches runs; a quick one does not let backfills wait."""
        if is_quick:
            self._start("daemon", Path(sys.executable).name, "-P", str(QUICK_DAEMON), "run", *self._target())
        else:
            self._start("daemon", "dagster-daemon", "run", *self._target())

    def is_serving_code(self) -> bool:
        """Whether the code server has loaded our definitions and answers."""
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self._code_port)) == 0

    def kill(self, name: str) -> None:
        """End a program and everything it started, without a word."""
        os.killpg(self._running[name].pid, signal.SIGKILL)
        self._running.pop(name).wait(timeout=30)

    def ended(self) -> list[str]:
        """Programs that ended by themselves."""
        return [name for name, process in self._running.items() if process.poll() is not None]

    def cpu_s(self, name: str) -> float:
        """CPU seconds of a program so far, without what it started."""
        # https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
        fields = Path(f"/proc/{self._running[name].pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def words(self, name: str) -> str:
        """What a program wrote."""
        return (self._folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")

    def stop(self) -> None:
        """End every group, by force where asking takes too long."""
        for process in self._running.values():
            os.killpg(process.pid, signal.SIGTERM)
        end = time.monotonic() + STOP_PATIENCE_S
        for process in self._running.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=max(end - time.monotonic(), 0.1))
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(timeout=10)

    def _target(self) -> tuple[str, str]:
        return ("-w", str(self._workspace))

    def _start(self, name: str, program: str, *arguments: str) -> None:
        with (self._folder / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                [str(Path(sys.executable).with_name(program)), *arguments],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env=self._environment,
                start_new_session=True,
            )


@dataclass
class Stack:
    """A running installation, asked through Dagster's GraphQL API alone."""

    installation: Installation
    server: Server
    processes: Processes

    def ask(self, query: str, **variables: Any) -> Any:
        """The answer to a query that must succeed."""
        answer = self._post(query, variables)
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    def _post(self, query: str, variables: Mapping[str, Any]) -> Any:
        url = f"http://127.0.0.1:{self.processes.port}/graphql"
        return requests.post(url, json={"query": query, "variables": variables}, timeout=60).json()

    def is_answering(self) -> bool:
        """Whether the webserver reaches its database."""
        return "errors" not in self._post("{runsOrError(limit: 1) {__typename}}", {})

    def is_loaded(self) -> bool:
        """Whether the webserver answers and has our definitions."""
        try:
            found = self.ask("{workspaceOrError {... on Workspace {locationEntries {loadStatus}}}}")
        except requests.RequestException:
            return False
        return bool(found["workspaceOrError"]["locationEntries"] == [{"loadStatus": "LOADED"}])

    def runs(self, **tags: str) -> list[dict[str, Any]]:
        """The runs with these tags, newest first."""
        query = """query($filter: RunsFilter) {runsOrError(filter: $filter) {... on Runs {results {
            runId status creationTime startTime endTime tags {key value}}}}}"""
        found = self.ask(query, filter={"tags": [{"key": key, "value": value} for key, value in tags.items()]})
        results: list[dict[str, Any]] = found["runsOrError"]["results"]
        for run in results:
            run["tags"] = {tag["key"]: tag["value"] for tag in run["tags"]}
        return results

    def succeeded(self, **tags: str) -> dict[str, Any] | None:
        """The newest run with these tags that succeeded."""
        return next((run for run in self.runs(**tags) if run["status"] == "SUCCESS"), None)

    def unfinished_runs(self) -> list[dict[str, Any]]:
        """The runs that are on their way."""
        return [run for run in self.runs() if run["status"] not in ("SUCCESS", "FAILURE", "CANCELED")]

    def run(self, run_id: str) -> dict[str, Any]:
        """How a run is."""
        query = "query($id: ID!) {runOrError(runId: $id) {... on Run {runId status startTime endTime}}}"
        found: dict[str, Any] = self.ask(query, id=run_id)["runOrError"]
        return found

    def workspaces(self) -> list[str]:
        """The keys of the dimension in their order, which is the one in which they came."""
        query = """{assetNodeOrError(assetKey: {path: ["raw_calls"]}) {... on AssetNode {
            partitionKeysByDimension {name partitionKeys}}}}"""
        found = self.ask(query)["assetNodeOrError"]["partitionKeysByDimension"]
        keys: list[str] = next(one for one in found if one["name"] == "workspace")["partitionKeys"]
        return keys

    def materialized(self, asset: str) -> set[str]:
        """The keys of an asset that are materialized, from its two dimensions."""
        query = """query($key: AssetKeyInput!) {assetNodeOrError(assetKey: $key) {... on AssetNode {
            assetPartitionStatuses {... on MultiPartitionStatuses {ranges {
                primaryDimStartKey primaryDimEndKey secondaryDim {
                    ... on DefaultPartitionStatuses {materializedPartitions}}}}}
            partitionKeysByDimension {name partitionKeys}}}}"""
        node = self.ask(query, key={"path": [asset]})["assetNodeOrError"]
        dates = next(found for found in node["partitionKeysByDimension"] if found["name"] == "date")["partitionKeys"]
        keys = set()
        for part in node["assetPartitionStatuses"]["ranges"]:
            first, last = (dates.index(part[f"primaryDim{end}Key"]) for end in ("Start", "End"))
            for slug in part["secondaryDim"]["materializedPartitions"]:
                keys |= {f"{day}|{slug}" for day in dates[first : last + 1]}
        return keys

    def launch_run(self, slug: str, since: date, until: date) -> str:
        """The chain over the days of a workspace; returns the run's id."""
        query = """mutation($params: ExecutionParams!) {launchRun(executionParams: $params) {
            __typename ... on LaunchRunSuccess {run {runId}} ... on PythonError {message}}}"""
        tags = range_tags(slug, since, until, asked_by="a person")
        params = {
            "selector": {**REPOSITORY, "jobName": "ingest"},
            "runConfigData": {},
            "executionMetadata": {"tags": [{"key": key, "value": value} for key, value in tags.items()]},
        }
        answer = self.ask(query, params=params)["launchRun"]
        assert answer["__typename"] == "LaunchRunSuccess", answer
        run_id: str = answer["run"]["runId"]
        return run_id

    def launch_backfill(self, keys: Sequence[str]) -> str:
        """The chain over any keys, as the pages launch it; returns the backfill's id."""
        query = """mutation($params: LaunchBackfillParams!) {launchPartitionBackfill(backfillParams: $params) {
            __typename ... on LaunchBackfillSuccess {backfillId} ... on PythonError {message}}}"""
        params = {"assetSelection": [{"path": [name]} for name in CHAIN], "partitionNames": list(keys)}
        answer = self.ask(query, params=params)["launchPartitionBackfill"]
        assert answer["__typename"] == "LaunchBackfillSuccess", answer
        backfill_id: str = answer["backfillId"]
        return backfill_id

    def backfill_status(self, backfill_id: str) -> str:
        """As Dagster words it."""
        query = "query($id: String!) {partitionBackfillOrError(backfillId: $id) {... on PartitionBackfill {status}}}"
        status: str = self.ask(query, id=backfill_id)["partitionBackfillOrError"]["status"]
        return status

    def stop_schedule(self, name: str) -> None:
        """Have a schedule run no more."""
        query = """query($selector: ScheduleSelector!) {scheduleOrError(scheduleSelector: $selector) {
            ... on Schedule {scheduleState {id}}}}"""
        found = self.ask(query, selector={**REPOSITORY, "scheduleName": name})["scheduleOrError"]
        query = "mutation($id: String!) {stopRunningSchedule(id: $id) {... on ScheduleStateResult {__typename}}}"
        assert self.ask(query, id=found["scheduleState"]["id"])["stopRunningSchedule"]

    def start_schedule(self, name: str) -> None:
        """Have a stopped schedule run from now on."""
        query = """mutation($selector: ScheduleSelector!) {startSchedule(scheduleSelector: $selector) {
            ... on ScheduleStateResult {__typename}}}"""
        assert self.ask(query, selector={**REPOSITORY, "scheduleName": name})["startSchedule"]

    def ticks(self, sensor: str) -> list[dict[str, Any]]:
        """The newest ticks of a sensor."""
        query = """query($selector: SensorSelector!) {sensorOrError(sensorSelector: $selector) {... on Sensor {
            sensorState {ticks(limit: 20) {timestamp endTimestamp status runIds error {message}}}}}}"""
        found = self.ask(query, selector={**REPOSITORY, "sensorName": sensor})
        ticks: list[dict[str, Any]] = found["sensorOrError"]["sensorState"]["ticks"]
        return ticks

    def process_of(self, run_id: str) -> int | None:
        """The number of the process that carries out a run, as soon as it said it."""
        query = """query($id: ID!) {logsForRun(runId: $id) {... on EventConnection {events {
            ... on MessageEvent {message}}}}}"""
        events = self.ask(query, id=run_id)["logsForRun"]["events"]
        said = (re.search(r"Started process for run \(pid: (\d+)\)", event.get("message", "")) for event in events)
        return next((int(found[1]) for found in said if found), None)

    def sql(self, statement: str, **values: Any) -> None:
        """What somebody else's program writes into the database."""
        with self.installation.store.database.writing() as connection:
            connection.execute(sa.text(statement), values)
