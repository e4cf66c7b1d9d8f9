"""What Dagster is told of an error, and that nothing is repeated that a person has to mend."""

import inspect

import dagster as dg
import pytest

from headway_pipeline.ingestion import listing
from headway_pipeline.model import errors
from headway_pipeline.model.errors import (
    AskedModel,
    DatabaseUnavailableError,
    Failing,
    HeadwayError,
    ModelError,
    Refusal,
    SourceError,
)
from headway_pipeline.orchestration import failures
from headway_pipeline.orchestration.assets import raw_calls
from headway_pipeline.orchestration.failures import NEXT_STEPS, NextStep, next_step, translated
from headway_pipeline.orchestration.graph import build_defs
from headway_pipeline_tests.orchestration.conftest import RunJob

KINDS = sorted(
    (kind for kind in vars(errors).values() if inspect.isclass(kind) and issubclass(kind, HeadwayError)),
    key=lambda kind: kind.__name__,
)


def made(kind: type[HeadwayError]) -> HeadwayError:
    wanted = inspect.signature(kind).parameters
    values: dict[str, object] = {}
    if "at" in wanted:
        values["at"] = AskedModel("anthropic") if issubclass(kind, ModelError) else Failing("gong")
    if "retry_after_s" in wanted:
        values["retry_after_s"] = None
    if "body" in wanted:
        values["body"] = ""
    if "reason" in wanted:
        values["reason"] = Refusal.MALFORMED
    return kind("it happened", **values)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_error_of_the_tree_ends_in_a_failure_or_a_retry_of_ours(kind: type[HeadwayError]) -> None:
    error = made(kind)
    step = next_step(error)
    expected = dg.RetryRequested if step is NextStep.RETRY else dg.Failure
    with pytest.raises(expected) as caught, translated(0):
        raise error
    if isinstance(caught.value, dg.Failure):
        assert caught.value.allow_retries is False
        assert caught.value.metadata["next step"].value == step.value
        assert caught.value.metadata["error"].value == kind.__name__


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_branch_of_the_tree_was_decided(kind: type[HeadwayError]) -> None:
    """A new branch must say what happens next, and not fall to the person by accident."""
    if kind is not HeadwayError:
        assert any(issubclass(kind, decided) for decided, _ in NEXT_STEPS)


def test_a_narrower_kind_is_asked_before_the_one_above_it() -> None:
    seen: list[type[HeadwayError]] = []
    for kind, _ in NEXT_STEPS:
        assert not any(issubclass(kind, earlier) for earlier in seen), kind
        seen.append(kind)


def test_refused_credentials_are_for_a_person_and_a_full_quota_for_a_later_run() -> None:
    assert next_step(errors.BadCredentialsError("no", at=Failing("gong"))) is NextStep.PERSON
    assert next_step(errors.RequestsSpentError("no", at=Failing("gong"), retry_after_s=9.0)) is NextStep.LATER
    assert next_step(errors.SchemaOutdatedError("no")) is NextStep.PERSON
    assert next_step(errors.WorkspaceBusyError("no")) is NextStep.LATER


def test_tries_of_a_step_are_counted_and_lie_further_and_further_apart() -> None:
    waits: list[float] = []
    for attempt in range(len(failures.WAITS_S)):
        with pytest.raises(dg.RetryRequested) as caught, translated(attempt):
            raise DatabaseUnavailableError("the database is away")
        waits.append(caught.value.seconds_to_wait or 0)
    assert waits == sorted(set(waits))
    with pytest.raises(dg.Failure, match="away"), translated(len(failures.WAITS_S)):
        raise DatabaseUnavailableError("the database is away")


def test_where_dagster_cannot_try_again_a_database_that_is_away_is_a_failure() -> None:
    with pytest.raises(dg.Failure) as caught, translated():
        raise DatabaseUnavailableError("the database is away", "start it")
    assert caught.value.metadata["next step"].value == "a later run takes it up"


