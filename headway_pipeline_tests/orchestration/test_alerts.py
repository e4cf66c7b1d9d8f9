"""Failed runs are told of once each, with what to do, and a fault of the channel loses none."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import dagster as dg
import pytest

from headway_pipeline.orchestration.alerts import EndedRun, Told, decide_alerts
from headway_pipeline.orchestration.graph import build_defs
from headway_pipeline.orchestration.partitions import workspaces_of
from headway_pipeline_tests.orchestration.conftest import RunJob
from headway_pipeline_tests.worlds import Installation

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
PAGES = "http://127.0.0.1:3000"


def run(number: int, trouble: str = "", *, slug: str = "acme", hours_ago: float = 0.0, **more: str) -> EndedRun:
    return EndedRun(f"run-{number}", "ingest", (slug,), NOW - timedelta(hours=hours_ago), trouble, **more)


def test_a_failed_run_is_told_with_its_remedy_and_a_link() -> None:
    (alert,), _ = decide_alerts(
        [run(1, "connector gong is refused", what_to_do="mend the key", next_step="a person must mend it")],
        {},
        NOW,
        PAGES,
    )
    assert alert.text.splitlines() == [
        "The run ingest of acme failed.",
        "connector gong is refused",
        "What to do: mend the key",
        "Next: a person must mend it",
        "http://127.0.0.1:3000/runs/run-1",
    ]


def test_the_same_trouble_is_told_once_a_day_though_its_numbers_change() -> None:
    told: dict[str, Told] = {}
    found = []
    for hour in range(48):
        now = NOW + timedelta(hours=hour)
        ended = EndedRun(
            f"run-{hour}", "ingest", ("acme",), now, f'{hour} days are not complete: gong answers {{"id":"a{hour}b"}}'
        )
        alerts, told = decide_alerts([ended], told, now, PAGES)
        found += alerts
    assert [alert.run_id for alert in found] == ["run-0", "run-24"]


def test_another_workspaces_and_another_trouble_are_told_beside_it() -> None:
    _, told = decide_alerts([run(1, "gong is refused")], {}, NOW, PAGES)
    alerts, _ = decide_alerts(
        [run(2, "gong is refused", slug="globex"), run(3, "fathom is refused"), run(4, "gong is refused")],
        told,
        NOW,
        PAGES,
    )
    assert [alert.run_id for alert in alerts] == ["run-2", "run-3"]


def test_what_was_over_and_comes_back_is_told_again() -> None:
    alerts, _ = decide_alerts(
        [run(1, "gong is refused", hours_ago=3), run(2, hours_ago=2), run(3, "gong is refused", hours_ago=1)],
        {},
        NOW,
        PAGES,
    )
    assert [alert.run_id for alert in alerts] == ["run-1", "run-3"]


@pytest.mark.parametrize("success", [run(2, slug="globex", hours_ago=2), run(2, hours_ago=4)], ids=["other", "older"])
def test_a_success_elsewhere_or_earlier_ends_nothing(success: EndedRun) -> None:
    ended = [run(1, "gong is refused", hours_ago=3), success, run(3, "gong is refused", hours_ago=1)]
    alerts, _ = decide_alerts(ended, {}, NOW, PAGES)
    assert [alert.run_id for alert in alerts] == ["run-1"]


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"workspace": "acme"}, ("acme",)),
        ({"dagster/partition/workspace": "acme"}, ("acme",)),
        (
            {
                "dagster/asset_partition_range_start": "2026-11-20|acme",
                "dagster/asset_partition_range_end": "2026-11-20|zeta",
            },
            ("acme", "zeta"),
        ),
        ({}, ()),
    ],
)
def test_a_runs_workspaces_are_read_from_whichever_tags_it_has(tags: dict[str, str], expected: tuple[str]) -> None:
    assert workspaces_of(tags) == set(expected)


class Channel:
    """An incoming webhook that takes texts, or refuses them."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.status = 200


@pytest.fixture
def channel(monkeypatch: pytest.MonkeyPatch) -> Iterator[Channel]:
    made = Channel()
    with serving(made) as url:
        monkeypatch.setenv("HEADWAY_ALERT_URL", url)
        yield made


@contextmanager
def serving(channel: Channel) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if channel.status == 200:
                channel.texts.append(body["text"])
            self.send_response(channel.status)
            if channel.status == 302:
                self.send_header("Location", "http://127.0.0.1:9/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/services/the-secret-part"
        finally:
            server.shutdown()
            thread.join()


class Ticks:
    """The sensor, tick after tick, as the daemon calls it."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self._instance = instance
        self._sensor = build_defs().resolve_sensor_def("failed_runs")
        self.cursor: str | None = None

    def __call__(self) -> str:
        with dg.build_sensor_context(instance=self._instance, cursor=self.cursor) as context:
            result = self._sensor(context)
            self.cursor = context.cursor
        assert isinstance(result, dg.SkipReason)
        return result.skip_message or ""


def test_a_run_that_failed_is_posted_once_and_its_success_clears_it(
    installation: Installation, instance: dg.DagsterInstance, run_job: RunJob, channel: Channel
) -> None:
    tick = Ticks(instance)
    installation.reconnect(secret_key="wrong-and-still-secret")
    run_job()
    tick()
    tick()
    run_job()
    tick()
    (text,) = channel.texts
    assert "The run ingest of acme failed." in text
    assert "connector gong" in text
    assert "still-secret" not in text
    installation.reconnect()
    run_job()
    tick()
    installation.reconnect(secret_key="wrong")
    run_job()
    tick()
    assert len(channel.texts) == 2


@pytest.mark.parametrize("status", [302, 404, 500])
def test_a_channel_that_does_not_take_it_gets_it_at_the_next_tick(
    status: int, installation: Installation, instance: dg.DagsterInstance, run_job: RunJob, channel: Channel
) -> None:
    tick = Ticks(instance)
    installation.reconnect(secret_key="wrong")
    run_job()
    channel.status = status
    tick()
    assert channel.texts == []
    assert "the-secret-part" not in (tick.cursor or "")
    channel.status = 200
    tick()
    tick()
    assert len(channel.texts) == 1


def test_without_a_channel_the_log_has_it(
    installation: Installation, instance: dg.DagsterInstance, run_job: RunJob, capsys: pytest.CaptureFixture[str]
) -> None:
    installation.reconnect(secret_key="wrong")
    run_job()
    capsys.readouterr()
    assert Ticks(instance)() == "1 failed runs were told of"
    # Once: the one who reads the terminal of `headway up` takes two for two failures.
    told = capsys.readouterr().err
    assert (told.count("The run ingest of acme failed."), told.count("connector gong: gong answers 401")) == (1, 1)


def test_a_run_that_the_daemon_runs_again_is_told_when_its_last_try_failed(
    installation: Installation, instance: dg.DagsterInstance, run_job: RunJob, channel: Channel
) -> None:
    installation.reconnect(secret_key="wrong")
    result = run_job()
    instance.add_run_tags(result.run_id, {"dagster/will_retry": "true"})
    tick = Ticks(instance)
    tick()
    assert channel.texts == []
    instance.add_run_tags(result.run_id, {"dagster/will_retry": "false"})
    tick()
    assert len(channel.texts) == 1


def test_markup_in_what_is_told_is_text(channel: Channel, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    from headway_pipeline.ingestion.notices import deliver

    assert deliver(os.environ["HEADWAY_ALERT_URL"], "a <!channel> & b") is None
    assert channel.texts == ["a &lt;!channel&gt; &amp; b"]
