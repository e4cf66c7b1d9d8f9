"""An evaluation as rows, as JSON, and as one HTML file that needs nothing else."""

from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

from headway_pipeline.evaluation.figures import Figure
from headway_pipeline.evaluation.measure import Measure
from headway_pipeline.evaluation.plots import confusion_plot, figures_plot
from headway_pipeline.evaluation.run import Evaluation
from headway_pipeline.evaluation.standards import standard_of

__all__ = ["as_json", "figure_rows", "html_page", "shown"]

_TITLES = {
    "type": "What type of feedback is it?",
    "relevance": "Is a call about any of the themes?",
    "theme": "Which theme does it belong to?",
    "sentiment": "What is the tone?",
    "extraction": "Is what stands in a call found?",
    "quotes": "Are quotes what was said?",
    "sides": "Whose words are they?",
}
_INTERVALS = (
    "Intervals are 95 %: Wilson's for shares (precision, recall, accuracy), the bootstrap over 2,000 resamples for "
    "F1 and macro-F1."
)
_STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, sans-serif; color: #1f2937; margin: 2rem auto; max-width: 62rem; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: .2rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
h3 { font-size: 1rem; margin: 1.4rem 0 .2rem; overflow-wrap: anywhere; } p.note { color: #4b5563; margin: 0 0 .5rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #e5e7eb; vertical-align: top; }
td.number, th.number { text-align: right; white-space: nowrap; } td.small { color: #4b5563; font-size: .85rem; }
.met { color: #047857; } .missed { color: #b91c1c; } img { max-width: 100%; height: auto; display: block; }
"""


def shown(value: float | None) -> str:
    """A figure with three digits; a dash where nothing was measured."""
    return "-" if value is None else f"{value:.3f}"


def figure_rows(evaluation: Evaluation) -> Iterator[dict[str, Any]]:
    """One row a figure, in the order of the report."""
    for measure in evaluation.measures:
        for figure in measure.figures:
            standard = standard_of(measure.data, figure.name)
            yield {
                "analyst": evaluation.analyst,
                "question": measure.question,
                "data": measure.data,
                "figure": figure.name,
                "value": _rounded(figure.value),
                "low": _rounded(figure.low),
                "high": _rounded(figure.high),
                "interval": figure.method,
                "cases": figure.count,
                "floor": standard.floor,
                "published": standard.published,
                "asked": standard.asked,
            }


def as_json(evaluation: Evaluation) -> dict[str, Any]:
    """Everything, for programs."""
    return {
        "analyst": evaluation.analyst,
        "version": evaluation.version,
        "cpu_s": evaluation.cpu_s,
        "limit": evaluation.limit,
        "intervals": _INTERVALS,
        "measures": [_measure_json(measure) for measure in evaluation.measures],
        "figures": list(figure_rows(evaluation)),
    }


def _measure_json(measure: Measure) -> dict[str, Any]:
    confusion = measure.confusion
    return {
        "question": measure.question,
        "data": measure.data,
        "cases": measure.cases,
        "note": measure.note,
        "confusion": None if confusion is None else {"labels": confusion.labels, "true_by_taken": confusion.matrix},
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def html_page(evaluations: Sequence[Evaluation], command: str) -> str:
    """One self-contained page: no script, no address, pictures inline.

    Args:
        command: what was run, shown so that anybody can run it again.
    """
    names = ", ".join(evaluation.analyst for evaluation in evaluations)
    parts = [
        "<!doctype html><html lang=en><head><meta charset=utf-8>",
        "<meta name=viewport content='width=device-width, initial-scale=1'>",
        f"<title>Accuracy of {escape(names)}</title><style>{_STYLE}</style></head><body>",
        f"<h1>Accuracy of {escape(names)}</h1>",
        f"<p class=note>Made by <code>{escape(command)}</code>. {_INTERVALS}</p>",
        *(_analyst_note(evaluation) for evaluation in evaluations),
        figures_plot(evaluations),
        *(_question(question, title, evaluations) for question, title in _TITLES.items()),
        "</body></html>",
    ]
    return "\n".join(parts)


def _analyst_note(evaluation: Evaluation) -> str:
    limit = "" if evaluation.limit is None else f", at most {evaluation.limit} cases of a set"
    words = f"{evaluation.analyst}, version {evaluation.version}: {evaluation.cpu_s} CPU seconds{limit}."
    return f"<p class=note>{escape(words)}</p>"


def _question(question: str, title: str, evaluations: Sequence[Evaluation]) -> str:
    measured = [
        (evaluation, measure)
        for evaluation in evaluations
        for measure in evaluation.measures
        if measure.question == question
    ]
    if not measured:
        return ""
    return f"<h2>{escape(title)}</h2>" + "".join(_section(*pair) for pair in measured)


def _section(evaluation: Evaluation, measure: Measure) -> str:
    rows = "".join(_row(measure.data, figure) for figure in measure.figures)
    plot = "" if measure.confusion is None else confusion_plot(measure.confusion, f"{measure.data}: true and taken")
    note = f"{measure.cases} cases; {measure.note}."
    return (
        f"<h3>{escape(measure.data)} <small>({escape(evaluation.analyst)})</small></h3>"
        f"<p class=note>{escape(note)}</p><table><tr><th>figure<th class=number>value<th class=number>95 %"
        f"<th class=number>of<th class=number>asked<th>floor; published</tr>{rows}</table>{plot}"
    )


def _row(data: str, figure: Figure) -> str:
    standard = standard_of(data, figure.name)
    beside = "; ".join(filter(None, [standard.floor, standard.published]))
    interval = "-" if figure.low is None else f"{shown(figure.low)} to {shown(figure.high)}"
    asked = "" if standard.asked is None else f"{standard.asked:.2f}"
    return (
        f"<tr><td>{escape(figure.name)}<td class='number {_verdict(figure, standard.asked)}'>{shown(figure.value)}"
        f"<td class=number>{interval}<td class=number>{figure.count}"
        f"<td class=number>{asked}<td class=small>{escape(beside)}</tr>"
    )


def _verdict(figure: Figure, asked: float | None) -> str:
    if asked is None or figure.value is None:
        return ""
    return "met" if figure.value >= asked else "missed"
