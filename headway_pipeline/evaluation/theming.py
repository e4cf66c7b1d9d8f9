"""Themes: does a text belong to a theme, which of many does it belong to, is a call about any of them."""

import re
from collections.abc import Iterator, Sequence
from functools import partial

from headway_pipeline.analysis.contract import Analyst
from headway_pipeline.analysis.matching import FILING_THRESHOLD
from headway_pipeline.evaluation.figures import Confusion, Figure, share
from headway_pipeline.evaluation.labelled import DataFolder, LabelledCall, Row
from headway_pipeline.evaluation.measure import FAILED, Measure, as_item, as_theme, or_failed, sample
from headway_pipeline.model.errors import InputError
from headway_pipeline.model.features import Theme, ThemeScore

__all__ = ["matches", "relevance"]

MATCH, NO_MATCH = "match", "no_match"
RELEVANT, NOT_RELEVANT = "relevant", "not_relevant"
#: Inside names such as "GetQuote" and "System.IO.Pipes".
_JOINTS = re.compile(r"(?<=[a-z])(?=[A-Z])|[._]")


def matches(analyst: Analyst, data: DataFolder, limit: int | None) -> Iterator[Measure]:
    """Pairs that people judged, and texts of which people chose one theme among many."""
    for name, rows in data.sets("theme_match_"):
        try:
            yield _measured(analyst, name, sample(rows, limit), rows)
        except KeyError as error:
            raise InputError(f"{name} is malformed: a line has no {error}", "see evaluation.labelled") from error


def _measured(analyst: Analyst, name: str, drawn: Sequence[Row], rows: Sequence[Row]) -> Measure:
    labels = {row["label"] for row in rows}
    if labels <= {MATCH, NO_MATCH}:
        return _judged_pairs(analyst, name, drawn)
    if "candidate_topics" in rows[0]:
        asked = [(row["text"], row["topic"], tuple(row["candidate_topics"])) for row in drawn]
    else:
        themes = tuple(sorted(labels))
        asked = [(_whole(row), row["label"], themes) for row in drawn]
    return _choices(analyst, name, asked)


def _whole(row: Row) -> str:
    return f"{row['text']} {row.get('body') or ''}".strip()


def _judged_pairs(analyst: Analyst, name: str, rows: Sequence[Row]) -> Measure:
    by_theme: dict[str, list[Row]] = {}
    for row in rows:
        by_theme.setdefault(row["theme"], []).append(row)
    pairs = []
    for theme, asked in by_theme.items():
        scores = _scores(analyst, [row["text"] for row in asked], [as_theme(theme)])
        pairs += [(row["label"], _verdict(best)) for row, best in zip(asked, scores, strict=True)]
    confusion = Confusion(pairs, (MATCH, NO_MATCH))
    figures = (confusion.precision(MATCH), confusion.recall(MATCH), confusion.f1(MATCH), confusion.accuracy())
    return Measure(
        "theme",
        name,
        len(pairs),
        figures,
        f"each text against its one theme, matched from a score of {FILING_THRESHOLD} on",
        confusion,
    )


def _verdict(best: Sequence[ThemeScore]) -> str:
    return MATCH if best and best[0].score >= FILING_THRESHOLD else NO_MATCH


def _choices(analyst: Analyst, name: str, asked: Sequence[tuple[str, str, tuple[str, ...]]]) -> Measure:
    """Which of the candidates scores best; and, of what would be filed, how much is filed rightly."""
    by_candidates: dict[tuple[str, ...], list[tuple[str, str]]] = {}
    for text, chosen, candidates in asked:
        by_candidates.setdefault(candidates, []).append((text, chosen))
    pairs: list[tuple[str, str]] = []
    filed: list[bool] = []
    for candidates, group in by_candidates.items():
        themes = [as_theme(_JOINTS.sub(" ", candidate)) for candidate in candidates]
        named = {theme.id: candidate for theme, candidate in zip(themes, candidates, strict=True)}
        for (_, chosen), best in zip(group, _scores(analyst, [text for text, _ in group], themes), strict=True):
            taken = named[best[0].theme_id] if best else FAILED
            pairs.append((chosen, taken))
            if _verdict(best) == MATCH:
                filed.append(chosen == taken)
    confusion = Confusion(pairs, sorted({chosen for chosen, _ in pairs}))
    figures = [confusion.accuracy("first choice"), share("filed rightly", sum(filed), len(filed))]
    figures.append(share("filed", len(filed), len(pairs)))
    if len(by_candidates) == 1:
        figures.append(confusion.macro_f1(sorted({chosen for chosen, _ in pairs})))
    return Measure(
        "theme",
        name,
        len(pairs),
        tuple(figures),
        f"one of {len(asked[0][2]) if asked else 0} themes by the best score; filed from {FILING_THRESHOLD} on",
    )


def _scores(analyst: Analyst, texts: Sequence[str], themes: Sequence[Theme]) -> Sequence[Sequence[ThemeScore]]:
    unanswered: Sequence[Sequence[ThemeScore]] = [()] * len(texts)
    return or_failed(lambda: analyst.match([as_item(text) for text in texts], themes).scores, unanswered)


def relevance(analyst: Analyst, data: DataFolder, limit: int | None) -> Iterator[Measure]:
    """Pairs of a call and a workspace's themes."""
    for name, rows in data.sets("theme_relevance_"):
        pairs = []
        for row in sample(rows, limit):
            call = data.calls.get(row["call_id"])
            if call is None:
                raise InputError(f"{name} names a call that is not there", "see evaluation.labelled")
            themes = [as_theme(theme) for theme in row["themes"]]
            judged = or_failed(partial(_relevance, analyst, call, themes), FAILED)
            pairs.append((row["label"], judged))
        confusion = Confusion(pairs, (RELEVANT, NOT_RELEVANT))
        figures: tuple[Figure, ...] = (
            confusion.accuracy(),
            confusion.precision(RELEVANT),
            confusion.recall(RELEVANT),
            confusion.f1(RELEVANT),
        )
        yield Measure(
            "relevance", name, len(pairs), figures, "each call against each workspace's themes, names only", confusion
        )


def _relevance(analyst: Analyst, call: LabelledCall, themes: Sequence[Theme]) -> str:
    return RELEVANT if analyst.judge_relevance(call.transcript, themes).is_relevant else NOT_RELEVANT
