"""The analyst that needs no model server, no key and no network."""

import math
from collections.abc import Sequence
from typing import Protocol

from headway_pipeline.analysis.contract import Matches, Reading, Relevance
from headway_pipeline.analysis.offline.judging import By
from headway_pipeline.analysis.offline.linear import load_model
from headway_pipeline.analysis.offline.reading import read
from headway_pipeline.analysis.offline.relevance import judge_relevance
from headway_pipeline.analysis.offline.terms import Speech
from headway_pipeline.analysis.offline.themes import ThemeWords, best_two, fit, theme_words
from headway_pipeline.model.calls import Transcript
from headway_pipeline.model.features import ExtractedFeature, Theme

__all__ = ["Embedder", "OfflineAnalyst", "installed_analyst"]

#: Changes with the rules; the weights have a version of their own.
RULES_VERSION = "3"
#: The fit at which an item belongs to a theme as likely as not, and how fast that grows.
_EVEN_FIT, _STEEPNESS = 0.55, 8.0
#: The same for the likeness in meaning (a cosine), where sentences are embedded.
_EVEN_LIKENESS, _LIKENESS_STEEPNESS = 0.38, 12.0
#: How much of the evidence for a theme is its words, where both were asked.
_SHARE_OF_WORDS = 0.5


class Embedder(Protocol):
    """Brings texts to vectors that are the closer the more alike in meaning they are."""

    @property
    def name(self) -> str:
        """Which model; part of the analyst's version."""
        ...

    def likenesses(self, texts: Sequence[str], others: Sequence[str]) -> Sequence[Sequence[float]]:
        """For each text its likeness to each of the others, -1 to 1."""
        ...


class OfflineAnalyst:
    """Reads calls by rules of language and a small linear model. Deterministic: the same call, the same answer.

    It files by words in common; with an embedder, by likeness in meaning, too. Expect most of what is said outright,
    part of what is implied, and titles that are trimmed speech; docs/accuracy.md has the figures.

    Args:
        by: what decides whether a clause is feedback; either part alone is a second opinion on the other.
        embedder: compares items with themes; None for words in common alone.
    """

    def __init__(self, by: By = By.BOTH, embedder: Embedder | None = None) -> None:
        self._by = by
        self._embedder = embedder

    @property
    def name(self) -> str:
        """Which analyst it is: "offline", "offline:rules", "offline:local", ..."""
        part = "" if self._by is By.BOTH else f":{self._by.value}"
        return f"offline{part}" if self._embedder is None else f"offline{part}:local"

    @property
    def version(self) -> str:
        """Of the rules, the weights and the embedder."""
        parts = [RULES_VERSION, load_model().version]
        return "+".join(parts if self._embedder is None else [*parts, self._embedder.name])

    def judge_relevance(self, transcript: Transcript, themes: Sequence[Theme]) -> Relevance:
        """See `Analyst.judge_relevance`; never raises."""
        return judge_relevance(transcript, themes)

    def extract(self, transcript: Transcript) -> Reading:
        """See `Analyst.extract`; never raises."""
        return read(transcript, self._by)

    def match(self, items: Sequence[ExtractedFeature], themes: Sequence[Theme]) -> Matches:
        """See `Analyst.match`; never raises."""
        weighed = theme_words(themes)
        said = [_said(item) for item in items]
        fits = [[_STEEPNESS * (one - _EVEN_FIT) for one in _fits(text, weighed)] for text in said]
        if self._embedder is not None:
            alike = self._embedder.likenesses(
                said, [f"{theme.name}. {theme.description}".strip() for theme in themes]
            )
            fits = [_together(*pair) for pair in zip(fits, alike, strict=True)]
        return Matches(tuple(best_two(zip(themes, map(_likelihood, row), strict=True)) for row in fits))


def installed_analyst() -> OfflineAnalyst:
    """The best that is installed: with sentence embeddings where the extra `local` is there.

    Raises:
        ConfigurationError: the extra's file is not the one this version was measured with.
    """
    from headway_pipeline.analysis.offline.local import is_installed, load_minilm

    return OfflineAnalyst(embedder=load_minilm() if is_installed() else None)


def _said(item: ExtractedFeature) -> str:
    # A labelled text, or a short item, is its own title and quote: each sentence once.
    return " ".join(dict.fromkeys([item.title, item.description, *(span.quote for span in item.evidence)]))


def _fits(text: str, weighed: Sequence[ThemeWords]) -> list[float]:
    speech = Speech.of(text)
    return [fit(words, speech) for words in weighed]


def _together(by_words: Sequence[float], alike: Sequence[float]) -> list[float]:
    by_meaning = [_LIKENESS_STEEPNESS * (likeness - _EVEN_LIKENESS) for likeness in alike]
    pairs = zip(by_words, by_meaning, strict=True)
    return [_SHARE_OF_WORDS * words + (1 - _SHARE_OF_WORDS) * meaning for words, meaning in pairs]


def _likelihood(evidence: float) -> float:
    """0 to 1; .5 where it is as likely as not that the item belongs to the theme."""
    return 1 / (1 + math.exp(-evidence))
