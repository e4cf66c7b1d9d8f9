"""`headway backfill`, at once and in batches, against the sandbox's Gong, Claude and GPT."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from headway_pipeline.cli.backfill_plan import Piece
from headway_pipeline.cli.backfill_report import Filled, exit_code
from headway_pipeline.cli.ingest_report import IngestReport
from headway_pipeline.model.errors import DatabaseUnavailableError
from headway_pipeline.model.features import FeatureType
from headway_pipeline.model.workspaces import Credentials, Workspace
from headway_pipeline.orchestration.graph import build_defs
from headway_pipeline.orchestration.partitions import range_tags
from headway_pipeline.sandbox.models.rules import Misbehaviour, ModelRules
from headway_pipeline.sandbox.models.truth import Planted
from headway_pipeline_tests.cli.conftest import Headway, Said
from headway_pipeline_tests.worlds import ASK, TODAY, Installation

SINCE = (TODAY - timedelta(days=4)).date().isoformat()
BACKFILL = ("backfill", "--workspace-id", "acme", "--since", SINCE)
IN_BATCHES = (*BACKFILL, "--batch")
STAY = ("--wait", "--look-every", "0.05", "--format", "json")
MODELS = {"anthropic": "claude-haiku-5-5", "openai": "gpt-6-luna"}


def read_by(provider: str, installation: Installation, environment: pytest.MonkeyPatch) -> Installation:
    """The installation, read by a local model that knows what is asked for."""
    models = installation.sandbox.models
    models.model.truth = (Planted(ASK, FeatureType.FEATURE_REQUEST, "Exports"),)
    environment.setenv("HEADWAY_MODEL", provider)
    environment.setenv("ANTHROPIC_API_KEY", "any")
    environment.setenv("ANTHROPIC_BASE_URL", models.anthropic_url)
    environment.setenv("OPENAI_API_KEY", "any")
    environment.setenv("OPENAI_BASE_URL", models.openai_url)
    return installation


@pytest.fixture(params=sorted(MODELS))
def read_by_a_model(
    request: pytest.FixtureRequest, installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> Installation:
    """Each provider that takes batches."""
    return read_by(request.param, installation, monkeypatch)


@pytest.fixture
def read_by_claude(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """One provider, where what is tested is ours: what providers do with batches is tested in `llm` for each."""
    return read_by("anthropic", installation, monkeypatch)


def features(headway: Headway) -> list[dict[str, Any]]:
    read: list[dict[str, Any]] = json.loads(headway("features", "--workspace-id", "acme", "--format", "json").out)
    return read


def test_in_batches_every_call_is_read_and_filed_and_each_question_is_paid_once_at_half_the_price(
    headway: Headway, read_by_a_model: Installation
) -> None:
    said = headway(*IN_BATCHES, *STAY)
    assert said.code == 0, said.err
    answer = json.loads(said.out)
    assert answer["batches"] == []
    assert answer["workspaces"][0]["sources"]["gong"]["analysed"] == 3
    found = features(headway)
    assert [feature["theme"] for feature in found] == ["Exports"] * 3
    assert {feature["evidence"][0]["quote"] for feature in found} == {ASK}
    model = read_by_a_model.sandbox.models.model
    assert all(asked.is_batch for asked in model.asked)
    stages = Counter(asked.stage for asked in model.asked)
    # The calls say the same, so what they ask for is filed by one question.
    assert stages == {"relevance": 3, "extraction": 3, "matching": 1}
    assert set(model.paid.values()) == {1}
    assert read_by_a_model.sandbox.models.openai.files == {}

    store, workspace = read_by_a_model.store, read_by_a_model.workspace
    half = store.answers.spent_usd(workspace.id, TODAY - timedelta(days=1))
    assert half > 0
    full = sum(asked.input_tokens * 0.1 + asked.output_tokens * 0.5 for asked in model.asked) / 1e6
    assert half == pytest.approx(full / 2)

    model.forget_asked()
    assert headway(*IN_BATCHES, *STAY).code == 0
    assert headway(*BACKFILL).code == 0
    assert model.asked == ()


def test_without_waiting_the_calls_wait_and_the_next_backfill_goes_on(
    headway: Headway, read_by_claude: Installation
) -> None:
    said = headway(*IN_BATCHES)
    assert said.code == 0, said.err
    assert set(read_by_claude.states.values()) == {"transcribed"}
    assert "3 questions of acme are in a batch" in said.err
    assert "answer_pending" in said.err
    for _ in range(3):
        said = headway(*IN_BATCHES)
    assert set(read_by_claude.states.values()) == {"analysed"}
    assert len(features(headway)) == 3
    assert set(read_by_claude.sandbox.models.model.paid.values()) == {1}


def test_what_expired_or_failed_in_a_batch_is_asked_again(headway: Headway, read_by_claude: Installation) -> None:
    model = read_by_claude.sandbox.models.model
    model.rules = ModelRules(expires_every=2, fails_every=3)
    headway(*IN_BATCHES)
    headway(*IN_BATCHES)
    model.rules = ModelRules()
    assert headway(*IN_BATCHES, *STAY).code == 0
    assert set(read_by_claude.states.values()) == {"analysed"}
    assert set(model.paid.values()) == {1}


def test_answers_of_no_use_are_objected_to_in_further_batches(headway: Headway, read_by_claude: Installation) -> None:
    model = read_by_claude.sandbox.models.model
    model.rules = ModelRules(misbehaviours=(Misbehaviour.PROSE, None, None))
    said = headway(*IN_BATCHES, *STAY)
    assert said.code in (0, 1), said.err
    assert all(asked.is_batch for asked in model.asked)
    assert set(model.paid.values()) == {1}


def test_waiting_is_for_batches(headway: Headway, installation: Installation) -> None:
    said = headway(*BACKFILL, "--wait")
    assert said.code == 1
    assert "--wait is for batches" in said.err


def test_all_workspaces_are_filled_where_none_is_named(headway: Headway, installation: Installation) -> None:
    headway("workspace", "add", "Another")
    said = headway("backfill", "--since", SINCE, "--format", "json")
    assert [answer["workspace"] for answer in json.loads(said.out)["workspaces"]] == ["acme", "another"]


def test_a_reversed_range_and_a_home_without_workspaces_are_refused(headway: Headway, empty_home: Path) -> None:
    assert "reversed" in headway("backfill", "--since", "2026-02-02", "--until", "2026-02-01").err
    assert "there is no active workspace" in headway("backfill", "--since", SINCE).err


def runs_of(said: Said) -> list[dict[str, Any]]:
    runs: list[dict[str, Any]] = json.loads(said.out)["workspaces"]
    return runs


def add_second(headway: Headway, installation: Installation, secret_key: str) -> None:
    """A workspace `second` beside `acme`, with this key to the same calls."""
    headway("workspace", "add", "Second")
    store = installation.store
    second = store.workspaces.find("second")
    credentials = Credentials({"access_key": "the-access-key", "secret_key": secret_key})
    store.connectors.add(second.id, "gong", base_url=installation.sandbox.base_url, credentials=credentials)
    store.themes.add(second.id, "Exports", description="Getting data out on a schedule")


def test_a_workspace_that_fails_does_not_keep_the_others_and_its_days_are_named(
    headway: Headway, installation: Installation
) -> None:
    installation.reconnect("wrong")
    add_second(headway, installation, "the-secret-key")
    said = headway("backfill", "--since", SINCE)
    assert said.code == 1
    assert "second, " in said.out
    assert "3 analysed" in said.out
    today = datetime.now(tz=UTC).date()
    assert f"not complete: acme: {SINCE} to {today}\n" in said.err
    assert "not complete: second" not in said.err
    assert "--missing" in said.err


def test_with_missing_only_what_failed_or_was_never_done_is_done(
    headway: Headway, installation: Installation
) -> None:
    installation.reconnect("wrong")
    add_second(headway, installation, "the-secret-key")
    headway("backfill", "--since", SINCE)
    installation.reconnect()
    installation.sandbox.forget_requests()
    again = headway("backfill", "--since", SINCE, "--missing", "--format", "json")
    assert (again.code, [run["workspace"] for run in runs_of(again)]) == (0, ["acme"])
    assert set(installation.states.values()) == {"analysed"}
    installation.sandbox.forget_requests()
    last = headway("backfill", "--since", SINCE, "--missing", "--format", "json")
    assert (last.code, json.loads(last.out)) == (0, {"workspaces": [], "batches": []})
    assert "done before" in last.err
    assert installation.sandbox.requests == ()


def test_days_left_between_days_that_are_done_become_runs_of_their_own(
    headway: Headway, installation: Installation
) -> None:
    day = (TODAY - timedelta(days=2)).date().isoformat()
    headway("backfill", "--workspace-id", "acme", "--since", day, "--until", day)
    said = headway(*BACKFILL, "--missing", "--format", "json")
    yesterday, third = ((TODAY - timedelta(days=number)).date().isoformat() for number in (1, 3))
    assert [(run["since"], run["until"]) for run in runs_of(said)] == [
        (SINCE, third),
        (yesterday, datetime.now(tz=UTC).date().isoformat()),
    ]


def test_days_that_a_killed_run_held_are_done_again_with_missing(
    headway: Headway, installation: Installation, records_in_memory: dg.DagsterInstance
) -> None:
    """A process that is killed leaves its run `STARTED`: its keys are in progress, and nobody works on them."""
    headway(*BACKFILL)
    since = TODAY.date() - timedelta(days=4)
    run = records_in_memory.create_run_for_job(
        build_defs().resolve_job_def("ingest"),
        tags=range_tags("acme", since, since + timedelta(days=1), asked_by="a process that was killed"),
    )
    begun = dg.DagsterEvent(dg.DagsterEventType.RUN_START.value, "ingest")
    records_in_memory.report_dagster_event(begun, run.run_id)
    said = headway(*BACKFILL, "--missing", "--format", "json")
    assert [run["since"] for run in runs_of(said)] == [SINCE]


def test_newest_first_the_last_month_comes_before_the_one_before_it(
    headway: Headway, installation: Installation
) -> None:
    since = (TODAY - timedelta(days=40)).date().isoformat()
    said = headway("backfill", "--since", since, "--newest-first", "--format", "json")
    newer, older = runs_of(said)
    assert newer["since"] > older["until"]
    assert older["since"] == since
    assert newer["features"] == 3


def test_a_budget_is_a_workspaces_for_all_its_runs(
    headway: Headway, installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else every month of a backfill would spend it again."""
    given: list[float] = []

    def spend(*_days: object, budget_usd: float, **_bounds: object) -> IngestReport:
        given.append(budget_usd)
        return IngestReport({"model": {"cost_usd": 0.375}}, (), (), 0)

    monkeypatch.setattr("headway_pipeline.cli.ingest.ingest_workspace", spend)
    since = (TODAY - timedelta(days=100)).date().isoformat()
    headway("backfill", "--since", since, "--newest-first", "--budget-usd", "1", "--format", "json")
    assert given == [1, 0.625, 0.25, 0]


