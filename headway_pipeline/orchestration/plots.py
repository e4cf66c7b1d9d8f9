"""Small inline images for materializations: counts only, so nothing a customer said leaves the database."""

import base64
import io
from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["confidence_histogram", "features_by_theme", "features_over_time"]

INK = "#1f2937"
ACCENT = "#4f46e5"
WIDTH_IN = 5.2
#: Beyond this many themes the bars are too thin to read; the rest is summed.
MOST_BARS = 12


def _figure(height_in: float) -> "Figure":
    # Imported here: matplotlib costs most of a CPU second, and most processes never draw.
    from matplotlib.figure import Figure

    return Figure(figsize=(WIDTH_IN, height_in), dpi=96, layout="constrained")


def _inline(figure: "Figure", description: str) -> dg.MarkdownMetadataValue:
    image = io.BytesIO()
    figure.savefig(image, format="png")
    encoded = base64.b64encode(image.getvalue()).decode("ascii")
    return dg.MetadataValue.md(f"![{description}](data:image/png;base64,{encoded})")


def confidence_histogram(confidences: Sequence[float]) -> dg.MarkdownMetadataValue:
    """How sure the analyst was of its relevance judgements, in tenths from 0 to 1."""
    from matplotlib.ticker import MaxNLocator

    figure = _figure(1.9)
    axes = figure.subplots()
    axes.hist(list(confidences), bins=[n / 10 for n in range(11)], color=ACCENT, rwidth=0.9)
    axes.set_xlim(0, 1)
    axes.set_xlabel("confidence", color=INK)
    axes.set_ylabel("calls", color=INK)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.spines[["top", "right"]].set_visible(False)
    return _inline(figure, "Confidence of the relevance judgements")


def features_by_theme(counts: Mapping[str, int]) -> dg.MarkdownMetadataValue:
    """Features filed under each theme, and those in the inbox; the longest bar on top."""
    import pandas as pd

    ordered = pd.Series(dict(counts)).sort_values(ascending=False)
    if len(ordered) > MOST_BARS:
        rest = ordered.iloc[MOST_BARS - 1 :].sum()
        ordered = pd.concat([ordered.iloc[: MOST_BARS - 1], pd.Series({"all others": rest})])
    figure = _figure(0.8 + 0.28 * len(ordered))
    axes = figure.subplots()
    bars = axes.barh(list(ordered.index), list(ordered.values), color=ACCENT, height=0.7)
    axes.bar_label(bars, padding=3, color=INK)
    axes.invert_yaxis()
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.set_xticks([])
    return _inline(figure, "Features by theme")


def features_over_time(counts: Mapping[tuple[date, str], int]) -> dg.MarkdownMetadataValue:
    """Features a day, stacked by type, over the days of one run."""
    import pandas as pd

    rows = [(day, what.replace("_", " "), number) for (day, what), number in counts.items()]
    table = pd.DataFrame(rows, columns=["day", "type", "features"])
    pivot = table.pivot_table(index="day", columns="type", values="features", aggfunc="sum", fill_value=0)
    figure = _figure(2.1)
    axes = figure.subplots()
    bottom = [0.0] * len(pivot)
    for column, colour in zip(pivot.columns, (ACCENT, "#0d9488", "#f59e0b"), strict=False):
        axes.bar(
            [f"{day:%m-%d}" for day in pivot.index], list(pivot[column]), bottom=bottom, color=colour, label=column
        )
        bottom = [low + high for low, high in zip(bottom, pivot[column], strict=True)]
    axes.legend(frameon=False, fontsize=8)
    axes.tick_params(axis="x", rotation=60, labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    return _inline(figure, "Features a day by type")
