"""What the phrase book finds in a clause, and what the rules alone make of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from headway_pipeline.analysis.offline.guards import Guard, clause_factor, guards_in, phrase_factor
from headway_pipeline.analysis.offline.lexicon import ENGLISH
from headway_pipeline.analysis.offline.lexicon_es import SPANISH
from headway_pipeline.analysis.offline.phrases import Found, PhraseBook
from headway_pipeline.analysis.offline.sentences import Clause
from headway_pipeline.model.features import FeatureType

__all__ = ["CEILING", "REPORTING_THRESHOLD", "Findings", "Verdict", "find", "judge_by_rules"]

#: From this confidence on a clause is reported.
REPORTING_THRESHOLD = 0.5
#: Nothing here is ever surer than this: words cannot tell what was meant.
CEILING = 0.95

_BOOK = PhraseBook([*ENGLISH, *SPANISH])
#: Of equally sure types the first is taken: what is broken is usually also painful, and wished to be mended.
_PRECEDENCE = (FeatureType.BUG_REPORT, FeatureType.FEATURE_REQUEST, FeatureType.PAIN_POINT)

Phrase = tuple[Found[FeatureType], float]


@dataclass(frozen=True, slots=True)
class Findings:
    """What was heard in a clause.

    Attributes:
        phrases: each with what is left of its strength, given the words right before it.
        guards: what takes them back.
    """

    phrases: Sequence[Phrase]
    guards: Sequence[Found[Guard]]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a clause is taken for.

    Attributes:
        phrase: the strongest phrase that says so; None where it was told by its words alone.
    """

    type: FeatureType
    confidence: float
    phrase: Found[FeatureType] | None


def find(clause: Clause) -> Findings:
    """Everything the phrase books hold about a clause."""
    words, line = clause.words, clause.line
    phrases = [(one, one.strength * phrase_factor(words, one)) for one in _BOOK.find(words, line)]
    return Findings(phrases, guards_in(words, line))


def judge_by_rules(clause: Clause, findings: Findings) -> Verdict | None:
    """What the clause is by its phrases, or None."""
    if not findings.phrases:
        return None
    verdicts = [verdict for kind in _PRECEDENCE if (verdict := _verdict(clause, kind, findings)) is not None]
    return max(verdicts, key=lambda verdict: verdict.confidence, default=None)


def _verdict(clause: Clause, kind: FeatureType, findings: Findings) -> Verdict | None:
    phrases = [(one, strength) for one, strength in findings.phrases if one.label is kind]
    doubt = 1.0
    for _, strength in _apart(phrases):
        doubt *= 1 - strength
    if 1 - doubt < REPORTING_THRESHOLD:
        return None
    confidence = round(min((1 - doubt) * clause_factor(clause, findings.guards, kind), CEILING), 2)
    if confidence < REPORTING_THRESHOLD:
        return None
    return Verdict(kind, confidence, max(phrases, key=lambda phrase: phrase[1])[0])


def _apart(phrases: list[Phrase]) -> list[Phrase]:
    """Of phrases that overlap only the strongest: the same words are not counted twice."""
    kept: list[Phrase] = []
    for phrase, strength in sorted(phrases, key=lambda one: -one[1]):
        if strength and not any(phrase.first < other.end and other.first < phrase.end for other, _ in kept):
            kept.append((phrase, strength))
    return kept
