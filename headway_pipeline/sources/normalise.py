"""Bringing what a source answers to the normal form: text, ids, times, languages, and what we do not know.

Everything here is tolerant: an unusable value becomes None, and the caller decides whether it can do without.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from headway_pipeline.sources.languages import ISO_639_1

__all__ = [
    "Known",
    "clean_json",
    "clean_text",
    "count_unknown_fields",
    "language_code",
    "objects",
    "text_id",
    "text_or_none",
    "utc_time",
    "web_address",
    "whole_number",
    "with_parameter",
    "zulu",
]

#: PostgreSQL takes no NUL in text, and no database or hash takes half of a surrogate pair.
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
#: Above this, an epoch number counts milliseconds: as seconds it would lie beyond the year 5000.
FIRST_EPOCH_MS = 1e11

#: Names of known fields. None below a name: anything goes there.
Known: TypeAlias = Mapping[str, "Known | None"]


def clean_text(text: str) -> str:
    """`text` without NUL, with lone surrogates replaced, so that it can be hashed and stored."""
    if not UNSTORABLE.search(text):
        return text
    return UNSTORABLE.sub(lambda found: "" if found.group() == "\x00" else REPLACEMENT, text)


def clean_json(value: Any) -> Any:
    """`clean_text` on every text in a JSON value, the names of fields included."""
    match value:
        case str():
            return clean_text(value)
        case dict():
            return {clean_text(name): clean_json(item) for name, item in value.items()}
        case list():
            return [clean_json(item) for item in value]
        case _:
            return value


def text_or_none(value: Any) -> str | None:
    """A stripped text; None for anything else and for nothing but space."""
    return (value.strip() or None) if isinstance(value, str) else None


def text_id(value: Any) -> str | None:
    """An id as text, whether the source writes a text or a whole number; None where it is neither.

    A float is refused: ids beyond 2**53 have lost their last digits in it.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return text_or_none(value)


#: The largest number the databases' integer columns hold: 68 years in seconds, 24 days in milliseconds.
LARGEST_WHOLE_NUMBER = 2**31 - 1


def whole_number(value: Any) -> int | None:
    """A number from 0 to `LARGEST_WHOLE_NUMBER`, rounded to an int, else None."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= LARGEST_WHOLE_NUMBER:
        return None
    return round(value)


def finite_number(written: str) -> float | None:
    """A JSON number as float; None for one beyond a float, which databases refuse as infinite."""
    number = float(written)
    return number if math.isfinite(number) else None


def utc_time(value: Any) -> datetime | None:
    """An ISO-8601 text (any offset, `Z`, microseconds; UTC where it names none) or epoch number as aware UTC."""
    try:
        if isinstance(value, str):
            read = datetime.fromisoformat(value.strip())
            return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return datetime.fromtimestamp(value / 1000 if value >= FIRST_EPOCH_MS else value, tz=UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return None


def language_code(value: Any) -> str | None:
    """ISO 639-1 of a language given as ISO 639-1, ISO 639-2 (both lists) or BCP 47; None where it has none.

    "eng", "en" and "en-US" are "en"; "und" (unsupported) and "zxx" (no speech) are None.
    """
    code = re.split("[-_]", text_or_none(value) or "", maxsplit=1)[0].lower()
    return code if code in ISO_639_1.values() else ISO_639_1.get(code)


def web_address(value: Any) -> str | None:
    """A link that is safe to show: http or https, else None."""
    address = text_or_none(value)
    return address if address and re.match(r"https?://\S+$", address, re.IGNORECASE) else None


def with_parameter(url: str, name: str, value: str) -> str:
    """`url` with one more parameter in its query, in place of an earlier one of that name."""
    parts = urlsplit(url)
    kept = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] != name]
    return parts._replace(query=urlencode([*kept, (name, value)], quote_via=quote)).geturl()


def zulu(moment: datetime) -> str:
    """An aware UTC time as ISO 8601 with a `Z`, which APIs take that stumble over `+00:00` in a query."""
    return moment.isoformat().replace("+00:00", "Z")


def objects(value: Any) -> Iterator[dict[str, Any]]:
    """The JSON objects in a JSON array; nothing of anything else."""
    if isinstance(value, (list, tuple)):
        yield from (item for item in value if isinstance(item, dict))


def count_unknown_fields(value: Any, known: Known | None, path: str = "") -> Counter[str]:
    """Dotted paths of fields in `value` that `known` does not name, with how often; lists are seen through."""
    found: Counter[str] = Counter()
    if known is None:
        return found
    if isinstance(value, list):
        for item in value:
            found += count_unknown_fields(item, known, path)
    elif isinstance(value, dict):
        for name, item in value.items():
            here = f"{path}.{name}" if path else name
            if name in known:
                found += count_unknown_fields(item, known[name], here)
            else:
                found[here] += 1
    return found
