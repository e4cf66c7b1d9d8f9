"""Reading texts and counts out of answers, tolerantly: whatever came back was paid for."""

import re
from collections.abc import Mapping
from typing import Any

__all__ = ["count", "objects", "part", "unwrapped"]

#: Models served locally think aloud before they answer.
THOUGHTS = re.compile(r"\A\s*<think>.*?</think>", re.DOTALL)
#: A block between fences, be there words around it or not.
FENCED = re.compile(r"```[A-Za-z0-9]*[ \t]*\n(.*?)\n?[ \t]*```", re.DOTALL)


def unwrapped(text: str) -> str:
    """The answer without thoughts before it and the code fence around it."""
    bare = THOUGHTS.sub("", text).strip()
    if bare.startswith(("{", "[")):
        return bare
    blocks = FENCED.findall(bare)
    return blocks[0].strip() if len(blocks) == 1 else bare


def count(value: object) -> int | None:
    """A count of tokens; None for what is none."""
    is_count = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return value if is_count else None  # type: ignore[return-value]  # narrowed above


def part(value: object, name: str) -> Mapping[str, Any]:
    """The object under `name`, or an empty one."""
    inner = value.get(name) if isinstance(value, dict) else None
    return inner if isinstance(inner, dict) else {}


def objects(value: object) -> list[Mapping[str, Any]]:
    """The objects of a list, without what is none."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
