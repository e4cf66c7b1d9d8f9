import threading
from collections.abc import Callable

import pytest

from headway_pipeline.llm.patience import Patience
from headway_pipeline.model.errors import (
    AskedModel,
    ModelError,
    ModelQuotaError,
    ModelRateLimitedError,
    TransientModelError,
)

AT = AskedModel("anthropic", "claude-haiku-5-5", 429)


class Time:
    """A clock that moves when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def patience(time: Time, *, retries: int = 4, longest_wait_s: float = 60.0) -> Patience:
    return Patience(
        retries=retries, longest_wait_s=longest_wait_s, clock=lambda: time.now, sleep=time.sleep, jitter=lambda: 0.0
    )


def failing(*errors: ModelError) -> Callable[[], str]:
    left = list(errors)

    def ask() -> str:
        if left:
            raise left.pop(0)
        return "answer"

    return ask


def limited(retry_after_s: float | None) -> ModelRateLimitedError:
    return ModelRateLimitedError("wait", at=AT, retry_after_s=retry_after_s)


def transient() -> TransientModelError:
    return TransientModelError("hitch", at=AT)


def test_what_passes_in_a_moment_is_waited_out_longer_each_time() -> None:
    time = Time()
    assert patience(time).ask(failing(transient(), transient(), transient())) == "answer"
    assert time.slept == [0.25, 0.5, 1.0]


def test_it_gives_up_after_the_last_retry() -> None:
    time = Time()
    with pytest.raises(TransientModelError):
        patience(time, retries=2).ask(failing(*(transient() for _ in range(9))))
    assert len(time.slept) == 2


def test_a_wait_that_is_asked_for_is_kept() -> None:
    time = Time()
    assert patience(time).ask(failing(limited(7))) == "answer"
    assert time.slept == [7]


def test_a_wait_of_years_is_handed_over_at_once() -> None:
    time = Time()
    with pytest.raises(ModelRateLimitedError) as raised:
        patience(time).ask(failing(limited(4_294_967)))
    assert raised.value.retry_after_s == 4_294_967
    assert time.slept == []


def test_waits_together_are_no_longer_than_the_patience() -> None:
    time = Time()
    with pytest.raises(ModelRateLimitedError):
        patience(time, longest_wait_s=20, retries=99).ask(failing(*(limited(8) for _ in range(99))))
    assert sum(time.slept) <= 20


def test_a_limit_without_a_time_is_waited_out_longer_each_time() -> None:
    time = Time()
    assert patience(time).ask(failing(limited(None), limited(None))) == "answer"
    assert time.slept == [5, 10]


def test_an_empty_account_is_not_waited_for() -> None:
    time = Time()
    with pytest.raises(ModelQuotaError):
        patience(time).ask(failing(ModelQuotaError("empty", at=AT)))
    assert time.slept == []


def test_what_one_thread_is_asked_to_wait_holds_back_the_others() -> None:
    time = Time()
    shared = patience(time, retries=0)
    with pytest.raises(ModelRateLimitedError):
        shared.ask(failing(limited(30)))
    assert shared.ask(failing()) == "answer"
    assert time.slept == [30]


def test_while_a_long_wait_is_on_nothing_is_sent() -> None:
    time = Time()
    shared = patience(time, retries=0)
    with pytest.raises(ModelRateLimitedError):
        shared.ask(failing(limited(3600)))
    with pytest.raises(ModelRateLimitedError) as raised:
        shared.ask(lambda: pytest.fail("it was asked"))
    assert raised.value.retry_after_s == pytest.approx(3600)
    time.now += 3601
    assert shared.ask(failing()) == "answer"


def test_threads_share_it_without_harm() -> None:
    shared = Patience(retries=2, longest_wait_s=5, sleep=lambda _seconds: None)
    answers: list[str] = []

    def work() -> None:
        answers.extend(shared.ask(failing(transient())) for _ in range(200))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 1600
