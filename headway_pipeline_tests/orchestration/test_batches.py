"""The sensor over batches: has answers landed and calls read on, whatever ticks were missed."""

from datetime import UTC, date, datetime
from uuid import UUID

import dagster as dg
import pytest

from headway_pipeline.ingestion.run import Effects
from headway_pipeline.model.features import FeatureType
from headway_pipeline.orchestration.batches import LANDING_REST, decide_readings
from headway_pipeline.orchestration.graph import build_defs
from headway_pipeline.orchestration.jobs import BATCHES_JOB, INGEST_JOB, READING
from headway_pipeline.orchestration.resources import LedgerResource
from headway_pipeline.sandbox.models.truth import Planted
from headway_pipeline.store.batches import BatchDays, ReadyDays
from headway_pipeline_tests.orchestration.conftest import RunJob
from headway_pipeline_tests.worlds import ASK, Installation

NOW = datetime(2026, 11, 20, 12, 30, tzinfo=UTC)
FIRST, LAST = date(2026, 11, 1), date(2026, 11, 3)
BATCH = UUID("00000000-0000-0000-0000-000000000001")
IN_BATCHES: dict[str, object] = {"resources": {"scope": {"config": {"batch": True}}}}


@pytest.fixture
def read_by_claude(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> Installation:
    models = installation.sandbox.models
    models.model.truth = (Planted(ASK, FeatureType.FEATURE_REQUEST, "Exports"),)
    monkeypatch.setenv("HEADWAY_MODEL", "anthropic")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "any")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", models.anthropic_url)
    return installation


def test_each_batch_that_ended_is_read_once_over_the_days_of_its_calls() -> None:
    (reading,) = decide_readings([BatchDays(BATCH, "acme", FIRST, LAST)], [], NOW)
    assert (reading.key, reading.slug) == (f"batch {BATCH}", "acme")
    assert (reading.first, reading.last) == (FIRST, LAST)


def test_calls_left_behind_are_read_on_at_most_once_an_hour() -> None:
    ready = [ReadyDays("acme", FIRST, LAST)]
    keys = [decide_readings([], ready, NOW.replace(minute=minute))[0].key for minute in (0, 30, 59)]
    assert len(set(keys)) == 1
    assert decide_readings([], ready, NOW.replace(hour=13))[0].key not in keys


def test_a_batch_that_ended_has_everything_read_on_that_may_be() -> None:
    """Calls that ask the same share a question, which names only one of them."""
    finished = [BatchDays(BATCH, "acme", LAST, LAST)]
    reading = decide_readings(finished, [ReadyDays("acme", FIRST, FIRST), ReadyDays("other", FIRST, FIRST)], NOW)[0]
    assert (reading.first, reading.last) == (FIRST, LAST)


def test_calls_are_not_read_on_twice_at_once() -> None:
    finished, ready = [BatchDays(BATCH, "acme", FIRST, LAST)], [ReadyDays("acme", FIRST, LAST)]
    requested = f"batch {BATCH}"
    assert [reading.key for reading in decide_readings(finished, ready, NOW)] == [requested]
    assert decide_readings(finished, ready, NOW, requested={requested}, busy={"acme"}) == []
    (again,) = decide_readings(finished, ready, NOW, requested={requested})
    assert again.key.startswith("ready acme")


def tick(instance: dg.DagsterInstance) -> list[tuple[str, dg.RunRequest]]:
    """What the sensors ask for now, with the job, without what they asked for before."""
    repository = build_defs().get_repository_def()
    known = {run.tags.get("dagster/run_key") for run in instance.get_runs()}
    found = []
    for name, job in (("model_batches", BATCHES_JOB), ("landed_answers", INGEST_JOB)):
        with dg.build_sensor_context(instance=instance, resources={"ledger": LedgerResource()}) as context:
            answer = repository.get_sensor_def(name).evaluate_tick(context)
        found += [(job, request) for request in answer.run_requests or [] if request.run_key not in known - {None}]
    return found


