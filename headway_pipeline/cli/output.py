"""How listings are shown: a table for people, JSON and CSV for programs.

Titles and quotes are a customer's words: control characters are taken out before a terminal sees them, and cells
that a spreadsheet would compute are made text. Nothing else in `cli/` writes to a terminal (a test sees to it).
"""

import csv
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum
from typing import Any
from uuid import UUID

import click

from headway_pipeline.model.cells import safe_cell

__all__ = [
    "MOST_ROWS",
    "Column",
    "clock",
    "format_option",
    "plain",
    "say",
    "show",
    "show_json",
    "show_made",
    "tell",
]

#: What a 32-bit count in the databases can say.
MOST_ROWS = 2_147_483_647


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Attributes:
        of: its text for a row; in CSV it may be a number, or None.
        ratio: share of the spare width; 0 for a column as wide as its content.
    """

    title: str
    of: Callable[[Mapping[str, Any]], object]
    ratio: int = 0


format_option = click.option(
    "--format",
    "output_format",
    type=click.Choice(["table", "json", "csv"]),
    default="table",
    show_default=True,
    help="How to show the rows on standard output.",
)


def say(words: str) -> None:
    """Words for people, on standard error."""
    click.echo(_legible(words), err=True)


def tell(words: str = "") -> None:
    """The answer in words, on standard output."""
    click.echo(_legible(words))


def show_json(
    value: object, *, indent: int | None = None, default: Callable[[Any], str | int | float] | None = None
) -> None:
    """The answer for programs, on standard output. What a terminal would obey is written as JSON's escapes.

    Args:
        default: the form of what JSON does not know; of times, ids and enumerations when left out.
    """
    written = json.dumps(value, ensure_ascii=False, indent=indent, default=default or _json)
    click.echo("".join(char if char.isprintable() or char == "\n" else _escaped(char) for char in written))


def plain(text: object) -> str:
    """Text without control characters, safe for a terminal."""
    return "".join(" " if char in "\n\t" else char for char in str(text) if char.isprintable() or char in "\n\t")


def _legible(words: str) -> str:
    """Lines without what a terminal would obey."""
    return "\n".join(map(plain, words.split("\n")))


def _escaped(char: str) -> str:
    # Half of a surrogate pair each, beyond the first plane.
    return json.dumps(char)[1:-1]


def clock(milliseconds: int | None) -> str:
    """A moment of a call as people say it: 4:07, 1:02:33; "" for none."""
    if milliseconds is None:
        return ""
    minutes, seconds = divmod(milliseconds // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def show(
    rows: Sequence[Mapping[str, Any]],
    columns: Sequence[Column],
    output_format: str,
    *,
    empty: str,
    csv_columns: Sequence[Column] | None = None,
) -> None:
    """Write `rows` to standard output.

    Args:
        empty: tells people why a table has none.
        csv_columns: of CSV, where a table on a terminal has no room for all.
    """
    if output_format == "json":
        show_json(rows, indent=2)
    elif output_format == "csv":
        _show_csv(rows, columns if csv_columns is None else csv_columns)
    elif rows:
        _show_table(rows, columns)
    else:
        say(empty)


def show_made(made: Mapping[str, Any], output_format: str, words: str) -> None:
    """The answer of a command that made something: JSON on standard output, or words for people."""
    if output_format == "json":
        show_json(made)
    else:
        tell(words)


def _show_csv(rows: Sequence[Mapping[str, Any]], columns: Sequence[Column]) -> None:
    writer = csv.writer(sys.stdout)
    writer.writerow([column.title for column in columns])
    for row in rows:
        writer.writerow([safe_cell(column.of(row)) for column in columns])


def _show_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[Column]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column.title, ratio=column.ratio or None, overflow="fold")
    for row in rows:
        # Text, not markup: a title may hold square brackets.
        table.add_row(*(Text(plain(column.of(row))) for column in columns))
    # A pipe has no width of its own; wide lines keep a row on a line there.
    Console(width=None if sys.stdout.isatty() else 200).print(table)


def _json(value: object) -> str | int | float:
    match value:
        case datetime():
            return value.isoformat()
        case date() | UUID():
            return str(value)
        case Enum():
            return str(value.value)
    raise TypeError(f"no JSON form for {type(value).__name__}")
