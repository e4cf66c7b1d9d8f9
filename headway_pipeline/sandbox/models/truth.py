"""What is planted in the calls, found again in a prompt by its words."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from headway_pipeline.model.features import FeatureType
from headway_pipeline.sandbox.models.prompts import ShownLine

__all__ = ["Planted", "PlantedIn", "planted_in", "planted_of"]

#: Words that were taken out before the prompt was sent: `[PERSON_1]`.
PLACEHOLDER = "_"
#: So many characters of a passage are not said by chance.
TELLING_CHARS = 40
#: How much of a quote with placeholders must still be the same, of 100.
ENOUGH_ALIKE = 85.0


@dataclass(frozen=True, slots=True)
class Planted:
    """Feedback in a call.

    Attributes:
        theme: name of the theme it belongs under; None for the inbox.
    """

    quote: str
    type: FeatureType
    theme: str | None


@dataclass(frozen=True, slots=True)
class PlantedIn:
    """Where a planted passage is shown.

    Attributes:
        words: as the prompt shows them.
    """

    planted: Planted
    line: ShownLine
    words: str


def planted_in(
    lines: Sequence[ShownLine], truth: Iterable[Planted], *, is_part_enough: bool = False
) -> list[PlantedIn]:
    """The planted passages that lines of others than the vendor show, in the order of the lines.

    Args:
        is_part_enough: whether the beginning or the end of a passage will do, as excerpts may cut it.
    """
    lines = [line for line in lines if line.may_be_evidence]
    found: list[PlantedIn] = []
    whole = "\n".join(line.text for line in lines)
    has_gaps = "[" in whole
    for planted in truth:
        parts = [planted.quote]
        if is_part_enough and len(planted.quote) > TELLING_CHARS:
            parts += [planted.quote[:TELLING_CHARS], planted.quote[-TELLING_CHARS:]]
        shown = [
            PlantedIn(planted, line, part) for part in parts if part in whole for line in lines if part in line.text
        ]
        if not shown and has_gaps:
            shown = _redacted(planted, lines)
        found += shown[:1]
    return sorted(found, key=lambda each: lines.index(each.line))


def planted_of(text: str, truth: Iterable[Planted]) -> Planted | None:
    """The planted passage that a text quotes, or None."""
    exact = next((planted for planted in truth if planted.quote in text), None)
    if exact is not None or "[" not in text:
        return exact
    line = ShownLine(0, "C", text)
    return next((planted for planted in truth if _redacted(planted, [line])), None)


def _redacted(planted: Planted, lines: Sequence[ShownLine]) -> list[PlantedIn]:
    """Where the passage is shown with placeholders in it."""
    from rapidfuzz.fuzz import partial_ratio_alignment

    found = []
    for line in lines:
        if "[" not in line.text or PLACEHOLDER not in line.text or len(line.text) < len(planted.quote) // 2:
            continue
        place = partial_ratio_alignment(planted.quote, line.text, score_cutoff=ENOUGH_ALIKE)
        if place is not None and place.dest_end > place.dest_start:
            found.append(PlantedIn(planted, line, _whole_words(line.text, place.dest_start, place.dest_end)))
    return found


def _whole_words(text: str, start: int, end: int) -> str:
    start = text.rfind(" ", 0, start + 1) + 1
    following = text.find(" ", end)
    return text[start : len(text) if following == -1 else following].strip()
