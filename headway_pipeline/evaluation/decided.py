"""A team's own decisions: is what was accepted found, is what was dismissed left out, is it filed as decided.

An item is the decided one by the rule that keeps ids over readings: the same type, about the same words.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from headway_pipeline.analysis.contract import Analyst
from headway_pipeline.analysis.extraction import extract
from headway_pipeline.analysis.matching import match
from headway_pipeline.evaluation.figures import share
from headway_pipeline.evaluation.labelled import DataFolder
from headway_pipeline.evaluation.measure import FAILED, Measure, as_item, as_theme, or_failed, sample
from headway_pipeline.model.features import ExtractedFeature, shared_characters
from headway_pipeline.model.labels import DecidedCall, DecidedItem

__all__ = ["filings", "findings"]

ACCEPT, DISMISS = "accept", "dismiss"
INBOX = "(inbox)"


def findings(analyst: Analyst, data: DataFolder, limit: int | None) -> Iterator[Measure]:
    """Reads the calls again and sees which of the decided items are found."""
    for name, calls in data.decided():
        drawn = sample([call for call in calls if any(item.verdict for item in call.items)], limit)
        if not drawn:
            continue
        found = dict.fromkeys((ACCEPT, DISMISS), 0)
        missed = dict.fromkeys((ACCEPT, DISMISS), 0)
        for call in drawn:
            items = _found(analyst, call)
            for decided in call.items:
                if decided.verdict is not None:
                    is_found = any(_is_same(item, decided) for item in items)
                    (found if is_found else missed)[decided.verdict] += 1
        decisions = sum(found.values()) + sum(missed.values())
        yield Measure(
            "extraction",
            name,
            decisions,
            (
                share("precision over decided items", found[ACCEPT], sum(found.values())),
                share("accepted items found", found[ACCEPT], found[ACCEPT] + missed[ACCEPT]),
                share("dismissed items left out", missed[DISMISS], found[DISMISS] + missed[DISMISS]),
            ),
            f"{decisions} items of {len(drawn)} calls that people accepted or dismissed; others that are found do "
            "not count",
        )


def _found(analyst: Analyst, call: DecidedCall) -> Sequence[ExtractedFeature]:
    return or_failed(lambda: extract(analyst, call.transcript).items, ())


def _is_same(item: ExtractedFeature, decided: DecidedItem) -> bool:
    return item.type is decided.type and any(
        shared_characters(one, other) for one in item.evidence for other in decided.evidence
    )


def filings(analyst: Analyst, data: DataFolder, limit: int | None) -> Iterator[Measure]:
    """Files the decided items, as they were extracted then, under the team's themes."""
    for name, calls in data.decided():
        drawn = sample([call for call in calls if any(item.is_theme_decided for item in call.items)], limit)
        if not drawn:
            continue
        judged = [one for call in drawn for one in _judged(analyst, call)]
        moved = [is_right for item, is_right in judged if item.is_moved]
        kept = [is_right for item, is_right in judged if not item.is_moved]
        yield Measure(
            "theme",
            name,
            len(judged),
            (
                share("filed as decided", sum(moved) + sum(kept), len(judged)),
                share("filed as decided, of moved ones", sum(moved), len(moved)),
                share("filed as decided, of accepted ones", sum(kept), len(kept)),
            ),
            f"{len(judged)} items of {len(drawn)} calls against the workspace's themes and the inbox; moved ones are "
            "those that an analyst had filed otherwise",
        )


def _judged(analyst: Analyst, call: DecidedCall) -> list[tuple[DecidedItem, bool]]:
    decided = [item for item in call.items if item.is_theme_decided]
    taken = or_failed(lambda: _places(analyst, call, decided), [FAILED] * len(decided))
    return [(item, place == (item.theme or INBOX)) for item, place in zip(decided, taken, strict=True)]


def _places(analyst: Analyst, call: DecidedCall, decided: Sequence[DecidedItem]) -> list[str]:
    themes = [as_theme(theme.name, theme.description) for theme in call.themes]
    names = {theme.id: theme.name for theme in themes}
    filed = match(analyst, [_as_extracted(item) for item in decided], themes).filings
    return [INBOX if filing.theme_id is None else names[filing.theme_id] for filing in filed]


def _as_extracted(item: DecidedItem) -> ExtractedFeature:
    made = as_item(item.title)
    return replace(
        made, type=item.type, title=item.title, description=item.description, evidence=item.evidence or made.evidence
    )
