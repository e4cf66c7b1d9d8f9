"""A provider of batches without HTTP, and a process that may die between any two of its steps."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar

from headway_pipeline.llm.contract import (
    Access,
    BatchFailure,
    BatchLimits,
    BatchProvider,
    BatchResult,
    BatchState,
    BatchStatus,
    LLMRequest,
    LLMResponse,
    LLMUsage,
    Stage,
    Stop,
    Submission,
)
from headway_pipeline.model.errors import AskedModel, ModelError, TransientModelError, UnknownBatchError

AT = AskedModel("anthropic")


class Died(BaseException):  # nothing of the project may catch it
    """The process was killed."""


@dataclass
class HeldBatch:
    requests: list[LLMRequest]
    marker: str
    made_at: datetime
    is_cancelled: bool = False


@dataclass
class Office:
    """What stands at the provider, however many processes come and go.

    Attributes:
        paid: how often each question was answered in a batch that was not cancelled.
        dies: called before and after each step with its name; may raise.
        fate: what becomes of a request: None is an answer.
    """

    now: Callable[[], datetime]
    keeps_marker: bool = False
    batch_time: timedelta = timedelta(hours=1)
    batches: dict[str, HeldBatch] = field(default_factory=dict)
    discarded: set[str] = field(default_factory=set)
    dies: Callable[[str], None] = lambda _step: None
    fate: Callable[[LLMRequest], BatchFailure | None] = lambda _request: None
    refusal: ModelError | None = None

    @property
    def paid(self) -> Counter[str]:
        return Counter(
            request.fingerprint
            for held in self.batches.values()
            if not held.is_cancelled
            for request in held.requests
            if self.fate(request) is None
        )


class FakeProvider(BatchProvider):
    """Anthropic by name and price; hands everything to the office."""

    name = "anthropic"
    label = "Fake"
    key_variable = "ANTHROPIC_API_KEY"
    url_variable = "ANTHROPIC_BASE_URL"
    default_model = "claude-haiku-5-5"
    price_list = "anthropic"
    batch_limits: ClassVar[BatchLimits] = BatchLimits(requests=100, megabytes=10)
    keeps_marker = False

    def __init__(self, office: Office) -> None:
        super().__init__(Access("k"))
        self.office = office
        self.keeps_marker = office.keeps_marker  # type: ignore[misc]  # one class stands for both kinds
        self.completed: list[LLMRequest] = []

    def close(self) -> None:
        """Nothing is open."""

    def complete(self, request: LLMRequest) -> LLMResponse:
        self.completed.append(request)
        return answered(request)

    def count_tokens(self, request: LLMRequest) -> int | None:
        return None

    def context_tokens(self, model: str) -> int | None:
        return 100_000

    def weigh(self, request: LLMRequest) -> int:
        return len(request.user)

    def submit(self, requests: Sequence[LLMRequest], marker: str) -> str:
        office = self.office
        office.dies("submit")
        if office.refusal is not None:
            raise office.refusal
        external_id = f"ext-{len(office.batches) + 1}"
        office.batches[external_id] = HeldBatch(list(requests), marker, office.now())
        office.dies("submitted at the provider")
        return external_id

    def find(self, submission: Submission) -> Sequence[BatchStatus]:
        self.office.dies("find")
        found = [
            external_id
            for external_id, held in self.office.batches.items()
            if (held.marker == submission.marker if self.keeps_marker else self._may_be(held, submission))
            and external_id not in self.office.discarded
        ]
        return [self.poll(external_id) for external_id in found]

    def _may_be(self, held: HeldBatch, submission: Submission) -> bool:
        return held.made_at >= submission.prepared_at and len(held.requests) == submission.request_count

    def poll(self, external_id: str) -> BatchStatus:
        self.office.dies("poll")
        held = self._held(external_id)
        is_over = self.office.now() >= held.made_at + self.office.batch_time
        state = BatchState.CANCELLED if held.is_cancelled else BatchState.ENDED if is_over else BatchState.RUNNING
        return BatchStatus(external_id, state, 0, 0)

    def results(self, external_id: str) -> Iterator[BatchResult]:
        held = self._held(external_id)
        for request in held.requests:
            self.office.dies("a result")
            failure = BatchFailure("cancelled", is_final=False) if held.is_cancelled else self.office.fate(request)
            yield BatchResult(request.fingerprint, failure or answered(request))

    def cancel(self, external_id: str) -> None:
        self.office.dies("cancel")
        self._held(external_id).is_cancelled = True

    def discard(self, external_id: str) -> None:
        self.office.dies("discard")
        self._held(external_id)
        self.office.discarded.add(external_id)
        self.office.dies("discarded")

    def _held(self, external_id: str) -> HeldBatch:
        if external_id not in self.office.batches or external_id in self.office.discarded:
            raise UnknownBatchError(f"no batch {external_id}", at=AT)
        return self.office.batches[external_id]


def answered(request: LLMRequest) -> LLMResponse:
    """An answer to any of the pipeline's questions: one wish a call, under the first theme."""
    usage = LLMUsage(input_tokens=1_000, output_tokens=100)
    return LLMResponse(json.dumps(ANSWERS[request.stage](request)), Stop.END, usage, request.model, None, 0)


def _reading(request: LLMRequest) -> dict[str, Any]:
    line = re.search(r"^\[(\d+)\] C: (.*)$", request.user, re.MULTILINE)
    assert line is not None
    item = {
        "type": "feature_request",
        "title": "A wish",
        "description": "What is wished for.",
        "urgency": "low",
        "urgency_reason": "",
        "sentiment": "neutral",
        "sentiment_score": 0.0,
        "confidence": 0.9,
        "origin": "volunteered",
        "evidence": [{"segment": int(line[1]), "quote": line[2][:60]}],
    }
    return {"items": [item], "call_sentiment": "neutral", "call_sentiment_score": 0.0}


def _matching(_request: LLMRequest) -> dict[str, Any]:
    return {"matches": [{"item": 1, "first": "1", "first_score": 0.9, "second": "none", "second_score": 0.0}]}


def _relevance(_request: LLMRequest) -> dict[str, Any]:
    return {"relevant": True, "confidence": 0.9, "reason": "so", "themes": []}


ANSWERS = {Stage.RELEVANCE: _relevance, Stage.EXTRACTION: _reading, Stage.MATCHING: _matching}


class Mortal:
    """Stands for an object and dies at the n-th of its calls, counted before and after each."""

    def __init__(self, inner: Any, dies: Callable[[str], None]) -> None:
        self._inner = inner
        self._dies = dies

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if not callable(found):
            return found

        def called(*args: Any, **named: Any) -> Any:
            self._dies(name)
            result = found(*args, **named)
            self._dies(f"{name} done")
            return result

        return called


class DiesAt:
    """Raises `Died` at one step of all, once."""

    def __init__(self, step: int | None) -> None:
        self.step = step
        self.steps: list[str] = []

    def __call__(self, name: str) -> None:
        self.steps.append(name)
        if self.step is not None and len(self.steps) == self.step + 1:
            raise Died(name)


def lost_on_the_way() -> TransientModelError:
    return TransientModelError("the connection broke off", "try again later", at=AT)
