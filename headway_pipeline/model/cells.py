"""Cells of a CSV file: calls' words stay words where a spreadsheet would compute them or a terminal obey them."""

from typing import TypeVar

__all__ = ["FORMULA_STARTS", "safe_cell"]

Cell = TypeVar("Cell")

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\n")
#: All but what breaks and spaces lines.
_OBEYED = dict.fromkeys({*range(0x20), *range(0x7F, 0xA0)} - set(map(ord, "\t\n")))


def safe_cell(value: Cell) -> Cell | str:
    """Text without control characters, and with an apostrophe before it where it begins like a formula.

    Numbers, dates and None stay as they are.
    """
    if not isinstance(value, str):
        return value
    words = value.translate(_OBEYED)
    return f"'{words}" if words.startswith(FORMULA_STARTS) else words
