"""What one question over one set gave, and what measurements have in common."""

import random
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from headway_pipeline.evaluation.figures import SEED, Confusion, Figure
from headway_pipeline.model.errors import AnalysisError
from headway_pipeline.model.features import (
    Evidence,
    ExtractedFeature,
    FeatureType,
    Origin,
    Sentiment,
    Theme,
    Urgency,
)

__all__ = ["FAILED", "Measure", "as_item", "as_theme", "or_failed", "sample"]

Case = TypeVar("Case")
Answer = TypeVar("Answer")

#: What an analyst that raised is counted as having answered: always wrong.
FAILED = "failed"
#: Ids of themes made up for a measurement are derived from their names in here.
_NAMESPACE = uuid.UUID("5d1f0f52-7f0e-5f0a-9d5a-6c0a1a2f7e11")


@dataclass(frozen=True, slots=True)
class Measure:
    """An analyst's figures on one set.

    Attributes:
        question: "type", "relevance", "theme", "sentiment", "extraction", "quotes" or "sides".
        data: name of the set.
        cases: how many rows, pairs or calls were asked about.
        confusion: true against predicted labels, where the answers are labels.
        note: how the set was asked, one sentence.
    """

    question: str
    data: str
    cases: int
    figures: tuple[Figure, ...]
    note: str
    confusion: Confusion | None = None

    def figure(self, name: str) -> Figure:
        """The figure of that name; raises KeyError where there is none."""
        return {figure.name: figure for figure in self.figures}[name]


def sample(cases: Sequence[Case], limit: int | None) -> list[Case]:
    """All cases, or `limit` of them drawn the same way every time, in their order."""
    if limit is None or limit >= len(cases):
        return list(cases)
    drawn = random.Random(SEED).sample(range(len(cases)), limit)  # noqa: S311  # a sample, not a secret
    return [cases[at] for at in sorted(drawn)]


def or_failed(ask: Callable[[], Answer], failed: Answer) -> Answer:
    """What `ask` answers, or `failed` where the analyst could not."""
    try:
        return ask()
    except AnalysisError:
        return failed


def as_theme(name: str, description: str = "") -> Theme:
    """A theme of that name, with the same id every time."""
    return Theme(uuid.uuid5(_NAMESPACE, name), name, description)


def as_item(text: str) -> ExtractedFeature:
    """A labelled text as an item to be matched: its title, description and quote are the text."""
    return ExtractedFeature(
        type=FeatureType.FEATURE_REQUEST,
        title=text[:90],
        description=text,
        urgency=Urgency.LOW,
        urgency_reason="",
        sentiment=Sentiment.NEUTRAL,
        sentiment_score=0.0,
        confidence=1.0,
        origin=Origin.VOLUNTEERED,
        evidence=(Evidence(0, 0, len(text), text),),
    )
