"""What Dagster's webserver may answer, or not: no request is lost by it, and nobody else waits for it."""

import json
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from headway_pipeline.api.launching import RunState
from headway_pipeline.api.webserver import LAUNCH_TIMEOUT_S, MOST_WAITING, TIMEOUT_S, DagsterWebserver
from headway_pipeline.orchestration.jobs import INGEST_JOB
from headway_pipeline.store.idempotency import CLAIM
from headway_pipeline.store.ingest_requests import CLAIM as REQUEST_CLAIM
from headway_pipeline.store.ingest_requests import IngestRequestRow

DAY = date(2026, 11, 20)
REQUEST = IngestRequestRow(
    uuid.uuid4(), uuid.uuid4(), "acme", DAY, DAY, None, None, "token ci", datetime(2026, 11, 20, tzinfo=UTC), None
)
REPOSITORY = {"name": "here", "location": {"name": "there"}, "jobs": [{"name": INGEST_JOB}]}
FOUND = {"data": {"repositoriesOrError": {"nodes": [REPOSITORY]}}}
ADDED = {"data": {"addDynamicPartition": {"__typename": "AddDynamicPartitionSuccess"}}}
LAUNCHED = {"data": {"launchRun": {"__typename": "LaunchRunSuccess", "run": {"runId": "run-1"}}}}


class Answering(ThreadingHTTPServer):
    """Gives its answers one after the other, the last one again and again; each as soon as it may."""

    daemon_threads = True

    def __init__(self, *answers: Any, status: int = 200) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers = list(answers)
        self.status = status
        self.asked: list[dict[str, Any]] = []
        self.waiting = threading.Semaphore(0)
        self.may_answer = threading.Event()
        self.may_answer.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Answering

    def do_POST(self) -> None:
        asked = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append(json.loads(asked))
        self.server.waiting.release()
        self.server.may_answer.wait(30)
        answers = self.server.answers
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def answering(*answers: Any, status: int = 200) -> Iterator[Answering]:
    server = Answering(*answers, status=status)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        server.may_answer.set()
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_run_is_launched_where_the_job_is_and_its_id_is_told() -> None:
    with answering(FOUND, ADDED, LAUNCHED) as server:
        assert DagsterWebserver(server.url).launch(REQUEST) == "run-1"
    selector = server.asked[-1]["variables"]["params"]["selector"]
    assert selector == {"repositoryName": "here", "repositoryLocationName": "there", "jobName": INGEST_JOB}


@pytest.mark.parametrize(
    "answer",
    [
        [],
        None,
        "no",
        7,
        {},
        {"data": None},
        {"data": []},
        {"errors": [{"message": "no"}], "data": None},
        {"data": {"repositoriesOrError": {"__typename": "PythonError"}}},
        {"data": {"repositoriesOrError": {"nodes": [REPOSITORY]}, "launchRun": {"__typename": "PythonError"}}},
        {"data": {"runsOrError": {"results": [{"runId": "run-1", "status": []}]}}},
        {"data": {"runsOrError": {"results": [{"runId": "run-1", "status": "NEW"}]}}},
        b"<html>Bad gateway</html>",
        b"",
    ],
)
def test_an_answer_that_is_none_leaves_the_request_waiting(answer: Any) -> None:
    with answering(answer) as server:
        dagster = DagsterWebserver(server.url)
        assert dagster.launch(REQUEST) is None
        assert dagster.states(["run-1"]) == {}


def test_a_slug_that_is_no_partition_key_asks_dagster_for_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with answering(FOUND, ADDED, LAUNCHED) as server:
        assert DagsterWebserver(server.url).launch(replace(REQUEST, slug="Not|a slug")) is None
    assert server.asked == []
    assert "no partition key" in caplog.text


def test_an_error_is_an_answer_that_is_none() -> None:
    for status in (404, 500):
        with answering(FOUND, status=status) as server:
            assert DagsterWebserver(server.url).launch(REQUEST) is None
            assert len(server.asked) == 1


def test_no_proxy_of_the_environment_stands_between(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    with answering({"data": {"runsOrError": {"results": [{"runId": "run-1", "status": "STARTED"}]}}}) as server:
        assert DagsterWebserver(server.url).states(["run-1"]) == {"run-1": RunState.RUNNING}


def test_a_webserver_that_hangs_holds_a_few_requests_and_no_more() -> None:
    """Every thread of the API that waited for it would be one that reads and checks tokens for nobody."""
    with answering({"data": {"runsOrError": {"results": [{"runId": "run-1", "status": "STARTED"}]}}}) as server:
        server.may_answer.clear()
        dagster = DagsterWebserver(server.url)
        waiting = [threading.Thread(target=dagster.states, args=(["run-1"],)) for _ in range(MOST_WAITING)]
        for thread in waiting:
            thread.start()
        for _ in waiting:
            assert server.waiting.acquire(timeout=30)
        assert dagster.states(["run-1"]) == {}
        assert dagster.launch(REQUEST) is None
        assert len(server.asked) == MOST_WAITING
        server.may_answer.set()
        for thread in waiting:
            thread.join(timeout=30)
        assert dagster.states(["run-1"]) == {"run-1": RunState.RUNNING}


def test_whoever_repeats_a_request_waits_longer_than_the_first_one_can_take() -> None:
    """Otherwise the repeated one, with the same Idempotency-Key, would ask for a second run."""
    longest = timedelta(seconds=3 * sum(TIMEOUT_S) + sum(LAUNCH_TIMEOUT_S))
    assert min(CLAIM, REQUEST_CLAIM) > longest
