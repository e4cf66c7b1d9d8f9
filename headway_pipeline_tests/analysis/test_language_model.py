"""A language model as an analyst, over scripted answers: what it is shown, and what of its answers is believed."""

import json
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.synthetic_calls import synthetic_call
from headway_pipeline.analysis.extraction import extract
from headway_pipeline.analysis.grounding import RefusalReason
from headway_pipeline.analysis.language_model import LanguageModelAnalyst
from headway_pipeline.analysis.language_model.prompts import FOLDER, FORMS, prompt_of, version_of
from headway_pipeline.analysis.language_model.shapes import canonical, schema_of
from headway_pipeline.llm.contract import LLMRequest, LLMResponse, Stage
from headway_pipeline.model.calls import Segment, Side, Transcript
from headway_pipeline.model.errors import AnalysisError, AskedModel, RequestTooLargeError
from headway_pipeline.model.features import FeatureType, Origin, Theme, Urgency
from headway_pipeline_tests.analysis.speech import call, item, themes
from headway_pipeline_tests.models import (
    LINE,
    Behaviour,
    ScriptedAsker,
    Truthful,
    answered,
    extraction,
    in_turn,
    inventing,
    prose,
    quoting_the_vendor,
    refused,
    response,
    truncated,
)
from headway_pipeline_tests.models import item as found

ASK = "it would be great if the export ran by itself every Monday"
CALL = call(
    "V: Thanks for joining, how was your month?",
    f"C: Mostly fine. To be honest {ASK}, my team does it by hand.",
    "V: You could pull the export from the settings page every single day.",
    "C: I am Rosa, by the way, write to rosa@buyer.example when it is there.",
)


def analyst(behaviour: Behaviour, **changes: object) -> LanguageModelAnalyst:
    asker = ScriptedAsker(behaviour)
    return LanguageModelAnalyst(asker, "anthropic", "m", b"key", **changes)  # type: ignore[arg-type]


def asked(by: LanguageModelAnalyst) -> list[LLMRequest]:
    assert isinstance(by.asker, ScriptedAsker)
    return by.asker.requests


def relevance(**changes: object) -> LLMResponse:
    return answered({"relevant": True, "confidence": 0.9, "reason": "names exports", "themes": []} | changes)


def sent(request: LLMRequest) -> int:
    return len(request.system) + len(request.user) + len(canonical(request.schema))


@pytest.mark.parametrize("minutes", [10, 30, 60, 240])
def test_relevance_costs_at_most_a_quarter_of_reading(minutes: int) -> None:
    transcript = synthetic_call(150 * minutes, seed=minutes)
    ten = themes(*(f"Theme {n}: what customers say of the part of the product numbered {n}" for n in range(10)))
    by = analyst(lambda request: relevance() if request.stage is Stage.RELEVANCE else answered(extraction()))
    by.judge_relevance(transcript, ten)
    by.extract(transcript)
    judged, *read = map(sent, asked(by))
    assert judged <= sum(read) / 4


def test_what_sounds_like_feedback_or_a_theme_is_in_the_excerpt_of_a_long_call() -> None:
    long = synthetic_call(20_000, seed=1, telling=0.0)
    planted = Segment(len(long.segments), "Rosa", Side.CUSTOMER, 0, 1, f"Well. To be honest {ASK}.")
    middle = len(long.segments) // 2
    segments = [*long.segments[:middle], planted, *long.segments[middle:]]
    transcript = Transcript(tuple(_renumbered(segments)))
    by = analyst(lambda _request: relevance())
    by.judge_relevance(transcript, themes("Exports"))
    assert ASK in asked(by)[0].user


def _renumbered(segments: list[Segment]) -> list[Segment]:
    return [
        Segment(index, one.speaker, one.side, one.start_ms, one.end_ms, one.text)
        for index, one in enumerate(segments)
    ]


@pytest.mark.parametrize(
    ("answer", "is_relevant"),
    [
        ({"relevant": True, "confidence": 0.1}, True),
        ({"relevant": False, "confidence": 0.95}, False),
        ({"relevant": False, "confidence": 0.5}, True),
    ],
)
def test_a_no_must_be_sure(answer: dict[str, object], is_relevant: bool) -> None:
    by = analyst(lambda _request: relevance(**answer))
    assert by.judge_relevance(CALL, themes("Exports")).is_relevant is is_relevant


