"""OpenAI's endpoints under `/openai/v1`: Responses, Chat Completions, files and batches.

Chat Completions stands for the compatible servers too, with their ways of taking a schema.
"""

import email
import email.policy
import json
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from itertools import count
from typing import Any

from headway_pipeline.sandbox.exchange import Reply, Request, json_reply, no_page
from headway_pipeline.sandbox.models.answering import Question
from headway_pipeline.sandbox.models.batches import Batch, Batches, BatchRow, Fate
from headway_pipeline.sandbox.models.model import LocalModel, Said, tokens_in
from headway_pipeline.sandbox.models.schemas import schema_problem

__all__ = ["PREFIX", "OpenAIApi", "openai_error"]

PREFIX = "/openai/v1"
MODELS = ("gpt-6-luna", "gpt-6.1-terra", "gpt-6.1-sol", "local-model")
RESPONSES = "/v1/responses"
KINDS: dict[int, str] = {
    HTTPStatus.UNAUTHORIZED: "invalid_request_error",
    HTTPStatus.TOO_MANY_REQUESTS: "requests",
    HTTPStatus.INTERNAL_SERVER_ERROR: "server_error",
}
FINISHES = {"end": "stop", "truncated": "length", "refused": "content_filter"}


def openai_error(status: int, message: str, code: str | None = None, *, retry_after_s: float | None = None) -> Reply:
    """An error in OpenAI's form; `code` is "insufficient_quota", "model_not_found", ..."""
    headers = {"x-request-id": "req_error"} | ({} if retry_after_s is None else {"retry-after": str(retry_after_s)})
    return json_reply(status, _error_body(status, message, code), headers)


def _error_body(status: int, message: str, code: str | None) -> dict[str, Any]:
    kind = "insufficient_quota" if code == "insufficient_quota" else KINDS.get(status, "invalid_request_error")
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


