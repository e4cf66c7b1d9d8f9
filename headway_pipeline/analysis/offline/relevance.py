"""Is a call about any of the workspace's themes? Judged by how often customers use the words of the themes' names.

Any long call holds some of any theme's words by chance, so what is asked for grows with how many words the themes
have. It is set low on purpose: a call read in vain costs less than a call lost.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence

from headway_pipeline.analysis.contract import Relevance
from headway_pipeline.analysis.offline.sentences import words_of
from headway_pipeline.analysis.offline.terms import stems_of
from headway_pipeline.analysis.offline.themes import ThemeWords, best_two, own_weight, theme_words
from headway_pipeline.model.calls import Side, Transcript
from headway_pipeline.model.features import Theme

__all__ = ["judge_relevance"]

#: What is asked for at least, and for each word of a theme, in logarithms of mentions among a thousand words. A theme
#: of one word wants it about as often as once in 1,200; themes of twelve words want each once in 6,500.
ASKED_AT_LEAST, ASKED_PER_WORD = 0.5, 0.1
#: One word said over and over is not yet a theme: this share of the themes' words must be said, each this often among
#: a thousand.
ASKED_SHARE, SAID_RATE = 0.2, 0.3
#: A shorter call is measured as if it were this long, for one chance mention would weigh too much.
SHORT_CALL_WORDS = 1_000
#: With fewer words of the customers than this nothing can be said, so the call is relevant.
TOO_FEW_WORDS = 60
#: What a word of a description counts for against a word of a name.
DESCRIPTION_WEIGHT = 0.25
_NAMED_AT_MOST = 5


def judge_relevance(transcript: Transcript, themes: Sequence[Theme]) -> Relevance:
    """Judge by the words of everybody but known vendors."""
    spoken = [segment.text for segment in transcript.segments if segment.side is not Side.VENDOR]
    words = [word for text in spoken for word in words_of(text)]
    per_thousand = 1_000 / max(len(words), SHORT_CALL_WORDS)
    rates = {term: count * per_thousand for term, count in Counter(stems_of(words)).items()}
    weighed = theme_words(themes)
    weights = _weights(weighed)
    # Only names raise what is asked for: a theme that is described at length must not be harder to meet.
    named = {term for one in weighed for term in one.name}
    asked = sum(map(own_weight, named))
    said = sum(weight for term, weight in weights.items() if rates.get(term, 0.0) >= SAID_RATE)
    ratio = min(
        _evidence(weights, rates) / (ASKED_AT_LEAST + ASKED_PER_WORD * asked),
        said / (ASKED_SHARE * asked) if asked else math.inf,
    )
    nearest = max(weighed, key=lambda one: _evidence(_weights([one]), rates))
    best = best_two((one.theme, 1 - math.exp(-_evidence(_weights([one]), rates))) for one in weighed)
    if len(words) < TOO_FEW_WORDS:
        return Relevance(True, 0.5, f"only {len(words)} words from customers: too few to rule it out", best)
    return Relevance(ratio >= 1, _confidence(ratio), _reason(nearest, rates, is_relevant=ratio >= 1), best)


def _weights(weighed: Sequence[ThemeWords]) -> dict[str, float]:
    """The weight of each stem of the themes' names and descriptions, however many themes share it."""
    described = {term: DESCRIPTION_WEIGHT * own_weight(term) for one in weighed for term in one.description}
    return described | {term: own_weight(term) for one in weighed for term in one.name}


def _evidence(weights: Mapping[str, float], rates: Mapping[str, float]) -> float:
    return sum(weight * math.log1p(rates.get(term, 0.0)) for term, weight in weights.items())


def _confidence(ratio: float) -> float:
    """.5 where the evidence is just what is asked for, .95 at three times as much or at none."""
    distance = (ratio - 1) / 2 if ratio >= 1 else 1 - ratio
    return round(0.5 + 0.45 * min(distance, 1.0), 2)


def _reason(nearest: ThemeWords, rates: Mapping[str, float], *, is_relevant: bool) -> str:
    said = sorted((term for term in nearest.name if term in rates), key=lambda term: -rates[term])
    if is_relevant:
        return f"customers speak of {_spelt(nearest, said) or 'several themes'}; nearest theme: {nearest.theme.name}"
    unsaid = [term for term in nearest.name if term not in rates]
    missing = f"nobody says {_spelt(nearest, unsaid)}" if unsaid else f"{_spelt(nearest, said)} is hardly mentioned"
    return f"about no theme; nearest is {nearest.theme.name}, but {missing}"


def _spelt(weighed: ThemeWords, terms: Sequence[str]) -> str:
    """The theme's own words for these stems."""
    words = words_of(weighed.theme.name)
    spelt = {term: word for word in words for term in stems_of([word])}
    return ", ".join(spelt[term] for term in terms[:_NAMED_AT_MOST] if term in spelt)
