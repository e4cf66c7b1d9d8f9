"""Reads the hand-written text of the demo calls, the files of `calls/`, into typed scripts.

A company's file holds `key: value` lines and its themes, `theme = name | color | icon | description`. A file of
calls holds blocks like this one::

    === autumn-renewal
    title: Renewal
    account: Marlowe Freight
    days_ago: 12
    starts: 14:00
    minutes: 40
    details: the Rotterdam office; Joel in treasury
    V1 = Dana Whitfield | vendor | Account manager
    C1 = Priya Raman | customer | Controller

    V1: Shall we start?
    C1: Sure. {{request | Invoicing | We'd like the PO number above the fold.}} The rest is fine.
    ...
    V1: That's everything from me.

Double braces mark planted feedback: its type, its theme (`-` for none) and the customer's words. A line of three
dots is a stretch of talk that `expansion.py` fills in, about the `details`. A speaker may have a fourth field: an
e-mail address, or `no email`; without it the address is made of the name and the company. The side may be
`vendor`, `customer` or `unknown`.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from headway_pipeline.model.calls import Side
from headway_pipeline.model.errors import ConfigurationError
from headway_pipeline.model.features import FeatureType
from headway_pipeline.sandbox.world import Speaker

__all__ = ["CallScript", "CompanyScript", "DemoTheme", "Line", "Mark", "parse_calls", "parse_company"]

BLOCK_START = "=== "
GAP = "..."
NO_THEME = "-"
NO_EMAIL = "no email"
MIN_SPEAKER_BARS = 2
#: Languages that `filler-*.txt` can fill gaps in.
LANGUAGES = ("en", "es")
TYPES = {
    "request": FeatureType.FEATURE_REQUEST,
    "bug": FeatureType.BUG_REPORT,
    "pain": FeatureType.PAIN_POINT,
}
CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
MARK = re.compile(r"\{\{(?P<type>\w+) \| (?P<theme>[^|{}]+) \| (?P<words>[^{}]+)\}\}")


class DemoTheme(NamedTuple):
    """A theme of a demo company, as `headway theme add` takes it; `color` is `#rrggbb`."""

    name: str
    description: str
    color: str
    icon: str


@dataclass(frozen=True, slots=True)
class CompanyScript:
    """A vendor company without its calls."""

    name: str
    access_key: str
    secret_key: str
    email_domain: str
    themes: tuple[DemoTheme, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """Planted feedback: `text[char_start:char_end]` of its line; `theme` is None for the inbox."""

    char_start: int
    char_end: int
    type: FeatureType
    theme: str | None


@dataclass(frozen=True, slots=True)
class Line:
    """One speaker's turn, its marks taken out of the text."""

    speaker_id: str
    text: str
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True, slots=True)
class CallScript:
    """A call as written.

    Attributes:
        kind: "demo", "support", ...; for people who edit the files.
        days_ago: UTC days before the day the demo is made for; at least 1.
        starts: time of day in UTC, since midnight.
        details: what the filled-in talk mentions; no other call has the same.
        stretches: the lines between the gaps, in order.
    """

    id: str
    title: str
    kind: str
    account: str | None
    language: str
    days_ago: int
    starts: timedelta
    minutes: int
    details: tuple[str, ...]
    speakers: tuple[Speaker, ...]
    stretches: tuple[tuple[Line, ...], ...]


def parse_company(text: str) -> CompanyScript:
    """Read a company's file.

    Raises:
        ConfigurationError: a line is not of the form the module's docstring gives, or a key is missing.
    """
    fields: dict[str, str] = {}
    themes: list[DemoTheme] = []
    for row in filter(None, map(str.strip, text.splitlines())):
        if row.startswith("theme ="):
            name, color, icon, description = _columns(row.partition("=")[2], 4)
            themes.append(DemoTheme(name, description, color, icon))
        else:
            key, value = _split(row, ":")
            fields[key] = value
    return CompanyScript(
        name=_required(fields, "name"),
        access_key=_required(fields, "access_key"),
        secret_key=_required(fields, "secret_key"),
        email_domain=_required(fields, "email_domain"),
        themes=tuple(themes),
    )


def parse_calls(text: str, company: CompanyScript) -> Iterator[CallScript]:
    """Read a file of calls of `company`, in the order they stand.

    Raises:
        ConfigurationError: as `parse_company`, or a line names a speaker or theme that is not there.
    """
    for block in re.split(rf"^{BLOCK_START}", text, flags=re.MULTILINE)[1:]:
        head, _, body = block.partition("\n\n")
        yield _call(head.splitlines(), body.splitlines(), company)


