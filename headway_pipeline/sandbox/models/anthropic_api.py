"""Anthropic's endpoints under `/anthropic`, as version 2026-10-21 of its API has them."""

import json
from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from itertools import count
from typing import Any

from headway_pipeline.sandbox.exchange import Reply, Request, json_reply, no_page
from headway_pipeline.sandbox.models.answering import Question
from headway_pipeline.sandbox.models.batches import Batch, Batches, BatchRow, Fate
from headway_pipeline.sandbox.models.model import LocalModel, tokens_in
from headway_pipeline.sandbox.models.schemas import schema_problem

__all__ = ["PREFIX", "AnthropicApi", "anthropic_error"]

PREFIX = "/anthropic"
API = "anthropic"
MODELS = ("claude-haiku-5-5", "claude-sonnet-5-5", "claude-opus-5-5")
STOPS = {"end": "end_turn", "truncated": "max_tokens", "refused": "refusal"}
#: Parameters that the API knows no more.
GONE = ("temperature", "top_p", "top_k")
KINDS: dict[int, str] = {
    HTTPStatus.BAD_REQUEST: "invalid_request_error",
    HTTPStatus.UNAUTHORIZED: "authentication_error",
    HTTPStatus.PAYMENT_REQUIRED: "billing_error",
    HTTPStatus.FORBIDDEN: "permission_error",
    HTTPStatus.NOT_FOUND: "not_found_error",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "request_too_large",
    HTTPStatus.TOO_MANY_REQUESTS: "rate_limit_error",
    529: "overloaded_error",
}
BATCH_LIFE = timedelta(days=1)


def anthropic_error(status: int, message: str, *, retry_after_s: float | None = None) -> Reply:
    """An error in Anthropic's form."""
    headers = {"request-id": "req_error"} | ({} if retry_after_s is None else {"retry-after": str(retry_after_s)})
    return json_reply(status, _error_body(status, message), headers)


def _error_body(status: int, message: str) -> dict[str, Any]:
    kind = KINDS.get(status, "api_error")
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_error"}


