"""What a prompt shows: numbered lines of a call, numbered themes, numbered items."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["ShownLine", "items_shown", "lines_shown", "theme_numbers", "themes_shown"]

#: `[12] C: text`, or an excerpt of it without a number.
LINE = re.compile(r"^\s*(?:\[(\d+)\]\s*)?([CVU]):\s?(.*)$", re.MULTILINE)
#: `1. Name: description`.
THEME = re.compile(r"^(\d+)\.\s+(.*)$", re.MULTILINE)
#: `[1] type: title`, followed by lines that belong to it.
ITEM = re.compile(r"^\[(\d+)\] (?![CVU]:)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class ShownLine:
    """A line of the call as the prompt shows it; `number` is -1 in an excerpt without numbers."""

    number: int
    side: str
    text: str

    @property
    def may_be_evidence(self) -> bool:
        """Whether it is not the vendor's."""
        return self.side != "V"


def lines_shown(prompt: str) -> list[ShownLine]:
    """The lines of the call, in order."""
    return [ShownLine(int(number or -1), side, text) for number, side, text in LINE.findall(prompt)]


def theme_numbers(schema: Mapping[str, Any]) -> list[str]:
    """The numbers of themes an answer may name: the first enum of digits in its schema."""
    for values in _enums(schema):
        numbers = [value for value in values if isinstance(value, str) and value.isdecimal()]
        if numbers:
            return numbers
    return []


def themes_shown(prompt: str, schema: Mapping[str, Any]) -> dict[str, str]:
    """The themes by their numbers; only those an answer may name, each as it stands first."""
    wanted = theme_numbers(schema)
    shown: dict[str, str] = {}
    for number, text in THEME.findall(prompt):
        if number in wanted:
            shown.setdefault(number, text)
    return shown


def items_shown(prompt: str) -> dict[int, str]:
    """The items to be filed by their numbers, each up to the next one."""
    starts = list(ITEM.finditer(prompt))
    ends = [*(start.start() for start in starts[1:]), len(prompt)]
    return {int(start[1]): prompt[start.start() : end] for start, end in zip(starts, ends, strict=True)}


def _enums(node: object) -> Iterator[Sequence[Any]]:
    if isinstance(node, Mapping):
        if isinstance(node.get("enum"), list):
            yield node["enum"]
        for inner in node.values():
            yield from _enums(inner)
