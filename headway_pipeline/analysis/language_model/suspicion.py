"""Speech that reads like an instruction to a machine.

It is not believed and not thrown away: such turns are read apart from the rest of the call, and such items filed
apart from the others, so that whatever they bring about concerns nothing else. A turn that looks so by chance (people
do speak of prompts) costs one request more. `suspicious_speech.txt` knows what is usual in a dozen languages, not
everything.
"""

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

__all__ = ["is_suspicious"]

PATTERNS_FILE = Path(__file__).with_name("suspicious_speech.txt")


@cache
def _patterns() -> re.Pattern[str]:
    lines = PATTERNS_FILE.read_text(encoding="utf-8").splitlines()
    patterns = [line for line in lines if line and not line.startswith("# ")]
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.IGNORECASE)


def is_suspicious(*texts: str | Iterable[str]) -> bool:
    """Whether any of the texts reads like an instruction to a machine."""
    flat = (text for given in texts for text in ([given] if isinstance(given, str) else given))
    return any(_patterns().search(text) for text in flat)
