"""Is a clause feedback, of which type, and how surely: the phrases it holds, less what takes them back."""

from collections.abc import Sequence
from dataclasses import dataclass

from headway_pipeline.analysis.offline.guards import clause_factor, is_resolved, phrase_factor
from headway_pipeline.analysis.offline.lexicon import ENGLISH
from headway_pipeline.analysis.offline.lexicon_es import SPANISH
from headway_pipeline.analysis.offline.phrases import Found, PhraseBook
from headway_pipeline.analysis.offline.sentences import Clause
from headway_pipeline.model.features import FeatureType

__all__ = ["REPORTING_THRESHOLD", "Verdict", "judge"]

#: From this confidence on a clause is reported.
REPORTING_THRESHOLD = 0.5
#: Phrases never make a clause surer than this: rules cannot tell what was meant.
CEILING = 0.95

_BOOK = PhraseBook([*ENGLISH, *SPANISH])
#: Of equally sure types the first is taken: what is broken is usually also painful, and wished to be mended.
_PRECEDENCE = (FeatureType.BUG_REPORT, FeatureType.FEATURE_REQUEST, FeatureType.PAIN_POINT)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a clause is taken for.

    Attributes:
        phrase: the strongest phrase that says so.
    """

    type: FeatureType
    confidence: float
    phrase: Found[FeatureType]


def judge(clause: Clause, after: Clause | None) -> Verdict | None:
    """What the clause is, or None.

    Args:
        after: the speaker's next clause, which may say that it is fixed by now.
    """
    found = _BOOK.find(clause.words, clause.line)
    if not found:
        return None
    verdicts = [verdict for kind in _PRECEDENCE if (verdict := _verdict(clause, kind, found)) is not None]
    best = max(verdicts, key=lambda verdict: verdict.confidence, default=None)
    if best is None or (best.type is not FeatureType.FEATURE_REQUEST and after is not None and is_resolved(after)):
        return None
    return best


def _verdict(clause: Clause, kind: FeatureType, found: Sequence[Found[FeatureType]]) -> Verdict | None:
    phrases = [(one, one.strength * phrase_factor(clause.words, one)) for one in found if one.label is kind]
    doubt = 1.0
    for _, strength in _apart(phrases):
        doubt *= 1 - strength
    if 1 - doubt < REPORTING_THRESHOLD:
        return None
    confidence = round(min((1 - doubt) * clause_factor(clause, kind), CEILING), 2)
    if confidence < REPORTING_THRESHOLD:
        return None
    return Verdict(kind, confidence, max(phrases, key=lambda phrase: phrase[1])[0])


def _apart(phrases: list[tuple[Found[FeatureType], float]]) -> list[tuple[Found[FeatureType], float]]:
    """Of phrases that overlap only the strongest: the same words are not counted twice."""
    kept: list[tuple[Found[FeatureType], float]] = []
    for phrase, strength in sorted(phrases, key=lambda one: -one[1]):
        if strength and not any(phrase.first < other.end and other.first < phrase.end for other, _ in kept):
            kept.append((phrase, strength))
    return kept
