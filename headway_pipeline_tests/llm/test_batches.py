"""What every provider of batches keeps, asked of each that is discovered."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from headway_pipeline.llm.contract import (
    BatchFailure,
    BatchProvider,
    BatchState,
    LLMRequest,
    LLMResponse,
    Submission,
)
from headway_pipeline.model.errors import TransientModelError, UnknownBatchError
from headway_pipeline.sandbox.exchange import Reply, Request
from headway_pipeline.sandbox.models.rules import ModelRules
from headway_pipeline.sandbox.server import Sandbox
from headway_pipeline_tests.llm.asking import USER, request_to
from headway_pipeline_tests.sandbox_fixtures import NOW, MovableClock

MARKER = "0b1f0f9e-6f6f-4e50-8a43-1d6f3a8f0001"
HOUR = timedelta(hours=1)


def requests_to(provider: BatchProvider, count: int) -> list[LLMRequest]:
    return [request_to(provider.name, user=f"{USER} Lorry {number}.") for number in range(count)]


def submission_of(requests: Sequence[LLMRequest], marker: str = MARKER) -> Submission:
    return Submission(marker, len(requests), NOW)


def test_every_request_of_a_batch_is_answered_under_its_fingerprint(batcher: BatchProvider, sandbox: Sandbox) -> None:
    requests = requests_to(batcher, 5)
    external_id = batcher.submit(requests, MARKER)
    status = batcher.poll(external_id)
    assert (status.state, status.answered, status.unanswered) == (BatchState.ENDED, 5, 0)
    results = {result.fingerprint: result.outcome for result in batcher.results(external_id)}
    assert results.keys() == {request.fingerprint for request in requests}
    for outcome in results.values():
        assert isinstance(outcome, LLMResponse)
        assert outcome.usage.output_tokens
    assert all(asked.is_batch for asked in sandbox.models.model.asked)


def test_a_batch_sends_the_very_questions_that_are_asked_at_once(batcher: BatchProvider, sandbox: Sandbox) -> None:
    request = request_to(batcher.name)
    batcher.complete(request)
    batcher.poll(batcher.submit([request], MARKER))
    assert list(sandbox.models.model.paid.values()) == [2]


def test_what_failed_or_expired_says_so_beside_what_was_answered(batcher: BatchProvider, sandbox: Sandbox) -> None:
    sandbox.models.model.rules = ModelRules(expires_every=5, fails_every=2)
    external_id = batcher.submit(requests_to(batcher, 10), MARKER)
    assert batcher.poll(external_id).unanswered == 6
    outcomes = [result.outcome for result in batcher.results(external_id)]
    failures = [outcome for outcome in outcomes if isinstance(outcome, BatchFailure)]
    assert len(outcomes) == 10
    assert sorted("expired" in failure.words for failure in failures) == [False] * 4 + [True] * 2
    assert not any(failure.is_final for failure in failures)


def test_a_request_that_is_refused_would_be_refused_again(batcher: BatchProvider, sandbox: Sandbox) -> None:
    sandbox.models.model.rules = ModelRules(context_tokens=10)
    external_id = batcher.submit(requests_to(batcher, 1), MARKER)
    batcher.poll(external_id)
    (result,) = batcher.results(external_id)
    assert isinstance(result.outcome, BatchFailure)
    assert result.outcome.is_final


def test_a_batch_runs_until_its_time_is_over(batcher: BatchProvider, sandbox: Sandbox, clock: MovableClock) -> None:
    sandbox.models.model.rules = ModelRules(batch_time=2 * HOUR)
    external_id = batcher.submit(requests_to(batcher, 4), MARKER)
    assert batcher.poll(external_id).state is BatchState.RUNNING
    clock.pass_by(2 * HOUR)
    assert batcher.poll(external_id).state is BatchState.ENDED


def test_a_cancelled_batch_keeps_what_was_answered(
    batcher: BatchProvider, sandbox: Sandbox, clock: MovableClock
) -> None:
    sandbox.models.model.rules = ModelRules(batch_time=2 * HOUR)
    external_id = batcher.submit(requests_to(batcher, 4), MARKER)
    clock.pass_by(HOUR)
    batcher.cancel(external_id)
    assert batcher.poll(external_id).state is not BatchState.RUNNING
    outcomes = [result.outcome for result in batcher.results(external_id)]
    assert sum(isinstance(outcome, LLMResponse) for outcome in outcomes) == 2
    assert len(outcomes) == 4


def test_a_batch_whose_id_was_never_learned_is_found_again(batcher: BatchProvider, sandbox: Sandbox) -> None:
    sandbox.models.model.rules = ModelRules(batch_time=HOUR)
    wanted = requests_to(batcher, 3)
    lost = batcher.submit(wanted, MARKER)
    batcher.submit(requests_to(batcher, 2), "another")
    found = batcher.find(submission_of(wanted))
    assert [status.external_id for status in found] == [lost]


def test_a_batch_that_never_reached_the_provider_is_not_found(batcher: BatchProvider) -> None:
    batcher.submit(requests_to(batcher, 2), "another")
    assert batcher.find(submission_of(requests_to(batcher, 3))) == []


def test_older_batches_are_not_taken_for_it(batcher: BatchProvider, clock: MovableClock) -> None:
    requests = requests_to(batcher, 1)
    for number in range(120):
        batcher.submit(requests, f"older-{number}")
    clock.pass_by(HOUR)
    later = Submission(MARKER, len(requests), clock.now)
    assert batcher.find(later) == []


def test_finding_looks_further_than_the_first_page(batcher: BatchProvider) -> None:
    wanted = requests_to(batcher, 3)
    lost = batcher.submit(wanted, MARKER)
    for number in range(130):
        batcher.submit(wanted[:1], f"newer-{number}")
    assert [status.external_id for status in batcher.find(submission_of(wanted))] == [lost]


def test_a_discarded_batch_leaves_no_text_behind(batcher: BatchProvider, sandbox: Sandbox) -> None:
    external_id = batcher.submit(requests_to(batcher, 2), MARKER)
    batcher.poll(external_id)
    list(batcher.results(external_id))
    batcher.discard(external_id)
    assert sandbox.models.openai.files == {}
    with pytest.raises(UnknownBatchError):
        list(batcher.results(external_id))


def test_a_batch_nobody_knows_is_said_to_be_unknown(batcher: BatchProvider) -> None:
    for asked in (batcher.poll, batcher.cancel, batcher.discard, lambda gone: list(batcher.results(gone))):
        with pytest.raises(UnknownBatchError, match="batch_000999"):
            asked("batch_000999")


def test_a_lost_connection_is_an_error_of_the_tree(batcher: BatchProvider, sandbox: Sandbox) -> None:
    external_id = batcher.submit(requests_to(batcher, 2), MARKER)
    sandbox.stop()
    for ask in (batcher.poll, lambda lost: list(batcher.results(lost))):
        with pytest.raises(TransientModelError):
            ask(external_id)


def test_results_that_break_off_give_what_came_and_then_an_error(batcher: BatchProvider, sandbox: Sandbox) -> None:
    external_id = batcher.submit(requests_to(batcher, 3), MARKER)
    whole = list(batcher.results(external_id))

    def cut(request: Request) -> Reply | None:
        if not request.path.endswith(("/results", "/content")):
            return None
        reply = sandbox.models.answer(request)
        assert reply is not None
        return replace(reply, cut_after=reply.body.index(b"\n") + 10)

    sandbox.faults.append(cut)
    results = batcher.results(external_id)
    assert next(results).fingerprint in {result.fingerprint for result in whole}
    with pytest.raises(TransientModelError):
        list(results)


def test_a_batch_is_weighed_as_it_is_sent(batcher: BatchProvider, sandbox: Sandbox) -> None:
    sent: list[int] = []
    sandbox.faults.append(lambda request: sent.append(len(request.body)) if request.method == "POST" else None)
    requests = [request_to(batcher.name, user=USER * 200) for _ in range(1)]
    batcher.submit(requests, MARKER)
    weighed = sum(map(batcher.weigh, requests))
    assert weighed == pytest.approx(max(sent), rel=0.05)
