"""Speech that reads like an instruction to a machine.

It is not believed and not thrown away: such turns are read apart from the rest of the call, and such items filed
apart from the others, so that whatever they bring about concerns nothing else. A turn that looks so by chance (people
do speak of prompts) costs one request more. `suspicious_speech.txt` knows what is usual in a dozen languages, not
everything.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

__all__ = ["is_suspicious"]

PATTERNS_FILE = Path(__file__).with_name("suspicious_speech.txt")


@dataclass(frozen=True, slots=True)
class _Sign:
    """A pattern, and words without which it need not be looked for: hours of speech hold few of them."""

    words: tuple[str, ...]
    pattern: re.Pattern[str]

    def is_in(self, text: str, folded: str) -> bool:
        return any(word in folded for word in self.words) and self.pattern.search(text) is not None


@cache
def _signs() -> tuple[_Sign, ...]:
    lines = PATTERNS_FILE.read_text(encoding="utf-8").splitlines()
    parts = [line.split("\t") for line in lines if line and not line.startswith("# ")]
    return tuple(_Sign(tuple(words.split()), re.compile(pattern, re.IGNORECASE)) for words, pattern in parts)


def is_suspicious(*texts: str | Iterable[str]) -> bool:
    """Whether any of the texts reads like an instruction to a machine."""
    flat = (text for given in texts for text in ([given] if isinstance(given, str) else given))
    return any(_is_suspicious(text) for text in flat)


def _is_suspicious(text: str) -> bool:
    folded = text.lower()
    return any(sign.is_in(text, folded) for sign in _signs())
