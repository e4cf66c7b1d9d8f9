"""The contract every provider of language models keeps: one request, one answer, no memory between them.

A provider sends and reads; it neither judges the text of an answer nor tries again. `patience.py` tries again,
the analyst in `analysis/` validates, the store keeps what was paid for.
"""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

__all__ = [
    "LONGEST_ANSWER_TOKENS",
    "Access",
    "BatchFailure",
    "BatchLimits",
    "BatchProvider",
    "BatchResult",
    "BatchState",
    "BatchStatus",
    "Effort",
    "LLMRequest",
    "LLMResponse",
    "LLMUsage",
    "Objection",
    "Provider",
    "Stage",
    "Stop",
    "Submission",
]

#: No answer may be allowed more: above some 21,000 tokens Anthropic's SDK refuses to wait without streaming.
LONGEST_ANSWER_TOKENS = 16_000


class Stage(StrEnum):
    """The question a request asks."""

    RELEVANCE = "relevance"
    EXTRACTION = "extraction"
    MATCHING = "matching"


class Effort(StrEnum):
    """How long a model may think before it answers, where it can."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class Objection:
    """An earlier answer to the same question, and what was wrong with it."""

    answer: str = field(repr=False)
    problem: str


@dataclass(frozen=True, slots=True)
class LLMRequest:
    """One question to one model.

    Attributes:
        provider: name of the provider, e.g. "anthropic".
        model: the provider's name of the model.
        system: instructions; the same for every call of a stage, so that providers can cache it.
        user: the data the question is about.
        schema_name: `[a-z_]+`, names the form of the answer.
        schema: JSON Schema of the answer in the strict form: every property required, no additional properties,
            no recursion.
        max_output_tokens: at most `LONGEST_ANSWER_TOKENS`; thinking counts.
        objections: earlier answers to be mended, oldest first.
        identity: what the answer rests on beside the texts (prompt version, redaction, hash of the transcript, ...).
    """

    provider: str
    model: str
    stage: Stage
    system: str = field(repr=False)
    user: str = field(repr=False)
    schema_name: str
    schema: Mapping[str, Any] = field(repr=False)
    max_output_tokens: int
    effort: Effort | None = None
    objections: tuple[Objection, ...] = field(default=(), repr=False)
    identity: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 1 <= self.max_output_tokens <= LONGEST_ANSWER_TOKENS:
            raise ValueError(f"max_output_tokens is {self.max_output_tokens}, not 1 to {LONGEST_ANSWER_TOKENS}")

    @property
    def fingerprint(self) -> str:
        """64 hexadecimal digits over all that changes the answer; equal questions have equal fingerprints."""
        canonical = json.dumps(
            {
                "provider": self.provider,
                "model": self.model,
                "stage": self.stage,
                "system": self.system,
                "user": self.user,
                "schema_name": self.schema_name,
                "schema": self.schema,
                "max_output_tokens": self.max_output_tokens,
                "effort": self.effort,
                "objections": [[objection.answer, objection.problem] for objection in self.objections],
                "identity": dict(self.identity),
            },
            sort_keys=True,
            separators=(",", ":"),
            default=dict,
        )
        return hashlib.sha256(canonical.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class LLMUsage:
    """Tokens as the provider counted them; None where it did not say.

    Attributes:
        input_tokens: the whole prompt, cached parts included.
        output_tokens: the whole answer, thinking included.
        cached_input_tokens: part of the prompt that was read from the provider's cache.
        cache_write_tokens: part of the prompt that was written to it.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_input_tokens: int | None = None
    cache_write_tokens: int | None = None


class Stop(StrEnum):
    """Why the model stopped."""

    END = "end"
    TRUNCATED = "truncated"
    REFUSED = "refused"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class LLMResponse:
    """What came back; paid for, whatever it is worth.

    Attributes:
        text: the answer alone, without thinking and without a code fence; "" where there is none.
        model: the model that answered, as it names itself.
        request_id: the provider's id for questions to its support.
        latency_ms: from sending to the last byte; 0 for an answer out of a batch.
        raw: the provider's answer as it came.
    """

    text: str = field(repr=False)
    stop: Stop
    usage: LLMUsage
    model: str
    request_id: str | None
    latency_ms: int
    raw: Mapping[str, Any] = field(repr=False, default_factory=dict)


@dataclass(frozen=True, slots=True)
class Access:
    """How a provider is reached.

    Attributes:
        api_key: "" where the provider needs none.
        base_url: another address than the provider's own: a compatible server, a proxy, the sandbox.
        timeout_s: longest wait for one answer.
        context_tokens: length of the models' context, where the provider cannot tell.
    """

    api_key: str = field(repr=False)
    base_url: str | None = None
    timeout_s: float = 600.0
    context_tokens: int | None = None


