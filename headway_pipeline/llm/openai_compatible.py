"""Any server that speaks OpenAI's Chat Completions: Ollama, vLLM, llama.cpp, Azure and the like.

Such servers differ in how they take a schema. Four forms are tried, strictest first, and the first that a server
takes is kept for the life of the provider:

1. `response_format` json_schema;
2. json_object with the schema beside it (llama-cpp-python answers 500 to the first);
3. json_object, the schema in the prompt;
4. nothing but the prompt.
"""

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar

from headway_pipeline.llm.answers import count, objects, part, unwrapped
from headway_pipeline.llm.contract import Access, LLMRequest, LLMResponse, LLMUsage, Provider, Stop
from headway_pipeline.llm.wire import Spoken, Wire
from headway_pipeline.model.errors import AskedModel, ModelError, ModelRequestError, TransientModelError

if TYPE_CHECKING:
    from openai import OpenAI

__all__ = ["OpenAICompatibleProvider"]

#: The library refuses to work without a key; servers at home want none.
NO_KEY = "not-needed"

STOPS: Mapping[object, Stop] = {
    "stop": Stop.END,
    "length": Stop.TRUNCATED,
    "content_filter": Stop.REFUSED,
}
#: Where servers tell the length of a model's context: vLLM, LM Studio, others.
CONTEXT_FIELDS = ("max_model_len", "context_length", "max_context_length", "context_window")


class Form(IntEnum):
    """How the schema is handed over, strictest first."""

    JSON_SCHEMA = 1
    OBJECT_WITH_SCHEMA = 2
    OBJECT = 3
    PROMPT = 4


@dataclass(frozen=True, slots=True)
class Dialect:
    """What a server was found to take.

    Attributes:
        limit_field: what bounds the answer; Azure wants the second name, Ollama knows only the first.
    """

    form: Form = Form.JSON_SCHEMA
    limit_field: str = "max_tokens"


class OpenAICompatibleProvider(Provider):
    """A server of your own, or Azure."""

    name = "openai_compatible"
    label = "The compatible server"
    key_variable = "OPENAI_COMPATIBLE_API_KEY"
    url_variable = "OPENAI_COMPATIBLE_BASE_URL"
    needs_key: ClassVar[bool] = False
    needs_base_url: ClassVar[bool] = True
    default_model = None
    price_list = None

    def __init__(self, access: Access) -> None:
        super().__init__(access)
        self._base_url = (access.base_url or "").rstrip("/")
        self._settling = threading.Lock()
        self._settled: Dialect | None = None

    @cached_property
    def _client(self) -> "OpenAI":
        # Imported where used: more than one CPU second.
        from openai import OpenAI

        return OpenAI(
            api_key=self.access.api_key or NO_KEY,
            base_url=self._base_url,
            max_retries=0,
            timeout=self.access.timeout_s,
        )

    @cached_property
    def _wire(self) -> Wire:
        from openai import APIStatusError, OpenAIError

        return Wire.of(self, status_error=APIStatusError, any_error=OpenAIError, id_header="x-request-id")

    def close(self) -> None:
        """As the contract says."""
        if "_client" in vars(self):
            self._client.close()

    def complete(self, request: LLMRequest) -> LLMResponse:
        """As the contract says; one POST /chat/completions, the first time up to a handful."""
        if self._settled is not None:
            return self._complete_in(self._settled, request)
        # One thread finds out, the others wait for what it found.
        with self._settling:
            if self._settled is None:
                response, self._settled = self._find_dialect(request)
                return response
        return self._complete_in(self._settled, request)

    def count_tokens(self, request: LLMRequest) -> int | None:  # noqa: ARG002  # no such endpoint is common to all
        """As the contract says: such servers do not count."""
        return None

    def context_tokens(self, model: str) -> int | None:
        """As the contract says; as configured, else one GET /models."""
        if self.access.context_tokens is not None:
            return self.access.context_tokens
        listed = self._wire.ask(lambda: self._client.models.with_raw_response.list(), model).body
        for entry in objects(listed.get("data")):
            if entry.get("id") == model:
                told = [count(entry.get(name)) for name in CONTEXT_FIELDS]
                return next((tokens for tokens in told if tokens), None) or count(part(entry, "meta").get("n_ctx"))
        return None

    def _find_dialect(self, request: LLMRequest) -> tuple[LLMResponse, Dialect]:
        """Ask in one form after the other until the server takes one.

        Raises:
            ModelError: what the strictest form was refused with, where no form was taken; anything that is no matter
                of form, at once.
        """
        first: ModelError | None = None
        dialect = Dialect()
        for form in Form:
            dialect = replace(dialect, form=form)
            try:
                return self._complete_in_either(dialect, request)
            except (ModelRequestError, TransientModelError) as error:
                if not _may_be_about_form(error):
                    raise
                first = first or error
        assert first is not None  # noqa: S101  # there is at least one form
        raise first

    def _complete_in_either(self, dialect: Dialect, request: LLMRequest) -> tuple[LLMResponse, Dialect]:
        """Ask; once more under the limit's other name where the server says so, or where a 500 may be a hitch."""
        try:
            return self._complete_in(dialect, request), dialect
        except ModelRequestError as error:
            if "max_completion_tokens" not in error.message:
                raise
            other = replace(dialect, limit_field="max_completion_tokens")
            return self._complete_in(other, request), other
        except TransientModelError as error:
            if error.at.status != HTTPStatus.INTERNAL_SERVER_ERROR:
                raise
            return self._complete_in(dialect, request), dialect

    def _complete_in(self, dialect: Dialect, request: LLMRequest) -> LLMResponse:
        spoken = self._wire.ask(
            lambda: self._client.chat.completions.with_raw_response.create(**_body(request, dialect)),
            request.model,
            (request.user, request.system),
        )
        return _response(spoken, request.model)


