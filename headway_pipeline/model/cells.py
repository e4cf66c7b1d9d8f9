"""Cells of a CSV file. A spreadsheet computes what begins like a formula; calls' words must stay words."""

from typing import TypeVar

__all__ = ["FORMULA_STARTS", "safe_cell"]

Cell = TypeVar("Cell")

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def safe_cell(value: Cell) -> Cell | str:
    """Text that begins like a formula gets an apostrophe before it; numbers, dates and None stay as they are."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_STARTS) else value
