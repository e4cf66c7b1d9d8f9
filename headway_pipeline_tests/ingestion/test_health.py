"""What becomes of a connector: its health in words, and that waits and budgets end its work cleanly."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import ClassVar

import pytest

from headway_pipeline.ingestion.checkup import check_connector
from headway_pipeline.ingestion.listing import list_calls
from headway_pipeline.ingestion.run import Effects, Part, Run, StageReport
from headway_pipeline.ingestion.sessions import health_of
from headway_pipeline.model.errors import (
    BadCredentialsError,
    MissingPermissionError,
    RateLimitedError,
    SourceContractError,
    SourceError,
    TransientSourceError,
    WrongHostError,
)
from headway_pipeline.model.windows import TimeWindow
from headway_pipeline.model.workspaces import Connector, ConnectorHealth, Credentials, Drift
from headway_pipeline.orchestration.connector_health import ERROR, WARN, severity_of
from headway_pipeline.sources.contract import BadRecord, Page
from headway_pipeline.sources.gate import Answer, CostClass
from headway_pipeline.store import Store
from headway_pipeline_tests.ingestion.fakes import AT, NOW, Bench, FakeSource, bench, call


class GatedSource(FakeSource):
    """Passes the gate as a source over HTTP does.

    Attributes:
        answers: what the next requests are answered with; 200 when used up.
        asked_at: when requests went out.
    """

    answers: ClassVar[list[Answer]]
    asked_at: ClassVar[list[object]]
    unknown: ClassVar[dict[str, int]] = {}

    def list(self, window: TimeWindow, page_token: str | None) -> Page:
        gate = self.rest._gate
        gate.admit(CostClass.NORMAL)
        self.asked_at.append(self.rest.now())
        answer = self.answers.pop(0) if self.answers else Answer("/list", 200)
        gate.observe(answer)
        if answer.status == 429:
            raise RateLimitedError("slow down", at=AT, retry_after_s=answer.retry_after_s)
        page = super().list(window, page_token)
        return Page(page.calls, page.next_token, page.bad_records, self.unknown)

    @classmethod
    def quota_owner(cls, credentials: Credentials) -> str | None:
        return credentials["api_token"]


def gated(store: Store, *answers: Answer, unknown: dict[str, int] | None = None) -> tuple[Bench, type[GatedSource]]:
    at = bench(store, call("1"))
    fields = {"script": at.script, "answers": [*answers], "asked_at": [], "unknown": unknown or {}}
    kind = type("Gated", (GatedSource,), fields)
    at.run = at.with_run(sources={"fake": kind})
    return at, kind


def listed(at: Bench, run: Run | None = None) -> StageReport:
    """By a run of its own: nothing is carried over but what the store holds."""
    run = run or at.with_run(allowances={})
    with at.store.leases.hold(at.workspace.id, run.id) as lease:
        return list_calls(run, at.part(), lease)


def connector(at: Bench) -> Connector:
    return at.store.connectors.find(at.workspace.id, "fake")


def test_g19_a_process_killed_inside_a_wait_is_followed_by_one_that_sleeps_the_rest(store: Store) -> None:
    at, kind = gated(store, Answer("/list", 429, retry_after_s=40.0))

    class KilledError(BaseException):
        """What no code of ours catches."""

    def killed(_seconds: float) -> None:
        raise KilledError

    with pytest.raises(KilledError):
        listed(at, at.with_run(effects=replace(at.run.effects, sleep=killed), allowances={}))
    at.clock.now += timedelta(seconds=10)
    assert listed(at).troubles == []
    first, second = kind.asked_at
    assert second - first >= timedelta(seconds=40)  # type: ignore[operator]


def test_g19_a_successor_without_that_much_patience_ends_the_connectors_work_without_a_request(store: Store) -> None:
    at, kind = gated(store, Answer("/list", 429, retry_after_s=20_000.0))
    first = listed(at)
    assert len(kind.asked_at) == 1
    at.clock.now += timedelta(hours=1)
    second = listed(at)
    assert len(kind.asked_at) == 1
    for report in (first, second):
        (trouble,) = report.troubles
        assert trouble.code == "paused_until"
        assert trouble.resume_at is not None
        assert abs(trouble.resume_at - (NOW + timedelta(seconds=20_000))) < timedelta(seconds=1)
    assert connector(at).health_words == "paused until 2026-11-20 17:33 UTC"
    at.clock.now += timedelta(hours=5)
    assert listed(at).troubles == []
    assert connector(at).health_words == "ok"


def test_two_workspaces_with_one_key_share_the_wait(store: Store) -> None:
    at, kind = gated(store, Answer("/list", 429, retry_after_s=40.0))
    listed(at)
    other = store.workspaces.add("Other")
    store.connectors.add(other.id, "fake", credentials=Credentials({"api_token": "t"}))
    kind.answers.append(Answer("/list", 429, retry_after_s=20_000.0))
    listed(at)
    made = len(kind.asked_at)

    with store.leases.hold(other.id, "another") as lease:
        report = list_calls(at.with_run(allowances={}), Part(other, at.part().days), lease)
    assert report.troubles[0].code == "paused_until"
    assert len(kind.asked_at) == made


def test_g20_a_spent_day_ends_the_work_until_midnight_and_a_larger_budget_goes_on(store: Store) -> None:
    at, kind = gated(store)
    tight = {"fake": replace(at.run.tuning["fake"], requests_per_day=1)}
    assert listed(at, at.with_run(tuning=tight, allowances={})).troubles == []
    (trouble,) = listed(at, at.with_run(tuning=tight, allowances={})).troubles
    assert "budget of 1 requests for today" in trouble.words
    assert trouble.resume_at == NOW.replace(hour=0) + timedelta(days=1)
    assert len(kind.asked_at) == 1
    assert store.quotas.requests_on(connector(at).id, NOW.date()) == 1
    assert listed(at).troubles == []


def test_g20_a_spent_run_is_visible_and_the_next_run_goes_on(store: Store) -> None:
    at, kind = gated(store)
    at.script.calls = [call(str(n), hour=n) for n in range(6)]
    tight = {"fake": replace(at.run.tuning["fake"], requests_per_run=2)}
    (trouble,) = listed(at, at.with_run(tuning=tight, allowances={})).troubles
    assert (trouble.code, "for one run" in trouble.words) == ("paused_until", True)
    assert len(kind.asked_at) == 2
    assert len(at.states) == 4
    assert listed(at).troubles == []
    assert len(at.states) == 6


def test_g16_a_connector_that_never_showed_a_call_is_a_warning_and_no_success(store: Store) -> None:
    at, _ = gated(store)
    at.script.calls = []
    assert listed(at).troubles == []
    quiet = connector(at)
    assert (quiet.health_words, severity_of(quiet)) == ("sees nothing", WARN)
    assert "never shown a call" in (quiet.advice or "")


def test_drift_is_measured_and_beyond_bounds_a_warning(store: Store) -> None:
    at, kind = gated(store, unknown={"novel": 1})
    listed(at)
    assert connector(at).drift == Drift(1, 0, {"novel": 1})
    assert (connector(at).health, connector(at).advice) == (ConnectorHealth.OK, None)
    at.script.bad_records = tuple(BadRecord(f"bad-{n}", "no start", {}) for n in range(3))
    listed(at)
    drifting = connector(at)
    assert (drifting.health_words, severity_of(drifting)) == ("drifting", WARN)
    assert "3 of 4 listed records could not be used" in (drifting.advice or "")
    at.script.bad_records = ()
    kind.unknown = {f"field-{n}": 1 for n in range(13)}
    listed(at)
    assert connector(at).health == ConnectorHealth.DRIFTING
    kind.unknown = {}
    listed(at)
    assert connector(at).health == ConnectorHealth.OK


@pytest.mark.parametrize(
    ("records", "bad", "fields", "beyond"),
    [(0, 0, 0, False), (3, 2, 0, False), (3, 3, 0, True), (100, 5, 0, False), (100, 6, 0, True), (9, 0, 12, False)],
)
def test_a_few_accidents_and_a_few_new_fields_are_no_drift(records: int, bad: int, fields: int, beyond: bool) -> None:
    assert Drift(records, bad, {str(n): 1 for n in range(fields)}).is_beyond_bounds is beyond


@pytest.mark.parametrize(
    ("error", "words", "severity"),
    [
        (BadCredentialsError("x", at=AT), "bad credentials", ERROR),
        (MissingPermissionError("x", at=AT), "missing permission", ERROR),
        (WrongHostError("x", at=AT), "wrong host?", ERROR),
        (SourceContractError("x", at=AT), "drifting", WARN),
        (TransientSourceError("x", at=AT), "unreachable", WARN),
    ],
)
def test_g8_g15_f17_every_failure_has_its_health_and_stops_only_its_connector(
    store: Store, error: SourceError, words: str, severity: object
) -> None:
    at = bench(store, call("1"))
    store.connectors.add(at.workspace.id, "fake", name="works", credentials=Credentials({"api_token": "u"}))

    def fails(number: int) -> None:
        if number <= 4:
            raise error

    at.script.before_list = fails
    report = listed(at)
    failed = connector(at)
    assert failed.health == health_of(error)
    # What may pass is tried four times; what a person must mend once, of either connector.
    assert len(at.script.listed) == (5 if isinstance(error, TransientSourceError) else 2)
    assert (failed.health_words, severity_of(failed)) == (words, severity)
    assert report.troubles[0].code == failed.health.value
    assert Counter(at.states.values()) in ({"listed": 1}, {})


def test_a_healthy_or_untried_connector_has_no_severity(store: Store) -> None:
    at, _ = gated(store)
    assert (connector(at).health_words, severity_of(connector(at))) == ("untried", None)
    listed(at)
    assert (connector(at).health_words, severity_of(connector(at))) == ("ok", None)


def test_a_check_does_not_undo_what_listings_found_out(store: Store, tmp_path: Path) -> None:
    """A quiet month of a key that has shown calls is no warning, and drift stays one though the key works."""
    workspace = store.workspaces.add("Acme")
    made = store.connectors.add(workspace.id, "files", settings={"path": [str(tmp_path)]})
    assert check_connector(store, workspace, made, Effects()).health == ConnectorHealth.SEES_NOTHING
    with store.leases.hold(workspace.id, "run-1") as lease:
        store.listings.record_page(lease, made.id, [call("1")], NOW)
    assert check_connector(store, workspace, made, Effects()).health == ConnectorHealth.OK
    store.connectors.record_drift(made.id, Drift(10, 9, {}))
    verdict = check_connector(store, workspace, store.connectors.find(workspace.id, "files"), Effects())
    assert (verdict.health, verdict.is_usable) == (ConnectorHealth.DRIFTING, True)
