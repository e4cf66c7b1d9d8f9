"""Dagster started by `headway up`, two connected workspaces behind it, and headless Chromium in front."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Page, expect, sync_playwright

from headway_pipeline.model.workspaces import Credentials, Workspace
from headway_pipeline.sandbox.server import Sandbox
from headway_pipeline_tests.worlds import Installation, installed, sandbox_call

#: Without the last ones Chromium looks for hosts of its own at every start.
CHROMIUM_OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
START_TIMEOUT_S = 120
PAGE_TIMEOUT_MS = 30_000
SECOND = "second"


@dataclass
class Stack:
    """A running installation."""

    url: str
    read_only_url: str
    installation: Installation
    second: Workspace

    def ask(self, query: str) -> Any:
        """The answer of Dagster's GraphQL API."""
        answer = requests.post(f"{self.url}/graphql", json={"query": query}, timeout=60)
        return answer.json()["data"]

    def stop_schedules(self) -> None:
        """Let no run begin by the clock or a sensor: these tests take minutes, and count runs."""
        state = 'schedulesOrError(repositorySelector: {repositoryName: "__repository__", repositoryLocationName: '
        query = f'{{{state} "headway_pipeline"}}) {{... on Schedules {{results {{scheduleState {{id}}}}}}}}}}'
        for schedule in self.ask(query)["schedulesOrError"]["results"]:
            stopping = f'stopRunningSchedule(id: "{schedule["scheduleState"]["id"]}")'
            answer = self.ask(f"mutation {{{stopping} {{... on ScheduleStateResult {{scheduleState {{status}}}}}}}}")
            assert answer["stopRunningSchedule"]["scheduleState"]["status"] == "STOPPED"
        state = state.replace("schedulesOrError", "sensorsOrError")
        query = f'{{{state} "headway_pipeline"}}) {{... on Sensors {{results {{sensorState {{id}}}}}}}}}}'
        for sensor in self.ask(query)["sensorsOrError"]["results"]:
            stopping = f'stopSensor(id: "{sensor["sensorState"]["id"]}")'
            answer = self.ask(
                f"mutation {{{stopping} {{... on StopSensorMutationResult {{instigationState {{status}}}}}}}}"
            )
            assert answer["stopSensor"]["instigationState"]["status"] == "STOPPED"

    def reconnect(self, secret_key: str) -> None:
        """Give the first workspace's Gong connector these credentials."""
        self.installation.reconnect(secret_key)

    def newest_backfill(self) -> tuple[str, str]:
        """Id and status."""
        data = self.ask("{partitionBackfillsOrError(limit: 1) {... on PartitionBackfills {results {id status}}}}")
        (newest,) = data["partitionBackfillsOrError"]["results"] or [{"id": "", "status": ""}]
        return newest["id"], newest["status"]

    def wait_for_backfill(self, before: str, timeout_s: float = 180) -> str:
        """The status in which the backfill after `before` ended."""
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            newest, status = self.newest_backfill()
            if newest != before and status.startswith(("COMPLETED", "FAILED", "CANCELED")):
                return status
            time.sleep(0.25)
        raise AssertionError(f"the backfill did not end within {timeout_s} s: {self.newest_backfill()}")


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser; without one these tests are skipped, or fail where HEADWAY_TEST_BROWSER=required."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        words = "no Chromium on this machine (Debian: apt-get install chromium)"
        if os.environ.get("HEADWAY_TEST_BROWSER") == "required":
            pytest.fail(words)
        pytest.skip(words)
    return found


@pytest.fixture(scope="module")
def stack(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """`headway up` over two workspaces with the same three calls, on a free port."""
    calls = [sandbox_call(number, days_ago=number) for number in (1, 2, 3)]
    with pytest.MonkeyPatch.context() as environment:
        home = tmp_path_factory.mktemp("up") / "home"
        with installed(home, environment, *calls) as installation:
            # Before its sensors are stopped.
            environment.setenv("HEADWAY_FIRST_DAYS", "0")
            second = _add_second(installation.sandbox, installation)
            port, read_only_port = _free_port(), _free_port()
            process = _start(home, port, read_only_port)
            try:
                _wait_until_up(port, process)
                _wait_until_up(read_only_port, process)
                url, read_only_url = (f"http://127.0.0.1:{found}" for found in (port, read_only_port))
                stack = Stack(url, read_only_url, installation, second)
                stack.stop_schedules()
                yield stack
            finally:
                _stop(process)


def _add_second(sandbox: Sandbox, installation: Installation) -> Workspace:
    store = installation.store
    second = store.workspaces.add("Second", slug=SECOND)
    credentials = Credentials({"access_key": "the-access-key", "secret_key": "the-secret-key"})
    store.connectors.add(second.id, "gong", base_url=sandbox.base_url, credentials=credentials)
    store.themes.add(second.id, "Exports", description="Getting data out on a schedule")
    return second


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _start(home: Path, port: int, read_only_port: int) -> "subprocess.Popen[bytes]":
    with (home.parent / "up.log").open("wb") as log:
        return subprocess.Popen(
            [
                sys.executable,
                "-P",
                str(Path(__file__).with_name("quick_up.py")),
                "up",
                "--port",
                str(port),
                "--read-only-port",
                str(read_only_port),
                "--api-port",
                "0",
            ],
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "HEADWAY_HOME": str(home)},
            start_new_session=True,
        )


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """End the whole group, by force where asking takes too long; no Dagster outlives its tests."""
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(timeout=60)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=10)


def _wait_until_up(port: int, process: "subprocess.Popen[bytes]") -> None:
    query = {"query": "{workspaceOrError {... on Workspace {locationEntries {loadStatus}}}}"}
    end = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < end:
        assert process.poll() is None, "`headway up` ended by itself"
        try:
            answer = requests.post(f"http://127.0.0.1:{port}/graphql", json=query, timeout=10).json()
            if answer["data"]["workspaceOrError"]["locationEntries"] == [{"loadStatus": "LOADED"}]:
                return
        except requests.RequestException:
            pass
        time.sleep(0.5)
    raise AssertionError(f"`headway up` was not ready within {START_TIMEOUT_S} s")


@pytest.fixture
def page(chromium: str) -> Iterator[Page]:
    """A page of a browser without a past."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_OPTIONS)
        opened = browser.new_page(viewport={"width": 1500, "height": 1000})
        opened.set_default_timeout(PAGE_TIMEOUT_MS)
        # What is expected of a page has a time of its own, and a busy machine draws slowly.
        expect.set_options(timeout=PAGE_TIMEOUT_MS)
        yield opened
        browser.close()