def carry_out(instance: dg.DagsterInstance, job: str, request: dg.RunRequest) -> None:
    """What the daemon does with a request."""
    result = (
        build_defs()
        .resolve_job_def(job)
        .execute_in_process(
            instance=instance,
            run_config=request.run_config,
            tags={**request.tags, **({"dagster/run_key": request.run_key} if request.run_key else {})},
            asset_selection=list(request.asset_selection or []) or None,
        )
    )
    assert result.success


def test_batches_are_landed_and_their_calls_read_on_until_they_are_filed(
    read_by_claude: Installation, instance: dg.DagsterInstance, run_job: RunJob
) -> None:
    assert tick(instance) == []
    assert run_job(run_config=IN_BATCHES).success
    assert set(read_by_claude.states.values()) == {"transcribed"}
    asked = []
    for _ in range(12):
        requests = tick(instance)
        if not requests:
            break
        for job, request in requests:
            asked.append(job)
            carry_out(instance, job, request)
    # Three rounds: each is landed, then read on.
    assert asked == [BATCHES_JOB, INGEST_JOB] * 3
    assert set(read_by_claude.states.values()) == {"analysed"}
    assert read_by_claude.store.batches.open() == []
    assert read_by_claude.store.batches.ready_to_go_on() == []
    model = read_by_claude.sandbox.models.model
    assert {asked.stage for asked in model.asked} == {"relevance", "extraction", "matching"}
    assert set(model.paid.values()) == {1}


def test_a_batch_whose_answers_cannot_be_had_does_not_start_a_run_every_minute(
    read_by_claude: Installation, instance: dg.DagsterInstance, run_job: RunJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run_job(run_config=IN_BATCHES).success
    ((job, request),) = tick(instance)
    with monkeypatch.context() as away:
        away.setattr("headway_pipeline.orchestration.jobs.advance_batches", lambda *_: [])
        carry_out(instance, job, request)
    assert len(read_by_claude.store.batches.open()) == 1
    assert tick(instance) == []
    now = datetime.now(tz=UTC) + LANDING_REST
    monkeypatch.setattr(LedgerResource, "effects", lambda _self: Effects(now=lambda: now))
    assert [job for job, _ in tick(instance)] == [BATCHES_JOB]


def test_reading_on_asks_no_source(
    read_by_claude: Installation, instance: dg.DagsterInstance, run_job: RunJob
) -> None:
    run_job(run_config=IN_BATCHES)
    carry_out(instance, *tick(instance)[0])
    ((job, request),) = tick(instance)
    assert {key.to_user_string() for key in request.asset_selection or []} == set(READING)
    read_by_claude.sandbox.forget_requests()
    carry_out(instance, job, request)
    assert not [logged for logged in read_by_claude.sandbox.requests if logged.path.startswith("/v2")]


def test_a_run_that_failed_after_its_batch_is_requested_again(
    read_by_claude: Installation, instance: dg.DagsterInstance, run_job: RunJob
) -> None:
    run_job(run_config=IN_BATCHES)
    carry_out(instance, *tick(instance)[0])
    ((_job, lost),) = tick(instance)
    # As a run that was launched and died.
    instance.create_run_for_job(
        build_defs().resolve_job_def(INGEST_JOB), tags={**lost.tags, "dagster/run_key": str(lost.run_key)}
    )
    assert tick(instance) == []
    (died,) = instance.get_runs(dg.RunsFilter(tags={"dagster/run_key": str(lost.run_key)}))
    instance.report_run_failed(died)
    ((_job, again),) = tick(instance)
    assert str(again.run_key).startswith("ready acme")


def test_a_tick_without_open_batches_asks_no_provider(
    read_by_claude: Installation, instance: dg.DagsterInstance
) -> None:
    assert tick(instance) == []
    assert not [logged for logged in read_by_claude.sandbox.requests if logged.path.startswith("/anthropic")]
