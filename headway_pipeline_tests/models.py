"""A language model that answers from the truth it was told, and the ways in which models go wrong."""

import json
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from headway_pipeline.analysis.language_model import Answer
from headway_pipeline.llm.contract import (
    Access,
    LLMRequest,
    LLMResponse,
    LLMUsage,
    Provider,
    Stage,
    Stop,
)
from headway_pipeline.model.usage import Usage

LINE = re.compile(r"^\[(\d+)\] ([CVU]): (.*)$", re.MULTILINE)
THEME = re.compile(r"^(\d+)\. (.+)$", re.MULTILINE)
ITEM = re.compile(r"^\[(\d+)\] (\w+): (.+)$", re.MULTILINE)
MODEL = "claude-haiku-5-5"

Behaviour = Callable[[LLMRequest], LLMResponse]


def response(text: str, stop: Stop = Stop.END, *, model: str = MODEL) -> LLMResponse:
    """An answer with plausible usage."""
    return LLMResponse(text, stop, LLMUsage(1_000, max(len(text) // 3, 1)), model, "req-1", 20)


def answered(value: Any) -> LLMResponse:
    """An answer that is this value as JSON."""
    return response(json.dumps(value, ensure_ascii=False))


def item(segment: int, quote: str, **changes: Any) -> dict[str, Any]:
    """An extracted item resting on one quote."""
    return {
        "type": "feature_request",
        "title": quote[:60],
        "description": f"The customer says: {quote[:80]}",
        "urgency": "low",
        "urgency_reason": "",
        "sentiment": "neutral",
        "sentiment_score": 0.0,
        "confidence": 0.9,
        "origin": "volunteered",
        "evidence": [{"segment": segment, "quote": quote}],
    } | changes


def extraction(*items: dict[str, Any]) -> dict[str, Any]:
    """An extraction answer."""
    return {"items": list(items), "call_sentiment": "neutral", "call_sentiment_score": 0.0}


@dataclass
class Truthful:
    """Finds what was planted, and files it under the theme whose first word it holds.

    Attributes:
        planted: passages that are feedback, word for word.
    """

    planted: Sequence[str]

    def __call__(self, request: LLMRequest) -> LLMResponse:
        match request.stage:
            case Stage.RELEVANCE:
                is_relevant = any(words in request.user for words in self.planted)
                confidence = 0.95
                return answered(
                    {"relevant": is_relevant, "confidence": confidence, "reason": "as planted", "themes": []}
                )
            case Stage.EXTRACTION:
                return answered(extraction(*self.items(request)))
            case Stage.MATCHING:
                return answered({"matches": self.matches(request)})

    def items(self, request: LLMRequest) -> list[dict[str, Any]]:
        return [
            item(int(number), words)
            for number, side, text in LINE.findall(request.user)
            for words in self.planted
            if side != "V" and words in text
        ]

    def matches(self, request: LLMRequest) -> list[dict[str, Any]]:
        listed, _, items = request.user.partition("Items:")
        themes = {number: words.split(":")[0].split()[0].lower()[:5] for number, words in THEME.findall(listed)}
        found = []
        for block in re.split(r"\n(?=\[\d+\] \w+:)", items):
            head = ITEM.search(block)
            if head is None:
                continue
            first = next((number for number, word in themes.items() if word in block.lower()), "none")
            score = 0.0 if first == "none" else 0.9
            found.append(
                {"item": int(head[1]), "first": first, "first_score": score, "second": "none", "second_score": 0.0}
            )
        return found


class ScriptedModel(Provider):
    """Behaves as it is told to, and remembers every request. Stands in for any provider."""

    name: ClassVar[str] = "anthropic"
    label: ClassVar[str] = "Scripted"
    key_variable: ClassVar[str] = "SCRIPTED_KEY"
    url_variable: ClassVar[str] = "SCRIPTED_URL"
    default_model: ClassVar[str | None] = MODEL
    price_list: ClassVar[str | None] = "anthropic"

    def __init__(self, behaviour: Behaviour) -> None:
        super().__init__(Access(""))
        self.behaviour = behaviour
        self.requests: list[LLMRequest] = []
        self.is_closed = False
        self._lock = threading.Lock()

    def complete(self, request: LLMRequest) -> LLMResponse:
        with self._lock:
            self.requests.append(request)
        return self.behaviour(request)

    def count_tokens(self, request: LLMRequest) -> int | None:
        return None

    def context_tokens(self, model: str) -> int | None:
        return 200_000

    def close(self) -> None:
        self.is_closed = True

    def asked(self, stage: Stage) -> int:
        """How many requests of a stage there were."""
        return sum(request.stage is stage for request in self.requests)


@dataclass
class ScriptedAsker:
    """An asker over a behaviour, without a store."""

    behaviour: Behaviour
    requests: list[LLMRequest] = field(default_factory=list)
    disowned: list[str] = field(default_factory=list)

    def ask(self, request: LLMRequest) -> Answer:
        self.requests.append(request)
        return Answer(
            self.behaviour(request), Usage(requests=1, input_tokens=1_000, output_tokens=10, cost_usd=0.001)
        )

    def disown(self, request: LLMRequest, why: str) -> None:
        self.disowned.append(why)


def at(stage: Stage, changed: Behaviour, otherwise: Behaviour) -> Behaviour:
    """One behaviour at a stage, another at the others."""
    return lambda request: (changed if request.stage is stage else otherwise)(request)


def in_turn(*behaviours: Behaviour) -> Behaviour:
    """One behaviour after the other; the last one stays."""
    left = list(behaviours)
    return lambda request: (left.pop(0) if len(left) > 1 else left[0])(request)


def prose(_request: LLMRequest) -> LLMResponse:
    return response("Sure! Here is what I found on this call: the customer seems happy.")


def truncated(_request: LLMRequest) -> LLMResponse:
    return response('{"items": [{"type": "feature_req', Stop.TRUNCATED)


def refused(_request: LLMRequest) -> LLMResponse:
    return response("", Stop.REFUSED)


def inventing(truth: Behaviour) -> Behaviour:
    """Adds an item whose quote nobody said."""

    def behave(request: LLMRequest) -> LLMResponse:
        said = json.loads(truth(request).text)
        if request.stage is Stage.EXTRACTION:
            said["items"].append(item(0, "we would pay double for a dark mode in the mobile application"))
        return answered(said)

    return behave


def quoting_the_vendor(truth: Behaviour) -> Behaviour:
    """Adds an item for every line of the vendor."""

    def behave(request: LLMRequest) -> LLMResponse:
        said = json.loads(truth(request).text)
        if request.stage is Stage.EXTRACTION:
            lines = LINE.findall(request.user)
            said["items"] += [item(int(number), text) for number, side, text in lines if side == "V"]
        return answered(said)

    return behave


def misnumbering(truth: Behaviour) -> Behaviour:
    """Names wrong lines, items and themes."""

    def behave(request: LLMRequest) -> LLMResponse:
        said = json.loads(truth(request).text)
        for found in said.get("items", []):
            for quote in found["evidence"]:
                quote["segment"] += 1_000
        for found in said.get("matches", []):
            found |= {"first": "99", "second": "none"}
        said |= {"themes": [{"theme": "99", "score": 1.0}]} if "themes" in said else {}
        return answered(said)

    return behave


def editing_quotes(truth: Behaviour) -> Behaviour:
    """Mends what people said, as models like to."""

    def behave(request: LLMRequest) -> LLMResponse:
        said = json.loads(truth(request).text)
        for found in said.get("items", []):
            for quote in found["evidence"]:
                quote["quote"] = quote["quote"].replace("it would", "It'd").upper() + " ... indeed"
        return answered(said)

    return behave


def out_of_range(truth: Behaviour) -> Behaviour:
    """Percent instead of shares, words that are none of the enum."""

    def behave(request: LLMRequest) -> LLMResponse:
        said = json.loads(truth(request).text)
        said |= {"confidence": 95} if "confidence" in said else {}
        for found in said.get("items", []):
            found |= {"confidence": 95, "urgency": "URGENT!!"}
        for found in said.get("matches", []):
            found |= {"first_score": 90}
        return answered(said)

    return behave


def without_usage(truth: Behaviour) -> Behaviour:
    """As compatible servers do."""
    return lambda request: replace(truth(request), usage=LLMUsage())


MISBEHAVIOURS: dict[str, Callable[[Behaviour], Behaviour]] = {
    "prose": lambda _truth: prose,
    "truncation": lambda _truth: truncated,
    "refusal": lambda _truth: refused,
    "invented quotes": inventing,
    "the vendor's words": quoting_the_vendor,
    "wrong numbers": misnumbering,
    "edited quotes": editing_quotes,
    "out of range": out_of_range,
    "no usage": without_usage,
    "empty text": lambda _truth: lambda _request: response(""),
    "null": lambda _truth: lambda _request: response("null"),
    "a list": lambda _truth: lambda _request: response("[1, 2]"),
}
