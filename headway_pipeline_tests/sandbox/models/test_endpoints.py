"""What the local models refuse, as the vendors do, asked over plain HTTP."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import requests

from headway_pipeline.sandbox.models.rules import ModelRules
from headway_pipeline.sandbox.server import Sandbox
from headway_pipeline.sandbox.world import World
from headway_pipeline_tests.sandbox_fixtures import MovableClock

CLAUDE = {"Authorization": "Bearer sk-x", "anthropic-version": "2026-10-21"}
GPT = {"Authorization": "Bearer sk-x"}
SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "string"}},
    "required": ["a"],
    "additionalProperties": False,
}
MESSAGE = {"model": "claude-haiku-5-5", "max_tokens": 10, "messages": [{"role": "user", "content": "hi"}]}


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def sandbox(clock: MovableClock) -> Iterator[Sandbox]:
    with Sandbox(World(), clock) as running:
        yield running


def post(sandbox: Sandbox, path: str, body: Any, headers: dict[str, str]) -> requests.Response:
    base = sandbox.models.anthropic_url if headers is CLAUDE else sandbox.models.openai_url
    return requests.post(base + path, json=body, headers=headers, timeout=5)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"temperature": 0}, "temperature"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"messages": []}, "messages"),
        ({"messages": [*MESSAGE["messages"], {"role": "assistant", "content": "{"}]}, "prefill"),  # type: ignore[misc]
        ({"messages": [{"role": "user", "content": ""}]}, "non-empty"),
        ({"output_config": {"format": {"schema": {**SCHEMA, "additionalProperties": True}}}}, "additional"),
        ({"output_config": {"format": {"schema": {**SCHEMA, "properties": {"a": {"maxLength": 3}}}}}}, "maxLength"),
    ],
)
def test_claude_refuses_what_the_real_one_refuses(sandbox: Sandbox, change: dict[str, Any], words: str) -> None:
    answer = post(sandbox, "/v1/messages", {**MESSAGE, **change}, CLAUDE)
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert words in answer.json()["error"]["message"]
    assert sandbox.models.model.asked == ()


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"type": "json_schema", "strict": True, "name": "n", "schema": {**SCHEMA, "required": []}}, "required"),
        ({"type": "json_schema", "strict": True, "schema": SCHEMA}, "name"),
        ({"type": "json_schema", "strict": True, "name": "n", "schema": {"type": "array"}}, "object"),
    ],
)
def test_gpt_refuses_schemas_that_are_not_strict(sandbox: Sandbox, form: dict[str, Any], words: str) -> None:
    answer = post(sandbox, "/responses", {"model": "gpt-6-luna", "input": "hi", "text": {"format": form}}, GPT)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "invalid_json_schema"
    assert words in answer.json()["error"]["message"]


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer sk-wrong"}, {"Authorization": "Basic x"}])
def test_without_a_key_nobody_answers(sandbox: Sandbox, headers: dict[str, str]) -> None:
    for path in (sandbox.models.anthropic_url + "/v1/models", sandbox.models.openai_url + "/models"):
        assert requests.get(path, headers=headers, timeout=5).status_code == 401


def test_a_limit_lets_so_many_through_in_a_minute_and_says_how_long_to_wait(
    sandbox: Sandbox, clock: MovableClock
) -> None:
    sandbox.models.model.rules = ModelRules(requests_per_minute=2)
    statuses = [post(sandbox, "/v1/messages", MESSAGE, CLAUDE).status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
    refused = post(sandbox, "/responses", {"model": "gpt-6-luna", "input": "hi"}, GPT)
    assert refused.status_code == 429
    clock.pass_by(timedelta(seconds=float(refused.headers["retry-after"])))
    assert post(sandbox, "/v1/messages", MESSAGE, CLAUDE).status_code == 200


def test_the_log_tells_what_was_asked_and_what_it_took(sandbox: Sandbox) -> None:
    for _ in range(2):
        post(sandbox, "/v1/messages", MESSAGE, CLAUDE)
    model = sandbox.models.model
    assert [(asked.api, asked.model, asked.stage) for asked in model.asked] == [
        ("anthropic", "claude-haiku-5-5", "")
    ] * 2
    assert list(model.paid.values()) == [2]
    assert all(asked.input_tokens >= 1 for asked in model.asked)
    model.forget_asked()
    assert model.asked == ()


@pytest.mark.parametrize("path", ["/v1/complete", "/v1/messages/batches/x/y/z"])
def test_an_address_that_is_none_is_none(sandbox: Sandbox, path: str) -> None:
    assert requests.get(sandbox.models.anthropic_url + path, headers=CLAUDE, timeout=5).status_code == 404
    assert requests.get(sandbox.models.openai_url + path, headers=GPT, timeout=5).status_code == 404


def test_batches_without_requests_or_with_one_id_twice_are_refused(sandbox: Sandbox) -> None:
    twice = {"requests": [{"custom_id": "a", "params": MESSAGE}, {"custom_id": "a", "params": MESSAGE}]}
    bodies: list[dict[str, Any]] = [{}, {"requests": []}, twice]
    for body in bodies:
        assert post(sandbox, "/v1/messages/batches", body, CLAUDE).status_code == 400
    assert post(sandbox, "/batches", {"input_file_id": "file-none"}, GPT).status_code == 400
