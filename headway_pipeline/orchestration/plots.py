"""Small inline images for materializations: counts only, so nothing a customer said leaves the database."""

import base64
import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["confidence_histogram", "features_by_theme"]

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
    figure = _figure(0.3 + 0.3 * len(ordered))
    axes = figure.subplots()
    bars = axes.barh(list(ordered.index), list(ordered.values), color=ACCENT, height=0.7)
    axes.bar_label(bars, padding=3, color=INK)
    axes.invert_yaxis()
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.set_xticks([])
    return _inline(figure, "Features by theme")
