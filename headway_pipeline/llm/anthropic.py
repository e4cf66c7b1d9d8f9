"""Claude, through Anthropic's Messages API and its Message Batches (https://platform.claude.com/docs/en/api)."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from headway_pipeline.llm.answers import count, objects, part, unwrapped
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
    Stop,
    Submission,
)
from headway_pipeline.llm.prices import listed_context_tokens
from headway_pipeline.llm.wire import Spoken, Wire, json_lines
from headway_pipeline.model.errors import AskedModel, ModelRequestError, UnknownBatchError

if TYPE_CHECKING:
    from anthropic import Anthropic

__all__ = ["AnthropicProvider"]

DEFAULT_BASE_URL = "https://api.anthropic.com"

STOPS: Mapping[object, Stop] = {
    "end_turn": Stop.END,
    "stop_sequence": Stop.END,
    "max_tokens": Stop.TRUNCATED,
    "model_context_window_exceeded": Stop.TRUNCATED,
    "refusal": Stop.REFUSED,
}
#: Errors of a request in a batch that would come again.
FINAL_ERRORS = frozenset({"invalid_request_error", "request_too_large", "not_found_error"})
#: Clocks of two machines differ.
CLOCK_SKEW = timedelta(minutes=5)


class AnthropicProvider(BatchProvider):
    """Claude."""

    name = "anthropic"
    label = "Anthropic"
    key_variable = "ANTHROPIC_API_KEY"
    url_variable = "ANTHROPIC_BASE_URL"
    default_model = "claude-haiku-5-5"
    price_list = "anthropic"
    batch_limits: ClassVar[BatchLimits] = BatchLimits(requests=100_000, megabytes=256)
    keeps_marker = False

    def __init__(self, access: Access) -> None:
        super().__init__(access)
        self._base_url = (access.base_url or DEFAULT_BASE_URL).rstrip("/").removesuffix("/v1")

    @cached_property
    def _client(self) -> "Anthropic":
        # Imported where used: two to three CPU seconds.
        from anthropic import Anthropic

        return Anthropic(
            api_key=self.access.api_key, base_url=self._base_url, max_retries=0, timeout=self.access.timeout_s
        )

    @cached_property
    def _wire(self) -> Wire:
        from anthropic import AnthropicError, APIStatusError

        return Wire.of(self, status_error=APIStatusError, any_error=AnthropicError, id_header="request-id")

    def close(self) -> None:
        """As the contract says."""
        if "_client" in vars(self):
            self._client.close()

    def complete(self, request: LLMRequest) -> LLMResponse:
        """As the contract says; one POST /v1/messages."""
        spoken = self._wire.ask(
            lambda: self._client.messages.with_raw_response.create(**_params(request)),
            request.model,
            (request.user, request.system),
        )
        return _response(spoken, request.model)

    def count_tokens(self, request: LLMRequest) -> int | None:
        """As the contract says; one POST /v1/messages/count_tokens."""
        counted = {name: value for name, value in _params(request).items() if name != "max_tokens"}
        spoken = self._wire.ask(
            lambda: self._client.messages.with_raw_response.count_tokens(**counted),
            request.model,
            (request.user, request.system),
        )
        return count(spoken.body.get("input_tokens"))

    def context_tokens(self, model: str) -> int | None:
        """As the contract says; from the price list, else one GET /v1/models/{model}."""
        listed = listed_context_tokens(self.price_list, model)
        if listed is not None:
            return listed
        spoken = self._wire.ask(lambda: self._client.models.with_raw_response.retrieve(model), model)
        return count(spoken.body.get("max_input_tokens")) or self.access.context_tokens

    def weigh(self, request: LLMRequest) -> int:
        """As the contract says."""
        return len(json.dumps(_line(request)).encode()) + 1

    def submit(self, requests: Sequence[LLMRequest], marker: str) -> str:  # noqa: ARG002  # nowhere to put it
        """As the contract says; one POST /v1/messages/batches. Anthropic keeps no marker."""
        lines: Any = [_line(request) for request in requests]
        spoken = self._wire.ask(
            lambda: self._client.messages.batches.with_raw_response.create(requests=lines),
            requests[0].model,
            [request.user for request in requests[:1]],
        )
        return self._status(spoken.body).external_id

    def find(self, submission: Submission) -> Sequence[BatchStatus]:
        """As the contract says; GET /v1/messages/batches, newest first, a hundred at a time."""
        found: list[BatchStatus] = []
        earliest = submission.prepared_at - CLOCK_SKEW
        page: dict[str, Any] = {"limit": 100}
        while True:
            listed = self._wire.ask(lambda: self._client.messages.batches.with_raw_response.list(**page)).body
            batches = objects(listed.get("data"))
            recent = [batch for batch in batches if _made_at(batch) >= earliest]
            found += [self._status(batch) for batch in recent if _total(batch) == submission.request_count]
            if len(recent) < len(batches) or not listed.get("has_more") or not batches:
                return found
            page["after_id"] = batches[-1].get("id")

    def poll(self, external_id: str) -> BatchStatus:
        """As the contract says; one GET /v1/messages/batches/{id}."""
        with self._wire.known_batch(external_id):
            spoken = self._wire.ask(lambda: self._client.messages.batches.with_raw_response.retrieve(external_id))
        if spoken.body.get("archived_at"):
            raise UnknownBatchError(
                f"{self.label} keeps the results of the batch {external_id} no longer", at=AskedModel(self.name)
            )
        return self._status(spoken.body)

    def results(self, external_id: str) -> Iterator[BatchResult]:
        """As the contract says; GET of the batch, then of the address its results are at."""
        batches = self._client.messages.batches.with_streaming_response
        with self._wire.known_batch(external_id), self._wire.translated(), batches.results(external_id) as response:
            for line in json_lines(response.iter_lines()):
                yield BatchResult(str(line.get("custom_id")), self._outcome(part(line, "result")))

    def cancel(self, external_id: str) -> None:
        """As the contract says; one POST /v1/messages/batches/{id}/cancel."""
        with self._wire.known_batch(external_id):
            self._wire.ask(lambda: self._client.messages.batches.with_raw_response.cancel(external_id))

    def discard(self, external_id: str) -> None:
        """As the contract says; one DELETE /v1/messages/batches/{id}."""
        with self._wire.known_batch(external_id):
            self._wire.ask(lambda: self._client.messages.batches.with_raw_response.delete(external_id))

    def _outcome(self, result: Mapping[str, Any]) -> LLMResponse | BatchFailure:
        kind = result.get("type")
        if kind == "succeeded":
            message = part(result, "message")
            return _response(Spoken(message, None, 0), str(message.get("model")))
        error = part(part(result, "error"), "error") or part(result, "error")
        code = str(error.get("type", ""))
        return BatchFailure(f"{kind} {code}".strip(), is_final=code in FINAL_ERRORS)

    def _status(self, batch: Mapping[str, Any]) -> BatchStatus:
        counts = part(batch, "request_counts")
        external_id = batch.get("id")
        if not isinstance(external_id, str):
            raise ModelRequestError(f"{self.label}: a batch without an id", "report this", at=AskedModel(self.name))
        return BatchStatus(
            external_id=external_id,
            state=BatchState.ENDED if batch.get("processing_status") == "ended" else BatchState.RUNNING,
            answered=count(counts.get("succeeded")) or 0,
            unanswered=sum(count(counts.get(name)) or 0 for name in ("errored", "canceled", "expired")),
        )


def _params(request: LLMRequest) -> dict[str, Any]:
    """The request as POST /v1/messages takes it; temperature and the like exist no more."""
    from anthropic import transform_schema

    messages = [{"role": "user", "content": request.user}]
    for objection in request.objections:
        messages += [
            # An empty turn is refused.
            {"role": "assistant", "content": objection.answer or "(nothing)"},
            {"role": "user", "content": objection.problem},
        ]
    config: dict[str, Any] = {"format": {"type": "json_schema", "schema": transform_schema(dict(request.schema))}}
    if request.effort is not None:
        config["effort"] = request.effort.value
    return {
        "model": request.model,
        "max_tokens": request.max_output_tokens,
        "system": [{"type": "text", "text": request.system, "cache_control": {"type": "ephemeral"}}],
        "messages": messages,
        "output_config": config,
    }


def _line(request: LLMRequest) -> dict[str, Any]:
    return {"custom_id": request.fingerprint, "params": _params(request)}


def _response(spoken: Spoken, asked_model: str) -> LLMResponse:
    """The answer out of a message; thinking blocks may stand before the text."""
    message = spoken.body
    texts = [str(block.get("text", "")) for block in objects(message.get("content")) if block.get("type") == "text"]
    return LLMResponse(
        text=unwrapped("".join(texts)),
        stop=STOPS.get(message.get("stop_reason"), Stop.OTHER),
        usage=_usage(part(message, "usage")),
        model=str(message.get("model") or asked_model),
        request_id=spoken.request_id,
        latency_ms=spoken.latency_ms,
        raw=message,
    )


def _usage(usage: Mapping[str, Any]) -> LLMUsage:
    """Anthropic counts what comes from or goes into its cache apart from the rest of the prompt."""
    fresh = count(usage.get("input_tokens"))
    read, written = count(usage.get("cache_read_input_tokens")), count(usage.get("cache_creation_input_tokens"))
    return LLMUsage(
        input_tokens=None if fresh is None else fresh + (read or 0) + (written or 0),
        output_tokens=count(usage.get("output_tokens")),
        cached_input_tokens=read,
        cache_write_tokens=written,
    )


def _made_at(batch: Mapping[str, Any]) -> datetime:
    """When the batch was made; one that does not say may be new."""
    try:
        return datetime.fromisoformat(str(batch.get("created_at")))
    except ValueError:
        return datetime.max.replace(tzinfo=UTC)


def _total(batch: Mapping[str, Any]) -> int:
    return sum(count(number) or 0 for number in part(batch, "request_counts").values())