class OpenAIApi:
    """The local GPT."""

    def __init__(self, model: LocalModel) -> None:
        self._model = model
        self._batches = Batches(model, "batch", self._batch_answer)
        self._files: dict[str, bytes] = {}
        self._lock = threading.Lock()
        self._numbers = count(1)

    @property
    def files(self) -> Mapping[str, bytes]:
        """What is kept of batches, by the names of the files."""
        with self._lock:
            return dict(self._files)

    def answer(self, request: Request) -> Reply:
        """The reply to a request under `PREFIX`."""
        refused = self._refused(request)
        if refused is not None:
            return refused
        route = request.path.removeprefix(f"{PREFIX}/").split("/")
        match request.method, route:
            case "POST", ["responses"]:
                return self._reply(*self._response(request.json_object() or {}, is_batch=False))
            case "POST", ["responses", "input_tokens"]:
                length = _question_of_response(request.json_object() or {}).length
                return json_reply(200, {"object": "response.input_tokens", "input_tokens": tokens_in(length)})
            case "POST", ["chat", "completions"]:
                return self._reply(*self._completion(request.json_object() or {}))
            case "GET", ["models"]:
                return json_reply(200, {"object": "list", "data": [self._shown_model(name) for name in MODELS]})
            case "GET", ["models", name] if name in MODELS:
                return json_reply(200, self._shown_model(name))
            case _, ["files", *rest]:
                return self._answer_files(request, rest)
            case _, ["batches", *rest]:
                return self._answer_batches(request, rest)
            case _:
                return no_page()

    def _refused(self, request: Request) -> Reply | None:
        scheme, _space, key = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or not key or "wrong" in key:
            return openai_error(401, f"Incorrect API key provided: {key}.", "invalid_api_key")
        wait_s = self._model.wait_asked_for()
        if wait_s is not None:
            return openai_error(429, "Rate limit reached", "rate_limit_exceeded", retry_after_s=wait_s)
        return None

    def _reply(self, body: dict[str, Any], status: int) -> Reply:
        return json_reply(status, body, {"x-request-id": f"req_{next(self._numbers):06}"})

    def _batch_answer(self, params: dict[str, Any]) -> tuple[dict[str, Any], bool]:
        body, status = self._response(params, is_batch=True)
        return {"status_code": status, "request_id": f"req_{next(self._numbers):06}", "body": body}, status != 200

    def _common_problem(self, body: Mapping[str, Any], length: int) -> tuple[dict[str, Any], int] | None:
        """What either endpoint refuses, or None."""
        name = str(body.get("model"))
        if name not in MODELS:
            return _error_body(404, f"The model `{name}` does not exist", "model_not_found"), 404
        limit = self._model.rules.context_tokens
        if tokens_in(length) > limit:
            return _error_body(400, f"This model's maximum context length is {limit}", "context_length_exceeded"), 400
        return None

    def _response(self, body: dict[str, Any], *, is_batch: bool) -> tuple[dict[str, Any], int]:
        question = _question_of_response(body)
        problem = self._common_problem(body, question.length)
        if problem is not None:
            return problem
        form = body.get("text", {}).get("format", {})
        if form.get("type") == "json_schema":
            wrong = schema_problem(form.get("schema"), is_strict=True) if form.get("strict") else None
            wrong = wrong or (None if form.get("name") else "text.format.name is required")
            if wrong is not None:
                return _error_body(400, f"Invalid schema for response_format: {wrong}", "invalid_json_schema"), 400
        said = self._model.ask("openai", question, is_batch=is_batch)
        return self._shown_response(question.model, said), 200

    def _shown_response(self, name: str, said: Said) -> dict[str, Any]:
        kind = said.answer.kind
        content: dict[str, Any] = {"type": "output_text", "text": said.answer.text, "annotations": []}
        if kind == "refused":
            content = {"type": "refusal", "refusal": "I cannot help with that."}
        output: list[dict[str, Any]] = [
            {
                "id": f"msg_{next(self._numbers):06}",
                "type": "message",
                "role": "assistant",
                "status": "completed",
                "content": [content],
            }
        ]
        if self._model.rules.has_thinking:
            output.insert(0, {"id": "rs_1", "type": "reasoning", "summary": []})
        return {
            "id": f"resp_{next(self._numbers):06}",
            "object": "response",
            "created_at": _seconds(self._model.clock()),
            "model": name,
            "status": "incomplete" if kind == "truncated" else "completed",
            "incomplete_details": {"reason": "max_output_tokens"} if kind == "truncated" else None,
            "error": None,
            "output": output,
            "store": False,
            "usage": {
                "input_tokens": said.input_tokens,
                "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
                "output_tokens": said.output_tokens,
                "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": said.input_tokens + said.output_tokens,
            },
        }

    def _completion(self, body: dict[str, Any]) -> tuple[dict[str, Any], int]:
        question = _question_of_chat(body)
        problem = self._common_problem(body, question.length)
        if problem is not None:
            return problem
        rules = self._model.rules
        form = _form(body.get("response_format"))
        if form and form not in rules.forms:
            status = rules.refused_form_status
            return _error_body(status, f"response_format: {form} is not supported", None), status
        wanted = rules.limit_field
        if wanted and wanted not in body:
            return _error_body(400, f"Unsupported parameter; use '{wanted}' instead", "unsupported_parameter"), 400
        said = self._model.ask("chat", question)
        message = {"role": "assistant", "content": said.answer.text}
        shown: dict[str, Any] = {
            "id": f"chatcmpl_{next(self._numbers):06}",
            "object": "chat.completion",
            "created": _seconds(self._model.clock()),
            "model": question.model,
            "choices": [{"index": 0, "message": message, "finish_reason": FINISHES[said.answer.kind]}],
        }
        if rules.has_usage:
            shown["usage"] = {
                "prompt_tokens": said.input_tokens,
                "completion_tokens": said.output_tokens,
                "total_tokens": said.input_tokens + said.output_tokens,
            }
        return shown, 200

    def _shown_model(self, name: str) -> dict[str, Any]:
        shown: dict[str, Any] = {"id": name, "object": "model", "created": 1_790_000_000, "owned_by": "sandbox"}
        # As vLLM tells it.
        return shown | ({"max_model_len": self._model.rules.context_tokens} if name == "local-model" else {})

    def _answer_files(self, request: Request, rest: list[str]) -> Reply:
        if request.method == "POST" and not rest:
            content = _uploaded(request)
            if content is None:
                return openai_error(400, "'file' is a required property")
            return json_reply(200, self._shown_file(self._keep(content)))
        held = self.files.get(rest[0]) if rest else None
        if held is None:
            return openai_error(404, f"No such File object: {''.join(rest)}")
        match request.method, rest[1:]:
            case "GET", []:
                return json_reply(200, self._shown_file(rest[0]))
            case "GET", ["content"]:
                return Reply(200, held, {"Content-Type": "application/octet-stream"})
            case "DELETE", []:
                with self._lock:
                    self._files.pop(rest[0], None)
                return json_reply(200, {"id": rest[0], "object": "file", "deleted": True})
            case _:
                return no_page()

    def _keep(self, content: bytes) -> str:
        file_id = f"file-{next(self._numbers):06}"
        with self._lock:
            self._files[file_id] = content
        return file_id

    def _shown_file(self, file_id: str) -> dict[str, Any]:
        return {
            "id": file_id,
            "object": "file",
            "bytes": len(self.files.get(file_id, b"")),
            "created_at": _seconds(self._model.clock()),
            "filename": "headway.jsonl",
            "purpose": "batch",
            "status": "processed",
        }

    def _answer_batches(self, request: Request, rest: list[str]) -> Reply:
        match request.method, rest:
            case "POST", []:
                return self._add_batch(request.json_object() or {})
            case "GET", []:
                return self._list_batches(request)
        batch = self._batches.find(rest[0]) if rest else None
        if batch is None:
            return openai_error(404, f"No such batch: {''.join(rest)}")
        match request.method, rest[1:]:
            case "GET", []:
                return json_reply(200, self._shown(batch))
            case "POST", ["cancel"]:
                self._batches.cancel(batch)
                return json_reply(200, self._shown(batch))
            case _:
                return no_page()

    def _add_batch(self, body: dict[str, Any]) -> Reply:
        content = self.files.get(str(body.get("input_file_id")))
        if content is None:
            return openai_error(400, "input_file_id: no such file")
        if body.get("endpoint") != RESPONSES or body.get("completion_window") != "24h":
            return openai_error(400, "endpoint or completion_window is not one there is")
        lines = [json.loads(line) for line in content.splitlines() if line.strip()]
        rows = [BatchRow(str(line["custom_id"]), line["body"]) for line in lines if line.get("url") == RESPONSES]
        batch = self._batches.add(
            rows,
            metadata=dict(body.get("metadata") or {}),
            input_file_id=str(body["input_file_id"]),
            endpoint=RESPONSES,
        )
        return json_reply(200, self._shown(batch))

    def _list_batches(self, request: Request) -> Reply:
        batches = self._batches.newest_first()
        after = request.query.get("after")
        first = next((place + 1 for place, batch in enumerate(batches) if batch.id == after), 0)
        limit = int(request.query.get("limit", "20"))
        page = [self._shown(batch) for batch in batches[first : first + limit]]
        return json_reply(200, {"object": "list", "data": page, "has_more": first + limit < len(batches)})

    def _shown(self, batch: Batch) -> dict[str, Any]:
        answered, failed = batch.count(Fate.ANSWERED), len(batch.rows) - batch.count(Fate.ANSWERED)
        files = self._result_files(batch) if batch.is_ended else {}
        return {
            "id": batch.id,
            "object": "batch",
            "endpoint": batch.endpoint,
            "completion_window": "24h",
            "created_at": _seconds(batch.created_at),
            "input_file_id": batch.input_file_id,
            "metadata": batch.metadata,
            "status": _status(batch),
            "request_counts": {
                "total": len(batch.rows),
                "completed": answered,
                "failed": failed if batch.is_ended else batch.count(Fate.FAILED),
            },
            "errors": None,
            **files,
        }

    def _result_files(self, batch: Batch) -> dict[str, str]:
        """The files of an ended batch, made once; a file without a line does not exist."""
        parts = {
            "output_file_id": [row for row in batch.rows if row.fate is Fate.ANSWERED],
            "error_file_id": [row for row in batch.rows if row.fate is not Fate.ANSWERED],
        }
        named = {name: f"file-{batch.id}-{name.removesuffix('_file_id')}" for name, rows in parts.items() if rows}
        with self._lock:
            for name, file_id in named.items():
                if not batch.has_files:
                    self._files[file_id] = b"".join(json.dumps(_line(row)).encode() + b"\n" for row in parts[name])
            batch.has_files = True
        return named