class AnthropicApi:
    """The local Claude."""

    def __init__(self, model: LocalModel, base_url: str) -> None:
        self._model = model
        self._base_url = base_url + PREFIX
        self._batches = Batches(model, "msgbatch", self._batch_answer)
        self._numbers = count(1)

    def answer(self, request: Request) -> Reply:
        """The reply to a request under `PREFIX`."""
        refused = self._refused(request)
        if refused is not None:
            return refused
        route = request.path.removeprefix(f"{PREFIX}/v1/").split("/")
        match request.method, route:
            case "POST", ["messages"]:
                return self._messages(request.json_object())
            case "POST", ["messages", "count_tokens"]:
                body = request.json_object() or {}
                return json_reply(200, {"input_tokens": tokens_in(_question(body).length)})
            case "GET", ["models"]:
                shown = [self._shown_model(name) for name in MODELS]
                return json_reply(
                    200, {"data": shown, "has_more": False, "first_id": MODELS[0], "last_id": MODELS[-1]}
                )
            case "GET", ["models", name] if name in MODELS:
                return json_reply(200, self._shown_model(name))
            case _, ["messages", "batches", *rest]:
                return self._answer_batches(request, rest)
            case "GET", ["models", name]:
                return anthropic_error(404, f"model: {name}")
            case _:
                return no_page()

    def _refused(self, request: Request) -> Reply | None:
        scheme, _space, key = request.headers.get("authorization", "").partition(" ")
        if not ((scheme == "Bearer" and key) or request.headers.get("x-api-key")):
            return anthropic_error(401, "authorization header is required")
        if "wrong" in key:
            return anthropic_error(401, "invalid bearer token")
        if "anthropic-version" not in request.headers:
            return anthropic_error(400, "anthropic-version: header is required")
        wait_s = self._model.wait_asked_for()
        if wait_s is not None:
            return anthropic_error(429, "this would exceed your rate limit", retry_after_s=wait_s)
        return None

    def _messages(self, body: dict[str, Any] | None) -> Reply:
        if body is None:
            return anthropic_error(400, "the request body is no JSON object")
        message, status = self._message(body, is_batch=False)
        return json_reply(status, message, {"request-id": f"req_{next(self._numbers):06}"})

    def _batch_answer(self, params: dict[str, Any]) -> tuple[dict[str, Any], bool]:
        message, status = self._message(params, is_batch=True)
        return message, status != HTTPStatus.OK

    def _message(self, body: dict[str, Any], *, is_batch: bool) -> tuple[dict[str, Any], int]:
        """The message or the error, and its status."""
        problem = _problem(body)
        if problem is not None:
            return _error_body(400, problem), 400
        name = str(body.get("model"))
        if not name.startswith("claude-"):
            return _error_body(404, f"model: {name}"), 404
        question = _question(body)
        if tokens_in(question.length) > self._model.rules.context_tokens:
            limit = self._model.rules.context_tokens
            return _error_body(400, f"prompt is too long: {tokens_in(question.length)} tokens > {limit} maximum"), 400
        said = self._model.ask(API, question, is_batch=is_batch)
        content: list[dict[str, Any]] = [{"type": "text", "text": said.answer.text}] if said.answer.text else []
        if self._model.rules.has_thinking:
            content.insert(0, {"type": "thinking", "thinking": '{"not": "the answer"}', "signature": "c2ln"})
        return {
            "id": f"msg_{next(self._numbers):06}",
            "type": "message",
            "role": "assistant",
            "model": name,
            "content": content,
            "stop_reason": STOPS[said.answer.kind],
            "stop_sequence": None,
            "usage": {
                "input_tokens": said.input_tokens,
                "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": 0,
                "output_tokens": said.output_tokens,
                "service_tier": "batch" if is_batch else "standard",
            },
        }, 200

    def _shown_model(self, name: str) -> dict[str, Any]:
        return {
            "type": "model",
            "id": name,
            "display_name": name.replace("-", " ").title(),
            "created_at": "2026-09-01T00:00:00Z",
            "lifecycle": "active",
            "max_input_tokens": self._model.rules.context_tokens,
            "max_tokens": 128_000,
        }

    def _answer_batches(self, request: Request, rest: list[str]) -> Reply:
        match request.method, rest:
            case "POST", []:
                return self._add_batch(request.json_object() or {})
            case "GET", []:
                return self._list_batches(request)
        batch = self._batches.find(rest[0]) if rest else None
        if batch is None:
            return anthropic_error(404, "no such batch")
        match request.method, rest[1:]:
            case "GET", []:
                return json_reply(200, self._shown(batch))
            case "GET", ["results"]:
                lines = b"".join(json.dumps(_result(row)).encode() + b"\n" for row in batch.rows)
                return Reply(200, lines, {"Content-Type": "application/x-jsonl"})
            case "POST", ["cancel"]:
                self._batches.cancel(batch)
                return json_reply(200, self._shown(batch))
            case "DELETE", [] if batch.is_ended:
                self._batches.remove(batch)
                return json_reply(200, {"id": batch.id, "type": "message_batch_deleted"})
            case "DELETE", []:
                return anthropic_error(400, "a batch in progress cannot be deleted")
            case _:
                return no_page()

    def _add_batch(self, body: dict[str, Any]) -> Reply:
        requests = body.get("requests")
        if not isinstance(requests, list) or not requests:
            return anthropic_error(400, "requests: at least one is required")
        ids = [str(each.get("custom_id")) for each in requests]
        if len(set(ids)) < len(ids) or any(not 1 <= len(custom_id) <= 64 for custom_id in ids):
            return anthropic_error(400, "custom_id: must be unique and of 1 to 64 characters")
        rows = [BatchRow(custom_id, each["params"]) for custom_id, each in zip(ids, requests, strict=True)]
        return json_reply(200, self._shown(self._batches.add(rows)))

    def _list_batches(self, request: Request) -> Reply:
        batches = self._batches.newest_first()
        after = request.query.get("after_id")
        first = next((place + 1 for place, batch in enumerate(batches) if batch.id == after), 0)
        limit = int(request.query.get("limit", "20"))
        page = batches[first : first + limit]
        return json_reply(
            200,
            {
                "data": [self._shown(batch) for batch in page],
                "has_more": first + limit < len(batches),
                "first_id": page[0].id if page else None,
                "last_id": page[-1].id if page else None,
            },
        )

    def _shown(self, batch: Batch) -> dict[str, Any]:
        # The real API counts everything as processing until the batch has ended.
        waiting = 0 if batch.is_ended else len(batch.rows)
        status = "ended" if batch.is_ended else "canceling" if batch.cancelled_at else "in_progress"
        done = batch.is_ended
        return {
            "id": batch.id,
            "type": "message_batch",
            "processing_status": status,
            "request_counts": {
                "processing": waiting,
                "succeeded": batch.count(Fate.ANSWERED) if done else 0,
                "errored": batch.count(Fate.FAILED) if done else 0,
                "canceled": batch.count(Fate.CANCELLED) if done else 0,
                "expired": batch.count(Fate.EXPIRED) if done else 0,
            },
            "created_at": batch.created_at.isoformat(),
            "expires_at": (batch.created_at + BATCH_LIFE).isoformat(),
            "ended_at": self._model.clock().isoformat() if done else None,
            "cancel_initiated_at": batch.cancelled_at.isoformat() if batch.cancelled_at else None,
            "archived_at": None,
            "results_url": f"{self._base_url}/v1/messages/batches/{batch.id}/results" if done else None,
        }


def _result(row: BatchRow) -> dict[str, Any]:
    match row.fate:
        case Fate.ANSWERED:
            result: dict[str, Any] = {"type": "succeeded", "message": row.outcome}
        case Fate.FAILED:
            result = {"type": "errored", "error": row.outcome or _error_body(500, "the model failed")}
        case Fate.EXPIRED:
            result = {"type": "expired"}
        case _:
            result = {"type": "canceled"}
    return {"custom_id": row.custom_id, "result": result}


def _problem(body: Mapping[str, Any]) -> str | None:
    """Why the request is refused, or None."""
    gone = [name for name in GONE if name in body]
    if gone:
        return f"{gone[0]}: Extra inputs are not permitted"
    if not isinstance(body.get("max_tokens"), int) or body["max_tokens"] < 1:
        return "max_tokens: Field required"
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        return "messages: at least one message is required"
    if messages[-1].get("role") != "user":
        return "This model does not support assistant message prefill"
    if any(not message.get("content") for message in messages):
        return "messages: text content blocks must be non-empty"
    form = body.get("output_config", {}).get("format")
    return None if form is None else schema_problem(form.get("schema"), is_strict=False)


def _question(body: Mapping[str, Any]) -> Question:
    system = _text(body.get("system", ""))
    turns = [_text(message.get("content", "")) for message in body.get("messages", ())]
    return Question(
        model=str(body.get("model")),
        system=system,
        prompt=turns[0] if turns else "",
        schema=body.get("output_config", {}).get("format", {}).get("schema", {}),
        length=len(system) + sum(map(len, turns)),
    )


def _text(content: object) -> str:
    """The text of a string or of a list of blocks."""
    if isinstance(content, str):
        return content
    blocks = content if isinstance(content, list) else []
    return "".join(str(block.get("text", "")) for block in blocks if isinstance(block, dict))
