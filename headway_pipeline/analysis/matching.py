"""Which theme each extracted feature is filed under, decided by code from the analyst's scores."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from headway_pipeline.analysis.contract import Analyst
from headway_pipeline.model.errors import AnalysisError
from headway_pipeline.model.features import ExtractedFeature, Filing, Theme, ThemeScore
from headway_pipeline.model.usage import Usage

__all__ = ["FILING_THRESHOLD", "Matching", "match"]

#: From this score on an item is filed. Analysts calibrate their scores so that .5 means "as likely as not".
FILING_THRESHOLD = 0.5


@dataclass(frozen=True, slots=True)
class Matching:
    """Where the items of one call go.

    Attributes:
        filings: one for each item, in the items' order.
    """

    filings: tuple[Filing, ...]
    usage: Usage = field(default_factory=Usage)


def match(
    analyst: Analyst,
    items: Sequence[ExtractedFeature],
    themes: Sequence[Theme],
    threshold: float = FILING_THRESHOLD,
) -> Matching:
    """File each item under its best theme, or in the inbox where none reaches `threshold`.

    Without items or without themes the analyst is not asked.

    Raises:
        AnalysisError: the analyst could not match, or answered for other items or themes than it was given.
    """
    if not items:
        return Matching(())
    if not themes:
        return Matching((Filing(None, ()),) * len(items))
    matches = analyst.match(items, themes)
    answers = matches.scores
    if len(answers) != len(items):
        raise AnalysisError(
            f"{analyst.name} matched {len(answers)} of {len(items)} items",
            "run again; choose another analyst if it stays",
        )
    filings = tuple(_filing(analyst, scores, themes, threshold) for scores in answers)
    return Matching(filings, matches.usage)


def _filing(analyst: Analyst, scores: Sequence[ThemeScore], themes: Sequence[Theme], threshold: float) -> Filing:
    names = {theme.id: theme.name for theme in themes}
    strangers = [score for score in scores if score.theme_id not in names]
    if strangers:
        raise AnalysisError(
            f"{analyst.name} matched to a theme that the workspace does not have",
            "run again; choose another analyst if it stays",
        )
    # Equal scores are decided by the theme's name, then its id: by nothing that differs between runs.
    ranked = sorted(scores, key=lambda score: (-score.score, names[score.theme_id], str(score.theme_id)))
    best = tuple(ranked[:2])
    is_filed = bool(best) and best[0].score >= threshold
    return Filing(best[0].theme_id if is_filed else None, best)