def _status(batch: Batch) -> str:
    if not batch.is_ended:
        return "cancelling" if batch.cancelled_at else "in_progress"
    if batch.cancelled_at:
        return "cancelled"
    return "expired" if batch.count(Fate.EXPIRED) else "completed"


def _line(row: BatchRow) -> dict[str, Any]:
    """A row of a file of results."""
    error = None
    response: dict[str, Any] | None = row.outcome or None
    if row.fate is Fate.EXPIRED:
        error = {"code": "batch_expired", "message": "This request could not be executed before the window closed."}
    elif row.fate is Fate.CANCELLED:
        error = {"code": "batch_cancelled", "message": "This request was cancelled."}
    elif row.fate is Fate.FAILED and response is None:
        response = {"status_code": 500, "request_id": "req_error", "body": _error_body(500, "The model failed", None)}
    return {"id": f"batch_req_{row.custom_id[:12]}", "custom_id": row.custom_id, "response": response, "error": error}


def _uploaded(request: Request) -> bytes | None:
    """The file of a multipart form."""
    head = f"Content-Type: {request.headers.get('content-type', '')}\r\n\r\n".encode()
    form = email.message_from_bytes(head + request.body, policy=email.policy.HTTP)
    for part in form.iter_parts() if form.is_multipart() else ():
        if part.get_param("name", header="content-disposition") == "file":
            content = part.get_payload(decode=True)
            return content if isinstance(content, bytes) else None
    return None


