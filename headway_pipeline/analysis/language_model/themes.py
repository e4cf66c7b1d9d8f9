"""Themes as a model sees them: numbers, so that it can name none that does not exist."""

from collections.abc import Iterable, Sequence

from headway_pipeline.analysis.language_model.numbered import clean
from headway_pipeline.model.features import Theme, ThemeScore, themes_hash

__all__ = ["numbered_themes", "scores_of", "themes_identity"]

MOST_DESCRIPTION_CHARS = 240


def numbered_themes(themes: Sequence[Theme]) -> tuple[list[Theme], str]:
    """The themes in an order of their own (renumbering them would be paid for), and the list that is shown."""
    ordered = sorted(themes, key=lambda theme: (theme.name, str(theme.id)))
    lines = [f"{number}. {_words(theme)}" for number, theme in enumerate(ordered, start=1)]
    return ordered, "\n".join(["Themes:", *lines])


def _words(theme: Theme) -> str:
    described = clean(theme.description)[:MOST_DESCRIPTION_CHARS].strip()
    return f"{clean(theme.name)}: {described}" if described else clean(theme.name)


def themes_identity(themes: Sequence[Theme]) -> str:
    """What an answer about these themes rests on."""
    return themes_hash(tuple(themes))


def scores_of(named: Iterable[tuple[str, float]], ordered: Sequence[Theme]) -> tuple[ThemeScore, ...]:
    """The best two of the named numbers, best first; each once, and none that does not exist."""
    best: dict[str, float] = {}
    for number, score in named:
        if number.isdecimal() and 1 <= int(number) <= len(ordered):
            best[number] = max(score, best.get(number, 0.0))
    ranked = sorted(best.items(), key=lambda found: (-found[1], int(found[0])))
    return tuple(ThemeScore(ordered[int(number) - 1].id, score) for number, score in ranked[:2])
