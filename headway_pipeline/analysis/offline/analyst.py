"""The analyst that needs no model, no key and no network."""

import math
from collections.abc import Sequence

from headway_pipeline.analysis.contract import Matches, Reading, Relevance
from headway_pipeline.analysis.offline.reading import read
from headway_pipeline.analysis.offline.relevance import judge_relevance
from headway_pipeline.analysis.offline.terms import Speech
from headway_pipeline.analysis.offline.themes import ThemeWords, best_two, fit, theme_words
from headway_pipeline.model.calls import Transcript
from headway_pipeline.model.features import ExtractedFeature, Theme, ThemeScore

__all__ = ["OfflineAnalyst"]

#: The fit at which an item belongs to a theme as likely as not, and how fast that grows.
_EVEN_FIT, _STEEPNESS = 0.55, 8.0


class OfflineAnalyst:
    """Reads calls by linguistic rules, and files by words in common. Deterministic: the same call, the same answer.

    Expect most of what is said outright, little of what is implied, and titles that are trimmed speech: it serves
    demonstrations, tests, work without a network, and as a fallback; it does not equal a language model.
    """

    name = "offline"
    version = "1"

    def judge_relevance(self, transcript: Transcript, themes: Sequence[Theme]) -> Relevance:
        """See `Analyst.judge_relevance`; never raises."""
        return judge_relevance(transcript, themes)

    def extract(self, transcript: Transcript) -> Reading:
        """See `Analyst.extract`; never raises."""
        return read(transcript)

    def match(self, items: Sequence[ExtractedFeature], themes: Sequence[Theme]) -> Matches:
        """See `Analyst.match`; never raises."""
        weighed = theme_words(themes)
        return Matches(tuple(_match_one(item, weighed) for item in items))


def _match_one(item: ExtractedFeature, weighed: Sequence[ThemeWords]) -> tuple[ThemeScore, ...]:
    quotes = " ".join(span.quote for span in item.evidence)
    speech = Speech.of(f"{item.title} {item.description} {quotes}")
    return best_two((words.theme, _likelihood(fit(words, speech))) for words in weighed)


def _likelihood(fitness: float) -> float:
    """0 to 1; .5 where it is as likely as not that the item belongs to the theme."""
    return 1 / (1 + math.exp(-_STEEPNESS * (fitness - _EVEN_FIT)))
