"""Batches: nothing lost, nothing paid twice, whatever happens between two steps."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from headway_pipeline.ingestion.analysts import LanguageModels, ModelSettings
from headway_pipeline.ingestion.asking import Desk
from headway_pipeline.ingestion.batches import SETTLED, Advanced, advance_batches
from headway_pipeline.ingestion.collecting import CollectingDesk
from headway_pipeline.ingestion.extraction import extract_features
from headway_pipeline.ingestion.filing import file_features
from headway_pipeline.ingestion.hydration import fetch_transcripts
from headway_pipeline.ingestion.listing import list_calls
from headway_pipeline.ingestion.relevance import score_relevance
from headway_pipeline.ingestion.run import StageReport
from headway_pipeline.llm.contract import BatchFailure, LLMRequest, Stage
from headway_pipeline.llm.discovery import ModelChoice
from headway_pipeline.model.errors import AskedModel, ModelCredentialsError
from headway_pipeline.store import Store, open_store
from headway_pipeline.store.answers import Claimed, Question
from headway_pipeline.store.sealing import CredentialSealer
from headway_pipeline_tests.conftest import TEST_KEY
from headway_pipeline_tests.ingestion.batch_fakes import (
    Died,
    DiesAt,
    FakeProvider,
    Mortal,
    Office,
    lost_on_the_way,
)
from headway_pipeline_tests.ingestion.fakes import Bench, bench, call

HOUR = timedelta(hours=1)
MODEL = ModelSettings(ModelChoice("anthropic", "claude-haiku-5-5"))
PRICE = (1_000 * 0.1 + 100 * 0.5) / 1e6 / 2


@dataclass
class Works:
    """A workspace with calls that are read in batches, by one process after another."""

    bench: Bench
    office: Office

    def desk(self, **named: Any) -> CollectingDesk:
        return CollectingDesk(
            self.bench.store,
            "run-1",
            {},
            effects=self.bench.clock.effects(),
            connect_to=lambda _name: FakeProvider(self.office),
            **named,
        )

    def read(self, desk: Desk | None = None) -> list[StageReport]:
        """The stages that ask a model, once, in a process of their own."""
        store = self.bench.store
        run = self.bench.with_run(models=LanguageModels(store, desk or self.desk(), MODEL))
        part = self.bench.part()
        with store.leases.hold(self.bench.workspace.id, owner=run.id) as lease:
            return [stage(run, part, lease) for stage in (score_relevance, extract_features, file_features)]

    def advance(self) -> list[Advanced]:
        return advance_batches(self.bench.store, lambda _name: FakeProvider(self.office), self.bench.clock.effects())

    def pass_by(self, span: timedelta) -> None:
        self.bench.clock.now += span

    @property
    def is_done(self) -> bool:
        """Whether every call is read and filed."""
        states = set(self.bench.states.values())
        return states == {"analysed"} and not any(self.bench.reasons.values())

    def until_done(self) -> int:
        """Read and advance until nothing waits; returns how often."""
        for number in range(1, 20):
            self.read()
            if self.is_done:
                return number
            self.pass_by(SETTLED + self.office.batch_time)
            self.advance()
        raise AssertionError(f"calls still wait: {self.bench.reasons}")


def works(store: Store, calls: int = 3, **named: Any) -> Works:
    made = bench(store, *(call(f"c{number}") for number in range(calls)))
    made.script.speech = {
        f"c{number}": f"We would want lorry {number} to be told where it waits and for how long. " * 6
        for number in range(calls)
    }
    with store.leases.hold(made.workspace.id, owner=made.run.id) as lease:
        for stage in (list_calls, fetch_transcripts):
            stage(made.run, made.part(), lease)
    return Works(made, Office(lambda: made.clock.now, **named))


def open_at(clock_of: Mapping[str, Any], url: str) -> Store:
    return open_store(url, sealing=lambda: CredentialSealer([TEST_KEY]), now=lambda: clock_of["clock"].now)


@pytest.fixture
def made(store: Store) -> Works:
    ready = works(store)
    # The store's own clock is the test's.
    for part in (store.batches, store.answers):
        vars(part)["_now"] = lambda: ready.bench.clock.now
    return ready


def test_a_stage_hands_in_what_it_would_ask_and_its_calls_wait(made: Works) -> None:
    desk = made.desk()
    relevance, extraction, _ = made.read(desk)
    assert [batch.request_count for batch in desk.handed_in] == [3]
    assert set(made.bench.states.values()) == {"transcribed"}
    assert all(reason and reason.startswith("answer_pending") for reason in made.bench.reasons.values())
    assert sum(relevance.counts.values()) == 3
    assert not extraction.counts


def test_answers_land_at_half_the_price_and_the_stages_go_on(made: Works) -> None:
    made.read()
    made.pass_by(HOUR)
    (advanced,) = made.advance()
    assert (advanced.state, advanced.answered, advanced.unanswered) == ("finished", 3, 0)
    store, workspace = made.bench.store, made.bench.workspace
    assert store.answers.spent_usd(workspace.id, made.bench.clock.now - HOUR) == pytest.approx(3 * PRICE)
    assert made.until_done() == 3
    assert [held.requests[0].stage for held in made.office.batches.values()] == list(Stage)
    assert set(made.office.paid.values()) == {1}


def test_a_batch_that_runs_is_asked_after_and_nothing_is_handed_in_twice(made: Works) -> None:
    made.read()
    for _ in range(3):
        assert [advanced.state for advanced in made.advance()] == ["waiting"]
        made.read()
    assert len(made.office.batches) == 1


def test_what_is_over_is_deleted_at_the_provider(made: Works) -> None:
    made.until_done()
    assert made.office.discarded == set(made.office.batches)


def test_questions_that_expired_are_asked_again_and_the_answered_ones_are_not(made: Works) -> None:
    expired: set[str] = set()

    def fate(request: LLMRequest) -> BatchFailure | None:
        return BatchFailure("expired", is_final=False) if request.fingerprint in expired else None

    made.read()
    first = made.office.batches["ext-1"].requests
    expired.add(first[0].fingerprint)
    made.office.fate = fate
    made.pass_by(HOUR)
    (advanced,) = made.advance()
    assert (advanced.answered, advanced.unanswered) == (2, 1)
    made.read()
    assert [len(held.requests) for held in made.office.batches.values()] == [3, 1, 2]
    expired.clear()
    made.until_done()


def test_a_question_that_is_always_refused_comes_to_an_end(made: Works) -> None:
    made.office.fate = lambda _request: BatchFailure("errored invalid_request_error", is_final=True)
    for _ in range(5):
        made.read()
        made.pass_by(HOUR)
        made.advance()
    assert len(made.office.batches) == 3
    assert set(made.bench.states.values()) == {"quarantined"}
    assert made.bench.store.answers.spent_usd(made.bench.workspace.id, made.bench.run.until - HOUR) == 0


def test_a_cancelled_batch_frees_its_questions(made: Works) -> None:
    made.read()
    made.office.batches["ext-1"].is_cancelled = True
    (advanced,) = made.advance()
    assert (advanced.state, advanced.answered, advanced.unanswered) == ("cancelled", 0, 3)
    made.until_done()
    assert set(made.office.paid.values()) == {1}


def test_a_batch_the_provider_has_lost_frees_its_questions(made: Works) -> None:
    made.read()
    made.office.discarded.add("ext-1")
    (advanced,) = made.advance()
    assert (advanced.state, advanced.unanswered) == ("failed", 3)
    made.until_done()


def test_a_provider_that_cannot_be_asked_leaves_its_batches_waiting(made: Works) -> None:
    made.read()
    made.pass_by(HOUR)
    made.office.dies = lambda step: (_ for _ in ()).throw(lost_on_the_way()) if step == "poll" else None
    assert [advanced.state for advanced in made.advance()] == ["waiting"]
    made.office.dies = lambda _step: None
    assert [advanced.state for advanced in made.advance()] == ["finished"]


def test_a_refused_batch_frees_its_questions_and_ends_the_stage(made: Works) -> None:
    made.office.refusal = ModelCredentialsError("the key is refused", "check it", at=AskedModel("anthropic"))
    relevance, _, _ = made.read()
    assert [trouble.code for trouble in relevance.troubles] == ["bad_credentials"]
    made.office.refusal = None
    made.until_done()
    assert set(made.office.paid.values()) == {1}


@pytest.mark.parametrize("keeps_marker", [True, False])
def test_a_batch_whose_acceptance_was_lost_on_the_way_is_found_again(made: Works, keeps_marker: bool) -> None:
    made.office.keeps_marker = keeps_marker
    made.office.dies = lambda step: _raise(lost_on_the_way()) if step == "submitted at the provider" else None
    made.read()
    made.office.dies = lambda _step: None
    assert [advanced.state for advanced in made.advance()] == ["waiting"]
    made.read()
    made.pass_by(SETTLED)
    made.advance()
    made.pass_by(HOUR)
    made.advance()
    made.read()
    assert len(made.office.batches) == 2
    assert set(made.office.paid.values()) == {1}


def test_a_batch_that_never_arrived_is_handed_in_again(made: Works) -> None:
    made.office.dies = lambda step: _raise(lost_on_the_way()) if step == "submit" else None
    made.read()
    made.office.dies = lambda _step: None
    made.pass_by(SETTLED)
    (advanced,) = made.advance()
    assert (advanced.state, advanced.words) == ("failed", "the provider never got it")
    made.until_done()
    assert set(made.office.paid.values()) == {1}


def test_somebody_elses_batches_of_the_same_size_are_not_taken_for_it(made: Works) -> None:
    made.office.dies = lambda step: _raise(lost_on_the_way()) if step == "submit" else None
    made.read()
    made.office.dies = lambda _step: None
    other = made.office
    FakeProvider(other).submit([_foreign(number) for number in range(3)], "somebody else's")
    made.pass_by(SETTLED)
    assert [advanced.state for advanced in made.advance()] == ["waiting"]
    made.pass_by(HOUR)
    assert [advanced.words for advanced in made.advance()] == ["the provider never got it"]


def test_a_batch_that_is_just_being_handed_in_is_left_alone(made: Works) -> None:
    seen: list[str] = []

    def look(step: str) -> None:
        if step == "submit":
            seen.extend(advanced.state for advanced in made.advance())

    made.office.dies = look
    made.read()
    assert seen == ["waiting"]
    assert not made.office.batches["ext-1"].is_cancelled
    assert [batch.external_id for batch in made.bench.store.batches.open()] == ["ext-1"]


def test_a_handing_in_that_took_too_long_is_called_back(made: Works) -> None:
    def slow(step: str) -> None:
        if step == "submitted at the provider":
            made.office.dies = lambda _step: None
            made.bench.store.batches.end(made.bench.store.batches.open()[0].id, "failed", "given up")

    made.office.dies = slow
    made.read()
    assert made.office.batches["ext-1"].is_cancelled
    made.until_done()
    assert set(made.office.paid.values()) == {1}


def test_what_is_in_a_batch_is_not_asked_at_once(made: Works) -> None:
    made.read()
    provider = FakeProvider(made.office)
    asking = Desk(
        made.bench.store, "run-2", {}, effects=made.bench.clock.effects(), connect_to=lambda _name: provider
    )
    made.read(asking)
    assert provider.completed == []
    made.pass_by(HOUR)
    made.advance()
    made.read(asking)
    assert {request.stage for request in provider.completed} == {Stage.EXTRACTION, Stage.MATCHING}


def test_a_question_freed_by_a_batch_may_be_asked_at_once(made: Works) -> None:
    made.read()
    made.office.discarded.add("ext-1")
    made.advance()
    provider = FakeProvider(made.office)
    asking = Desk(
        made.bench.store, "run-2", {}, effects=made.bench.clock.effects(), connect_to=lambda _name: provider
    )
    made.read(asking)
    made.read(asking)
    assert set(made.bench.states.values()) == {"analysed"}
    assert len({request.fingerprint for request in provider.completed}) == len(provider.completed) == 9


def test_a_claim_on_a_question_of_an_older_batch_ends_by_itself(made: Works) -> None:
    """It once kept the batch's id, and was waited for as if the batch were still on its way."""
    made.read()
    made.office.discarded.add("ext-1")
    made.advance()
    answers, workspace = made.bench.store.answers, made.bench.workspace
    fingerprint = made.office.batches["ext-1"].requests[0].fingerprint
    question = Question(workspace.id, fingerprint, "relevance", "anthropic", "claude-haiku-5-5", "1")
    assert answers.claim(question, "run-that-dies", lasts_s=60) == Claimed()
    made.pass_by(timedelta(seconds=61))
    assert answers.claim(question, "the-next-run", lasts_s=60) == Claimed()


