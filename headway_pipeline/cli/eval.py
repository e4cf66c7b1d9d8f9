"""`headway eval`: how right an analyst is, measured; and what two analysts together miss."""

import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from headway_pipeline.cli.context import verbose_option
from headway_pipeline.cli.output import Column, format_option, say, show, show_json
from headway_pipeline.model.errors import InputError

if TYPE_CHECKING:
    from headway_pipeline.evaluation.run import Evaluation

__all__ = ["command"]

EVAL_DATA = "HEADWAY_EVAL_DATA"
QUESTIONS = ("type", "relevance", "theme", "sentiment", "extraction", "quotes", "sides")


def _figure(row: Mapping[str, Any], name: str) -> str:
    return "-" if row[name] is None else f"{row[name]:.3f}"


COLUMNS = (
    Column("analyst", lambda row: row["analyst"]),
    Column("question", lambda row: row["question"]),
    Column("data", lambda row: row["data"], ratio=3),
    Column("figure", lambda row: row["figure"], ratio=2),
    Column("value", lambda row: _figure(row, "value")),
    Column("95 %", lambda row: f"{_figure(row, 'low')} to {_figure(row, 'high')}"),
    Column("of", lambda row: str(row["cases"])),
    Column("asked", lambda row: "" if row["asked"] is None else f"{row['asked']:.2f}"),
)
AGREEMENT_COLUMNS = (
    Column("calls", lambda row: row["calls"], ratio=2),
    Column("both", lambda row: str(row["both"])),
    Column("only first", lambda row: str(row["only_first"])),
    Column("only second", lambda row: str(row["only_second"])),
    Column("estimated", lambda row: f"{row['estimated']:.0f} ({row['low']:.0f} to {row['high']:.0f})"),
    Column("missed by both", lambda row: f"{row['missed']:.0f}"),
    Column("planted", lambda row: "" if row["planted"] is None else str(row["planted"])),
    Column("truly missed", lambda row: "" if row["truly_missed"] is None else str(row["truly_missed"])),
)


@click.command(name="eval")
@click.option("--data", "folder", metavar="DIR", help=f"Folder of labelled sets; default: {EVAL_DATA}.")
@click.option(
    "--analyst",
    "names",
    multiple=True,
    metavar="NAME",
    help="Who is measured; may be given more than once. Default: offline (for --agreement: its two parts).",
)
@click.option("--only", multiple=True, type=click.Choice(QUESTIONS), help="Only this question; may be repeated.")
@click.option("--limit", type=click.IntRange(1), help="At most this many cases of a set: models cost money.")
@click.option("--html", "page", type=click.Path(dir_okay=False, path_type=Path), help="Write a report here, too.")
@click.option("--agreement", is_flag=True, help="Let two analysts read the same calls and estimate what both miss.")
@format_option
@verbose_option
def command(
    folder: str | None,
    names: Sequence[str],
    only: Sequence[str],
    limit: int | None,
    page: Path | None,
    agreement: bool,
    output_format: str,
    verbose: bool,  # noqa: ARG001
) -> None:
    """Measure how right an analyst is: precision, recall and F1 with their intervals.

    With --agreement two analysts read the same calls: those of the folder, or, where none is named, the demo's,
    of which the truth is known.
    """
    if agreement:
        _agree(folder, names, limit, output_format)
    else:
        _measure(folder, names or ("offline",), only, limit, page, output_format)


def _measure(
    folder: str | None,
    names: Sequence[str],
    only: Sequence[str],
    limit: int | None,
    page: Path | None,
    output_format: str,
) -> None:
    from headway_pipeline.evaluation.analysts import analyst_named
    from headway_pipeline.evaluation.labelled import DataFolder
    from headway_pipeline.evaluation.report import as_json, figure_rows
    from headway_pipeline.evaluation.run import evaluate

    named = folder or os.environ.get(EVAL_DATA)
    if not named:
        raise InputError("no folder of labelled sets is named", f"name one: --data DIR, or set {EVAL_DATA}")
    data = DataFolder(Path(named))
    done = [
        evaluate(analyst_named(name, os.environ), data, only=only, limit=limit, progress=partial(_say_progress, name))
        for name in names
    ]
    if page is not None:
        _write(page, done, names)
    if output_format == "json":
        show_json([as_json(evaluation) for evaluation in done], indent=2)
        return
    rows = [row for evaluation in done for row in figure_rows(evaluation)]
    show(rows, COLUMNS, output_format, empty=f"{data.folder} holds no set that answers this")


def _say_progress(name: str, question: str) -> None:
    say(f"{name}: {question}")


def _write(page: Path, done: "Sequence[Evaluation]", names: Sequence[str]) -> None:
    from headway_pipeline.evaluation.report import html_page

    command = " ".join(["headway eval --data DIR", *(f"--analyst {name}" for name in names)])
    try:
        page.write_text(html_page(done, command), encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"{page} cannot be written ({error.strerror})", "name a file in a folder of yours"
        ) from error
    say(f"wrote {page}")


def _agree(folder: str | None, names: Sequence[str], limit: int | None, output_format: str) -> None:
    from headway_pipeline.cli.eval_agreement import agreement_rows
    from headway_pipeline.evaluation.agreement import ASSUMPTIONS

    pair = tuple(names) or ("offline:rules", "offline:words")
    if len(pair) != 2:
        raise InputError("agreement is between two analysts", "give --analyst twice, or not at all")
    rows = agreement_rows(pair[0], pair[1], None if folder is None else Path(folder), limit)
    if output_format == "table":
        say(f"first: {pair[0]}; second: {pair[1]}. {ASSUMPTIONS}")
    show(rows, AGREEMENT_COLUMNS, output_format, empty="no calls to read")