def test_a_defect_is_told_by_its_place_and_never_by_its_words() -> None:
    with pytest.raises(dg.Failure) as caught, translated(0):
        raise ValueError("Carl said that exports are slow")
    assert "ValueError" in str(caught.value.description)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    told = f"{caught.value.description} {caught.value.metadata}"
    assert "Carl" not in told
    assert "test_failures.py" in told
    assert caught.value.allow_retries is False


def test_what_dagster_raises_itself_passes_untouched() -> None:
    for own in (dg.Failure("mine"), dg.RetryRequested(1), dg.DagsterInvariantViolationError("theirs")):
        with pytest.raises(type(own)) as caught, translated(0):
            raise own
        assert caught.value is own


@pytest.fixture
def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failures, "WAITS_S", (0, 0, 0))


class Unsteady:
    """A stage that fails some times before it does its work."""

    def __init__(self, *raised: Exception) -> None:
        self.left = list(raised)
        self.tries = 0

    def __call__(self, *arguments: object) -> object:
        self.tries += 1
        if self.left:
            raise self.left.pop(0)
        return listing.list_calls(*arguments)  # type: ignore[arg-type]


def failing(monkeypatch: pytest.MonkeyPatch, *raised: Exception) -> Unsteady:
    stage = Unsteady(*raised)
    monkeypatch.setattr(raw_calls, "list_calls", stage)
    return stage


@pytest.mark.usefixtures("installation", "no_waits")
def test_a_step_is_tried_again_in_place_while_the_database_is_away(
    run_job: RunJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = DatabaseUnavailableError("the database cannot be reached")
    stage = failing(monkeypatch, away, away)
    result = run_job()
    assert result.success
    assert stage.tries == 3


@pytest.mark.usefixtures("installation", "no_waits")
def test_a_database_that_stays_away_ends_the_run_in_its_own_words(
    run_job: RunJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = failing(monkeypatch, *[DatabaseUnavailableError("the database is away", "start it")] * 9)
    result = run_job()
    assert stage.tries == 4
    (failed,) = [event for event in result.all_events if event.is_step_failure]
    shown = failed.step_failure_data.user_failure_data
    assert shown is not None
    assert shown.description == "the database is away: start it"


@pytest.mark.usefixtures("installation", "no_waits")
@pytest.mark.parametrize(
    "permanent",
    [
        errors.BadCredentialsError("refused", at=Failing("gong")),
        errors.SchemaOutdatedError("old"),
        ValueError("ours"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_a_person_must_mend_is_tried_once(
    run_job: RunJob, monkeypatch: pytest.MonkeyPatch, permanent: Exception
) -> None:
    stage = failing(monkeypatch, *[permanent] * 9)
    assert not run_job().success
    assert stage.tries == 1


def test_no_asset_and_no_check_has_a_policy_that_would_repeat_everything() -> None:
    """A `RetryPolicy` repeats whatever is raised, a permanent error and a defect, too."""
    repository = build_defs().get_repository_def()
    definitions = [*repository.assets_defs_by_key.values(), *repository.asset_checks_defs_by_key.values()]
    ours = [definition for definition in definitions if definition.is_executable]
    assert ours
    for definition in ours:
        assert definition.op.retry_policy is None


@pytest.mark.parametrize("job", ["ingest", "batches"])
def test_runs_of_our_jobs_say_themselves_that_a_failed_step_is_not_run_again(job: str) -> None:
    tags = build_defs().resolve_job_def(job).tags
    assert tags["dagster/retry_on_asset_or_op_failure"] == "false"


def test_every_source_error_that_says_try_again_was_tried_again_before_it_came_here() -> None:
    """In place only the database is waited for: the engine's own patience holds for sources and models."""
    in_place = [kind for kind, step in NEXT_STEPS if step is NextStep.RETRY]
    assert in_place == [DatabaseUnavailableError]
    assert not issubclass(DatabaseUnavailableError, SourceError)
