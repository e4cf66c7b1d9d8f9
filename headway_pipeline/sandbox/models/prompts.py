"""What a prompt shows: numbered lines of a call, numbered themes, numbered items."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["ShownLine", "items_shown", "lines_shown", "theme_numbers", "themes_shown"]

#: `[12] C: text`, or an excerpt of it without a number.
LINE = re.compile(r"^\s*(?:\[(\d+)\]\s*)?([CVU]):\s?(.*)$", re.MULTILINE)
#: `1. text`, `[1] text`, `1: text`.
NUMBERED = re.compile(r"^\s*\[?(\d+)[\].:)]+\s+(.*)$", re.MULTILINE)


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
    """The themes by their numbers: the first numbered lines of the prompt."""
    wanted = theme_numbers(schema)
    found = NUMBERED.findall(prompt)[: len(wanted)]
    return {number: text for number, text in found if number in wanted}


def items_shown(prompt: str, schema: Mapping[str, Any]) -> dict[int, str]:
    """The items to be filed by their numbers: what follows the themes, each up to the next number."""
    starts = list(NUMBERED.finditer(prompt))[len(theme_numbers(schema)) :]
    ends = [*(start.start() for start in starts[1:]), len(prompt)]
    return {int(start[1]): prompt[start.start() : end] for start, end in zip(starts, ends, strict=True)}


def _enums(node: object) -> Iterator[Sequence[Any]]:
    if isinstance(node, Mapping):
        if isinstance(node.get("enum"), list):
            yield node["enum"]
        for inner in node.values():
            yield from _enums(inner)