def _may_be_about_form(error: ModelError) -> bool:
    """Whether the server may have stumbled over `response_format`; servers answer that with all of these."""
    return error.at.status in (
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.NOT_IMPLEMENTED,
    )


def _body(request: LLMRequest, dialect: Dialect) -> dict[str, Any]:
    """The request as POST /chat/completions takes it."""
    system = request.system
    if dialect.form >= Form.OBJECT:
        system += (
            f"\n\nAnswer with one JSON object of this JSON Schema and nothing else:\n{json.dumps(request.schema)}"
        )
    messages = [{"role": "system", "content": system}, {"role": "user", "content": request.user}]
    for objection in request.objections:
        messages += [
            {"role": "assistant", "content": objection.answer},
            {"role": "user", "content": objection.problem},
        ]
    body: dict[str, Any] = {
        "model": request.model,
        "messages": messages,
        dialect.limit_field: request.max_output_tokens,
    }
    response_format = _response_format(request, dialect.form)
    if response_format is not None:
        body["response_format"] = response_format
    if request.effort is not None:
        body["reasoning_effort"] = request.effort.value
    return body


def _response_format(request: LLMRequest, form: Form) -> dict[str, Any] | None:
    schema = dict(request.schema)
    match form:
        case Form.JSON_SCHEMA:
            return {
                "type": "json_schema",
                "json_schema": {"name": request.schema_name, "strict": True, "schema": schema},
            }
        case Form.OBJECT_WITH_SCHEMA:
            return {"type": "json_object", "schema": schema}
        case Form.OBJECT:
            return {"type": "json_object"}
        case Form.PROMPT:
            return None


def _response(spoken: Spoken, asked_model: str) -> LLMResponse:
    """The answer out of a completion.

    Raises:
        ModelRequestError: there is no choice in it.
    """
    completion = spoken.body
    choices = objects(completion.get("choices"))
    if not choices:
        raise ModelRequestError(
            "The compatible server answers without a choice",
            "check that it speaks OpenAI's Chat Completions",
            at=AskedModel("openai_compatible", asked_model, HTTPStatus.OK, spoken.request_id),
        )
    message = part(choices[0], "message")
    stop = STOPS.get(choices[0].get("finish_reason"), Stop.OTHER)
    return LLMResponse(
        text=unwrapped(_text(message.get("content"))),
        stop=Stop.REFUSED if message.get("refusal") else stop,
        usage=_usage(part(completion, "usage")),
        model=str(completion.get("model") or asked_model),
        request_id=spoken.request_id,
        latency_ms=spoken.latency_ms,
        raw=completion,
    )


def _text(content: object) -> str:
    """The text of a message, which some servers send in parts."""
    if isinstance(content, str):
        return content
    return "".join(str(piece.get("text", "")) for piece in objects(content))


def _usage(usage: Mapping[str, Any]) -> LLMUsage:
    """Servers may leave out any of it."""
    return LLMUsage(
        input_tokens=count(usage.get("prompt_tokens")),
        output_tokens=count(usage.get("completion_tokens")),
        cached_input_tokens=count(part(usage, "prompt_tokens_details").get("cached_tokens")),
    )
