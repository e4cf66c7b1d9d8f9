"""How well text fits a workspace's themes, by the words of their names and descriptions."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from headway_pipeline.analysis.offline.sentences import words_of
from headway_pipeline.analysis.offline.terms import GENERIC, Speech, stem, stems_of
from headway_pipeline.model.features import Theme, ThemeScore

__all__ = ["ThemeWords", "best_two", "fit", "own_weight", "theme_words"]

_GENERIC_STEMS = frozenset(map(stem, GENERIC))
#: A word said about any product, against one of the theme's own.
_GENERIC_WEIGHT = 0.25
#: What the other parts of the name, and the description, can add to the best part.
_BESIDE = 0.3
#: How much each word of the description takes from the doubt that is left: two of them make a match likely.
_DESCRIBED = 0.45
#: A related word is evidence for what a theme is named after, too weak for one of the many words that describe it.
_SURE = 0.8
# "Exports & weekly reports" is about either.
_JOINED = re.compile(r"[&/,;+|\u2013\u2014]| and | y | or ", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ThemeWords:
    """A theme's stems with their weights.

    Attributes:
        parts: what the name names, e.g. "exports" and "weekly reports" in "Exports & weekly reports"; weights in a
            part add up to 1.
        description: stems only the description has.
    """

    theme: Theme
    parts: tuple[Mapping[str, float], ...]
    description: Mapping[str, float]

    @property
    def name(self) -> tuple[str, ...]:
        """The stems of the name, in order."""
        return tuple(dict.fromkeys(term for part in self.parts for term in part))


def theme_words(themes: Sequence[Theme]) -> list[ThemeWords]:
    """Weigh every theme's words: what many themes share tells them apart less."""
    names = [_parts(theme.name) for theme in themes]
    shared = Counter(term for parts in names for term in {term for part in parts for term in part})
    rarity = {term: math.log(1 + len(themes) / count) / math.log(1 + len(themes)) for term, count in shared.items()}
    weighed = []
    for theme, parts in zip(themes, names, strict=True):
        known = {term for part in parts for term in part}
        described = {term: own_weight(term) for term in stems_of(words_of(theme.description)) if term not in known}
        weights = tuple(_weights(part, rarity) for part in parts)
        weighed.append(ThemeWords(theme, weights, described))
    return weighed


def _parts(name: str) -> list[list[str]]:
    parts = (list(dict.fromkeys(stems_of(words_of(part)))) for part in _JOINED.split(name))
    return [part for part in parts if part]


def _weights(part: Sequence[str], rarity: Mapping[str, float]) -> dict[str, float]:
    weights = {term: rarity[term] * own_weight(term) for term in part}
    total = sum(weights.values())
    return {term: weight / total for term, weight in weights.items()}


def own_weight(term: str) -> float:
    """How much a stem says about what a text is about: less where it is said about any product."""
    return _GENERIC_WEIGHT if term in _GENERIC_STEMS else 1.0


def fit(words: ThemeWords, speech: Speech) -> float:
    """How much of the theme was said, 0 to 1: of the best part of its name, and of its description."""
    parts = [sum(weight * speech.heard(term) for term, weight in part.items()) for part in words.parts]
    named = max(parts, default=0.0)
    also = sum(parts) - named
    heard = ((weight, speech.heard(term)) for term, weight in words.description.items())
    described = sum(weight * strength for weight, strength in heard if strength >= _SURE)
    return 1 - (1 - named) * (1 - _BESIDE * min(also, 1.0)) * math.exp(-_DESCRIBED * described)


def best_two(scores: Iterable[tuple[Theme, float]]) -> tuple[ThemeScore, ...]:
    """The best two, best first; equal scores by the theme's name."""
    ranked = sorted(scores, key=lambda one: (-one[1], one[0].name, str(one[0].id)))
    return tuple(ThemeScore(theme.id, round(score, 3)) for theme, score in ranked[:2])
