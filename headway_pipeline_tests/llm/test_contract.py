"""What every provider keeps, asked of each that is discovered."""

import json
import re
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from headway_pipeline.llm.contract import Effort, Objection, Provider, Stop
from headway_pipeline.model.errors import (
    ModelCredentialsError,
    ModelError,
    ModelQuotaError,
    ModelRateLimitedError,
    ModelRequestError,
    RequestTooLargeError,
    TransientModelError,
    UnknownModelError,
)
from headway_pipeline.sandbox.exchange import Reply, html_reply, json_reply
from headway_pipeline.sandbox.models.rules import Misbehaviour, ModelRules
from headway_pipeline.sandbox.server import Sandbox
from headway_pipeline_tests.llm.asking import (
    ANSWER,
    KEY,
    PATHS,
    SCHEMA,
    USER,
    connected,
    failing,
    out_of_quota,
    request_to,
)
from headway_pipeline_tests.sandbox_fixtures import Instead


def shown(error: BaseException) -> str:
    """All that a log or a page could show of an error."""
    return "".join(traceback.format_exception(error)) + repr(error) + str(error)


def test_its_names_can_be_words_of_settings(kind: type[Provider]) -> None:
    assert re.fullmatch(r"[a-z_]+", kind.name)
    assert kind.label
    assert (kind.__doc__ or "").strip()
    assert re.fullmatch(r"[A-Z][A-Z_]+", kind.key_variable)
    assert re.fullmatch(r"[A-Z][A-Z_]+", kind.url_variable)


def test_no_repr_shows_the_key(provider: Provider) -> None:
    assert KEY not in repr(provider) + repr(provider.access) + repr(vars(provider))


def test_a_question_is_answered_with_text_and_usage(provider: Provider) -> None:
    request = request_to(provider.name)
    response = provider.complete(request)
    assert json.loads(response.text) == json.loads(ANSWER)
    assert response.stop is Stop.END
    assert response.model == request.model
    assert response.request_id
    assert response.usage.input_tokens is not None
    assert response.usage.output_tokens is not None
    assert response.usage.input_tokens > response.usage.output_tokens > 0
    assert response.latency_ms >= 0
    assert response.raw["id"]


def test_thoughts_before_the_answer_and_fences_around_it_are_taken_off(provider: Provider, sandbox: Sandbox) -> None:
    sandbox.models.model.rules = ModelRules(has_thinking=True, is_fenced=True)
    assert json.loads(provider.complete(request_to(provider.name)).text) == json.loads(ANSWER)


@pytest.mark.parametrize(
    ("misbehaviour", "stop"),
    [
        (Misbehaviour.TRUNCATED, Stop.TRUNCATED),
        (Misbehaviour.REFUSAL, Stop.REFUSED),
        (Misbehaviour.EMPTY, Stop.END),
    ],
)
def test_an_answer_that_is_worth_nothing_is_handed_over_with_what_it_cost(
    provider: Provider, sandbox: Sandbox, misbehaviour: Misbehaviour, stop: Stop
) -> None:
    sandbox.models.model.rules = ModelRules(misbehaviours=(misbehaviour,))
    response = provider.complete(request_to(provider.name))
    assert response.stop is stop
    assert response.usage.input_tokens


def test_an_objection_sends_the_earlier_answer_and_what_was_wrong_with_it(
    provider: Provider, sandbox: Sandbox
) -> None:
    seen: list[bytes] = []
    sandbox.faults.append(lambda request: seen.append(request.body))
    provider.complete(request_to(provider.name, objections=(Objection("", "nothing there"), Objection("y", "bad"))))
    sent = json.loads(seen[0])
    turns = sent.get("input") or [turn for turn in sent["messages"] if turn["role"] != "system"]
    assert [turn["role"] for turn in turns] == ["user", "assistant", "user", "assistant", "user"]
    assert turns[2]["content"] == "nothing there"
    assert turns[4]["content"] == "bad"


def test_a_schema_with_limits_is_taken(provider: Provider) -> None:
    """Anthropic refuses limits in schemas; its library moves them into descriptions."""
    limited = {**SCHEMA["properties"]["wishes"], "maxItems": 5}
    schema = {**SCHEMA, "properties": {**SCHEMA["properties"], "wishes": limited}}
    assert provider.complete(request_to(provider.name, schema=schema)).stop is Stop.END


def test_effort_is_passed_on(provider: Provider, sandbox: Sandbox) -> None:
    seen: list[bytes] = []
    sandbox.faults.append(lambda request: seen.append(request.body))
    provider.complete(replace(request_to(provider.name), effort=Effort.LOW))
    assert b'"low"' in seen[0]


def test_a_wrong_key_stops_and_is_never_shown(kind: type[Provider], sandbox: Sandbox) -> None:
    wrong = "sk-wrong-0987654321"
    provider = connected(kind, sandbox, key=wrong)
    with pytest.raises(ModelCredentialsError, match=kind.key_variable) as raised:
        provider.complete(request_to(kind.name))
    assert wrong not in shown(raised.value)
    provider.close()


def test_a_key_no_header_can_carry_stops_and_is_never_shown(kind: type[Provider], sandbox: Sandbox) -> None:
    provider = connected(kind, sandbox, key="hush\nschlüssel")
    with pytest.raises(ModelError) as raised:
        provider.complete(request_to(kind.name))
    assert "hush" not in shown(raised.value)
    provider.close()


