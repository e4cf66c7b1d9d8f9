"""What the names of exported files and of the folders around them say: when a call was, and what it was about."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath

__all__ = ["named_time", "named_title"]

#: ISO dates with any of the separators that file systems make of them, alone or with a time; `GMT20261120-150000`.
DATED = re.compile(
    r"(?:GMT)?(?<!\d)(20\d\d)[-_.]?(0[1-9]|1[0-2])[-_.]?(0[1-9]|[12]\d|3[01])"
    r"(?:(?:[T_ -]|\s+at\s+)([01]\d|2[0-3])[:._h-]?([0-5]\d)(?:[:._-]?([0-5]\d))?"
    r"(?:\s*(?:Z|(?:GMT|UTC)([+-]\d\d?(?::?\d\d)?)|([+-]\d\d:?\d\d)))?)?(?!\d)"
)
#: What exports add to a title.
NOISE = re.compile(r"\b(?:recording|transcript|closed[ _]?caption|captions?|\d{9,11})\b", re.IGNORECASE)


def named_time(path: str) -> datetime | None:
    """The first date in the name of a file, else of the folder around it, and so on outward."""
    for part in reversed(PurePosixPath(path).parts):
        for found in DATED.finditer(part):
            year, month, day, hour, minute, second = (int(number or 0) for number in found.groups()[:6])
            try:
                return datetime(year, month, day, hour, minute, second, tzinfo=UTC) - _offset(found[7] or found[8])
            except (ValueError, OverflowError):
                continue
    return None


def _offset(zone: str | None) -> timedelta:
    """Of `+1`, `+01`, `+0130` or `+01:30`; none for no zone."""
    if zone is None:
        return timedelta(0)
    digits = zone[1:].replace(":", "")
    ahead = timedelta(hours=int(digits[:2]), minutes=int(digits[2:] or 0))
    return -ahead if zone[0] == "-" else ahead


def named_title(path: str) -> str:
    """What the name of the file says beside its date; else that of the folder around it."""
    name = PurePosixPath(path)
    parts = [name.name.removesuffix(name.suffix), *reversed(name.parts[:-1])]
    for part in parts:
        words = NOISE.sub(" ", DATED.sub(" ", part).replace("_", " "))
        title = " ".join(re.sub(r"\(\s*\)|\[\s*\]", " ", words).split()).strip(" -.,")
        if title:
            return title
    return parts[0]
