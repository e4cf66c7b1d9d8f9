"""Answers of models: claimed before they are asked, paid for once, never lost, counted whatever they are worth."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from headway_pipeline.model.ledger import MessageState, Reason, ReasonCode
from headway_pipeline.store import Store
from headway_pipeline.store.answers import (
    MOST_ATTEMPTS,
    Claimed,
    Exhausted,
    MonthlyBudget,
    NewAnswer,
    OverBudget,
    Pending,
    Question,
    StoredAnswer,
)
from headway_pipeline.store.tables import model_answers
from headway_pipeline_tests.store.rows import NOW, call, lease, place

MONTH = datetime(2020, 1, 1, tzinfo=UTC)
ANSWER = StoredAnswer("{}", "end", "m-1-2026", "req-1", {"input_tokens": 100, "output_tokens": 10}, 900)


def question(store: Store, fingerprint: str = "f1", price_usd: float | None = 0.01) -> Question:
    workspaces = store.workspaces.list()
    workspace = workspaces[0] if workspaces else store.workspaces.add("Acme")
    return Question(workspace.id, fingerprint, "extraction", "anthropic", "m-1", "p1", None, price_usd)


def row(store: Store, asked: Question) -> dict[str, object]:
    query = sa.select(model_answers).where(model_answers.c.fingerprint == asked.fingerprint)
    with store.database.reading() as connection:
        return dict(connection.execute(query).mappings().one())


def test_an_answer_is_kept_with_its_cost_and_found_by_its_fingerprint(store: Store) -> None:
    asked = question(store)
    assert store.answers.claim(asked, "run-1", lasts_s=60) == Claimed()
    store.answers.record(asked, NewAnswer(ANSWER, 0.002))
    assert store.answers.claim(asked, "run-2", lasts_s=60) == ANSWER
    assert store.answers.find(asked.workspace_id, "f1") == ANSWER
    kept = row(store, asked)
    assert (kept["raw_text"], kept["request_id"], kept["latency_ms"]) == ("{}", "req-1", 900)
    assert (kept["input_tokens"], kept["output_tokens"], kept["cost_usd"]) == (100, 10, 0.002)
    assert (kept["claimed_until"], kept["reserved_usd"], kept["prompt_version"]) == (None, None, "p1")


def test_another_workspace_pays_for_its_own_answers(store: Store) -> None:
    asked = question(store)
    store.answers.record(asked, NewAnswer(ANSWER, 0.002))
    other = replace(asked, workspace_id=store.workspaces.add("Other").id)
    assert store.answers.claim(other, "run-1", lasts_s=60) == Claimed()


def test_a_claimed_question_is_nobody_elses_until_the_claim_ends(store: Store) -> None:
    asked = question(store)
    store.answers.claim(asked, "run-1", lasts_s=60)
    standing = store.answers.claim(asked, "run-2", lasts_s=60)
    assert isinstance(standing, Pending)
    assert standing.until is not None
    assert timedelta(0) < standing.until - datetime.now(tz=UTC) <= timedelta(seconds=60)
    store.answers.extend(asked.workspace_id, "f1", "run-1", lasts_s=-1)
    assert store.answers.claim(asked, "run-2", lasts_s=60) == Claimed()


def test_a_claim_that_was_taken_over_is_neither_extended_nor_released_by_its_old_owner(store: Store) -> None:
    asked = question(store)
    store.answers.claim(asked, "run-1", lasts_s=-1)
    store.answers.claim(asked, "run-2", lasts_s=60)
    store.answers.extend(asked.workspace_id, "f1", "run-1", lasts_s=-1)
    store.answers.release(asked.workspace_id, "f1", "run-1", "gone")
    assert isinstance(store.answers.claim(asked, "run-3", lasts_s=60), Pending)


def test_many_threads_that_ask_at_once_claim_once(open_test_store: Callable[[], Store]) -> None:
    store = open_test_store()
    asked = question(store)
    barrier = threading.Barrier(8)
    found: list[object] = []

    def ask(number: int) -> None:
        barrier.wait()
        found.append(store.answers.claim(asked, f"run-{number}", lasts_s=60))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(standing == Claimed() for standing in found) == 1
    assert sum(isinstance(standing, Pending) for standing in found) == 7


def test_a_question_that_was_not_answered_may_be_asked_at_once(store: Store) -> None:
    asked = question(store)
    store.answers.claim(asked, "run-1", lasts_s=60)
    store.answers.release(asked.workspace_id, "f1", "run-1", "TransientModelError")
    assert store.answers.claim(asked, "run-2", lasts_s=60) == Claimed()


def test_an_answer_of_no_use_is_asked_for_again_a_few_times_and_each_is_counted(store: Store) -> None:
    asked = question(store)
    for _ in range(MOST_ATTEMPTS):
        assert store.answers.claim(asked, "run-1", lasts_s=60) == Claimed()
        store.answers.record(asked, NewAnswer(ANSWER, 0.002))
        store.answers.disown(asked.workspace_id, "f1", "refuses to answer")
        assert store.answers.find(asked.workspace_id, "f1") is None
    assert store.answers.claim(asked, "run-1", lasts_s=60) == Exhausted("refuses to answer")
    kept = row(store, asked)
    assert (kept["attempts"], kept["input_tokens"]) == (MOST_ATTEMPTS, 100 * MOST_ATTEMPTS)
    assert kept["cost_usd"] == pytest.approx(0.002 * MOST_ATTEMPTS)


def test_a_person_may_have_a_hopeless_question_asked_again(store: Store) -> None:
    at = place(store)
    with lease(store, at) as held:
        (listed,) = store.listings.record_page(held, at.connector.id, [call()], NOW)
        asked = replace(question(store), message_id=listed.message_id)
        for _ in range(MOST_ATTEMPTS):
            store.answers.record(asked, NewAnswer(ANSWER, 0.002))
            store.answers.disown(asked.workspace_id, "f1", "refuses")
        store.answers.allow_again(at.workspace.id, [listed.message_id])
    assert store.answers.claim(asked, "run-1", lasts_s=60) == Claimed()
    store.answers.record(asked, NewAnswer(ANSWER, 0.002))
    assert row(store, asked)["cost_usd"] == pytest.approx(0.002 * (MOST_ATTEMPTS + 1))


def test_an_unknown_price_is_null_and_stays_unknown(store: Store) -> None:
    asked = question(store)
    store.answers.record(asked, NewAnswer(ANSWER, None))
    assert row(store, asked)["cost_usd"] is None
    store.answers.disown(asked.workspace_id, "f1", "of no use")
    store.answers.record(asked, NewAnswer(ANSWER, 0.002))
    assert row(store, asked)["cost_usd"] is None


def test_an_answer_that_comes_after_the_claim_was_taken_over_and_answered_adds_its_cost_alone(store: Store) -> None:
    """A suspended machine wakes up with an answer that somebody else paid for meanwhile."""
    asked = question(store)
    store.answers.record(asked, NewAnswer(ANSWER, 0.002))
    store.answers.record(asked, NewAnswer(replace(ANSWER, text="late"), 0.003))
    assert store.answers.find(asked.workspace_id, "f1") == ANSWER
    assert row(store, asked)["cost_usd"] == pytest.approx(0.005)


def test_a_budget_counts_what_is_spent_and_what_is_being_asked(store: Store) -> None:
    budget = MonthlyBudget(0.03, MONTH)
    one, two, three = (question(store, name) for name in ("f1", "f2", "f3"))
    store.answers.record(one, NewAnswer(ANSWER, 0.015))
    assert store.answers.claim(two, "run-1", lasts_s=60, budget=budget) == Claimed()
    over = store.answers.claim(three, "run-1", lasts_s=60, budget=budget)
    assert isinstance(over, OverBudget)
    assert over.spent_usd == pytest.approx(0.025)
    store.answers.record(two, NewAnswer(ANSWER, 0.001))
    assert store.answers.spent_usd(one.workspace_id, MONTH) == pytest.approx(0.016)
    assert store.answers.claim(three, "run-1", lasts_s=60, budget=budget) == Claimed()


def test_an_answer_whose_cost_nobody_knows_counts_what_it_may_have_cost(store: Store) -> None:
    """Compatible servers may leave the tokens out; a budget must not leak through that."""
    budget = MonthlyBudget(0.015, MONTH)
    asked = question(store)
    store.answers.claim(asked, "run-1", lasts_s=60, budget=budget)
    store.answers.record(asked, NewAnswer(ANSWER, None))
    assert row(store, asked)["cost_usd"] is None
    assert store.answers.spent_usd(asked.workspace_id, MONTH) == pytest.approx(0.01)
    assert isinstance(store.answers.claim(question(store, "f2"), "run-1", lasts_s=60, budget=budget), OverBudget)


def test_what_was_spent_before_the_month_does_not_count(store: Store) -> None:
    asked = question(store)
    store.answers.record(asked, NewAnswer(ANSWER, 5.0))
    later = MonthlyBudget(0.02, datetime.now(tz=UTC) + timedelta(days=1))
    assert store.answers.claim(question(store, "f2"), "run-1", lasts_s=60, budget=later) == Claimed()


def test_a_question_without_a_price_fits_no_budget_and_a_stored_answer_any(store: Store) -> None:
    nothing = MonthlyBudget(0.0, MONTH)
    unpriced = question(store, "f1", price_usd=None)
    assert isinstance(
        store.answers.claim(unpriced, "run-1", lasts_s=60, budget=MonthlyBudget(9.0, MONTH)), OverBudget
    )
    assert store.answers.claim(unpriced, "run-1", lasts_s=60) == Claimed()
    store.answers.record(unpriced, NewAnswer(ANSWER, None))
    assert store.answers.claim(unpriced, "run-1", lasts_s=60, budget=nothing) == ANSWER


def test_threads_that_ask_at_once_do_not_overspend_together(open_test_store: Callable[[], Store]) -> None:
    store = open_test_store()
    questions = [question(store, f"f{number}") for number in range(8)]
    barrier = threading.Barrier(8)
    found: list[object] = []

    def ask(asked: Question) -> None:
        barrier.wait()
        found.append(store.answers.claim(asked, "run-1", lasts_s=60, budget=MonthlyBudget(0.035, MONTH)))

    threads = [threading.Thread(target=ask, args=(asked,)) for asked in questions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(standing == Claimed() for standing in found) == 3


def test_claims_of_a_run_that_ended_are_freed_by_who_holds_the_ledger_now(store: Store) -> None:
    at = place(store)
    asked = question(store)
    store.answers.claim(asked, "crashed-run", lasts_s=600)
    with lease(store, at, "run-2") as held:
        own = question(store, "f2")
        store.answers.claim(own, "run-2", lasts_s=600)
        assert store.answers.release_others(held) == 1
        assert store.answers.claim(asked, "run-2", lasts_s=60) == Claimed()
        assert isinstance(store.answers.claim(own, "run-3", lasts_s=60), Pending)


def test_the_answers_of_a_call_go_with_it(store: Store) -> None:
    at = place(store)
    with lease(store, at) as held:
        (listed,) = store.listings.record_page(held, at.connector.id, [call()], NOW)
        asked = replace(question(store), message_id=listed.message_id)
        store.answers.record(asked, NewAnswer(ANSWER, 0.002))
        store.messages.move(held, listed.message_id, MessageState.DELETED, Reason(ReasonCode.REFUSED, "gone"))
    assert store.answers.find(at.workspace.id, "f1") is None


def test_cost_in_the_status_counts_every_answer_that_was_paid_for(store: Store) -> None:
    asked = question(store)
    store.answers.record(asked, NewAnswer(ANSWER, 0.002))
    store.answers.disown(asked.workspace_id, "f1", "of no use")
    store.answers.record(question(store, "f2"), NewAnswer(ANSWER, None))
    store.answers.claim(question(store, "f3"), "run-1", lasts_s=60)
    model = store.reading.status(asked.workspace_id)["model"]
    assert model == {"answers": 2, "input_tokens": 200, "output_tokens": 20, "cost_usd": 0.002, "unpriced": 1}
