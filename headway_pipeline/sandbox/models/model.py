"""The one model behind both APIs: asked by either, counted and logged for tests."""

import hashlib
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count

from headway_pipeline.sandbox.models.answering import Answer, Question, answer_to
from headway_pipeline.sandbox.models.rules import ModelRules
from headway_pipeline.sandbox.models.truth import Planted

__all__ = ["Asked", "LocalModel", "Said", "tokens_in"]

CHARS_PER_TOKEN = 4
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Asked:
    """One answered question, for tests to count.

    Attributes:
        api: "anthropic", "openai" or "chat".
        stage: "relevance", "extraction", "matching", or "" for anything else.
        key: the same for equal questions.
    """

    api: str
    stage: str
    model: str
    key: str
    input_tokens: int
    output_tokens: int
    is_batch: bool


@dataclass(frozen=True, slots=True)
class Said:
    """An answer with its tokens."""

    answer: Answer
    input_tokens: int
    output_tokens: int


def tokens_in(chars: int) -> int:
    """About as many tokens as a real model would count."""
    return max(1, -(-chars // CHARS_PER_TOKEN))


class LocalModel:
    """Answers from the truth, as its rules say.

    Attributes:
        truth: what is planted in the calls; replace it at any time.
        rules: how it behaves; replace them at any time.
        clock: aware UTC; limits and batches go by it.
    """

    def __init__(
        self,
        truth: Sequence[Planted],
        clock: Callable[[], datetime],
        rules: ModelRules,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.truth = truth
        self.rules = rules
        self.clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._numbers = count()
        self._asked: list[Asked] = []
        self._admitted: deque[datetime] = deque()

    @property
    def asked(self) -> tuple[Asked, ...]:
        """Every question answered so far, in order."""
        with self._lock:
            return tuple(self._asked)

    @property
    def paid(self) -> Counter[str]:
        """How often each question was answered: more than once is money lost."""
        return Counter(asked.key for asked in self.asked)

    def forget_asked(self) -> None:
        """Empty the log; the next answer is the first again."""
        with self._lock:
            self._asked.clear()
            self._numbers = count()

    def wait_asked_for(self) -> int | None:
        """Seconds until the limit lets another request through; None where it may go now, which counts it."""
        limit = self.rules.requests_per_minute
        if limit is None:
            return None
        now = self.clock()
        with self._lock:
            while self._admitted and self._admitted[0] <= now - MINUTE:
                self._admitted.popleft()
            if len(self._admitted) >= limit:
                return int((self._admitted[0] + MINUTE - now).total_seconds()) + 1
            self._admitted.append(now)
        return None

    def ask(self, api: str, question: Question, *, is_batch: bool = False) -> Said:
        """The answer, after the time it takes."""
        if self.rules.latency_s and not is_batch:
            self._sleep(self.rules.latency_s)
        # Two questions at once are two answers.
        number = next(self._numbers)
        kinds = self.rules.misbehaviours
        answer = answer_to(question, self.truth, kinds[number % len(kinds)] if kinds else None, self.rules.obeys)
        if self.rules.is_fenced and answer.text:
            answer = Answer(f"Here is what you asked for:\n```json\n{answer.text}\n```", answer.kind)
        said = Said(answer, tokens_in(question.length), tokens_in(len(answer.text)))
        with self._lock:
            self._asked.append(
                Asked(
                    api=api,
                    stage=question.stage,
                    model=question.model,
                    key=_key(api, question),
                    input_tokens=said.input_tokens,
                    output_tokens=said.output_tokens,
                    is_batch=is_batch,
                )
            )
        return said


def _key(api: str, question: Question) -> str:
    told = "\x1f".join((api, question.model, question.system, question.prompt, str(question.length)))
    return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()