def test_a_call_in_which_only_the_vendor_speaks_is_relevant_without_a_question() -> None:
    by = analyst(prose)
    judged = by.judge_relevance(call("V: Hello, this is a message."), themes("Exports"))
    assert (judged.is_relevant, asked(by)) == (True, [])


def test_themes_are_numbers_and_the_best_two_are_kept() -> None:
    one, two, three = themes("Billing", "Exports", "Search")
    named = [{"theme": number, "score": score} for number, score in (("3", 0.2), ("2", 0.9), ("9", 1.0), ("1", 0.4))]
    by = analyst(lambda _request: relevance(themes=named))
    best = by.judge_relevance(CALL, (three, one, two)).best
    assert [(score.theme_id, score.score) for score in best] == [(two.id, 0.9), (one.id, 0.4)]
    assert asked(by)[0].schema["properties"]["themes"]["items"]["properties"]["theme"]["enum"] == ["1", "2", "3"]


def test_the_order_of_themes_changes_no_question() -> None:
    """People drag themes about; that must not be paid for."""
    many = themes("Billing", "Exports", "Search")
    by = analyst(lambda _request: relevance())
    by.judge_relevance(CALL, many)
    by.judge_relevance(CALL, many[::-1])
    assert len({request.fingerprint for request in asked(by)}) == 1


def test_extraction_sees_numbers_and_sides_and_no_theme_no_name_and_no_title() -> None:
    by = analyst(lambda _request: answered(extraction()), names=("Rosa Diaz",))
    by.extract(CALL)
    (request,) = asked(by)
    assert "[1] C: Mostly fine." in request.user
    assert "[2] V: You could" in request.user
    assert "Rosa" not in request.user
    assert "buyer.example" not in request.user
    assert "[3] C: I am [PERSON_1], by the way, write to [EMAIL_1] when" in request.user


def test_quotes_with_placeholders_map_back_to_what_was_said() -> None:
    quote = "I am [PERSON_1], by the way, write to [EMAIL_1] when it is there"
    by = analyst(
        lambda _request: answered(extraction(found(3, quote, title="Tell [PERSON_1]"))), names=("Rosa Diaz",)
    )
    (kept,) = extract(by, CALL).items
    assert kept.evidence[0].quote == "I am Rosa, by the way, write to rosa@buyer.example when it is there"
    assert kept.title == "Tell Rosa"


def test_without_redaction_the_text_is_sent_as_it_is_and_is_another_question() -> None:
    bare, redacted = analyst(Truthful([]), is_redacting=False), analyst(Truthful([]))
    bare.extract(CALL)
    redacted.extract(CALL)
    assert "rosa@buyer.example" in asked(bare)[0].user
    assert asked(bare)[0].identity["redaction"] == "off"
    assert asked(bare)[0].fingerprint != asked(redacted)[0].fingerprint


def test_what_the_model_says_of_an_item_is_kept() -> None:
    told = found(
        1,
        ASK,
        type="pain_point",
        title="  Exports  by hand ",
        urgency="high",
        urgency_reason="renewal in March",
        sentiment="negative",
        sentiment_score=-0.5,
        origin="elicited",
    )
    by = analyst(lambda _request: answered(extraction(told) | {"call_sentiment_score": 0.25}))
    read = extract(by, CALL)
    (kept,) = read.items
    assert (kept.type, kept.title, kept.urgency) == (FeatureType.PAIN_POINT, "Exports by hand", Urgency.HIGH)
    assert (kept.urgency_reason, kept.origin, read.sentiment_score) == ("renewal in March", Origin.ELICITED, 0.25)
    assert kept.evidence[0].segment_index == 1
    assert read.usage.requests == 1


def test_an_answer_of_the_wrong_form_is_sent_back_once_with_what_is_wrong() -> None:
    bad = extraction(found(1, ASK, urgency="URGENT", confidence=95))
    by = analyst(in_turn(lambda _request: answered(bad), Truthful([ASK])))
    read = extract(by, CALL)
    assert len(read.items) == 1
    (objection,) = asked(by)[1].objections
    assert objection.answer == json.dumps(bad)
    assert "items.0.urgency: Input should be 'low', 'medium', 'high' or 'critical'" in objection.problem
    assert "items.0.confidence" in objection.problem
    assert read.usage.requests == 2


