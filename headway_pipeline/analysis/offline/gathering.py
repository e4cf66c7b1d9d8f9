"""From findings to items: what is sure opens an item, what is likely joins one nearby, what is alone and unsure goes.

People circle around what they want. Of the clauses of one passage some say it outright and others only beside those
mean the same; and in an hour of talk more clauses look like feedback by chance than in a message of one sentence.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from headway_pipeline.analysis.contract import Candidate
from headway_pipeline.analysis.offline.candidates import Heard, candidate_of
from headway_pipeline.analysis.offline.rules import REPORTING_THRESHOLD
from headway_pipeline.analysis.offline.terms import stems_of
from headway_pipeline.analysis.offline.titles import asked_in
from headway_pipeline.model.features import FeatureType

__all__ = ["gather"]

#: In a call of more clauses than this a finding must be as sure as `SURE` to stand alone.
SHORT_CALL_CLAUSES = 12
SURE = 0.9
#: How many clauses away a finding may be to join an item; the same words again join from anywhere.
REACH = 20
#: What two sure findings nearby must have in common to be one, as a share of the words of the one with fewer.
SHARED_STEMS = 0.34
#: An item rests on at most so many quotes, the surest; nobody reads more.
MOST_QUOTES = 12
#: A weaker phrase right after a finding of the same type goes on about it.
FRESH_STRENGTH = 0.6
_BACK_REFERENCES = frozenset(["it", "it's", "that", "that's", "this", "these", "those", "they", "he", "she"])


@dataclass(slots=True)
class _Item:
    """What belongs together: the finding that opened it, and the others."""

    lead: Heard
    stems: frozenset[str]
    last: Heard
    others: list[Heard] = field(default_factory=list)

    def add(self, heard: Heard) -> None:
        self.others.append(heard)
        if heard.place > self.last.place:
            self.last = heard


def gather(findings: Sequence[Heard], clauses: int, sure: float = SURE) -> tuple[Candidate, ...]:
    """The items of a call of so many clauses, in the order first said.

    Args:
        findings: in the order said.
        sure: how sure a finding of a longer call must be to stand alone.
    """
    least = REPORTING_THRESHOLD if clauses <= SHORT_CALL_CLAUSES else sure
    items: list[_Item] = []
    for heard in findings:
        if heard.verdict.confidence >= least:
            _open_or_join(items, heard)
    for heard in findings:
        if heard.verdict.confidence < least:
            _join(items, heard)
    return tuple(candidate_of(item.lead, _surest(item.others)) for item in items)


def _surest(others: Sequence[Heard]) -> Sequence[Heard]:
    return sorted(others, key=lambda one: (-one.verdict.confidence, one.place))[: MOST_QUOTES - 1]


def _open_or_join(items: list[_Item], heard: Heard) -> None:
    stems = frozenset(stems_of(heard.clause.words))
    for item in reversed(items):
        if item.lead.verdict.type is heard.verdict.type and _is_same(item, heard, stems):
            item.add(heard)
            return
    items.append(_Item(heard, stems, heard))


def _is_same(item: _Item, heard: Heard, stems: frozenset[str]) -> bool:
    if item.stems == stems or _goes_on(item.last, heard):
        return True
    shared = len(item.stems & stems)
    return (
        heard.place - item.last.place <= REACH
        and shared > 0
        and shared >= SHARED_STEMS * min(len(item.stems), len(stems))
    )


def _goes_on(before: Heard, heard: Heard) -> bool:
    """Whether the clause right after another in one turn says more of the same ("it also loses ...").

    It does unless it starts afresh: with a phrase of its own that asks for something, or says what is wrong, and
    without pointing back.
    """
    if heard.place != before.place + 1 or heard.clause.segment_index != before.clause.segment_index:
        return False
    phrase = heard.verdict.phrase
    points_back = not _BACK_REFERENCES.isdisjoint(heard.clause.words[:3])
    if heard.verdict.type is FeatureType.FEATURE_REQUEST:
        return not asked_in(heard.clause, phrase) and (points_back or phrase is None)
    return points_back or phrase is None or phrase.strength < FRESH_STRENGTH


def _join(items: Sequence[_Item], heard: Heard) -> None:
    near = [
        item
        for item in items
        if item.lead.verdict.type is heard.verdict.type and abs(item.last.place - heard.place) <= REACH
    ]
    if near:
        min(near, key=lambda item: abs(item.last.place - heard.place)).add(heard)
