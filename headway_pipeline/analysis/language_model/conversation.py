"""Asking a model and believing its answer only where it fits its form; once more with what was wrong, where not."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel

from headway_pipeline.analysis.language_model.prompts import prompt_of
from headway_pipeline.analysis.language_model.shapes import UnusableAnswerError, read_answer
from headway_pipeline.llm.contract import Effort, LLMRequest, LLMResponse, Objection, Stage, Stop
from headway_pipeline.model.errors import AnalysisError
from headway_pipeline.model.usage import Usage

__all__ = ["Answer", "Asker", "Conversation", "TruncatedAnswerError"]

Form = TypeVar("Form", bound=BaseModel)

REMEDY = "it is tried again later; choose another model in HEADWAY_MODEL if it stays so"
#: Only reading a call is worth long thought.
_EFFORTS = {Stage.RELEVANCE: Effort.LOW, Stage.EXTRACTION: None, Stage.MATCHING: Effort.LOW}


@dataclass(frozen=True, slots=True)
class Answer:
    """A response and what it cost now: nothing, where it was in the store."""

    response: LLMResponse
    usage: Usage


class Asker(Protocol):
    """Gets answers: from the store where they were paid for before, else from a provider."""

    def ask(self, request: LLMRequest) -> Answer:
        """The answer to `request`.

        Raises:
            ModelError: the provider did not answer.
            HeadwayError: the answer is too dear now, or somebody else is asking for it.
        """
        ...

    def disown(self, request: LLMRequest, why: str) -> None:
        """The answer to `request` is of no use: a later run may pay for another one, though not for ever."""
        ...


class TruncatedAnswerError(Exception):
    """The answer was longer than it may be."""


def anything_goes(_answer: BaseModel) -> None:
    """Fits every answer that has its form."""


@dataclass(slots=True)
class Conversation:
    """The questions about one call, and what they cost together.

    Attributes:
        identity: what the answer to each rests on beside its texts.
        context_tokens: how much the model takes at once, or None for what every current model does.
    """

    asker: Asker
    provider: str
    model: str
    identity: Mapping[str, str]
    context_tokens: int | None = None
    usage: Usage = field(default_factory=Usage)

    def request(self, stage: Stage, user: str, schema: Mapping[str, Any], **identity: str) -> LLMRequest:
        """A question of this stage.

        Args:
            identity: what the answer rests on beside the texts and what all questions of the call share.
        """
        prompt = prompt_of(stage)
        return LLMRequest(
            provider=self.provider,
            model=self.model,
            stage=stage,
            system=prompt.system,
            user=user,
            schema_name=stage.value,
            schema=schema,
            max_output_tokens=prompt.most_output_tokens(self.context_tokens),
            effort=_EFFORTS[stage],
            identity={**self.identity, "prompt": prompt.version, **identity},
        )

    def answer(
        self, request: LLMRequest, form: type[Form], check: Callable[[Form], None] = anything_goes
    ) -> tuple[Form, LLMResponse]:
        """An answer of this form that passes `check`, and the response it came in.

        Args:
            check: raises `UnusableAnswerError` where the answer says what it may not say.

        Raises:
            TruncatedAnswerError: it is too long.
            AnalysisError: the model refuses, or its second answer is of no use either.
        """
        response = self._ask(request)
        try:
            return self._read(response, form, check), response
        except UnusableAnswerError as error:
            again = objected(request, response, str(error))
        response = self._ask(again)
        try:
            return self._read(response, form, check), response
        except UnusableAnswerError:
            raise self.failed(again, "answered twice in a form that cannot be used") from None

    def failed(self, request: LLMRequest, what: str) -> AnalysisError:
        """Give up on `request`; returns the error to raise, which quotes nothing."""
        self.asker.disown(request, what)
        return AnalysisError(f"{self.provider}:{self.model} {what}", REMEDY, usage=self.usage)

    def _ask(self, request: LLMRequest) -> LLMResponse:
        answer = self.asker.ask(request)
        self.usage += answer.usage
        if answer.response.stop is Stop.REFUSED:
            raise self.failed(request, "refuses to answer")
        if answer.response.stop is Stop.TRUNCATED:
            raise TruncatedAnswerError
        return answer.response

    @staticmethod
    def _read(response: LLMResponse, form: type[Form], check: Callable[[Form], None]) -> Form:
        answer = read_answer(form, response.text)
        check(answer)
        return answer


def objected(request: LLMRequest, response: LLMResponse, problem: str) -> LLMRequest:
    """The same question with the answer that was given and what is wrong with it."""
    # Providers refuse an earlier answer without words.
    objection = Objection(response.text or "(no text)", problem)
    return replace(request, objections=(*request.objections, objection))
