"""The forms of a model's answers: as a JSON Schema that is sent, and as types that what comes back must fit.

Providers enforce the outline of a schema at best (Anthropic moves limits into descriptions, others ignore them), so
lengths and ranges are checked here, and the schema sent holds only what every provider takes.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from headway_pipeline.model.features import FeatureType, Origin, Sentiment, Urgency

__all__ = [
    "NO_THEME",
    "ExtractionAnswer",
    "ItemAnswer",
    "MatchAnswer",
    "MatchingAnswer",
    "RelevanceAnswer",
    "UnusableAnswerError",
    "canonical",
    "read_answer",
    "schema_of",
]

NO_THEME = "none"
MOST_ITEMS = 80
MOST_QUOTES = 12
_MOST_PROBLEMS = 8

Form = TypeVar("Form", bound=BaseModel)


class UnusableAnswerError(ValueError):
    """The answer does not fit its form. Its words quote the answer: they are for the model alone."""


def _clipped(most: int) -> BeforeValidator:
    """Text may be long-winded; that is no reason to lose what it says."""
    return BeforeValidator(lambda text: " ".join(text.split())[:most].strip() if isinstance(text, str) else text)


Title = Annotated[str, _clipped(160), Field(min_length=1)]
Words = Annotated[str, _clipped(1_500)]
Reason = Annotated[str, _clipped(400)]
Spoken = Annotated[str, _clipped(4_000)]
Share = Annotated[float, Field(ge=0, le=1)]
Tone = Annotated[float, Field(ge=-1, le=1)]


class _Form(BaseModel):
    # Servers without structured output add keys of their own.
    model_config = ConfigDict(extra="ignore", frozen=True)


class ThemeAnswer(_Form):
    """A theme by its number in the request."""

    theme: str
    score: Share


class RelevanceAnswer(_Form):
    """Is the call about any theme?"""

    relevant: bool
    confidence: Share
    reason: Reason
    themes: list[ThemeAnswer] = Field(max_length=10)


class QuoteAnswer(_Form):
    """Words said to stand in a line."""

    segment: int
    quote: Spoken


class ItemAnswer(_Form):
    """One request, bug or pain point."""

    type: FeatureType
    title: Title
    description: Words
    urgency: Urgency
    urgency_reason: Reason
    sentiment: Sentiment
    sentiment_score: Tone
    confidence: Share
    origin: Origin
    evidence: list[QuoteAnswer] = Field(max_length=MOST_QUOTES)


class ExtractionAnswer(_Form):
    """What a call holds."""

    items: list[ItemAnswer] = Field(max_length=MOST_ITEMS)
    call_sentiment: Sentiment
    call_sentiment_score: Tone


class MatchAnswer(_Form):
    """Where one item belongs."""

    item: int
    first: str
    first_score: Share
    second: str
    second_score: Share


class MatchingAnswer(_Form):
    """Where the items belong."""

    matches: list[MatchAnswer] = Field(max_length=4 * MOST_ITEMS)


def schema_of(form: type[BaseModel], enums: Mapping[str, Sequence[str]] | None = None) -> dict[str, Any]:
    """The form as JSON Schema in the strict form that providers ask for.

    Args:
        enums: words that the properties of these names may take in this request.
    """
    full = form.model_json_schema()
    return _strict(full, full.get("$defs", {}), enums or {})


def _strict(
    node: Mapping[str, Any], definitions: Mapping[str, Any], enums: Mapping[str, Sequence[str]]
) -> dict[str, Any]:
    if "$ref" in node:
        node = definitions[node["$ref"].rsplit("/", 1)[-1]]
    kept = {word: node[word] for word in ("type", "enum") if word in node}
    if "items" in node:
        kept["items"] = _strict(node["items"], definitions, enums)
    if "properties" in node:
        kept["properties"] = {
            name: {"type": "string", "enum": list(enums[name])}
            if name in enums
            else _strict(part, definitions, enums)
            for name, part in node["properties"].items()
        }
        kept["required"] = list(node["properties"])
        kept["additionalProperties"] = False
    return kept


def read_answer(form: type[Form], text: str) -> Form:
    """What the model answered, checked.

    Raises:
        UnusableAnswerError: it is no JSON of this form.
    """
    try:
        return form.model_validate_json(text)
    except ValidationError as error:
        problems = [
            f"{'.'.join(map(str, problem['loc'])) or 'the answer'}: {problem['msg']}"
            for problem in error.errors(include_url=False, include_context=False, include_input=False)
        ]
        left = f"; and {len(problems) - _MOST_PROBLEMS} more" if len(problems) > _MOST_PROBLEMS else ""
        raise UnusableAnswerError("; ".join(problems[:_MOST_PROBLEMS]) + left) from None


def canonical(schema: Mapping[str, Any]) -> str:
    """The schema as text, for its length and its hash."""
    return json.dumps(schema, sort_keys=True, separators=(",", ":"))
