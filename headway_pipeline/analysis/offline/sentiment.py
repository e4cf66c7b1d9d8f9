"""The tone of what is said, from words with a weight; a negation turns a word round, an intensifier strengthens it.

Word lists tell the tone of a clause only roughly (the best known one gets 55 % of reviews right, in three classes),
so the score is meant for averages and sorting, not for single rows.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from headway_pipeline.analysis.offline.guards import NEGATIONS
from headway_pipeline.analysis.offline.phrases import inflections
from headway_pipeline.model.features import Sentiment

__all__ = ["Tone", "tone_of"]

# Not here: "like", "right", "thanks" and other words of politeness and hesitation, of which calls are full.
_WEIGHTS = {
    3.0: "love~ amazing awesome fantastic excellent brilliant delighted incredible superb encanta excelente",
    2.0: """great happy perfect wonderful beautiful impressed thrilled best excited enjoy~ glad pleased genial
        impress~ favourite favorite lovely""",
    1.0: """good nice helpful useful easy fast quick smooth cool simple solid reliable intuitive appreciate~
        comfortable bueno útil fácil""",
    -1.0: """slow hard difficult problem problems issue issues missing confusing confuse~ confused complicated complex
        manual manually limited unclear tricky unfortunately lack~ noisy wrong error errors delay~ worry~ worried
        struggle~ concern~ late lento difícil complicado problema problemas confuso""",
    -2.0: """bad broken fail~ failed failure crash~ freeze~ bug bugs buggy painful pain annoying annoyed frustrate~
        frustrating frustrated clunky cumbersome tedious useless poor lose~ lost sad upset disappoint~ disappointed
        disappointing hassle headache mess messy nasty waste~ complain~ stuck unusable unreliable unacceptable suck~
        blocked frustrante falla fallan""",
    -3.0: "hate~ terrible horrible awful nightmare worst disaster furious angry pathetic garbage odio pésimo",
}
_VALENCE = {
    form: weight for weight, words in _WEIGHTS.items() for word in words.split() for form in inflections(word)
}
_STRONGER = frozenset(
    ["very", "really", "so", "extremely", "super", "incredibly", "totally", "absolutely", "too", "muy"]
)
#: A negated word says the opposite, less strongly ("not great" is not "terrible").
_NEGATED, _STRENGTHENED = -0.7, 1.3
_REACH = 3
#: Keeps one word from reaching the ends of the scale; the constant of VADER's normalisation (Hutto & Gilbert, 2014).
_ALPHA = 15.0
_CLEAR = 0.2
#: Where the weaker tone weighs at least this much, and this share of the stronger, both were meant.
_MIXED_WEIGHT, _MIXED_SHARE = 2.0, 0.6


@dataclass(frozen=True, slots=True)
class Tone:
    """How much was said in praise and in complaint, both 0 or more."""

    praise: float = 0.0
    complaint: float = 0.0

    @classmethod
    def of_all(cls, tones: Iterable["Tone"]) -> "Tone":
        """The tone of a longer speech: long praise is not undone by one complaint."""
        heard = list(tones)
        return cls(sum(tone.praise for tone in heard), sum(tone.complaint for tone in heard))

    def per(self, clauses: int) -> "Tone":
        """The tone of an average stretch of as many as ten of the clauses that were heard."""
        scale = 10 / max(clauses, 10)
        return Tone(self.praise * scale, self.complaint * scale)

    @property
    def score(self) -> float:
        """-1 to 1."""
        balance = self.praise - self.complaint
        return round(balance / math.sqrt(balance * balance + _ALPHA), 2)

    @property
    def sentiment(self) -> Sentiment:
        """The label of the score, or `mixed` where both tones are strong."""
        weaker, stronger = sorted((self.praise, self.complaint))
        if weaker >= _MIXED_WEIGHT and weaker >= _MIXED_SHARE * stronger:
            return Sentiment.MIXED
        if abs(self.score) < _CLEAR:
            return Sentiment.NEUTRAL
        return Sentiment.POSITIVE if self.score > 0 else Sentiment.NEGATIVE


def tone_of(words: Sequence[str]) -> Tone:
    """The tone of one clause, given its lower-case words."""
    if _VALENCE.keys().isdisjoint(words):
        return Tone()
    praise = complaint = 0.0
    for at, word in enumerate(words):
        weight = _VALENCE.get(word, 0.0)
        if not weight:
            continue
        before = words[max(at - _REACH, 0) : at]
        if not _STRONGER.isdisjoint(before):
            weight *= _STRENGTHENED
        if not NEGATIONS.isdisjoint(before):
            weight *= _NEGATED
        praise, complaint = praise + max(weight, 0.0), complaint + max(-weight, 0.0)
    return Tone(praise, complaint)