@pytest.mark.parametrize("behaviour", [prose, lambda _request: response(""), lambda _request: response("null")])
def test_an_answer_that_stays_unusable_costs_the_call_and_quotes_nothing(behaviour: Behaviour) -> None:
    by = analyst(behaviour)
    with pytest.raises(AnalysisError, match=r"anthropic:m answered twice in a form") as caught:
        by.extract(CALL)
    assert caught.value.usage.requests == 2
    assert "happy" not in str(caught.value)
    assert isinstance(by.asker, ScriptedAsker)
    assert len(by.asker.disowned) == 1


@pytest.mark.parametrize("stage", list(Stage))
def test_a_refusal_is_not_asked_about_again(stage: Stage) -> None:
    by = analyst(refused)
    questions: dict[Stage, Callable[[], object]] = {
        Stage.RELEVANCE: lambda: by.judge_relevance(CALL, themes("Exports")),
        Stage.EXTRACTION: lambda: by.extract(CALL),
        Stage.MATCHING: lambda: by.match([item("Exports")], themes("Exports")),
    }
    with pytest.raises(AnalysisError, match="refuses to answer"):
        questions[stage]()
    assert len(asked(by)) == 1


def test_a_truncated_answer_is_asked_for_in_halves_and_nothing_is_lost() -> None:
    asks = [f"it would help us a lot if the report number {n} had a filter" for n in range(40)]
    transcript = call(*(f"C: Honestly {ask}." for ask in asks))
    truth = Truthful(asks)
    by = analyst(lambda request: truncated(request) if len(truth.items(request)) > 12 else truth(request))
    assert {kept.evidence[0].quote for kept in extract(by, transcript).items} == set(asks)


def test_a_request_that_is_too_large_is_halved() -> None:
    asks = [f"it would help us a lot if the report number {n} had a filter" for n in range(40)]
    truth = Truthful(asks)

    def narrow(request: LLMRequest) -> LLMResponse:
        if len(LINE.findall(request.user)) > 15:
            raise RequestTooLargeError("too long", at=AskedModel("anthropic"))
        return truth(request)

    by = analyst(narrow)
    assert len(extract(by, call(*(f"C: Honestly {ask}." for ask in asks))).items) == 40


def test_a_call_whose_every_answer_is_truncated_is_given_up_after_a_few_halvings() -> None:
    by = analyst(truncated)
    with pytest.raises(AnalysisError, match="however short its parts"):
        by.extract(synthetic_call(3_000, seed=2))
    assert len(asked(by)) == 5


