"""What is found in calls: extracted features, their evidence, themes and filings."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from headway_pipeline.model.identity import content_hash

__all__ = [
    "Evidence",
    "ExtractedFeature",
    "FeatureType",
    "Filing",
    "Origin",
    "Sentiment",
    "Theme",
    "ThemeScore",
    "Urgency",
    "read_by",
    "shared_characters",
    "themes_hash",
]


class FeatureType(StrEnum):
    """The three kinds of feedback that are extracted."""

    FEATURE_REQUEST = "feature_request"
    BUG_REPORT = "bug_report"
    PAIN_POINT = "pain_point"


class Urgency(StrEnum):
    """How pressing the customer says it is; rests on a stated reason, never on tone."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class Sentiment(StrEnum):
    """The tone of an item or of a whole call."""

    POSITIVE = "positive"
    NEUTRAL = "neutral"
    NEGATIVE = "negative"
    MIXED = "mixed"


class Origin(StrEnum):
    """Whether the customer brought it up or agreed to what the vendor proposed."""

    VOLUNTEERED = "volunteered"
    ELICITED = "elicited"


@dataclass(frozen=True, slots=True)
class Evidence:
    """A span of one segment: `quote == segments[segment_index].text[char_start:char_end]`, in code points."""

    segment_index: int
    char_start: int
    char_end: int
    quote: str


#: Spans that share this much of the shorter one are about the same words.
SAME_WORDS = 0.5


def shared_characters(one: Evidence, other: Evidence) -> int:
    """How many characters two spans have in common; 0 where they are not about the same words."""
    if one.segment_index != other.segment_index:
        return 0
    shared = min(one.char_end, other.char_end) - max(one.char_start, other.char_start)
    shorter = min(len(one.quote), len(other.quote))
    return shared if shared >= SAME_WORDS * shorter and shared > 0 else 0


@dataclass(frozen=True, slots=True)
class ExtractedFeature:
    """One thing a customer asked for, reported or suffers from; theme-free, never without evidence.

    Attributes:
        urgency_reason: the customer's stated reason for the urgency, or "".
        sentiment_score: -1 (negative) to 1 (positive).
        confidence: the analyst's, 0 to 1.
    """

    type: FeatureType
    title: str
    description: str
    urgency: Urgency
    urgency_reason: str
    sentiment: Sentiment
    sentiment_score: float
    confidence: float
    origin: Origin
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Theme:
    """What a workspace wants feedback filed under."""

    id: UUID
    name: str
    description: str = ""


def themes_hash(themes: tuple[Theme, ...]) -> str:
    """Identity of a workspace's set of themes, whatever their order."""
    return content_hash(sorted([str(theme.id), theme.name, theme.description] for theme in themes))


def read_by(analyst: str, analyst_version: str) -> str:
    """How a call names who read it and who filed its items."""
    return f"{analyst} {analyst_version}"


@dataclass(frozen=True, slots=True)
class ThemeScore:
    """How well something fits a theme, 0 to 1."""

    theme_id: UUID
    score: float


@dataclass(frozen=True, slots=True)
class Filing:
    """Where an extracted feature goes: under `theme_id`, or in the inbox when that is None.

    Attributes:
        best: the best two themes with their scores, best first; fewer where the workspace has fewer.
    """

    theme_id: UUID | None
    best: tuple[ThemeScore, ...]