def test_an_empty_account_stops_and_is_asked_once(provider: Provider, sandbox: Sandbox) -> None:
    sandbox.faults.append(Instead(out_of_quota(provider.name)))
    with pytest.raises(ModelQuotaError):
        provider.complete(request_to(provider.name))
    assert len(sandbox.requests) == 1


@pytest.mark.parametrize("status", [429, 503, 529])
def test_a_wait_that_is_asked_for_is_handed_over_and_not_waited(
    provider: Provider, sandbox: Sandbox, status: int
) -> None:
    sandbox.faults.append(Instead(failing(provider.name, status, retry_after_s=4_294_967)))
    with pytest.raises(ModelRateLimitedError) as raised:
        provider.complete(request_to(provider.name))
    assert raised.value.retry_after_s == 4_294_967
    assert raised.value.at.status == status
    assert len(sandbox.requests) == 1


def test_a_429_without_a_wait_says_so(provider: Provider, sandbox: Sandbox) -> None:
    sandbox.faults.append(Instead(failing(provider.name, 429)))
    with pytest.raises(ModelRateLimitedError) as raised:
        provider.complete(request_to(provider.name))
    assert raised.value.retry_after_s is None


@pytest.mark.parametrize("status", [408, 409, 502, 503, 529])
def test_what_may_pass_is_handed_over_after_one_request(provider: Provider, sandbox: Sandbox, status: int) -> None:
    sandbox.faults.append(Instead(failing(provider.name, status)))
    with pytest.raises(TransientModelError) as raised:
        provider.complete(request_to(provider.name))
    assert raised.value.at.status == status
    assert len(sandbox.requests) == 1


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, b'{"id": "cut off', {"Content-Type": "application/json"}),
        Reply(200, b'{"id": "long"}' * 50, {"Content-Type": "application/json"}, cut_after=20),
    ],
)
def test_an_answer_that_breaks_off_may_be_asked_for_again(provider: Provider, sandbox: Sandbox, reply: Reply) -> None:
    sandbox.faults.append(Instead(reply))
    with pytest.raises(TransientModelError):
        provider.complete(request_to(provider.name))


def test_silence_ends(kind: type[Provider], sandbox: Sandbox) -> None:
    sandbox.models.model.rules = ModelRules(latency_s=0.5)
    provider = connected(kind, sandbox, timeout_s=0.1)
    with pytest.raises(TransientModelError, match="in time"):
        provider.complete(request_to(kind.name))
    provider.close()


def test_nobody_at_the_address_may_pass(kind: type[Provider], sandbox: Sandbox) -> None:
    provider = connected(kind, sandbox)
    sandbox.stop()
    with pytest.raises(TransientModelError, match="connection"):
        provider.complete(request_to(kind.name))
    provider.close()


@pytest.mark.parametrize("reply", [html_reply(200, "<h1>Welcome</h1>"), json_reply(200, ["no", "object"])])
def test_something_else_at_the_address_stops(provider: Provider, sandbox: Sandbox, reply: Reply) -> None:
    sandbox.faults.append(Instead(reply))
    with pytest.raises(ModelRequestError, match="address"):
        provider.complete(request_to(provider.name))


def test_a_prompt_that_is_too_long_concerns_this_request_alone(provider: Provider, sandbox: Sandbox) -> None:
    sandbox.models.model.rules = ModelRules(context_tokens=10)
    with pytest.raises(RequestTooLargeError):
        provider.complete(request_to(provider.name))


def test_a_model_that_is_not_there_is_named(provider: Provider) -> None:
    with pytest.raises(UnknownModelError) as raised:
        provider.complete(request_to(provider.name, model="gone-1"))
    assert raised.value.at.model == "gone-1"


def test_an_address_that_is_none_is_not_taken_for_a_missing_model(provider: Provider, sandbox: Sandbox) -> None:
    sandbox.faults.append(Instead(failing(provider.name, 404, "Not Found")))
    with pytest.raises(ModelRequestError, match="check the address"):
        provider.complete(request_to(provider.name))


@pytest.mark.parametrize("status", [400, 500])
def test_an_error_that_quotes_the_call_shows_nothing_of_it(provider: Provider, sandbox: Sandbox, status: int) -> None:
    sandbox.faults.append(Instead(failing(provider.name, status, f"cannot read: {USER[5:60]}")))
    with pytest.raises(ModelError) as raised:
        provider.complete(request_to(provider.name))
    assert "conveyor" not in shown(raised.value)
    assert str(status) in str(raised.value)


def test_many_threads_may_ask_at_once(provider: Provider, sandbox: Sandbox) -> None:
    with ThreadPoolExecutor(8) as pool:
        requests = [request_to(provider.name, user=f"{USER} {number}") for number in range(24)]
        answers = list(pool.map(provider.complete, requests))
    assert {answer.stop for answer in answers} == {Stop.END}
    assert sandbox.count(PATHS[provider.name]) == 24
    assert set(sandbox.models.model.paid.values()) == {1}


def test_tokens_are_counted_for_nothing_or_not_at_all(provider: Provider, sandbox: Sandbox) -> None:
    counted = provider.count_tokens(request_to(provider.name))
    assert counted is None or counted > 0
    assert sandbox.models.model.asked == ()


def test_the_length_of_the_context_is_known(provider: Provider) -> None:
    tokens = provider.context_tokens(request_to(provider.name).model)
    assert tokens is not None
    assert tokens >= 100_000
