"""Servers that take a schema in one way or another, told apart by asking."""

import json
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus

import pytest

from headway_pipeline.llm.contract import Access
from headway_pipeline.llm.openai_compatible import OpenAICompatibleProvider
from headway_pipeline.model.errors import ModelRequestError, TransientModelError
from headway_pipeline.sandbox.exchange import Reply, Request
from headway_pipeline.sandbox.models.openai_api import openai_error
from headway_pipeline.sandbox.models.rules import EVERY_FORM, Misbehaviour, ModelRules
from headway_pipeline.sandbox.server import Sandbox
from headway_pipeline_tests.llm.asking import ANSWER, PATHS, connected, request_to
from headway_pipeline_tests.sandbox_fixtures import Instead

PATH = PATHS["openai_compatible"]
REQUEST = request_to("openai_compatible")


@pytest.fixture
def server(sandbox: Sandbox) -> OpenAICompatibleProvider:
    made = connected(OpenAICompatibleProvider, sandbox)
    assert isinstance(made, OpenAICompatibleProvider)
    return made


def sent_forms(sandbox: Sandbox) -> list[str]:
    """Collects the form of each request from now on."""
    forms: list[str] = []

    def look(request: Request) -> Reply | None:
        if request.path == PATH:
            form = json.loads(request.body).get("response_format", {})
            forms.append("+".join([form.get("type", "none"), *(["schema"] if "schema" in form else [])]))
        return None

    sandbox.faults.append(look)
    return forms


LADDER = ["json_schema", "json_object+schema", "json_object", "none"]


@pytest.mark.parametrize("status", [HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY])
@pytest.mark.parametrize("taken", range(4))
def test_the_strictest_form_a_server_takes_is_found_and_kept(
    server: OpenAICompatibleProvider, sandbox: Sandbox, status: HTTPStatus, taken: int
) -> None:
    sandbox.models.model.rules = ModelRules(forms=frozenset(LADDER[taken:]) & EVERY_FORM, refused_form_status=status)
    forms = sent_forms(sandbox)
    for _ in range(3):
        assert json.loads(server.complete(REQUEST).text) == json.loads(ANSWER)
    assert forms == [*LADDER[: taken + 1], LADDER[taken], LADDER[taken]]


def test_a_server_that_answers_500_to_a_schema_is_asked_in_another_form(
    server: OpenAICompatibleProvider, sandbox: Sandbox
) -> None:
    sandbox.models.model.rules = ModelRules(
        forms=EVERY_FORM - {"json_schema"}, refused_form_status=HTTPStatus.INTERNAL_SERVER_ERROR
    )
    forms = sent_forms(sandbox)
    server.complete(REQUEST)
    server.complete(REQUEST)
    # Twice, because one 500 may be a hitch.
    assert forms == ["json_schema", "json_schema", "json_object+schema", "json_object+schema"]


def test_one_hitch_does_not_cost_the_strict_form(server: OpenAICompatibleProvider, sandbox: Sandbox) -> None:
    sandbox.faults.append(Instead(openai_error(500, "hitch"), times=1))
    forms = sent_forms(sandbox)
    server.complete(REQUEST)
    server.complete(REQUEST)
    assert forms == ["json_schema", "json_schema"]


def test_once_a_form_was_taken_a_refusal_is_no_matter_of_form(
    server: OpenAICompatibleProvider, sandbox: Sandbox
) -> None:
    server.complete(REQUEST)
    sandbox.faults.append(Instead(openai_error(400, "bad luck")))
    before = len(sandbox.requests)
    with pytest.raises(ModelRequestError, match="bad luck"):
        server.complete(REQUEST)
    assert len(sandbox.requests) == before + 1


def test_where_no_form_is_taken_the_strictest_one_says_why(
    server: OpenAICompatibleProvider, sandbox: Sandbox
) -> None:
    sandbox.faults.append(Instead(openai_error(400, "it is not about form")))
    with pytest.raises(ModelRequestError, match="not about form"):
        server.complete(REQUEST)
    assert len(sandbox.requests) == 4


def test_an_outage_is_not_taken_for_a_matter_of_form(server: OpenAICompatibleProvider, sandbox: Sandbox) -> None:
    sandbox.faults.append(Instead(openai_error(503, "down"), times=1))
    with pytest.raises(TransientModelError):
        server.complete(REQUEST)
    forms = sent_forms(sandbox)
    server.complete(REQUEST)
    assert forms == ["json_schema"]


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
def test_the_name_of_the_limit_is_found_and_kept(
    server: OpenAICompatibleProvider, sandbox: Sandbox, field: str
) -> None:
    sandbox.models.model.rules = ModelRules(limit_field=field)
    server.complete(REQUEST)
    before = len(sandbox.requests)
    server.complete(REQUEST)
    assert len(sandbox.requests) == before + 1
    assert before == (1 if field == "max_tokens" else 2)


def test_many_threads_find_it_out_once(server: OpenAICompatibleProvider, sandbox: Sandbox) -> None:
    sandbox.models.model.rules = ModelRules(forms=frozenset({"json_object"}))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _number: server.complete(REQUEST), range(16)))
    assert len(sandbox.requests) == 16 + 2


def test_a_server_that_says_nothing_of_usage_is_believed(server: OpenAICompatibleProvider, sandbox: Sandbox) -> None:
    sandbox.models.model.rules = ModelRules(has_usage=False)
    usage = server.complete(REQUEST).usage
    assert (usage.input_tokens, usage.output_tokens, usage.cached_input_tokens) == (None, None, None)


def test_prose_is_handed_over_as_it_is(server: OpenAICompatibleProvider, sandbox: Sandbox) -> None:
    sandbox.models.model.rules = ModelRules(misbehaviours=(Misbehaviour.PROSE,))
    assert server.complete(REQUEST).text.startswith("I read the call")


def test_a_server_without_a_key_is_asked_without_one(sandbox: Sandbox) -> None:
    server = OpenAICompatibleProvider(Access("", sandbox.models.openai_url))
    assert server.complete(REQUEST).text
    server.close()


def test_an_answer_without_a_choice_stops(server: OpenAICompatibleProvider, sandbox: Sandbox) -> None:
    sandbox.faults.append(Instead(Reply(200, b'{"choices": []}', {"Content-Type": "application/json"})))
    with pytest.raises(ModelRequestError, match="without a choice"):
        server.complete(REQUEST)
