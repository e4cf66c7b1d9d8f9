"""From what an analyst proposes to what is kept: items whose quotes were found, duplicates made one."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from headway_pipeline.analysis.contract import Analyst, Candidate
from headway_pipeline.analysis.grounding import Grounded, GroundingIndex, RefusalReason
from headway_pipeline.model.calls import Transcript
from headway_pipeline.model.features import Evidence, ExtractedFeature, FeatureType, Sentiment, Urgency
from headway_pipeline.model.usage import Usage

__all__ = ["Extraction", "Refused", "extract"]

#: Two spans of one segment are about the same words when they share this much of the shorter one.
SAME_WORDS = 0.5

_URGENCIES = list(Urgency)


@dataclass(frozen=True, slots=True)
class Refused:
    """An item none of whose quotes is a customer's words.

    Attributes:
        reason: the commonest reason among its quotes; `ungrounded` where it came without any.
    """

    title: str
    reason: RefusalReason


@dataclass(frozen=True, slots=True)
class Extraction:
    """What one call says.

    Attributes:
        items: in the order in which their first evidence was spoken.
        merged: how many grounded items were duplicates of another and became part of it.
        unread: turns that the analyst did not read; see `Reading`.
    """

    items: tuple[ExtractedFeature, ...]
    refused: tuple[Refused, ...]
    sentiment: Sentiment
    sentiment_score: float
    usage: Usage
    merged: int = 0
    unread: int = 0


def extract(analyst: Analyst, transcript: Transcript) -> Extraction:
    """Have `analyst` read the call, and keep what rests on a customer's own words.

    Raises:
        AnalysisError: the analyst could not read the call.
    """
    reading = analyst.extract(transcript)
    index = GroundingIndex(transcript)
    grounded: list[ExtractedFeature] = []
    refused: list[Refused] = []
    for candidate in reading.candidates:
        item = _ground_candidate(candidate, index)
        if isinstance(item, Refused):
            refused.append(item)
        else:
            grounded.append(item)
    items = _merge_duplicates(grounded)
    return Extraction(
        items=tuple(sorted(items, key=lambda item: (min(map(_place, item.evidence)), item.type, item.title))),
        refused=tuple(refused),
        sentiment=reading.sentiment,
        sentiment_score=_within(-1.0, reading.sentiment_score, 1.0),
        usage=reading.usage,
        merged=len(grounded) - len(items),
        unread=reading.unread,
    )


def _ground_candidate(candidate: Candidate, index: GroundingIndex) -> ExtractedFeature | Refused:
    answers = [index.ground(quote.text, quote.segment_index) for quote in candidate.quotes]
    evidence = [answer.evidence for answer in answers if isinstance(answer, Grounded)]
    if not evidence:
        reasons = Counter(answer.reason for answer in answers if not isinstance(answer, Grounded))
        return Refused(candidate.title, reasons.most_common(1)[0][0] if reasons else RefusalReason.UNGROUNDED)
    return ExtractedFeature(
        type=candidate.type,
        title=candidate.title,
        description=candidate.description,
        urgency=candidate.urgency,
        urgency_reason=candidate.urgency_reason,
        sentiment=candidate.sentiment,
        sentiment_score=_within(-1.0, candidate.sentiment_score, 1.0),
        confidence=_within(0.0, candidate.confidence, 1.0),
        origin=candidate.origin,
        evidence=_distinct(evidence),
    )


def _within(low: float, value: float, high: float) -> float:
    return min(max(value, low), high)


def _place(evidence: Evidence) -> tuple[int, int, int]:
    return evidence.segment_index, evidence.char_start, evidence.char_end


def _overlap(one: Evidence, other: Evidence) -> bool:
    if one.segment_index != other.segment_index:
        return False
    shared = min(one.char_end, other.char_end) - max(one.char_start, other.char_start)
    shorter = min(len(one.quote), len(other.quote))
    return shared > 0 and shared >= SAME_WORDS * shorter


def _distinct(evidence: Iterable[Evidence]) -> tuple[Evidence, ...]:
    """What the analyst named first, for listings show that one, then the others in the order spoken.

    Of spans about the same words only the longest is kept.
    """
    named = list(evidence)
    kept: list[Evidence] = []
    for span in sorted(named, key=lambda span: (-len(span.quote), _place(span))):
        if not any(_overlap(span, other) for other in kept):
            kept.append(span)
    first = next(span for span in kept if _overlap(span, named[0]))
    return (first, *sorted((span for span in kept if span is not first), key=_place))


def _merge_duplicates(items: list[ExtractedFeature]) -> list[ExtractedFeature]:
    """One item for each group of the same type that is tied together by evidence about the same words."""
    group_of = list(range(len(items)))
    said: dict[tuple[FeatureType, int], list[tuple[int, Evidence]]] = {}
    for number, item in enumerate(items):
        for span in item.evidence:
            here = said.setdefault((item.type, span.segment_index), [])
            tied = {group_of[other] for other, other_span in here if _overlap(span, other_span)}
            if tied:
                tied.add(group_of[number])
                group_of = [min(tied) if group in tied else group for group in group_of]
            here.append((number, span))
    groups: dict[int, list[ExtractedFeature]] = {}
    for item, group in zip(items, group_of, strict=True):
        groups.setdefault(group, []).append(item)
    return [_merge(group) for group in groups.values()]


def _merge(group: list[ExtractedFeature]) -> ExtractedFeature:
    """The surest item speaks for the group, with the most urgent reason and everybody's evidence."""
    if len(group) == 1:
        return group[0]
    ranked = sorted(group, key=lambda item: (-item.confidence, _place(item.evidence[0]), item.title))
    surest = ranked[0]
    urgent = max(ranked, key=lambda item: (_URGENCIES.index(item.urgency), bool(item.urgency_reason)))
    others = dict.fromkeys(item.title for item in ranked if item.title.casefold() != surest.title.casefold())
    also = f" Also: {'; '.join(others)}." if others else ""
    return replace(
        surest,
        description=surest.description + also,
        urgency=urgent.urgency,
        urgency_reason=urgent.urgency_reason,
        evidence=_distinct(span for item in ranked for span in item.evidence),
    )
