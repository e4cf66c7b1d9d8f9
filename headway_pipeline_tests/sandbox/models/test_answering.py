"""What the local model says to prompts of the pipeline's form."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from headway_pipeline.model.features import FeatureType
from headway_pipeline.sandbox.models.answering import Answer, Question, answer_to
from headway_pipeline.sandbox.models.rules import Effect, Misbehaviour, Obedience
from headway_pipeline.sandbox.models.truth import Planted

FREEZES = Planted("The route map keeps freezing on the older tablets", FeatureType.BUG_REPORT, "Maps")
OFFLINE = Planted(
    "we would need the map to work without a signal when Amira drives up the valley",
    FeatureType.FEATURE_REQUEST,
    "Maps on the road",
)
UNFILED = Planted("the invoice does not show our order number", FeatureType.PAIN_POINT, None)
TRUTH = (FREEZES, OFFLINE, UNFILED)

CALL = "\n".join(
    [
        "<<0f1e2d>>",
        "[0] V: Good to see you. The route map keeps freezing on the older tablets, I heard?",
        "[1] C: Yes. The route map keeps freezing on the older tablets, and the drivers give up on it.",
        "[2] C: Besides, we would need the map to work without a signal when [PERSON_1] drives up the valley.",
        "[3] U: And the invoice does not show our order number, by the way.",
        "<<0f1e2d>>",
    ]
)
THEMES = "Themes:\n1. Maps: what drivers see\n2. Maps on the road: without a signal\n3. Invoices\n"
ITEMS = "\n\n".join(
    [
        '[1] bug_report: Map freezes\nIt freezes.\n"The route map keeps freezing on the older tablets"',
        '[2] feature_request: Maps without signal\n2. is no theme\n"we would need the map to work without a signal '
        'when [PERSON_1] drives up the valley"',
        '[3] pain_point: Order number\nMissing.\n"the invoice does not show our order number"',
    ]
)


def asked(prompt: str, *properties: str, numbers: tuple[str, ...] = ("1", "2", "3", "none")) -> Question:
    words: Mapping[str, Any] = {"type": "string", "enum": list(numbers)}
    schema = {"type": "object", "properties": {name: {"type": "array", "items": words} for name in properties}}
    return Question("claude-haiku-5-5", "Instructions.", prompt, schema, len(prompt))


EXTRACTION = asked(CALL, "items")
MATCHING = asked(f"{THEMES}\nItems:\n<<0f>>\n{ITEMS}\n<<0f>>", "matches")
RELEVANCE = asked(f"{THEMES}\nExcerpts:\n...\n[1] C: {FREEZES.quote[:44]}\n...", "relevant", "themes")


def said(question: Question, misbehaviour: Misbehaviour | None = None, *obeys: Obedience) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(answer_to(question, TRUTH, misbehaviour, obeys).text)
    return read


def test_the_stage_is_known_by_the_form_of_the_answer() -> None:
    assert [each.stage for each in (RELEVANCE, EXTRACTION, MATCHING)] == ["relevance", "extraction", "matching"]


def test_what_is_planted_is_found_with_its_line_and_never_the_vendors() -> None:
    found = [(item["type"], item["evidence"][0]["segment"]) for item in said(EXTRACTION)["items"]]
    assert found == [("bug_report", 1), ("feature_request", 2), ("pain_point", 3)]


def test_quotes_are_given_as_they_are_shown_placeholders_and_all() -> None:
    quotes = [item["evidence"][0]["quote"] for item in said(EXTRACTION)["items"]]
    assert quotes[0] == FREEZES.quote
    assert "[PERSON_1]" in quotes[1]
    assert all(quote in CALL for quote in quotes)


def test_items_are_filed_under_their_planted_theme_or_none() -> None:
    matches = said(MATCHING)["matches"]
    assert [(match["item"], match["first"]) for match in matches] == [(1, "1"), (2, "2"), (3, "none")]


def test_a_call_is_relevant_where_an_excerpt_shows_part_of_what_is_planted() -> None:
    answer = said(RELEVANCE)
    assert answer["relevant"] is True
    assert answer["themes"] == [{"theme": "1", "score": 0.9}]


def test_a_call_that_nothing_is_planted_in_holds_nothing() -> None:
    assert said(asked("[0] C: We are well, thank you.", "items"))["items"] == []
    assert said(asked("[0] C: We are well, thank you.", "relevant"))["relevant"] is False


def test_a_question_of_another_form_gets_the_least_that_fits() -> None:
    schema = {
        "type": "object",
        "properties": {"a": {"type": "string", "enum": ["x"]}, "b": {"type": "array"}, "c": {"type": "integer"}},
    }
    answer = answer_to(Question("m", "", "", schema, 0), TRUTH, None)
    assert json.loads(answer.text) == {"a": "x", "b": [], "c": 0}


@pytest.mark.parametrize(
    ("misbehaviour", "is_wrong"),
    [
        (Misbehaviour.INVENTED_QUOTES, lambda evidence: evidence["quote"] not in CALL),
        (Misbehaviour.STITCHED_QUOTES, lambda evidence: evidence["quote"] not in CALL),
        (Misbehaviour.VENDOR_QUOTES, lambda evidence: evidence["segment"] == 0 and evidence["quote"] in CALL),
        (Misbehaviour.WRONG_IDS, lambda evidence: evidence["segment"] > 1000),
    ],
)
def test_false_evidence_is_false(misbehaviour: Misbehaviour, is_wrong: Any) -> None:
    items = said(EXTRACTION, misbehaviour)["items"]
    assert items
    assert all(is_wrong(quote) for item in items for quote in item["evidence"])


@pytest.mark.parametrize(
    ("misbehaviour", "kind"),
    [
        (Misbehaviour.PROSE, "end"),
        (Misbehaviour.EMPTY, "end"),
        (Misbehaviour.TRUNCATED, "truncated"),
        (Misbehaviour.REFUSAL, "refused"),
    ],
)
def test_an_answer_that_is_no_json_is_none(misbehaviour: Misbehaviour, kind: str) -> None:
    answer: Answer = answer_to(EXTRACTION, TRUTH, misbehaviour)
    assert answer.kind == kind
    with pytest.raises(ValueError, match=r"line 1 column"):
        json.loads(answer.text)


def test_wrong_numbers_name_items_and_themes_there_are_none_of() -> None:
    assert all(match["item"] > 1000 for match in said(MATCHING, Misbehaviour.WRONG_IDS)["matches"])
    assert said(RELEVANCE, Misbehaviour.WRONG_IDS)["themes"] == [{"theme": "999", "score": 1.0}]
    assert "items" not in said(EXTRACTION, Misbehaviour.WRONG_FORM)


TRIGGER = "by the way"


@pytest.mark.parametrize(
    ("effect", "expected"),
    [
        (Effect.SAY_NOTHING, 0),
        (Effect.INVENT, 4),
        (Effect.ALL_CRITICAL, 3),
    ],
)
def test_an_obeyed_instruction_bends_the_whole_reading(effect: Effect, expected: int) -> None:
    items = said(EXTRACTION, None, Obedience(TRIGGER, effect))["items"]
    assert len(items) == expected
    if effect is Effect.ALL_CRITICAL:
        assert {item["urgency"] for item in items} == {"critical"}
    if effect is Effect.INVENT:
        assert items[-1]["evidence"][0]["quote"] not in CALL


@pytest.mark.parametrize(("effect", "theme"), [(Effect.FIRST_THEME, "1"), (Effect.UNKNOWN_THEME, "Competitor")])
def test_an_obeyed_instruction_bends_the_whole_filing(effect: Effect, theme: str) -> None:
    matches = said(MATCHING, None, Obedience("Order number", effect))["matches"]
    assert {match["first"] for match in matches} == {theme}


def test_an_instruction_that_is_not_shown_is_not_obeyed() -> None:
    assert said(EXTRACTION, None, Obedience("not in this call", Effect.SAY_NOTHING)) == said(EXTRACTION)


def test_a_leak_tells_the_instructions() -> None:
    answer = answer_to(EXTRACTION, TRUTH, None, (Obedience(TRIGGER, Effect.LEAK),))
    assert answer.text.endswith("Instructions.")
