"""The stages over a scripted model, on both databases: what is asked, what is paid, and what waits for what."""

import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from headway_pipeline.analysis.language_model.prompts import version_of
from headway_pipeline.ingestion.asking import CallAsker
from headway_pipeline.ingestion.completeness import incomplete_days
from headway_pipeline.ingestion.estimates import Estimate, estimate_reading, estimate_rereading
from headway_pipeline.ingestion.rereading import calls_to_reread, reopen_calls
from headway_pipeline.llm.contract import LLMRequest, LLMResponse, Stage
from headway_pipeline.llm.discovery import ModelChoice
from headway_pipeline.model.calls import Participant, Segment, Side, Transcript
from headway_pipeline.model.errors import (
    AnswerPendingError,
    AskedModel,
    ModelCredentialsError,
    ModelError,
    ModelQuotaError,
    ModelRateLimitedError,
    TransientModelError,
)
from headway_pipeline.model.usage import Usage
from headway_pipeline.model.workspaces import ReadingSettings
from headway_pipeline.sources.contract import CallRef, Hydration
from headway_pipeline.store import Store
from headway_pipeline.store.tables import evidence, extracted_features, model_answers, model_batches
from headway_pipeline_tests.ingestion.fakes import ASK, NOW, SPEECH, Bench, bench, call
from headway_pipeline_tests.ingestion.models import FETCH, READ, carry_out, counted, reading
from headway_pipeline_tests.models import (
    MISBEHAVIOURS,
    MODEL,
    Behaviour,
    ScriptedModel,
    Truthful,
    answered,
    at,
    in_turn,
    inventing,
    refused,
    response,
    without_usage,
)

TRUTH = Truthful([ASK])
OFF_TOPIC = "We talked about the weather, the new office and the holidays, and about nothing else at all. " * 4
WHERE = AskedModel("anthropic", "claude-haiku-5-5", 429)


def failing(error: ModelError) -> Behaviour:
    def behave(_request: LLMRequest) -> LLMResponse:
        raise error

    return behave


