"""Listings as files: streamed page by page, so that a long one needs no more memory than a short one."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum
from itertools import chain
from typing import Annotated, Any, TypeVar

from fastapi import Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from headway_pipeline.api.problems import described_header
from headway_pipeline.model.cells import safe_cell

__all__ = ["EXPORTED", "FILE_HEADERS", "MEDIA_TYPES", "Cells", "ExportFormat", "Format", "as_ndjson", "exported"]

Row = TypeVar("Row")
#: A column's name and its value for a row.
Cells = Sequence[tuple[str, Callable[[Any], object]]]


class ExportFormat(StrEnum):
    """For spreadsheets, or for programs."""

    CSV = "csv"
    NDJSON = "ndjson"


BYTE_ORDER_MARK = "\ufeff"
MEDIA_TYPES = {ExportFormat.CSV: "text/csv", ExportFormat.NDJSON: "application/x-ndjson"}
Format = Annotated[ExportFormat, Query(description="A table for spreadsheets, or everything as JSON, a row a line.")]

FILE_HEADERS = {"Content-Disposition": described_header("A name for the file.", always=True)}
#: What a route declares of its answer.
EXPORTED: dict[str, Any] = {
    "description": "The rows, newest call first.",
    "headers": FILE_HEADERS,
    "content": {media_type: {"schema": {"type": "string"}} for media_type in MEDIA_TYPES.values()},
}


def exported(
    name: str, form: ExportFormat, rows: Iterable[Row], view: Callable[[Row], BaseModel], cells: Cells
) -> StreamingResponse:
    """Rows as a file called `name`.

    Args:
        view: what is shown of a row, as JSON.
        cells: the columns of the table over that.
    """
    views = _begun(map(view, rows))
    lines = (
        _table(views, cells) if form is ExportFormat.CSV else as_ndjson(one.model_dump(mode="json") for one in views)
    )
    headers = {"Content-Disposition": f'attachment; filename="{name}.{form.value}"'}
    return StreamingResponse(lines, media_type=MEDIA_TYPES[form], headers=headers)


def as_ndjson(rows: Iterable[Any]) -> Iterator[str]:
    """One JSON value a line."""
    for row in rows:
        yield json.dumps(row, ensure_ascii=False) + "\n"


def _begun(rows: Iterator[Row]) -> Iterator[Row]:
    """The same rows, the first of them read already: what fails at once is answered with a problem, not a file."""
    first = next(rows, None)
    return iter(()) if first is None else chain([first], rows)


def _table(rows: Iterable[Any], cells: Cells) -> Iterator[str]:
    line = io.StringIO()
    # Spreadsheets take a file without this mark for one of their own country's letters.
    line.write(BYTE_ORDER_MARK)
    writer = csv.writer(line)
    writer.writerow([title for title, _ in cells])
    for row in rows:
        writer.writerow([safe_cell(value(row)) for _, value in cells])
        yield line.getvalue()
        line.seek(0)
        line.truncate()
    # The head alone, where there are no rows.
    yield line.getvalue()