def test_an_error_before_a_workspaces_run_is_told_and_the_others_go_on(
    headway: Headway, installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    headway("workspace", "add", "Second")

    def ingest(workspace: Workspace, *_days: object, **_bounds: object) -> IngestReport:
        if workspace.slug == "acme":
            raise DatabaseUnavailableError("the database cannot be reached", "start it")
        return IngestReport({"workspace": workspace.slug, "model": {"cost_usd": None}}, (), (), 0)

    monkeypatch.setattr("headway_pipeline.cli.ingest.ingest_workspace", ingest)
    said = headway("backfill", "--since", SINCE, "--format", "json")
    assert said.code == 1
    failed, done = runs_of(said)
    assert (failed["run_id"], failed["incomplete"][0], len(failed["incomplete"])) == (None, SINCE, 5)
    assert done["workspace"] == "second"
    assert "error: acme: the database cannot be reached: start it" in said.err


def test_days_of_a_workspace_that_another_run_writes_are_left_for_later(
    headway: Headway, installation: Installation
) -> None:
    with installation.store.leases.hold(installation.workspace.id, "another run"):
        said = headway(*BACKFILL, "--format", "json")
    assert said.code == 1
    assert len(runs_of(said)[0]["incomplete"]) == 5
    assert "another run" in said.err


def test_a_failure_beside_a_paused_source_is_told_as_a_failure(headway: Headway, installation: Installation) -> None:
    piece = Piece(installation.workspace, TODAY.date(), TODAY.date())
    paused, failed, done = (Filled(piece, IngestReport({}, (), (), code)) for code in (75, 1, 0))
    assert exit_code([paused, failed, done]) == 1
    assert exit_code([paused, done]) == 75
    assert exit_code([done]) == 0
    assert exit_code([]) == 0


def test_days_outside_the_partitions_are_refused_before_anything_runs(
    headway: Headway, installation: Installation
) -> None:
    tomorrow = (datetime.now(tz=UTC) + timedelta(days=1)).date().isoformat()
    assert "in the future" in headway("backfill", "--since", SINCE, "--until", tomorrow).err
    assert "is before" in headway("backfill", "--since", "2001-01-01", "--newest-first").err
    assert installation.sandbox.requests == ()
