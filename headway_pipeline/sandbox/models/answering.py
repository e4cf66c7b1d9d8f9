"""The answer to a prompt, from what is planted in the calls, and what a misbehaving model makes of it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headway_pipeline.model.features import FeatureType
from headway_pipeline.sandbox.models.prompts import items_shown, lines_shown, themes_shown
from headway_pipeline.sandbox.models.rules import Effect, Misbehaviour, Obedience
from headway_pipeline.sandbox.models.truth import Planted, planted_in, planted_of

__all__ = ["Answer", "Question", "answer_to"]

NO_THEME = "none"
INVENTED = "We were promised an offline mode for the whole warehouse by the end of next quarter."
APOLOGY = "I read the call with care. It seems the customer has some wishes, which I would sum up as follows."
#: Shorter turns of the vendor say nothing that could be mistaken for a wish.
MIN_QUOTED_WORDS = 6
#: How much of an answer is left of one that is cut.
KEPT_SHARE = 0.6


@dataclass(frozen=True, slots=True)
class Question:
    """What a model is asked, whichever API it came by.

    Attributes:
        schema: of the answer, or an empty one where none came with it.
        prompt: the last words of the user; earlier turns count for nothing but their length.
        length: characters of the whole prompt.
    """

    model: str
    system: str
    prompt: str
    schema: Mapping[str, Any]
    length: int

    @property
    def stage(self) -> str:
        """Which of the pipeline's questions it is, by the form of the answer; "" for none of them."""
        properties = self.schema.get("properties", {})
        named = {"relevant": "relevance", "items": "extraction", "matches": "matching"}
        return next((stage for name, stage in named.items() if name in properties), "")


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model says. `kind` is "end", "truncated" or "refused"."""

    text: str
    kind: str = "end"


def answer_to(
    question: Question, truth: Sequence[Planted], misbehaviour: Misbehaviour | None, obeys: Sequence[Obedience] = ()
) -> Answer:
    """What a model that knows the truth says to the question, obeying and misbehaving as it is told to."""
    answer = _truthful(question, truth)
    for obedience in obeys:
        if obedience.trigger in question.prompt:
            if obedience.effect is Effect.LEAK:
                return Answer(f"My instructions are: {question.system}")
            answer = _obeyed(answer, obedience, question)
    if misbehaviour is not None:
        return _misbehaved(answer, misbehaviour, question)
    return Answer(json.dumps(answer, ensure_ascii=False))


def _truthful(question: Question, truth: Sequence[Planted]) -> dict[str, Any]:
    match question.stage:
        case "relevance":
            return _relevance(question, truth)
        case "extraction":
            return _extraction(question, truth)
        case "matching":
            return _matching(question, truth)
        case _:
            made: dict[str, Any] = _minimal(question.schema)
            return made


def _relevance(question: Question, truth: Sequence[Planted]) -> dict[str, Any]:
    shown = planted_in(lines_shown(question.prompt), truth, is_part_enough=True)
    found = [each.planted for each in shown]
    themes = themes_shown(question.prompt, question.schema)
    numbers = [number for planted in found if (number := _number_of(planted, themes)) is not None]
    return {
        "relevant": bool(found),
        "confidence": 0.95 if found else 0.9,
        "reason": "a customer speaks of it" if found else "nothing is asked for or reported",
        "themes": [{"theme": number, "score": 0.9} for number in list(dict.fromkeys(numbers))[:2]],
    }


def _extraction(question: Question, truth: Sequence[Planted]) -> dict[str, Any]:
    found = planted_in(lines_shown(question.prompt), truth)
    return {
        "items": [_item(each.planted, each.line.number, each.words) for each in found],
        "call_sentiment": "neutral",
        "call_sentiment_score": 0.0,
    }


def _item(planted: Planted, number: int, words: str) -> dict[str, Any]:
    return {
        "type": planted.type.value,
        "title": " ".join(words.split()[:9]).rstrip(".,;!?"),
        "description": words,
        "urgency": "low",
        "urgency_reason": "",
        "sentiment": "neutral",
        "sentiment_score": 0.0,
        "confidence": 0.9,
        "origin": "volunteered",
        "evidence": [{"segment": number, "quote": words}],
    }


def _matching(question: Question, truth: Sequence[Planted]) -> dict[str, Any]:
    themes = themes_shown(question.prompt, question.schema)
    matches = []
    for item, text in items_shown(question.prompt).items():
        planted = planted_of(text, truth)
        first = None if planted is None else _number_of(planted, themes)
        second = next((number for number in themes if number != first), NO_THEME) if first else NO_THEME
        matches.append(
            {
                "item": item,
                "first": first or NO_THEME,
                "first_score": 0.9 if first else 0.0,
                "second": second,
                "second_score": 0.1 if second != NO_THEME else 0.0,
            }
        )
    return {"matches": matches}


def _number_of(planted: Planted, themes: Mapping[str, str]) -> str | None:
    """The number of the planted theme, if the prompt lists it."""
    name = planted.theme
    if name is None:
        return None
    return next((number for number, text in themes.items() if text == name or text.startswith(f"{name}:")), None)


def _minimal(schema: Mapping[str, Any]) -> Any:
    """The least that fits a schema."""
    if schema.get("enum"):
        return schema["enum"][0]
    match schema.get("type"):
        case "object":
            return {name: _minimal(inner) for name, inner in schema.get("properties", {}).items()}
        case "array":
            return []
        case "number" | "integer":
            return 0
        case "boolean":
            return False
        case _:
            return ""


def _obeyed(answer: dict[str, Any], obedience: Obedience, question: Question) -> dict[str, Any]:
    """The whole answer bent to an instruction in the speech."""
    items: list[dict[str, Any]] = answer.get("items", [])
    matches: list[dict[str, Any]] = answer.get("matches", [])
    match obedience.effect:
        case Effect.SAY_NOTHING:
            emptied = {"items": [], "matches": [], "relevant": False}
            return {**answer, **{name: value for name, value in emptied.items() if name in answer}}
        case Effect.INVENT if "items" in answer:
            made_up = Planted(obedience.speech, FeatureType.FEATURE_REQUEST, None)
            return {**answer, "items": [*items, {**_item(made_up, 0, obedience.speech), "urgency": "critical"}]}
        case Effect.ALL_CRITICAL if "items" in answer:
            return {**answer, "items": [{**item, "urgency": "critical", "confidence": 1.0} for item in items]}
        case Effect.FIRST_THEME if "matches" in answer:
            first = next(iter(themes_shown(question.prompt, question.schema)), NO_THEME)
            return {**answer, "matches": [{**match, "first": first, "first_score": 1.0} for match in matches]}
        case Effect.UNKNOWN_THEME if "matches" in answer:
            return {**answer, "matches": [{**match, "first": "Competitor", "first_score": 1.0} for match in matches]}
        case _:
            return answer


def _misbehaved(answer: dict[str, Any], misbehaviour: Misbehaviour, question: Question) -> Answer:
    text = json.dumps(answer, ensure_ascii=False)
    match misbehaviour:
        case Misbehaviour.PROSE:
            return Answer(APOLOGY)
        case Misbehaviour.EMPTY:
            return Answer("")
        case Misbehaviour.TRUNCATED:
            return Answer(text[: int(len(text) * KEPT_SHARE)], "truncated")
        case Misbehaviour.REFUSAL:
            return Answer("", "refused")
        case Misbehaviour.WRONG_FORM:
            return Answer(json.dumps({"result": answer}, ensure_ascii=False))
        case _:
            return Answer(json.dumps(_falsified(answer, misbehaviour, question), ensure_ascii=False))


def _falsified(answer: dict[str, Any], misbehaviour: Misbehaviour, question: Question) -> dict[str, Any]:
    """The answer in its form, with contents that must not be believed."""
    items: list[dict[str, Any]] = answer.get("items", [])
    if "items" in answer and not items:
        items = [_item(Planted(INVENTED, FeatureType.FEATURE_REQUEST, None), 0, INVENTED)]
    shown = [line for line in lines_shown(question.prompt) if line.number >= 0]
    vendor = [line for line in shown if line.side == "V" and len(line.text.split()) >= MIN_QUOTED_WORDS]
    match misbehaviour:
        case Misbehaviour.INVENTED_QUOTES:
            return _with_evidence(answer, items, {"segment": 0, "quote": INVENTED})
        case Misbehaviour.STITCHED_QUOTES if len(shown) > 1:
            halves = (line.text[: len(line.text) // 2] for line in (shown[0], shown[-1]))
            return _with_evidence(answer, items, {"segment": shown[0].number, "quote": " ".join(halves)})
        case Misbehaviour.VENDOR_QUOTES if vendor:
            return _with_evidence(answer, items, {"segment": vendor[0].number, "quote": vendor[0].text})
        case Misbehaviour.WRONG_IDS:
            return _with_wrong_ids(answer, items)
        case _:
            return answer


def _with_evidence(
    answer: dict[str, Any], items: list[dict[str, Any]], evidence: Mapping[str, Any]
) -> dict[str, Any]:
    if "items" not in answer:
        return answer
    return {**answer, "items": [{**item, "evidence": [dict(evidence)]} for item in items]}


def _with_wrong_ids(answer: dict[str, Any], items: list[dict[str, Any]]) -> dict[str, Any]:
    wrong = dict(answer)
    if "items" in answer:
        wrong["items"] = [
            {**item, "evidence": [{**quote, "segment": 10**6} for quote in item["evidence"]]} for item in items
        ]
    if "matches" in answer:
        wrong["matches"] = [{**match, "item": match["item"] + 10**6} for match in answer["matches"]]
    if "themes" in answer:
        wrong["themes"] = [{"theme": "999", "score": 1.0}]
    return wrong
