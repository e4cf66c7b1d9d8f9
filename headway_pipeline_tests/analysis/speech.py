"""Short ways to write a call, and an analyst that answers from a script."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from headway_pipeline.analysis.contract import Candidate, Matches, Quote, Reading, Relevance
from headway_pipeline.model.calls import Segment, Side, Transcript
from headway_pipeline.model.features import (
    Evidence,
    ExtractedFeature,
    FeatureType,
    Origin,
    Sentiment,
    Theme,
    ThemeScore,
    Urgency,
)

SIDES = {"C": Side.CUSTOMER, "V": Side.VENDOR, "U": Side.UNKNOWN}


def call(*said: str) -> Transcript:
    """A call from lines such as "C: We need this." (C customer, V vendor, U unknown)."""
    return Transcript(tuple(_segment(index, line) for index, line in enumerate(said)))


def _segment(index: int, line: str) -> Segment:
    side, _, text = line.partition(": ")
    return Segment(index, None, SIDES[side], index * 10_000, index * 10_000 + 9_000, text)


def candidate(
    title: str, *quotes: tuple[int, str], urgency: Urgency = Urgency.LOW, confidence: float = 0.8
) -> Candidate:
    """A feature request resting on `quotes` (segment index, words)."""
    return Candidate(
        type=FeatureType.FEATURE_REQUEST,
        title=title,
        description=f"{title}.",
        urgency=urgency,
        urgency_reason="" if urgency is Urgency.LOW else f"why {title}",
        sentiment=Sentiment.NEUTRAL,
        sentiment_score=0.0,
        confidence=confidence,
        origin=Origin.VOLUNTEERED,
        quotes=tuple(Quote(index, text) for index, text in quotes),
    )


def item(title: str) -> ExtractedFeature:
    """A feature request whose evidence is its title."""
    return ExtractedFeature(
        type=FeatureType.FEATURE_REQUEST,
        title=title,
        description=title,
        urgency=Urgency.LOW,
        urgency_reason="",
        sentiment=Sentiment.NEUTRAL,
        sentiment_score=0.0,
        confidence=0.8,
        origin=Origin.VOLUNTEERED,
        evidence=(Evidence(0, 0, len(title), title),),
    )


def themes(*names: str) -> tuple[Theme, ...]:
    """Themes with ids 1, 2, ...; a description may follow a colon."""
    parts = [name.partition(": ") for name in names]
    return tuple(Theme(uuid.UUID(int=n), name, said) for n, (name, _, said) in enumerate(parts, start=1))


@dataclass(frozen=True, slots=True)
class ScriptedAnalyst:
    """Answers what it is told to."""

    candidates: tuple[Candidate, ...] = ()
    scores: Sequence[tuple[ThemeScore, ...]] = ()
    sentiment_score: float = 0.0
    name: str = "scripted"
    version: str = "1"

    def judge_relevance(self, transcript: Transcript, themes: Sequence[Theme]) -> Relevance:
        return Relevance(True, 1.0, "scripted")

    def extract(self, transcript: Transcript) -> Reading:
        return Reading(self.candidates, Sentiment.NEUTRAL, self.sentiment_score)

    def match(self, items: Sequence[ExtractedFeature], themes: Sequence[Theme]) -> Matches:
        return Matches(tuple(self.scores))
