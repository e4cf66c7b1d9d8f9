from dataclasses import fields, replace
from typing import Any

import pytest

from headway_pipeline.llm.contract import LONGEST_ANSWER_TOKENS, Effort, LLMRequest, Objection, Stage
from headway_pipeline_tests.llm.asking import SCHEMA, SYSTEM, USER, request_to

CHANGED: dict[str, Any] = {
    "provider": "openai",
    "model": "claude-sonnet-5-5",
    "stage": Stage.MATCHING,
    "system": "Other instructions.",
    "user": "[0] C: Other words.",
    "schema_name": "other",
    "schema": {**SCHEMA, "required": ["mood"]},
    "max_output_tokens": 1_999,
    "effort": Effort.HIGH,
    "objections": (Objection("{}", "not that"),),
    "identity": {"prompt_version": "2"},
}


def test_every_part_of_a_request_changes_its_fingerprint() -> None:
    request = request_to("anthropic")
    assert set(CHANGED) == {field.name for field in fields(LLMRequest)}
    prints = {replace(request, **{name: value}).fingerprint for name, value in CHANGED.items()}
    assert len(prints | {request.fingerprint}) == len(CHANGED) + 1


def test_equal_questions_have_equal_fingerprints_whatever_the_order_of_their_keys() -> None:
    request = request_to("anthropic")
    turned = replace(request, schema={name: request.schema[name] for name in reversed(list(request.schema))})
    assert request.fingerprint == turned.fingerprint
    assert len(request.fingerprint) == 64


def test_speech_with_lone_halves_of_characters_has_a_fingerprint() -> None:
    assert len(request_to("anthropic", user="broken \ud83d text").fingerprint) == 64


@pytest.mark.parametrize("tokens", [0, LONGEST_ANSWER_TOKENS + 1])
def test_answers_without_an_end_are_refused(tokens: int) -> None:
    with pytest.raises(ValueError, match="max_output_tokens"):
        replace(request_to("anthropic"), max_output_tokens=tokens)


def test_no_repr_shows_speech() -> None:
    request = replace(request_to("anthropic"), objections=(Objection("said before", "not that"),))
    shown = repr(request)
    assert USER not in shown
    assert SYSTEM not in shown
    assert "said before" not in shown
