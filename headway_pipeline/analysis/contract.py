"""The contract every analyst keeps, be it the offline rules or a language model.

Three questions, each its own stage: is the call about any theme, what did the customer ask for or suffer from,
and which theme does each item belong to. An analyst proposes; code grounds every quote (`grounding.py`) and
decides what is filed (`matching.py`). An analyst is deterministic, or its answers are stored.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from headway_pipeline.model.calls import Transcript
from headway_pipeline.model.features import (
    ExtractedFeature,
    FeatureType,
    Origin,
    Sentiment,
    Theme,
    ThemeScore,
    Urgency,
)
from headway_pipeline.model.usage import Usage

__all__ = ["Analyst", "Candidate", "Matches", "Quote", "Reading", "Relevance"]


@dataclass(frozen=True, slots=True)
class Relevance:
    """Whether a call bears on any of the workspace's themes.

    Attributes:
        confidence: 0 to 1, that `is_relevant` is right.
        best: the best themes with their scores, best first.
    """

    is_relevant: bool
    confidence: float
    reason: str
    best: tuple[ThemeScore, ...] = ()
    usage: Usage = field(default_factory=Usage)


@dataclass(frozen=True, slots=True)
class Quote:
    """Words an analyst says were said in the segment `segment_index`; not yet believed."""

    segment_index: int
    text: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """An item an analyst proposes; becomes an `ExtractedFeature` once a quote of it is grounded."""

    type: FeatureType
    title: str
    description: str
    urgency: Urgency
    urgency_reason: str
    sentiment: Sentiment
    sentiment_score: float
    confidence: float
    origin: Origin
    quotes: tuple[Quote, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """What an analyst found in one call, and the tone of the call as a whole.

    Attributes:
        unread: turns that read like instructions to a machine and could not be read apart.
    """

    candidates: tuple[Candidate, ...]
    sentiment: Sentiment
    sentiment_score: float
    usage: Usage = field(default_factory=Usage)
    unread: int = 0


@dataclass(frozen=True, slots=True)
class Matches:
    """How well items fit themes.

    Attributes:
        scores: for each item, in the items' order, the best two themes, best first.
    """

    scores: tuple[tuple[ThemeScore, ...], ...]
    usage: Usage = field(default_factory=Usage)


class Analyst(Protocol):
    """Judges relevance, extracts and matches."""

    @property
    def name(self) -> str:
        """Who read the call, stored with every row: "offline", "anthropic:claude-haiku-5-5", ..."""
        ...

    @property
    def version(self) -> str:
        """Changes whenever the same call could be read differently; stored with every row."""
        ...

    def judge_relevance(self, transcript: Transcript, themes: Sequence[Theme]) -> Relevance:
        """Is this call about any of `themes` (at least one)? In doubt, relevant.

        Raises:
            AnalysisError: the call could not be judged.
        """
        ...

    def extract(self, transcript: Transcript) -> Reading:
        """The requests, bugs and pain points of the call's customers; knows nothing of themes.

        Raises:
            AnalysisError: the call could not be read.
        """
        ...

    def match(self, items: Sequence[ExtractedFeature], themes: Sequence[Theme]) -> Matches:
        """For each item, the best two themes with scores 0 to 1, best first.

        Raises:
            AnalysisError: the items could not be matched.
        """
        ...