def calls(store: Store, number: int = 4) -> Bench:
    return bench(store, *(call(str(n), days_ago=n % 7, hour=8 + n // 7) for n in range(number)))


def distinct(at_: Bench) -> Bench:
    """Every call says something of its own, so that every question is one."""
    for listed in at_.script.calls:
        at_.script.speech[listed.external_id] = f"This is call {listed.external_id}. {SPEECH}"
    return at_


def total(reports: list) -> Usage:  # type: ignore[type-arg]
    return sum((usage for report in reports for usage in report.usage.values()), start=Usage())


def test_a_call_is_judged_and_read_by_the_model_with_one_request_each_and_equal_items_are_filed_once(
    store: Store,
) -> None:
    at_ = distinct(calls(store))
    model = ScriptedModel(TRUTH)
    reports = carry_out(at_, reading(at_, model))
    assert at_.states == dict.fromkeys("0123", "analysed")
    # All four customers ask for the same: where that belongs is one question.
    assert [model.asked(stage) for stage in Stage] == [4, 4, 1]
    found = store.reading.features(at_.workspace.id)
    assert [(row.theme, row.evidence[0].quote) for row in found] == [("Exports", ASK)] * 4
    usage = total(reports)
    assert (usage.requests, usage.cached, usage.input_tokens) == (9, 3, 9_000)
    assert usage.cost_usd == pytest.approx(store.reading.status(at_.workspace.id)["model"]["cost_usd"])
    assert usage.cost_usd


def test_rows_say_who_read_by_which_instructions(store: Store) -> None:
    at_ = calls(store, 1)
    carry_out(at_, reading(at_, ScriptedModel(TRUTH)))
    with store.database.reading() as connection:
        row = connection.execute(sa.select(extracted_features)).mappings().one()
        versions = dict(connection.execute(sa.select(model_answers.c.stage, model_answers.c.prompt_version)).all())
    assert (row["analyst"], row["analyst_version"]) == ("anthropic:claude-haiku-5-5", version_of(Stage.EXTRACTION))
    assert versions == {stage.value: version_of(stage) for stage in Stage}


def test_a_second_run_asks_nothing(store: Store) -> None:
    at_ = distinct(calls(store))
    model = ScriptedModel(TRUTH)
    carry_out(at_, reading(at_, model))
    again = ScriptedModel(TRUTH)
    carry_out(at_, reading(at_, again, "run-2"))
    assert again.requests == []


def test_calls_that_say_the_same_are_paid_for_once(store: Store) -> None:
    at_ = calls(store)
    model = ScriptedModel(TRUTH)
    reports = carry_out(at_, reading(at_, model))
    assert [model.asked(stage) for stage in Stage] == [1, 1, 1]
    assert (total(reports).requests, total(reports).cached) == (3, 9)
    assert len(store.reading.features(at_.workspace.id)) == 4


def test_a_change_of_themes_reads_nothing_again_and_judges_only_what_was_off_topic(store: Store) -> None:
    at_ = distinct(calls(store))
    at_.script.speech["3"] = OFF_TOPIC
    carry_out(at_, reading(at_, ScriptedModel(TRUTH)))
    assert at_.states["3"] == "not_relevant"
    store.themes.add(at_.workspace.id, "Weather")
    model = ScriptedModel(TRUTH)
    carry_out(at_, reading(at_, model, "run-2"))
    assert [model.asked(stage) for stage in Stage] == [1, 0, 1]


def test_another_model_or_other_instructions_read_nothing_by_themselves(store: Store) -> None:
    at_ = distinct(calls(store))
    carry_out(at_, reading(at_, ScriptedModel(TRUTH)))
    model = ScriptedModel(TRUTH)
    carry_out(at_, reading(at_, model, "run-2", named="claude-sonnet-5-5"))
    assert model.requests == []


def test_reading_again_on_request_keeps_the_ids_and_what_stood_until_then(store: Store) -> None:
    at_ = distinct(calls(store))
    at_.script.speech["3"] = OFF_TOPIC
    carry_out(at_, reading(at_, ScriptedModel(TRUTH)))
    before = {row.id for row in store.reading.features(at_.workspace.id)}
    model = ScriptedModel(TRUTH)
    run = reading(at_, model, "run-2", named="claude-sonnet-5-5")
    due = calls_to_reread(run, at_.workspace, at_.part().days)
    assert len(due) == 4
    assert estimate_rereading(run, at_.workspace, due).requests == 3 * 2 + 3
    with store.leases.hold(at_.workspace.id, run.id) as lease:
        reopen_calls(run, lease, due)
    assert {row.id for row in store.reading.features(at_.workspace.id)} == before
    carry_out(at_, run, READ)
    assert [model.asked(stage) for stage in Stage] == [1, 3, 1]
    assert {row.id for row in store.reading.features(at_.workspace.id)} == before
    assert set(at_.states.values()) == {"analysed", "not_relevant"}
    assert calls_to_reread(run, at_.workspace, at_.part().days) == []


def test_what_was_read_by_the_present_model_is_not_read_again(store: Store) -> None:
    at_ = distinct(calls(store))
    run = reading(at_, ScriptedModel(TRUTH))
    carry_out(at_, run)
    assert calls_to_reread(run, at_.workspace, at_.part().days) == []


def test_another_model_for_filing_files_again_on_request_and_reads_nothing(store: Store) -> None:
    at_ = distinct(calls(store))
    carry_out(at_, reading(at_, ScriptedModel(TRUTH)))
    model = ScriptedModel(TRUTH)
    run = reading(at_, model, "run-2", stage_models={Stage.MATCHING: ModelChoice("anthropic", "another")})
    due = calls_to_reread(run, at_.workspace, at_.part().days)
    assert [call.is_read for call in due] == [True] * 4
    assert estimate_rereading(run, at_.workspace, due).requests == 4
    with store.leases.hold(at_.workspace.id, run.id) as lease:
        reopen_calls(run, lease, due)
    carry_out(at_, run, READ)
    assert {request.stage for request in model.requests} == {Stage.MATCHING}
    assert calls_to_reread(run, at_.workspace, at_.part().days) == []


def test_an_estimate_is_not_below_what_is_then_asked_and_not_far_above(store: Store) -> None:
    at_ = distinct(calls(store))
    for number in "0123":
        at_.script.speech[number] = f"Call {number}. " + SPEECH * 40
    model = ScriptedModel(TRUTH)
    run = reading(at_, model)
    carry_out(at_, run, FETCH)
    estimate = sum(estimate_reading(run, at_.part()).values(), start=Estimate())
    carry_out(at_, run, READ)
    # An estimate knows nothing of items that calls have in common.
    matching = 3 * sum(len(request.system) + len(request.user) for request in model.requests[-1:])
    asked = (sum(len(request.system) + len(request.user) for request in model.requests) + matching) / 3
    assert (estimate.calls, estimate.requests) == (4, 12)
    assert asked <= estimate.input_tokens <= 1.6 * asked
    assert estimate.cost_usd is not None
    assert 0 < estimate.cost_usd < 0.1


def test_an_estimate_of_what_the_rules_read_is_nothing_and_of_an_unknown_price_unknown(store: Store) -> None:
    at_ = distinct(calls(store))
    carry_out(at_, at_.run, FETCH)
    free = sum(estimate_reading(at_.run, at_.part()).values(), start=Estimate())
    assert (free.calls, free.requests, free.cost_usd) == (4, 0, 0.0)
    unpriced = reading(at_, ScriptedModel(TRUTH), named="a-model-nobody-knows")
    assert sum(estimate_reading(unpriced, at_.part()).values(), start=Estimate()).cost_usd is None


def test_two_runs_that_ask_the_same_at_once_pay_once(open_test_store: Callable[[], Store]) -> None:
    store = open_test_store()
    at_ = calls(store, 1)
    carry_out(at_, at_.run, FETCH)
    (message,) = store.relevance_scores.awaiting(at_.workspace.id, at_.part().days, "", NOW)
    transcript = store.transcripts.get(at_.workspace.id, message.id)
    begun, go_on = threading.Event(), threading.Event()

    def slow(request: LLMRequest) -> LLMResponse:
        begun.set()
        assert go_on.wait(30)
        return TRUTH(request)

    model = ScriptedModel(slow)
    runs = [reading(at_, model, name) for name in ("run-1", "run-2")]
    found: list[object] = []

    def read(number: int) -> None:
        analyst = runs[number].analyst_of(Stage.EXTRACTION, at_.workspace, message.id)
        found.append(analyst.extract(transcript).usage)

    first = threading.Thread(target=read, args=(0,))
    first.start()
    assert begun.wait(30)
    at_.clock.sleep = lambda _seconds: (go_on.set(), first.join(30))  # type: ignore[assignment,func-returns-value]
    runs[1] = reading(replace(at_, run=replace(at_.run, effects=at_.clock.effects())), model, "run-2")
    read(1)
    assert len(model.requests) == 1
    assert sorted(usage.requests for usage in found) == [0, 1]  # type: ignore[attr-defined]


def test_what_a_batch_is_asking_waits_without_making_the_run_red(store: Store) -> None:
    at_ = distinct(calls(store, 2))
    carry_out(at_, at_.run, FETCH)
    run = reading(at_, ScriptedModel(TRUTH))
    carry_out(at_, run, READ[:1])
    batch, workspace = at_.workspace.id, at_.workspace
    held = _question_of(at_, store.extractions.awaiting(workspace.id, at_.part().days, NOW)[0].id)
    with store.database.writing() as connection:
        row = {"id": batch, "workspace_id": workspace.id, "provider": "anthropic", "model": MODEL}
        connection.execute(model_batches.insert().values(**row, state="submitted"))
        taken = model_answers.update().where(model_answers.c.fingerprint == held.fingerprint)
        connection.execute(taken.values(state="claimed", batch_id=batch))
    reports = carry_out(at_, run, READ[1:])
    assert counted(reports)["waiting"] == 1
    assert [str(reason).split(":")[0] for reason in at_.reasons.values() if reason] == ["answer_pending"]
    assert incomplete_days(run, at_.part()) == []


def _question_of(at_: Bench, message_id: uuid.UUID) -> LLMRequest:
    """The extraction request of one call, which nobody answers."""
    model = ScriptedModel(failing(TransientModelError("gone", at=WHERE)))
    analyst = reading(at_, model, "look").analyst_of(Stage.EXTRACTION, at_.workspace, message_id)
    with pytest.raises(TransientModelError):
        analyst.extract(at_.store.transcripts.get(at_.workspace.id, message_id))
    return model.requests[0]


def test_a_run_that_crashed_while_it_asked_is_followed_by_one_that_asks_again(store: Store) -> None:
    at_ = distinct(calls(store, 2))

    class Killed(BaseException):
        pass

    def die(_request: LLMRequest) -> LLMResponse:
        raise Killed

    carry_out(at_, at_.run, FETCH)
    dying = reading(at_, ScriptedModel(die), "crashed")
    # A killed process releases nothing.
    original = store.answers.release
    store.answers.release = lambda *_arguments: None  # type: ignore[method-assign]
    with pytest.raises(Killed):
        carry_out(at_, dying, READ)
    store.answers.release = original  # type: ignore[method-assign]
    model = ScriptedModel(TRUTH)
    carry_out(at_, reading(at_, model, "run-2"), READ)
    assert set(at_.states.values()) == {"analysed"}
    assert at_.clock.slept == []


def test_answers_of_a_run_that_died_before_it_kept_them_are_not_paid_for_again(store: Store) -> None:
    at_ = distinct(calls(store))
    carry_out(at_, at_.run, FETCH)
    original = store.relevance_scores.record

    def die(*_arguments: object, **_named: object) -> None:
        raise KeyboardInterrupt

    store.relevance_scores.record = die  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        carry_out(at_, reading(at_, ScriptedModel(TRUTH), "crashed", calls_at_once=2), READ)
    store.relevance_scores.record = original  # type: ignore[method-assign]
    with store.database.reading() as connection:
        paid = connection.execute(sa.select(sa.func.count()).select_from(model_answers)).scalar_one()
    assert paid >= 1
    model = ScriptedModel(TRUTH)
    carry_out(at_, reading(at_, model, "run-2"), READ)
    assert model.asked(Stage.RELEVANCE) == 4 - paid


def test_the_budget_of_a_run_leaves_calls_waiting_and_the_next_run_takes_them(store: Store) -> None:
    at_ = distinct(calls(store, 6))
    model = ScriptedModel(TRUTH)
    run = reading(at_, model, run_budget_usd=0.0072, calls_at_once=3)
    reports = carry_out(at_, run)
    spent = total(reports).cost_usd
    assert spent is not None
    assert 0 < spent <= 0.0072
    waiting = [reason for reason in at_.reasons.values() if reason]
    assert waiting
    assert all(reason.startswith("run_budget: the run's budget of 0.0072 USD") for reason in waiting)
    assert counted(reports)["waiting"] >= len(waiting)
    assert incomplete_days(run, at_.part()) == []
    assert all(report.troubles == [] for report in reports)
    carry_out(at_, reading(at_, ScriptedModel(TRUTH), "run-2"), READ)
    assert set(at_.states.values()) == {"analysed"}
    assert set(at_.reasons.values()) == {None}


def test_the_budget_of_a_month_holds_over_runs_and_ends_with_the_month(store: Store) -> None:
    at_ = distinct(calls(store, 6))
    store.workspaces.set_reading(at_.workspace.id, ReadingSettings(monthly_budget_usd=0.0072))
    at_.workspace = store.workspaces.find("acme")
    for name in ("run-1", "run-2"):
        carry_out(at_, reading(at_, ScriptedModel(TRUTH), name))
    waiting = [reason for reason in at_.reasons.values() if reason]
    assert waiting
    assert all(reason.startswith("budget: the month's budget of workspace acme") for reason in waiting)
    assert store.reading.status(at_.workspace.id)["model"]["cost_usd"] <= 0.0072


def test_answers_without_a_count_of_tokens_do_not_leak_through_a_budget(store: Store) -> None:
    at_ = distinct(calls(store, 6))
    model = ScriptedModel(without_usage(TRUTH))
    carry_out(at_, reading(at_, model, run_budget_usd=0.0035))
    assert len(model.requests) == 3
    assert {str(reason).split(":")[0] for reason in at_.reasons.values()} == {"run_budget"}


def test_a_model_of_unknown_price_is_not_asked_under_a_budget(store: Store) -> None:
    at_ = distinct(calls(store, 2))
    model = ScriptedModel(TRUTH)
    carry_out(at_, reading(at_, model, named="a-model-nobody-knows", run_budget_usd=100.0))
    assert model.requests == []
    assert all(
        str(reason).startswith("run_budget: there is a budget, and nobody knows") for reason in at_.reasons.values()
    )


def test_a_wait_beyond_patience_ends_the_stage_and_everything_waits_for_the_next_run(store: Store) -> None:
    at_ = distinct(calls(store, 6))
    pause = ModelRateLimitedError("anthropic asks for a wait", "nothing is lost", at=WHERE, retry_after_s=7_200)
    model = ScriptedModel(in_turn(TRUTH, TRUTH, failing(pause)))
    run = reading(at_, model)
    reports = carry_out(at_, run)
    assert len(model.requests) == 3
    (trouble, *_) = [trouble for report in reports for trouble in report.troubles]
    assert (trouble.source, trouble.code) == ("model", "rate_limited")
    assert trouble.resume_at == at_.clock.now + timedelta(seconds=7_200)
    paused = [reason for reason in at_.reasons.values() if reason]
    assert len(paused) == 6
    assert all(reason.startswith("model_paused: ") for reason in paused)
    assert len(incomplete_days(run, at_.part())) == 6
    carry_out(at_, reading(at_, ScriptedModel(TRUTH), "run-2"), READ)
    assert set(at_.states.values()) == {"analysed"}


@pytest.mark.parametrize(
    "error",
    [
        ModelCredentialsError("Anthropic refuses the key", "set another one", at=WHERE),
        ModelQuotaError("the account is empty", "pay", at=WHERE),
    ],
)
def test_what_a_person_must_mend_is_asked_once_and_named_for_every_call(store: Store, error: ModelError) -> None:
    at_ = distinct(calls(store, 6))
    model = ScriptedModel(failing(error))
    run = reading(at_, model)
    reports = carry_out(at_, run)
    assert len(model.requests) == 1
    assert {str(reason) for reason in at_.reasons.values()} == {f"model_failed: {error}"}
    assert reports[2].troubles[0].code == error.code
    assert at_.states == dict.fromkeys("012345", "transcribed")


def test_one_call_in_a_bad_moment_is_set_aside_and_the_rest_goes_on(store: Store) -> None:
    at_ = distinct(calls(store))
    down = failing(TransientModelError("overloaded", "later", at=WHERE))
    model = ScriptedModel(lambda request: (down if "call 2." in request.user else TRUTH)(request))
    run = reading(at_, model)
    assert counted(carry_out(at_, run))["quarantined"] == 1
    assert at_.states == {"0": "analysed", "1": "analysed", "2": "quarantined", "3": "analysed"}
    assert str(at_.reasons["2"]).startswith("model_failed: overloaded")
    at_.clock.now += timedelta(minutes=16)
    carry_out(at_, reading(at_, ScriptedModel(TRUTH), "run-2"), READ)
    assert at_.states["2"] == "analysed"


def test_a_model_that_is_down_is_not_asked_about_every_call(store: Store) -> None:
    at_ = distinct(calls(store, 14))
    model = ScriptedModel(failing(TransientModelError("overloaded", "later", at=WHERE)))
    carry_out(at_, reading(at_, model))
    asked_about = {request.fingerprint for request in model.requests}
    assert len(asked_about) == 6
    states = list(at_.states.values())
    assert (states.count("quarantined"), states.count("transcribed")) == (6, 8)


def test_an_analysed_call_that_could_not_be_filed_waits_visibly_and_keeps_its_features(store: Store) -> None:
    at_ = distinct(calls(store))
    carry_out(at_, reading(at_, ScriptedModel(TRUTH)))
    store.themes.add(at_.workspace.id, "Weather")
    pause = failing(ModelRateLimitedError("slow down", at=WHERE, retry_after_s=7_200))
    carry_out(at_, reading(at_, ScriptedModel(pause), "run-2"))
    assert set(at_.states.values()) == {"analysed"}
    assert {str(reason).split(":")[0] for reason in at_.reasons.values()} == {"model_paused"}
    assert len(store.reading.features(at_.workspace.id)) == 4
    carry_out(at_, reading(at_, ScriptedModel(TRUTH), "run-3"))
    assert set(at_.reasons.values()) == {None}


@pytest.mark.parametrize("calls_at_once", [1, 8])
def test_several_calls_at_once_give_what_one_after_the_other_gives(store: Store, calls_at_once: int) -> None:
    at_ = distinct(calls(store, 14))
    at_.script.speech["3"] = OFF_TOPIC
    reports = carry_out(at_, reading(at_, ScriptedModel(inventing(TRUTH)), calls_at_once=calls_at_once))
    assert {
        name: number for name, number in counted(reports).items() if name not in ("new", "listed", "requests")
    } == {
        "transcribed": 14,
        "relevant": 13,
        "not_relevant": 1,
        "analysed": 13,
        "feature_request": 13,
        "grounded": 13,
        "refused": 13,
        "refused_ungrounded": 13,
        "refiled": 13,
    }
    assert len(store.reading.features(at_.workspace.id)) == 13


def test_calls_are_read_at_the_same_time_as_many_as_the_setting_says(store: Store) -> None:
    at_ = distinct(calls(store, 8))
    together = threading.Barrier(4, timeout=30)

    def meet(request: LLMRequest) -> LLMResponse:
        if request.stage is Stage.RELEVANCE:
            together.wait()
        return TRUTH(request)

    carry_out(at_, reading(at_, ScriptedModel(meet), calls_at_once=4))
    assert set(at_.states.values()) == {"analysed"}


@pytest.mark.parametrize("kind", list(MISBEHAVIOURS))
def test_whatever_a_model_does_no_false_quote_is_stored_and_no_call_is_lost(store: Store, kind: str) -> None:
    at_ = distinct(calls(store, 3))
    _with_vendor(at_)
    model = ScriptedModel(MISBEHAVIOURS[kind](TRUTH))
    carry_out(at_, reading(at_, model, calls_at_once=2))
    assert set(at_.states.values()) <= {"analysed", "quarantined"}
    assert all(state == "analysed" or at_.reasons[name] for name, state in at_.states.items())
    assert store.audit.evidence(at_.workspace.id, None).unverbatim == ()
    with store.database.reading() as connection:
        quotes = connection.execute(sa.select(evidence.c.quote, evidence.c.segment_index)).all()
    assert all(quote in SPEECH and index == 1 for quote, index in quotes)
    # The next run finds the same, and pays for nothing that was of use.
    at_.clock.now += timedelta(days=2)
    carry_out(at_, reading(at_, ScriptedModel(TRUTH), "run-2", calls_at_once=2))
    assert store.audit.evidence(at_.workspace.id, None).unverbatim == ()


def _with_vendor(at_: Bench) -> None:
    """Every call is between a vendor and a customer."""
    kind = at_.run.sources["fake"]

    def spoken(ref: CallRef) -> Transcript:
        said = (
            (Side.VENDOR, f"Thanks for joining call {ref.external_id}, shall we talk about the import first?"),
            (Side.CUSTOMER, SPEECH),
            (Side.VENDOR, "I will take that back to the team and we will see."),
        )
        return Transcript(tuple(Segment(n, None, side, n, n + 1, text) for n, (side, text) in enumerate(said)))

    def hydrate(_self: object, refs: Sequence[CallRef]) -> Iterator[Hydration]:
        return (Hydration(ref.external_id, spoken(ref)) for ref in refs)

    at_.run = at_.with_run(sources={"fake": type("Spoken", (kind,), {"hydrate": hydrate})})


def test_a_call_of_no_use_three_times_is_asked_about_no_more_until_a_person_does(store: Store) -> None:
    at_ = calls(store, 1)
    model = ScriptedModel(at(Stage.EXTRACTION, refused, TRUTH))
    for number in range(6):
        carry_out(at_, reading(at_, model, f"run-{number}"))
        at_.clock.now += timedelta(days=2)
    assert model.asked(Stage.EXTRACTION) == 3
    assert "`headway reanalyse` asks again" in str(at_.reasons["0"])
    run = reading(at_, ScriptedModel(TRUTH), "by hand")
    with store.leases.hold(at_.workspace.id, run.id) as lease:
        reopen_calls(run, lease, calls_to_reread(run, at_.workspace, at_.part(30).days))
    with store.leases.hold(at_.workspace.id, run.id) as lease:
        for stage in READ:
            stage(run, at_.part(30), lease)
    assert at_.states == {"0": "analysed"}


def test_a_stage_and_a_workspace_may_have_a_model_of_their_own(store: Store) -> None:
    at_ = calls(store, 1)
    model = ScriptedModel(TRUTH)
    cheap = {Stage.RELEVANCE: ModelChoice("anthropic", "cheap"), Stage.MATCHING: None}
    carry_out(at_, reading(at_, model, stage_models=cheap))
    assert [(request.stage, request.model) for request in model.requests] == [
        (Stage.RELEVANCE, "cheap"),
        (Stage.EXTRACTION, "claude-haiku-5-5"),
    ]
    assert at_.analyst.asked == ["matching"]
    settings = ReadingSettings(model="offline", stage_models={"extraction": "anthropic:own"})
    store.workspaces.set_reading(at_.workspace.id, settings)
    at_.workspace = store.workspaces.find("acme")
    assert at_.workspace.reading == settings
    run = reading(at_, model, stage_models=cheap)
    names = [run.read_by(stage, at_.workspace)[0] for stage in Stage]
    assert names == ["fake", "anthropic:own", "fake"]


def test_the_names_of_participants_are_taken_out_of_what_is_sent(store: Store) -> None:
    at_ = calls(store, 1)
    people = (Participant("Greta Lindqvist", "greta@buyer.example", Side.CUSTOMER, None),)
    at_.script.calls = [replace(at_.script.calls[0], participants=people)]
    at_.script.speech["0"] = f"I spoke to Greta about it, write to greta@buyer.example. {SPEECH}"
    model = ScriptedModel(TRUTH)
    carry_out(at_, reading(at_, model))
    assert all("Greta" not in request.user and "greta@" not in request.user for request in model.requests)
    assert any("[PERSON_1]" in request.user for request in model.requests)


def test_a_pending_answer_is_waited_for_only_so_long(store: Store) -> None:
    at_ = calls(store, 1)
    run = reading(at_, ScriptedModel(TRUTH))
    assert run.models is not None
    asker = CallAsker(run.models.desk, at_.workspace, None)  # type: ignore[attr-defined]
    request = LLMRequest("anthropic", "m", Stage.EXTRACTION, "s", "u", "extraction", {"type": "object"}, 100)
    blocker = reading(at_, ScriptedModel(failing(TransientModelError("x", at=WHERE))), "other")
    original = store.answers.release
    store.answers.release = lambda *_arguments: None  # type: ignore[method-assign]
    with pytest.raises(TransientModelError):
        CallAsker(blocker.models.desk, at_.workspace, None).ask(request)  # type: ignore[union-attr]
    store.answers.release = original  # type: ignore[method-assign]
    slept = len(at_.clock.slept)
    with pytest.raises(AnswerPendingError, match="another run is asking the same"):
        asker.ask(request)
    assert sum(at_.clock.slept[slept:]) == 30


def test_no_answer_and_no_error_quotes_a_call(store: Store) -> None:
    at_ = distinct(calls(store, 2))
    carry_out(at_, reading(at_, ScriptedModel(lambda _request: response(f"The customer said: {ASK}"))))
    assert all(ASK not in str(reason) for reason in at_.reasons.values())
    assert set(at_.states.values()) == {"quarantined"}


def test_other_workspaces_and_themes_are_untouched_by_what_a_model_answers(store: Store) -> None:
    at_ = distinct(calls(store, 2))
    other = store.workspaces.add("Other")
    theme = store.themes.add(other.id, "Exports")
    named = {"item": 1, "first": str(theme.theme.id), "first_score": 1, "second": "2", "second_score": 1}
    wrong = at(Stage.MATCHING, lambda _request: answered({"matches": [named]}), TRUTH)
    carry_out(at_, reading(at_, ScriptedModel(wrong)))
    assert store.reading.features(other.id) == []
    assert store.reading.features(at_.workspace.id) == []
    assert len(store.reading.inbox(at_.workspace.id)) == 2
    assert [row.theme.name for row in store.themes.list(at_.workspace.id)] == ["Exports"]
