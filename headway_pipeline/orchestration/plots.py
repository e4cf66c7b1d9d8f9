"""Small inline images for materializations: counts only, so nothing a customer said leaves the database.

Drawn on white, so that they read the same in Dagster's light and dark pages. Names of themes are what people and
programs wrote: they are shortened, never read as formulas, and replaced by a number where the font cannot show them.
"""

import base64
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from itertools import cycle
from typing import TYPE_CHECKING, Any

import dagster as dg

from headway_pipeline.model.ledger import MessageState

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["confidence_histogram", "cost_by_week", "features_by_week", "ledger_by_state", "ranked"]

INK = "#1f2937"
ACCENT = "#4f46e5"
#: Told apart by people who do not see all colours, too.
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8c6d31")
REST, INBOX = "#9ca3af", "#d1d5db"
COLOURS_KEPT = 32
WIDTH_IN = 5.2
LEGEND_ROW_IN = 0.22
#: The longest name of a theme that two columns of a legend have room for.
MOST_CHARS = 26
FONT_SIZE = 9


def ranked(weeks: Mapping[str | None, Sequence[int]]) -> list[tuple[str, int]]:
    """Themes with their sums, the largest first; the inbox is not one."""
    sums = {theme: sum(numbers) for theme, numbers in weeks.items() if theme is not None}
    return sorted(sums.items(), key=lambda item: (-item[1], item[0]))