def _call(head: list[str], body: list[str], company: CompanyScript) -> CallScript:
    fields: dict[str, str] = {}
    cast: dict[str, str] = {}
    for row in head[1:]:
        is_speaker = " = " in row.partition(":")[0]
        key, value = _split(row, "=" if is_speaker else ":")
        (cast if is_speaker else fields)[key] = value
    account, language = fields.get("account"), fields.get("language", LANGUAGES[0])
    if language not in LANGUAGES:
        raise _malformed("there is no talk to fill gaps with in this language", language)
    return CallScript(
        id=head[0].strip(),
        title=_required(fields, "title"),
        kind=_required(fields, "kind"),
        account=account,
        language=language,
        days_ago=_whole(fields, "days_ago"),
        starts=_time_of_day(_required(fields, "starts")),
        minutes=_whole(fields, "minutes"),
        details=tuple(filter(None, map(str.strip, fields.get("details", "").split(";")))),
        speakers=tuple(_speaker(key, row, account, company) for key, row in cast.items()),
        stretches=tuple(_stretches(body, frozenset(cast), frozenset(theme.name for theme in company.themes))),
    )


def _stretches(body: list[str], cast: frozenset[str], themes: frozenset[str]) -> Iterator[tuple[Line, ...]]:
    lines: list[Line] = []
    for row in filter(None, map(str.strip, body)):
        if row == GAP:
            yield tuple(lines)
            lines = []
            continue
        speaker_id, marked = _split(row, ":")
        if speaker_id not in cast:
            raise _malformed(f"nobody is called {speaker_id!r}", row)
        lines.append(_line(speaker_id, marked, themes))
    yield tuple(lines)


def _line(speaker_id: str, marked: str, themes: frozenset[str]) -> Line:
    """Take the marks out of `marked`, keeping where their words stand."""
    text = ""
    marks: list[Mark] = []
    read_to = 0
    for found in MARK.finditer(marked):
        text += marked[read_to : found.start()]
        if found["type"] not in TYPES or found["theme"] not in themes | {NO_THEME}:
            raise _malformed("a mark names no type or theme there is", found[0])
        theme = None if found["theme"] == NO_THEME else found["theme"]
        marks.append(Mark(len(text), len(text) + len(found["words"]), TYPES[found["type"]], theme))
        text += found["words"]
        read_to = found.end()
    text += marked[read_to:]
    if "{" in text or "}" in text:
        raise _malformed("a brace is left over", text)
    return Line(speaker_id, text, tuple(marks))


def _speaker(speaker_id: str, row: str, account: str | None, company: CompanyScript) -> Speaker:
    if row.count("|") < MIN_SPEAKER_BARS:
        raise _malformed("a speaker has a name, a side and a job title", row)
    name, side, job_title, *given = map(str.strip, row.split("|"))
    if side not in set(Side):
        raise _malformed("a speaker's side is not one there is", row)
    if given:
        email = None if given[0] == NO_EMAIL else given[0]
    else:
        domain = company.email_domain if side == Side.VENDOR else f"{_plain(account or name)}.example"
        email = f"{_plain(name, '.')}@{domain}"
    return Speaker(id=speaker_id, name=name, side=Side(side), email=email, job_title=job_title or None)


def _plain(name: str, joint: str = "") -> str:
    """`name` in ASCII letters and digits, its words joined by `joint`: what addresses are made of."""
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return joint.join(re.findall(r"[a-z0-9]+", ascii_name.lower()))


def _split(row: str, separator: str) -> tuple[str, str]:
    key, found, value = row.partition(separator)
    if not found:
        raise _malformed(f"{separator!r} is missing", row)
    return key.strip(), value.strip()


def _columns(row: str, count: int) -> list[str]:
    columns = [column.strip() for column in row.split("|")]
    if len(columns) != count:
        raise _malformed(f"{count} columns are wanted", row)
    return columns


def _required(fields: Mapping[str, str], key: str) -> str:
    if key not in fields:
        raise _malformed(f"{key!r} is missing", " ".join(fields.values()))
    return fields[key]


def _whole(fields: Mapping[str, str], key: str) -> int:
    value = _required(fields, key)
    if not value.isdecimal():
        raise _malformed(f"{key!r} is no whole number", value)
    return int(value)


def _time_of_day(value: str) -> timedelta:
    clock = CLOCK.fullmatch(value)
    if clock is None:
        raise _malformed("a time of day is written 09:30", value)
    return timedelta(hours=int(clock[1]), minutes=int(clock[2]))


def _malformed(problem: str, row: str) -> ConfigurationError:
    return ConfigurationError(
        f"a file of the demo calls is malformed, {problem}: {row[:60]!r}",
        "see the docstring of headway_pipeline.sandbox.scripts for the form",
    )
