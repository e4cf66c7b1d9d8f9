"""GPT, through OpenAI's Responses API and its Batch API (https://developers.openai.com/api/docs)."""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar, Literal

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
from headway_pipeline.model.errors import (
    AskedModel,
    ModelRequestError,
    RequestTooLargeError,
    TransientModelError,
    UnknownModelError,
)

if TYPE_CHECKING:
    from openai import OpenAI

__all__ = ["OpenAIProvider"]

DEFAULT_BASE_URL = "https://api.openai.com/v1"
ENDPOINT: Literal["/v1/responses"] = "/v1/responses"
#: Under which name a batch carries our own id of it.
MARKER = "headway_batch"
#: Files of a batch hold what customers said: OpenAI deletes them after a week where we could not.
KEPT_S = 7 * 24 * 3600

STATES: Mapping[object, BatchState] = {
    "completed": BatchState.ENDED,
    "failed": BatchState.FAILED,
    "expired": BatchState.EXPIRED,
    "cancelled": BatchState.CANCELLED,
}
#: Clocks of two machines differ.
CLOCK_SKEW_S = 300
#: A response that failed for one of these may succeed in a moment; for any other reason the model may not answer.
PASSING_FAILURES = frozenset({"server_error", "rate_limit_exceeded"})


class OpenAIProvider(BatchProvider):
    """GPT."""

    name = "openai"
    label = "OpenAI"
    key_variable = "OPENAI_API_KEY"
    url_variable = "OPENAI_BASE_URL"
    default_model = "gpt-6-luna"
    price_list = "openai"
    batch_limits: ClassVar[BatchLimits] = BatchLimits(requests=50_000, megabytes=200)
    keeps_marker = True

    def __init__(self, access: Access) -> None:
        super().__init__(access)
        self._base_url = (access.base_url or DEFAULT_BASE_URL).rstrip("/")

    @cached_property
    def _client(self) -> "OpenAI":
        # Imported where used: more than one CPU second.
        from openai import OpenAI

        return OpenAI(
            api_key=self.access.api_key, base_url=self._base_url, max_retries=0, timeout=self.access.timeout_s
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
        """As the contract says; one POST /v1/responses."""
        spoken = self._wire.ask(
            lambda: self._client.responses.with_raw_response.create(**_body(request)),
            request.model,
            (request.user, request.system),
        )
        return _response(spoken, request.model)

    def count_tokens(self, request: LLMRequest) -> int | None:
        """As the contract says; one POST /v1/responses/input_tokens."""
        asked = {name: value for name, value in _body(request).items() if name not in ("max_output_tokens", "store")}
        spoken = self._wire.ask(
            lambda: self._client.responses.input_tokens.with_raw_response.count(**asked),
            request.model,
            (request.user, request.system),
        )
        return count(spoken.body.get("input_tokens"))

    def context_tokens(self, model: str) -> int | None:
        """As the contract says; from the price list, since OpenAI does not tell."""
        return listed_context_tokens(self.price_list, model) or self.access.context_tokens

    def weigh(self, request: LLMRequest) -> int:
        """As the contract says."""
        return len(_line(request))

    def submit(self, requests: Sequence[LLMRequest], marker: str) -> str:
        """As the contract says; POST /v1/files, then POST /v1/batches, which makes the batch."""
        file = ("headway.jsonl", b"".join(map(_line, requests)))
        uploaded = self._wire.ask(
            lambda: self._client.files.with_raw_response.create(
                file=file, purpose="batch", expires_after={"anchor": "created_at", "seconds": KEPT_S}
            )
        )
        file_id = str(uploaded.body.get("id"))
        spoken = self._wire.ask(
            lambda: self._client.batches.with_raw_response.create(
                input_file_id=file_id,
                endpoint=ENDPOINT,
                completion_window="24h",
                metadata={MARKER: marker},
                output_expires_after={"anchor": "created_at", "seconds": KEPT_S},
            ),
            requests[0].model,
        )
        return self._status(spoken.body).external_id

    def find(self, submission: Submission) -> Sequence[BatchStatus]:
        """As the contract says; GET /v1/batches, newest first, a hundred at a time, back to `prepared_at`."""
        page: dict[str, Any] = {"limit": 100}
        while True:
            listed = self._wire.ask(lambda: self._client.batches.with_raw_response.list(**page)).body
            batches = objects(listed.get("data"))
            for batch in batches:
                if part(batch, "metadata").get(MARKER) == submission.marker:
                    return [self._status(batch)]
            made_at = [count(batch.get("created_at")) or 0 for batch in batches]
            is_past = any(at < submission.prepared_at.timestamp() - CLOCK_SKEW_S for at in made_at)
            if is_past or not listed.get("has_more") or not batches:
                return []
            page["after"] = batches[-1].get("id")

    def poll(self, external_id: str) -> BatchStatus:
        """As the contract says; one GET /v1/batches/{id}."""
        return self._status(self._batch(external_id))

    def results(self, external_id: str) -> Iterator[BatchResult]:
        """As the contract says; GET of the batch, then of its file of answers and its file of errors."""
        batch = self._batch(external_id)
        for name in ("output_file_id", "error_file_id"):
            file_id = batch.get(name)
            if not isinstance(file_id, str) or not file_id:
                continue
            files = self._client.files.with_streaming_response
            with self._wire.known_batch(external_id), self._wire.translated(), files.content(file_id) as response:
                for line in json_lines(response.iter_lines()):
                    yield BatchResult(str(line.get("custom_id")), self._outcome(line))

    def cancel(self, external_id: str) -> None:
        """As the contract says; one POST /v1/batches/{id}/cancel."""
        with self._wire.known_batch(external_id):
            self._wire.ask(lambda: self._client.batches.with_raw_response.cancel(external_id))

    def discard(self, external_id: str) -> None:
        """As the contract says; DELETE of the batch's files, since a batch itself holds no texts."""
        batch = self._batch(external_id)
        for name in ("input_file_id", "output_file_id", "error_file_id"):
            file_id = batch.get(name)
            if isinstance(file_id, str) and file_id:
                self._discard_file(file_id)

    def _discard_file(self, file_id: str) -> None:
        try:
            self._wire.ask(lambda: self._client.files.with_raw_response.delete(file_id))
        except (ModelRequestError, UnknownModelError) as error:
            # A file that is gone already is what was wanted.
            if error.at.status != HTTPStatus.NOT_FOUND:
                raise

    def _batch(self, external_id: str) -> Mapping[str, Any]:
        with self._wire.known_batch(external_id):
            return self._wire.ask(lambda: self._client.batches.with_raw_response.retrieve(external_id)).body

    def _outcome(self, line: Mapping[str, Any]) -> LLMResponse | BatchFailure:
        answer = part(line, "response")
        body, status = part(answer, "body"), count(answer.get("status_code"))
        request_id = answer.get("request_id")
        if status == HTTPStatus.OK:
            try:
                return _response(Spoken(body, request_id, 0), str(body.get("model")))
            except TransientModelError as passing:
                return BatchFailure(passing.message, is_final=False)
        failed = part(line, "error") or part(body, "error")
        said = " ".join(str(failed[name]) for name in ("type", "code") if failed.get(name))
        error = self._wire.failure(said, AskedModel(self.name, status=status))
        is_final = status is not None and isinstance(error, ModelRequestError | RequestTooLargeError)
        return BatchFailure(f"{status or 'no answer'} {said}".strip(), is_final=is_final)

    def _status(self, batch: Mapping[str, Any]) -> BatchStatus:
        external_id = batch.get("id")
        if not isinstance(external_id, str):
            raise ModelRequestError(f"{self.label}: a batch without an id", "report this", at=AskedModel(self.name))
        counts = part(batch, "request_counts")
        problems = [str(error.get("code")) for error in objects(part(batch, "errors").get("data"))]
        return BatchStatus(
            external_id=external_id,
            state=STATES.get(batch.get("status"), BatchState.RUNNING),
            answered=count(counts.get("completed")) or 0,
            unanswered=count(counts.get("failed")) or 0,
            words=", ".join(dict.fromkeys(problems)),
        )


def _body(request: LLMRequest) -> dict[str, Any]:
    """The request as POST /v1/responses takes it."""
    turns = [{"role": "user", "content": request.user}]
    for objection in request.objections:
        turns += [
            {"role": "assistant", "content": objection.answer},
            {"role": "user", "content": objection.problem},
        ]
    body: dict[str, Any] = {
        "model": request.model,
        "instructions": request.system,
        "input": turns,
        "max_output_tokens": request.max_output_tokens,
        # Otherwise OpenAI keeps the call for a month.
        "store": False,
        "text": {
            "format": {
                "type": "json_schema",
                "name": request.schema_name,
                "strict": True,
                "schema": dict(request.schema),
            }
        },
    }
    if request.effort is not None:
        body["reasoning"] = {"effort": request.effort.value}
    return body


def _line(request: LLMRequest) -> bytes:
    line = {"custom_id": request.fingerprint, "method": "POST", "url": ENDPOINT, "body": _body(request)}
    return json.dumps(line, separators=(",", ":")).encode() + b"\n"


def _response(spoken: Spoken, asked_model: str) -> LLMResponse:
    """The answer out of a response; reasoning may stand before the message.

    Raises:
        TransientModelError: the model failed on the way, for a reason that passes.
    """
    response = spoken.body
    said = [
        content
        for item in objects(response.get("output"))
        if item.get("type") == "message"
        for content in objects(item.get("content"))
    ]
    return LLMResponse(
        text=unwrapped("".join(str(each.get("text", "")) for each in said if each.get("type") == "output_text")),
        stop=_stop(spoken, is_refusal=any(each.get("type") == "refusal" for each in said)),
        usage=_usage(part(response, "usage")),
        model=str(response.get("model") or asked_model),
        request_id=spoken.request_id,
        latency_ms=spoken.latency_ms,
        raw=response,
    )


def _stop(spoken: Spoken, *, is_refusal: bool) -> Stop:
    response = spoken.body
    if is_refusal:
        return Stop.REFUSED
    match response.get("status"):
        case "completed":
            return Stop.END
        case "incomplete":
            reason = part(response, "incomplete_details").get("reason")
            return {"max_output_tokens": Stop.TRUNCATED, "content_filter": Stop.REFUSED}.get(str(reason), Stop.OTHER)
        case "failed":
            code = str(part(response, "error").get("code"))
            if code in PASSING_FAILURES:
                at = AskedModel("openai", str(response.get("model")), request_id=spoken.request_id)
                raise TransientModelError(f"OpenAI: the model failed ({code})", "try again later", at=at)
            return Stop.REFUSED
        case _:
            return Stop.OTHER


def _usage(usage: Mapping[str, Any]) -> LLMUsage:
    details = part(usage, "input_tokens_details")
    return LLMUsage(
        input_tokens=count(usage.get("input_tokens")),
        output_tokens=count(usage.get("output_tokens")),
        cached_input_tokens=count(details.get("cached_tokens")),
        cache_write_tokens=count(details.get("cache_write_tokens")),
    )
