"""What is sent, compared with what the vendors' own helpers send.

The captured requests are no part of this project: HEADWAY_CAPTURED_REQUESTS names their file (a JSON list of
`{method, path, headers, body}`), otherwise they are looked for beside the checkout.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from headway_pipeline.llm.contract import BatchProvider, Effort, LLMRequest, Provider, Stage
from headway_pipeline.llm.discovery import discover
from headway_pipeline.sandbox.exchange import Request
from headway_pipeline.sandbox.server import Sandbox
from headway_pipeline_tests.llm.asking import connected, request_to

CAPTURED = Path(
    os.environ.get("HEADWAY_CAPTURED_REQUESTS")
    or Path(__file__).parents[3] / "shared" / "specs" / "llm_requests.json"
)


@pytest.fixture(scope="module")
def captured() -> list[dict[str, Any]]:
    if not CAPTURED.exists():
        pytest.skip("no captured requests of the vendors' libraries at HEADWAY_CAPTURED_REQUESTS")
    read: list[dict[str, Any]] = json.loads(CAPTURED.read_text(encoding="utf-8"))
    return read


@pytest.fixture
def seen(sandbox: Sandbox) -> list[Request]:
    requests: list[Request] = []
    sandbox.faults.append(lambda request: requests.append(request))
    return requests


def like(captured: list[dict[str, Any]], method: str, path: str, *, having: str) -> Mapping[str, Any]:
    """The first captured request of that kind whose body has a key."""
    return next(
        each
        for each in captured
        if each["method"] == method and each["path"] == path and having in (each["body"] or {})
    )


def types_of(value: object) -> object:
    """The form of a JSON value: names and kinds, without the values themselves."""
    if isinstance(value, Mapping):
        return {name: types_of(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [types_of(value[0])] if value else []
    return type(value).__name__


def asked(kind: type[Provider], sandbox: Sandbox, request: LLMRequest) -> None:
    provider = connected(kind, sandbox)
    provider.complete(request)
    provider.close()


def schema_of(form: Mapping[str, Any]) -> Mapping[str, Any]:
    schema: Mapping[str, Any] = form.get("schema") or form["json_schema"]["schema"]
    return schema


def test_claude_is_asked_as_its_library_asks(
    captured: list[dict[str, Any]], sandbox: Sandbox, seen: list[Request]
) -> None:
    theirs = like(captured, "POST", "/v1/messages", having="system")["body"]
    request = request_to("anthropic", schema=schema_of(theirs["output_config"]["format"]))
    asked(discover()["anthropic"], sandbox, request)
    ours = json.loads(seen[0].body)
    assert seen[0].path == "/anthropic/v1/messages"
    assert seen[0].headers["authorization"].startswith("Bearer ")
    assert seen[0].headers["anthropic-version"] == "2026-10-21"
    assert set(ours) == set(theirs)
    assert types_of(ours["messages"]) == types_of(theirs["messages"])
    assert ours["output_config"] == theirs["output_config"]
    assert ours["system"][0]["cache_control"]["type"] == theirs["system"][0]["cache_control"]["type"]
    assert ours["max_tokens"] == theirs["max_tokens"]


def test_gpt_is_asked_as_its_library_asks(
    captured: list[dict[str, Any]], sandbox: Sandbox, seen: list[Request]
) -> None:
    theirs = like(captured, "POST", "/v1/responses", having="store")["body"]
    form = theirs["text"]["format"]
    request = LLMRequest(
        provider="openai",
        model="gpt-6-luna",
        stage=Stage.RELEVANCE,
        system=theirs["instructions"],
        user="hi",
        schema_name=form["name"],
        schema=form["schema"],
        max_output_tokens=theirs["max_output_tokens"],
        effort=Effort.LOW,
    )
    asked(discover()["openai"], sandbox, request)
    ours = json.loads(seen[0].body)
    assert seen[0].path == "/openai/v1/responses"
    for name in ("model", "instructions", "max_output_tokens", "store", "text", "reasoning"):
        assert ours[name] == theirs[name], name
    assert ours["store"] is False
    assert set(ours) - set(theirs) == set()


def test_a_compatible_server_is_asked_as_the_library_asks(
    captured: list[dict[str, Any]], sandbox: Sandbox, seen: list[Request]
) -> None:
    theirs = like(captured, "POST", "/v1/chat/completions", having="response_format")["body"]
    request = request_to("openai_compatible", schema=schema_of(theirs["response_format"]))
    asked(discover()["openai_compatible"], sandbox, request)
    ours = json.loads(seen[0].body)
    assert types_of(ours["response_format"]) == types_of(theirs["response_format"])
    assert types_of(ours["messages"]) == types_of(theirs["messages"])


def test_batches_are_handed_in_as_the_libraries_do(
    captured: list[dict[str, Any]], sandbox: Sandbox, seen: list[Request]
) -> None:
    for name in ("anthropic", "openai"):
        provider = connected(discover()[name], sandbox)
        assert isinstance(provider, BatchProvider)
        external_id = provider.submit([request_to(name)], "marker")
        provider.poll(external_id)
        list(provider.results(external_id))
        provider.close()
    sent = [(request.method, request.path.removeprefix("/anthropic").removeprefix("/openai")) for request in seen]
    theirs = {(each["method"], each["path"].partition("?")[0]) for each in captured}
    known = {
        (method, path.replace("msgbatch_01F", "*").replace("batch_f", "*").replace("file-out", "*"))
        for method, path in theirs
    }
    assert {(method, generalised(path)) for method, path in sent} <= known
    bodies = {path: request for request, (_method, path) in zip(seen, sent, strict=True)}
    assert set(json.loads(bodies["/v1/messages/batches"].body)["requests"][0]) == {"custom_id", "params"}
    captured_batch = like(captured, "POST", "/v1/batches", having="endpoint")["body"]
    ours = json.loads(bodies["/v1/batches"].body)
    assert set(captured_batch) <= set(ours)
    assert ours["completion_window"] == captured_batch["completion_window"]
    upload = next(each for each in captured if each["path"] == "/v1/files")
    assert b'name="purpose"\r\n\r\nbatch' in bodies["/v1/files"].body
    assert (
        upload["headers"]["Content-Type"].split(";")[0] == bodies["/v1/files"].headers["content-type"].split(";")[0]
    )


def generalised(path: str) -> str:
    """The path with `*` in place of ids."""
    return "/".join("*" if "_0" in part or part.startswith("file-") else part for part in path.split("/"))
