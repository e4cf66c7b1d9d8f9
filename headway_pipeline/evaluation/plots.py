"""Pictures of figures, inline in HTML or Markdown: nothing is fetched to see them."""

import base64
import io
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from headway_pipeline.evaluation.figures import Confusion
from headway_pipeline.evaluation.run import Evaluation
from headway_pipeline.evaluation.standards import standard_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

__all__ = ["confusion_plot", "figures_picture", "figures_plot"]

INK, FAINT = "#1f2937", "#9ca3af"
COLOURS = ("#4f46e5", "#d97706", "#047857", "#be185d")
WIDTH_IN, ROW_IN = 9.0, 0.3
#: With more labels than this a matrix cannot be read.
MOST_LABELS = 8


def _picture(width_in: float, height_in: float) -> "Picture":
    # Imported here: matplotlib costs most of a CPU second, and a table needs none of it.
    from matplotlib.figure import Figure as Picture

    return Picture(figsize=(width_in, height_in), dpi=110, layout="constrained")


def png(picture: "Picture") -> str:
    """The picture as an address that holds it."""
    image = io.BytesIO()
    # Without the library's version in the file the same figures give the same bytes.
    picture.savefig(image, format="png", metadata={"Software": None})
    return f"data:image/png;base64,{base64.b64encode(image.getvalue()).decode('ascii')}"


def figures_picture(evaluations: Sequence[Evaluation]) -> "Picture":
    """The figures something is asked of, with intervals; a bar marks what is asked."""
    names, drawn = _asked_figures(evaluations)
    picture = _picture(WIDTH_IN, 0.9 + ROW_IN * max(len(names), 1) * max(len(evaluations), 1))
    axes = picture.subplots()
    for series, (evaluation, points) in enumerate(zip(evaluations, drawn, strict=True)):
        offset = (series - (len(drawn) - 1) / 2) * 0.24
        places = [names.index(name) + offset for name, *_ in points]
        values = [value for _, value, _, _ in points]
        # Rounding may put an end on the wrong side of a figure of exactly 1.
        below = [max(value - low, 0.0) for _, value, low, _ in points]
        above = [max(high - value, 0.0) for _, value, _, high in points]
        colour = COLOURS[series % len(COLOURS)]
        axes.errorbar(values, places, xerr=[below, above], fmt="o", color=colour, capsize=3, label=evaluation.analyst)
    for place, (data, figure) in enumerate(names):
        axes.vlines(standard_of(data, figure).asked or 0, place - 0.35, place + 0.35, color=INK, linewidth=2)
    _finish(axes, [f"{_short(data)}: {figure}" for data, figure in names])
    return picture


def _finish(axes: Any, labels: Sequence[str]) -> None:
    axes.set_yticks(range(len(labels)), labels, color=INK, fontsize=9)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.02)
    axes.set_xlabel("value with its 95 % interval; the upright bar is what is asked", color=INK, fontsize=9)
    axes.grid(axis="x", color="#e5e7eb")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.legend(frameon=False, loc="lower left", fontsize=9)


Point = tuple[tuple[str, str], float, float, float]


def _asked_figures(evaluations: Sequence[Evaluation]) -> tuple[list[tuple[str, str]], list[list[Point]]]:
    names: dict[tuple[str, str], None] = {}
    drawn: list[list[Point]] = []
    for evaluation in evaluations:
        points: list[Point] = []
        for measure in evaluation.measures:
            for figure in measure.figures:
                if standard_of(measure.data, figure.name).asked is None or figure.value is None:
                    continue
                name = (measure.data, figure.name)
                names[name] = None
                points.append((name, figure.value, figure.low or 0.0, figure.high or 0.0))
        drawn.append(points)
    return list(names), drawn


def _short(data: str) -> str:
    words = data.replace("feedback_type_", "").replace("conversation_", "").replace("theme_match_", "").split("_")
    return " ".join(words[:2])


def figures_plot(evaluations: Sequence[Evaluation]) -> str:
    """`figures_picture` as an HTML image; "" where nothing is asked of any figure."""
    names, _ = _asked_figures(evaluations)
    if not names:
        return ""
    return f"<img alt='Figures with their intervals, beside what is asked' src='{png(figures_picture(evaluations))}'>"


def confusion_plot(confusion: Confusion, title: str) -> str:
    """A confusion matrix as an HTML image: rows are true labels, shaded by share of the row."""
    labels = [label.replace("_", " ") for label in confusion.labels]
    if len(labels) > MOST_LABELS:
        return ""
    picture = _picture(1.6 + 1.05 * len(labels), 0.7 + 0.55 * len(labels))
    axes = picture.subplots()
    shares = [[number / max(sum(row), 1) for number in row] for row in confusion.matrix]
    axes.imshow(shares, cmap="Purples", vmin=0, vmax=1, aspect="auto")
    for at, row in enumerate(confusion.matrix):
        for to, number in enumerate(row):
            colour = "white" if shares[at][to] > 0.55 else INK
            axes.text(to, at, str(number), ha="center", va="center", color=colour)
    axes.set_xticks(range(len(labels)), labels, fontsize=9)
    axes.set_yticks(range(len(labels)), labels, fontsize=9)
    axes.set_xlabel("taken for", fontsize=9)
    axes.set_ylabel("is", fontsize=9)
    return f"<img alt='{escape(title, quote=True)}' src='{png(picture)}'>"