def _form(response_format: object) -> str:
    """Which of `EVERY_FORM` it is, or ""."""
    if not isinstance(response_format, dict):
        return ""
    kind = str(response_format.get("type"))
    return f"{kind}+schema" if kind == "json_object" and "schema" in response_format else kind


def _question_of_response(body: Mapping[str, Any]) -> Question:
    given = body.get("input", "")
    turns = [given] if isinstance(given, str) else [str(turn.get("content", "")) for turn in given]
    system = str(body.get("instructions", ""))
    form = body.get("text", {}).get("format", {})
    return _question(body, system, turns, form.get("schema", {}))


def _question_of_chat(body: Mapping[str, Any]) -> Question:
    messages = body.get("messages", [])
    system = "".join(str(message.get("content")) for message in messages if message.get("role") == "system")
    turns = [str(message.get("content")) for message in messages if message.get("role") != "system"]
    form = body.get("response_format") or {}
    schema = form.get("json_schema", {}).get("schema") or form.get("schema") or _schema_told(system)
    return _question(body, system, turns, schema)


def _question(body: Mapping[str, Any], system: str, turns: list[str], schema: Mapping[str, Any]) -> Question:
    return Question(
        model=str(body.get("model")),
        system=system,
        prompt=turns[0] if turns else "",
        schema=schema,
        length=len(system) + sum(map(len, turns)),
    )


def _schema_told(system: str) -> dict[str, Any]:
    """The schema at the end of the instructions, where a client puts it for servers that take none."""
    at = system.find('{"type": "object"')
    try:
        told = json.loads(system[at:]) if at >= 0 else {}
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _seconds(moment: datetime) -> int:
    return int(moment.astimezone(UTC).timestamp())