class Provider(ABC):
    """A service that runs language models. Subclass it in a file of its own in this folder.

    Every method raises the `ModelError` that fits and nothing else for what the outside world does. Methods may be
    called from several threads at once.
    """

    #: Name in `HEADWAY_MODEL=<name>:<model>` and in the store: `[a-z_]+`.
    name: ClassVar[str]
    #: Name for people.
    label: ClassVar[str]
    #: The environment variable that holds its key.
    key_variable: ClassVar[str]
    #: The environment variable that holds another address than its own.
    url_variable: ClassVar[str]
    #: Whether it refuses to work without a key.
    needs_key: ClassVar[bool] = True
    #: Whether `Access.base_url` must be given.
    needs_base_url: ClassVar[bool] = False
    #: The model taken where only the provider is named; None where one must be named.
    default_model: ClassVar[str | None]
    #: Under which name genai-prices lists its prices; None where nobody does.
    price_list: ClassVar[str | None]

    def __init__(self, access: Access) -> None:
        self.access = access

    @abstractmethod
    def close(self) -> None:
        """Close what connections are open; the provider is of no use afterwards."""

    @abstractmethod
    def complete(self, request: LLMRequest) -> LLMResponse:
        """Ask once and wait for the answer.

        Raises:
            ModelError: any of the tree; nothing was paid, as far as the provider said.
        """

    @abstractmethod
    def count_tokens(self, request: LLMRequest) -> int | None:
        """The tokens of the prompt as the provider counts them, free of charge; None where it does not count.

        Raises:
            ModelError: any of the tree.
        """

    @abstractmethod
    def context_tokens(self, model: str) -> int | None:
        """How many tokens prompt and answer may have together; None where it is not known.

        Raises:
            ModelError: any of the tree; `UnknownModelError` where the provider has no such model.
        """


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """What one batch may hold at most."""

    requests: int
    megabytes: int


class BatchState(StrEnum):
    """Where a batch is. A batch in any state but `RUNNING` changes no more."""

    RUNNING = "running"
    ENDED = "ended"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class BatchStatus:
    """A batch as the provider sees it.

    Attributes:
        answered: requests with an answer so far.
        unanswered: requests that failed, expired or were cancelled so far.
        words: why it failed as a whole, or "".
    """

    external_id: str
    state: BatchState
    answered: int
    unanswered: int
    words: str = ""


@dataclass(frozen=True, slots=True)
class BatchFailure:
    """Why a request of a batch has no answer; it was not paid for.

    Attributes:
        is_final: whether asking the same again would fail again.
    """

    words: str
    is_final: bool


@dataclass(frozen=True, slots=True)
class BatchResult:
    """The outcome of one request of a batch.

    Attributes:
        fingerprint: of the request.
    """

    fingerprint: str
    outcome: LLMResponse | BatchFailure


@dataclass(frozen=True, slots=True)
class Submission:
    """A batch about to be handed in, or perhaps handed in already.

    Attributes:
        marker: our own id of the batch.
        request_count: how many requests it holds.
        prepared_at: when it was first about to be handed in.
    """

    marker: str
    request_count: int
    prepared_at: datetime


class BatchProvider(Provider):
    """A provider that answers many requests within a day at half the price."""

    batch_limits: ClassVar[BatchLimits]
    #: Whether a batch can be found by the marker it was handed in with.
    keeps_marker: ClassVar[bool]

    @abstractmethod
    def weigh(self, request: LLMRequest) -> int:
        """How many bytes the request adds to a batch."""

    @abstractmethod
    def submit(self, requests: Sequence[LLMRequest], marker: str) -> str:
        """Hand in a batch of at most `batch_limits`, all of one model; returns the provider's id of it.

        Raises:
            ModelError: any of the tree. After a `TransientModelError` the batch may stand all the same: `find` it.
        """

    @abstractmethod
    def find(self, submission: Submission) -> Sequence[BatchStatus]:
        """The batches that may be this one, for a caller that never learned the id: at most one is.

        A provider that keeps markers gives that one batch or none. Any other gives every batch made since
        `prepared_at` with as many requests; their results tell.

        Raises:
            ModelError: any of the tree.
        """

    @abstractmethod
    def poll(self, external_id: str) -> BatchStatus:
        """Where the batch is.

        Raises:
            ModelError: any of the tree; `UnknownBatchError` where the provider has no such batch any more.
        """

    @abstractmethod
    def results(self, external_id: str) -> Iterator[BatchResult]:
        """The outcomes of a batch that runs no more, in any order; what is missing was never begun.

        Raises:
            ModelError: any of the tree.
        """

    @abstractmethod
    def cancel(self, external_id: str) -> None:
        """Ask the provider to begin no more requests of the batch; those begun are still answered and paid.

        Raises:
            ModelError: any of the tree.
        """

    @abstractmethod
    def discard(self, external_id: str) -> None:
        """Delete what the provider keeps of a batch that runs no more: it holds what customers said.

        Raises:
            ModelError: any of the tree; `UnknownBatchError` where nothing is kept any more.
        """