@pytest.mark.parametrize("budget", ["month", "run"])
def test_a_budget_bounds_what_is_handed_in(made: Works, budget: str) -> None:
    ample = made.desk()
    prices: list[float] = []
    collect = ample._spend

    def spy(workspace: Any, held: Any, question: Any) -> None:
        prices.append(question.price_usd)
        collect(workspace, held, question)

    vars(ample)["_spend"] = spy
    made.read(ample)
    made.office.batches["ext-1"].is_cancelled = True
    made.advance()
    made.office.batches.clear()
    room = {"month": "monthly_budget_usd", "run": "run_budget_usd"}[budget]
    made.read(made.desk(**{room: max(prices) * 2.5}))
    assert [len(held.requests) for held in made.office.batches.values()] == [2]
    waits = {"month": "budget: ", "run": "run_budget: "}[budget]
    assert sum((reason or "").startswith(waits) for reason in made.bench.reasons.values()) == 1


def test_large_readings_are_handed_in_in_several_batches(made: Works, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headway_pipeline.ingestion.collecting.MOST_REQUESTS", 2)
    made.read()
    assert [len(held.requests) for held in made.office.batches.values()] == [2, 1]


def test_an_erased_calls_answer_is_dropped(made: Works) -> None:
    made.read()
    store, workspace = made.bench.store, made.bench.workspace
    gone = made.office.batches["ext-1"].requests[0].fingerprint
    from headway_pipeline.model.ledger import MessageState

    with store.leases.hold(workspace.id, owner="erasure") as lease:
        store.messages.move(lease, _message_of(store, workspace.id, gone), MessageState.DELETED)
    made.pass_by(HOUR)
    (advanced,) = made.advance()
    assert advanced.answered == 2
    assert store.answers.find(workspace.id, gone) is None


def _message_of(store: Store, workspace_id: UUID, fingerprint: str) -> UUID:
    import sqlalchemy as sa

    from headway_pipeline.store.tables import model_answers

    with store.database.reading() as connection:
        query = sa.select(model_answers.c.message_id).where(model_answers.c.fingerprint == fingerprint)
        found: UUID = connection.execute(query).scalar_one()
    return found


def test_finished_batches_name_the_days_of_their_calls(made: Works) -> None:
    made.read()
    store = made.bench.store
    assert store.batches.finished_since(made.bench.clock.now - HOUR) == []
    assert store.batches.ready_to_go_on() == []
    made.pass_by(HOUR)
    made.advance()
    (ready,) = store.batches.ready_to_go_on()
    assert (ready.slug, ready.first) == ("acme", made.bench.run.until.date())
    (days,) = store.batches.finished_since(made.bench.clock.now - HOUR)
    assert (days.slug, days.first, days.last) == ("acme", made.bench.run.until.date(), made.bench.run.until.date())
    assert store.batches.finished_since(made.bench.clock.now + HOUR) == []


def _raise(error: Exception) -> None:
    raise error


def _foreign(number: int) -> LLMRequest:
    from headway_pipeline_tests.llm.asking import request_to

    return request_to("anthropic", user=f"[0] C: somebody else's wish, number {number}")


def life(made: Works, dies: Callable[[str], None]) -> None:
    """All a process does from the first question to the last answer, dying where it is told to."""
    store = made.bench.store
    batches = store.batches
    made.office.dies = dies
    store.batches = Mortal(batches, dies)  # type: ignore[assignment]
    try:
        for _ in Stage:
            made.read()
            made.pass_by(made.office.batch_time)
            made.advance()
        made.read()
    finally:
        store.batches = batches
        made.office.dies = lambda _step: None


@pytest.mark.parametrize("keeps_marker", [True, False])
def test_a_process_may_die_between_any_two_steps(sqlite_template: Path, tmp_path: Path, keeps_marker: bool) -> None:
    steps = _steps(sqlite_template, tmp_path, keeps_marker)
    # The rounds of extraction and matching take the same steps as that of relevance.
    first_round = steps[: steps.index("prepare", 1)]
    assert {"prepare done", "submitted at the provider", "land done", "discarded", "end done"} <= set(first_round)
    for number in range(len(first_round)):
        made = _fresh(sqlite_template, tmp_path / f"{number}.db", keeps_marker)
        with pytest.raises(Died):
            life(made, DiesAt(number))
        made.pass_by(SETTLED + HOUR)
        made.advance()
        made.until_done()
        store = made.bench.store
        spent = store.answers.spent_usd(made.bench.workspace.id, made.bench.run.until - HOUR)
        where = f"died at step {number}, {steps[number]}"
        assert set(made.bench.states.values()) == {"analysed"}, where
        assert set(made.office.paid.values()) == {1}, where
        assert spent == pytest.approx(len(made.office.paid) * PRICE), where
        assert store.batches.open() == [], where
        store.close()


def _steps(template: Path, folder: Path, keeps_marker: bool) -> list[str]:
    """Every step of a life without a death."""
    made = _fresh(template, folder / "whole.db", keeps_marker)
    dies = DiesAt(None)
    life(made, dies)
    assert set(made.bench.states.values()) == {"analysed"}
    made.bench.store.close()
    return dies.steps


def _fresh(template: Path, path: Path, keeps_marker: bool) -> Works:
    path.write_bytes(template.read_bytes())
    clock_of: dict[str, Any] = {}
    store = open_store(f"sqlite:///{path}", sealing=lambda: CredentialSealer([TEST_KEY]))
    made = works(store, calls=2, keeps_marker=keeps_marker)
    clock_of["clock"] = made.bench.clock
    for part in (store.batches, store.answers):
        vars(part)["_now"] = lambda: made.bench.clock.now
    return made