@pytest.mark.parametrize(("context_tokens", "requests"), [(200_000, 1), (None, 2), (32_000, 6), (8_000, 44)])
def test_a_planted_item_in_the_middle_of_a_four_hour_call_is_found_and_nothing_is_doubled(
    context_tokens: int | None, requests: int
) -> None:
    long = synthetic_call(36_000, seed=5, telling=0.0)
    at = {0: "first", len(long.segments) // 2: "middle", len(long.segments) - 1: "last"}
    asks = {place: f"it would help if the {word} step of the import could be undone" for place, word in at.items()}
    segments = [
        Segment(s.index, s.speaker, Side.CUSTOMER, s.start_ms, s.end_ms, f"{s.text} Honestly {asks[s.index]}.")
        if s.index in asks
        else s
        for s in long.segments
    ]
    by = analyst(Truthful(list(asks.values())), context_tokens=context_tokens)
    read = extract(by, Transcript(tuple(segments)))
    assert [kept.evidence[0].quote for kept in read.items] == [asks[place] for place in sorted(asks)]
    assert len(asked(by)) == requests
    assert all(request.max_output_tokens <= (context_tokens or 100_000) / 3 for request in asked(by))


def test_an_item_nobody_spoke_of_is_asked_about_once_then_refused_and_counted() -> None:
    by = analyst(inventing(Truthful([ASK])))
    read = extract(by, CALL)
    assert [kept.evidence[0].quote for kept in read.items] == [ASK]
    assert [refusal.reason for refusal in read.refused] == [RefusalReason.UNGROUNDED]
    assert len(asked(by)) == 2
    assert "dark mode" in asked(by)[1].objections[0].problem


def test_items_that_stood_keep_standing_when_the_second_answer_forgets_them() -> None:
    by = analyst(in_turn(inventing(Truthful([ASK])), lambda _request: answered(extraction())))
    read = extract(by, CALL)
    assert [kept.evidence[0].quote for kept in read.items] == [ASK]
    assert read.refused == ()


def test_what_only_the_vendor_said_is_dropped_with_that_reason_and_not_asked_about() -> None:
    by = analyst(quoting_the_vendor(Truthful([ASK])))
    read = extract(by, CALL)
    assert len(read.items) == 1
    assert {refusal.reason for refusal in read.refused} == {RefusalReason.VENDOR}
    assert len(asked(by)) == 1


def test_matching_answers_for_every_item_with_the_best_two_or_none() -> None:
    one, two = themes("Billing", "Exports")
    told = [
        {"item": 2, "first": "none", "first_score": 0.0, "second": "1", "second_score": 0.9},
        {"item": 1, "first": "2", "first_score": 0.8, "second": "1", "second_score": 0.3},
    ]
    by = analyst(lambda _request: answered({"matches": told}))
    scores = by.match([item("Schedule exports"), item("Dark mode")], (one, two)).scores
    assert [[(score.theme_id, score.score) for score in found] for found in scores] == [
        [(two.id, 0.8), (one.id, 0.3)],
        [(one.id, 0.45)],
    ]


def test_a_forgotten_item_is_asked_about_again() -> None:
    told = {"item": 1, "first": "1", "first_score": 0.8, "second": "none", "second_score": 0.0}
    both = {"matches": [told, told | {"item": 2}]}
    by = analyst(in_turn(lambda _request: answered({"matches": [told]}), lambda _request: answered(both)))
    assert len(by.match([item("Exports"), item("Imports")], themes("Exports")).scores) == 2
    assert "no match for the items [2]" in asked(by)[1].objections[0].problem


def test_many_items_are_asked_about_in_several_requests() -> None:
    by = analyst(Truthful([]))
    scores = by.match([item(f"Exports number {n}") for n in range(90)], themes("Exports")).scores
    assert len(asked(by)) == 3
    assert [len(found) for found in scores] == [1] * 90


def test_the_same_call_is_the_same_question_and_another_transcript_another() -> None:
    by = analyst(Truthful([]))
    for transcript in (CALL, CALL, call("C: something else entirely, and long enough")):
        by.extract(transcript)
    one, two, three = (request.fingerprint for request in asked(by))
    assert (one == two, one == three) == (True, False)


def test_the_version_is_that_of_the_instructions_and_their_form() -> None:
    assert analyst(prose, stages=(Stage.EXTRACTION,)).version == prompt_of(Stage.EXTRACTION).version
    assert analyst(prose).version == version_of(*Stage)
    assert len({prompt_of(stage).version for stage in Stage}) == 3
    assert analyst(prose).name == "anthropic:m"


def test_every_stage_has_its_file_of_instructions_and_no_file_is_left_over() -> None:
    assert {path.name for path in Path(FOLDER).iterdir()} == {f"{stage.value}.md" for stage in Stage}


@pytest.mark.parametrize("stage", list(Stage))
def test_schemas_are_of_the_strict_form(stage: Stage) -> None:
    """Every property required, none beside them, and no keyword that a provider does not take."""

    def walk(node: dict[str, object]) -> None:
        assert set(node) <= {"type", "enum", "items", "properties", "required", "additionalProperties"}
        if "properties" in node:
            properties = node["properties"]
            assert isinstance(properties, dict)
            assert node["required"] == list(properties)
            assert node["additionalProperties"] is False
            for part in properties.values():
                walk(part)
        if "items" in node:
            assert isinstance(node["items"], dict)
            walk(node["items"])

    walk(schema_of(FORMS[stage]))


def test_a_theme_with_a_long_description_does_not_crowd_out_the_call() -> None:
    by = analyst(lambda _request: relevance())
    by.judge_relevance(CALL, (Theme(uuid.UUID(int=1), "Exports", "very long " * 1_000),))
    assert len(asked(by)[0].user) < 2_000
