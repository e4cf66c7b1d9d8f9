"""Sentences and utterances: what type of feedback they are, whether they state a requirement, their tone."""

from collections.abc import Iterator, Sequence
from functools import partial

from headway_pipeline.analysis.contract import Analyst
from headway_pipeline.analysis.extraction import extract
from headway_pipeline.evaluation.figures import Confusion, Figure
from headway_pipeline.evaluation.labelled import DataFolder, spoken, texts_and_labels
from headway_pipeline.evaluation.measure import FAILED, Measure, or_failed, sample
from headway_pipeline.model.calls import Segment, Side, Transcript
from headway_pipeline.model.features import FeatureType, Sentiment

__all__ = ["requirements", "sentiments", "types"]

OTHER = "other"
TYPES = (*(kind.value for kind in FeatureType), OTHER)
TONES = ("positive", "neutral", "negative")
REQUIREMENT, NO_REQUIREMENT = "requirement", "none"
#: A score nearer to 0 than this has no sign.
_SIGNLESS = 0.05


def types(analyst: Analyst, data: DataFolder, limit: int | None) -> Iterator[Measure]:
    """Each sentence is a call of one customer's utterance; its type is that of the surest item kept."""
    for name, rows in data.sets("feedback_type_"):
        labelled = sample(texts_and_labels(name, rows), limit)
        pairs = [(label, or_failed(partial(_type_of, analyst, text), FAILED)) for text, label in labelled]
        confusion = Confusion(pairs, TYPES)
        yield Measure(
            "type",
            name,
            len(pairs),
            (
                *(
                    figure
                    for kind in (FeatureType.BUG_REPORT, FeatureType.FEATURE_REQUEST)
                    for figure in _figures(confusion, kind.value)
                ),
                confusion.macro_f1([kind for kind in TYPES if any(label == kind for label, _ in pairs)]),
            ),
            "a sentence is a call of its own; its type is that of the surest item kept, or other",
            confusion,
        )


def _type_of(analyst: Analyst, text: str) -> str:
    items = extract(analyst, spoken(text)).items
    return max(items, key=lambda item: item.confidence).type.value if items else OTHER


def _figures(confusion: Confusion, label: str) -> tuple[Figure, Figure, Figure]:
    return (
        confusion.precision(label, f"{label} precision"),
        confusion.recall(label, f"{label} recall"),
        confusion.f1(label, f"{label} F1"),
    )


def requirements(analyst: Analyst, data: DataFolder, limit: int | None) -> Iterator[Measure]:
    """A meeting is one call; an utterance states a requirement if an item rests on it."""
    for name, rows in data.sets("conversation_requirements_"):
        labelled = texts_and_labels(name, rows)[:limit]
        transcript = Transcript(
            tuple(Segment(at, None, Side.UNKNOWN, None, None, text) for at, (text, _) in enumerate(labelled))
        )
        nothing: frozenset[int] = frozenset()
        cited = or_failed(partial(_cited, analyst, transcript), nothing)
        pairs = [
            (
                NO_REQUIREMENT if label == NO_REQUIREMENT else REQUIREMENT,
                REQUIREMENT if at in cited else NO_REQUIREMENT,
            )
            for at, (_, label) in enumerate(labelled)
        ]
        confusion = Confusion(pairs, (REQUIREMENT, NO_REQUIREMENT))
        yield Measure(
            "type",
            name,
            len(pairs),
            _figures(confusion, REQUIREMENT),
            "the meeting is one call of unknown sides; an utterance is a requirement if an item rests on it",
            confusion,
        )


def _cited(analyst: Analyst, transcript: Transcript) -> frozenset[int]:
    items = extract(analyst, transcript).items
    return frozenset(span.segment_index for item in items for span in item.evidence)


def sentiments(analyst: Analyst, data: DataFolder, limit: int | None) -> Iterator[Measure]:
    """Each text is a call of one customer's utterance; its sentiment is the call's."""
    for beginning in ("sentiment_", "feature_spans_sentiment_"):
        for name, rows in data.sets(beginning):
            labelled = [pair for pair in texts_and_labels(name, rows) if pair[1] in TONES]
            yield _sentiment(analyst, name, sample(labelled, limit))


def _sentiment(analyst: Analyst, name: str, labelled: Sequence[tuple[str, str]]) -> Measure:
    pairs = [(label, or_failed(partial(_tone_of, analyst, text), FAILED)) for text, label in labelled]
    confusion = Confusion(pairs, TONES)
    figures = [figure for tone in TONES for figure in _figures(confusion, tone)]
    return Measure(
        "sentiment",
        name,
        len(pairs),
        (confusion.accuracy(), confusion.macro_f1(TONES), *figures),
        "a text is a call of its own; mixed counts as the sign of its score",
        confusion,
    )


def _tone_of(analyst: Analyst, text: str) -> str:
    reading = analyst.extract(spoken(text))
    if reading.sentiment is not Sentiment.MIXED:
        return reading.sentiment.value
    if abs(reading.sentiment_score) < _SIGNLESS:
        return Sentiment.NEUTRAL.value
    return (Sentiment.POSITIVE if reading.sentiment_score > 0 else Sentiment.NEGATIVE).value