def features_by_week(
    first_days: Sequence[date], weeks: Mapping[str | None, Sequence[int]]
) -> dg.MarkdownMetadataValue:
    """Features by theme and week, stacked: the largest themes, the others together, and the inbox."""
    order = [theme for theme, _ in ranked(weeks)]
    largest, others = order[: len(COLOURS)], order[len(COLOURS) :]
    layers = [
        (_label(theme, place), colour, weeks[theme])
        for place, (theme, colour) in enumerate(zip(largest, COLOURS, strict=False), start=1)
    ]
    if others:
        layers.append((f"{len(others)} other themes", REST, _summed(weeks[theme] for theme in others)))
    if None in weeks:
        layers.append(("in the inbox", INBOX, weeks[None]))
    figure = _figure(2.1 + LEGEND_ROW_IN * ((len(layers) + 1) // 2))
    axes = figure.subplots()
    below = [0] * len(first_days)
    for _, colour, numbers in layers:
        axes.bar(range(len(first_days)), numbers, bottom=below, color=colour, width=0.8)
        below = _summed((below, numbers))
    _finish_weeks(axes, first_days, "features")
    _name_colours(figure, [(label, colour) for label, colour, _ in layers], columns=2)
    return _inline(figure, "Features by theme and week")


def ledger_by_state(counts: Mapping[str, Mapping[MessageState, int]]) -> dg.MarkdownMetadataValue:
    """Calls by state in the order of the ledger, stacked by source.

    Args:
        counts: by source and state.
    """
    states = [state for state in MessageState if any(state in by_state for by_state in counts.values())]
    figure = _figure(0.7 + 0.27 * max(len(states), 1))
    axes = figure.subplots()
    left = [0] * len(states)
    layers = [*zip(counts, cycle(COLOURS), strict=False)]
    for source, colour in layers:
        numbers = [counts[source].get(state, 0) for state in states]
        bars = axes.barh(range(len(states)), numbers, left=left, color=colour, height=0.7)
        left = _summed((left, numbers))
        if (source, colour) == layers[-1]:
            axes.bar_label(bars, [f"{number:,}" for number in left], padding=3, color=INK, fontsize=FONT_SIZE)
    axes.set_yticks(range(len(states)), [state.replace("_", " ") for state in states], color=INK, fontsize=FONT_SIZE)
    axes.invert_yaxis()
    axes.margins(x=0.14)
    axes.set_xticks([])
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    _name_colours(figure, layers, columns=4)
    return _inline(figure, "Calls by state")


def cost_by_week(first_days: Sequence[date], usd: Sequence[float]) -> dg.MarkdownMetadataValue:
    """What language models cost, by the week in which they answered."""
    figure = _figure(2.0)
    axes = figure.subplots()
    axes.bar(range(len(first_days)), list(usd), color=ACCENT, width=0.8)
    _finish_weeks(axes, first_days, "US dollars")
    return _inline(figure, "Cost of language models by week")


def confidence_histogram(confidences: Sequence[float]) -> dg.MarkdownMetadataValue:
    """How sure the analyst was of its relevance judgements, in tenths from 0 to 1."""
    from matplotlib.ticker import MaxNLocator

    figure = _figure(1.9)
    axes = figure.subplots()
    axes.hist(list(confidences), bins=[n / 10 for n in range(11)], color=ACCENT, rwidth=0.9)
    axes.set_xlim(0, 1)
    axes.set_xlabel("confidence", color=INK, fontsize=FONT_SIZE)
    axes.set_ylabel("calls", color=INK, fontsize=FONT_SIZE)
    axes.tick_params(labelsize=FONT_SIZE, labelcolor=INK)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.spines[["top", "right"]].set_visible(False)
    return _inline(figure, "Confidence of the relevance judgements")


def _figure(height_in: float) -> "Figure":
    # Imported here: matplotlib costs most of a CPU second, and most processes never draw.
    from matplotlib.figure import Figure

    return Figure(figsize=(WIDTH_IN, height_in), dpi=96, layout="constrained", facecolor="white")


def _inline(figure: "Figure", description: str) -> dg.MarkdownMetadataValue:
    from PIL import Image

    drawn, kept = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png")
    # A quarter of the bytes, which Dagster keeps for as long as the materialization.
    with Image.open(drawn) as picture:
        picture.convert("RGB").quantize(COLOURS_KEPT, dither=Image.Dither.NONE).save(kept, "PNG", optimize=True)
    encoded = base64.b64encode(kept.getvalue()).decode("ascii")
    return dg.MetadataValue.md(f"![{description}](data:image/png;base64,{encoded})")


def _finish_weeks(axes: Any, first_days: Sequence[date], what: str) -> None:
    from matplotlib.ticker import MaxNLocator

    shown = range(len(first_days) - 1, -1, -2)
    axes.set_xticks([*shown], [f"{first_days[at]:%d %b}" for at in shown])
    axes.set_xlabel("week from", color=INK, fontsize=FONT_SIZE)
    axes.set_ylabel(what, color=INK, fontsize=FONT_SIZE)
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=what == "features"))
    axes.yaxis.set_major_formatter(lambda value, _place: _compact(value))
    axes.tick_params(labelsize=FONT_SIZE, labelcolor=INK)
    axes.spines[["top", "right"]].set_visible(False)


def _name_colours(figure: "Figure", layers: Sequence[tuple[str, str]], *, columns: int) -> None:
    """A legend below; for no layers, none."""
    from matplotlib.patches import Patch

    if layers:
        patches = [Patch(color=colour) for _, colour in layers]
        labels = [label for label, _ in layers]
        figure.legend(patches, labels, loc="outside lower left", ncols=columns, frameon=False, fontsize=FONT_SIZE)


def _compact(value: float) -> str:
    """1500 as 1.5k: a scale has no room for long numbers."""
    for size, letter in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"


def _summed(rows: Iterable[Sequence[int]]) -> list[int]:
    return [sum(column) for column in zip(*rows, strict=True)]


def _label(name: str, place: int) -> str:
    """A name for a legend; its place among the largest, where the font lacks one of its characters."""
    words = " ".join(name.split())
    if not words or not _can_show(words):
        return f"theme {place}"
    short = words if len(words) <= MOST_CHARS else f"{words[: MOST_CHARS - 1]}…"
    # A dollar would begin a formula.
    return short.replace("$", r"\$")


def _can_show(words: str) -> bool:
    from matplotlib.font_manager import FontProperties, findfont, get_font

    font = get_font(findfont(FontProperties()))
    return all(font.get_char_index(ord(character)) for character in words)
