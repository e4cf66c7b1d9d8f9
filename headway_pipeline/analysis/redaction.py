"""Personal data taken out of a text before it leaves the machine, and put back into what comes back.

Each e-mail address, telephone or card number, social security number, IP address and name of a participant becomes a
placeholder such as `[EMAIL_1]`, the same one wherever it stands in the call, so that quotes map back word by word.
What a pattern cannot know stays: names nobody listed, addresses of houses, what people tell of themselves.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

__all__ = ["REDACTION_VERSION", "Redaction"]

#: Part of a request's identity: another one means other text is sent.
REDACTION_VERSION = "1"

#: A name of more words than this is no name of a person.
MOST_NAME_WORDS = 4
#: A shorter part of a name ("Al", "de") stands in too many other words.
MIN_NAME_CHARS = 3

_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_IP = re.compile(
    r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.]\d)|(?<![\w:])(?:[0-9a-fA-F]{1,4}:){7}[0-9a-fA-F]{1,4}(?![\w:])"
)
_CARD = re.compile(r"(?<!\d)\d(?:[ -]?\d){12,18}(?!\d)")
_SSN = re.compile(r"(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])")
_PHONE = re.compile(
    r"(?<![\w.])(?:\+\d{1,3}[ .-]?)?(?:\(\d{1,4}\)[ .-]?)?\d{2,4}(?:[ .-]\d{2,4}){1,4}(?![\w-])"
    r"|(?<!\w)\+\d{8,15}(?!\d)"
)
_PLACEHOLDER = re.compile(r"\[?\b(EMAIL|IP|CARD|SSN|PHONE|PERSON)_(\d+)\b\]?")


def _is_ip(found: str) -> bool:
    return ":" in found or all(int(part) <= 255 for part in found.split("."))


def _is_card(found: str) -> bool:
    """Whether the digits keep Luhn's rule, as those of every payment card do."""
    digits = [int(char) for char in reversed(found) if char.isdigit()]
    doubled = (sum(divmod(2 * digit, 10)) if place % 2 else digit for place, digit in enumerate(digits))
    return sum(doubled) % 10 == 0


def _is_phone(found: str) -> bool:
    """As many digits as a number has; fewer where something says that it is one. "2026-11-20" is none."""
    least = 8 if found[0] in "+(0" else 9
    return least <= sum(char.isdigit() for char in found) <= 15


#: Tried at every place of a text; where several fit, the longest.
_PATTERNS: tuple[tuple[str, re.Pattern[str], Callable[[str], bool]], ...] = (
    ("EMAIL", _EMAIL, lambda _found: True),
    ("CARD", _CARD, _is_card),
    ("SSN", _SSN, lambda _found: True),
    ("IP", _IP, _is_ip),
    ("PHONE", _PHONE, _is_phone),
)


@dataclass(frozen=True, slots=True)
class _Span:
    start: int
    end: int
    kind: str


@dataclass(slots=True)
class Redaction:
    """The placeholders of one call. Texts are redacted in a fixed order, so that the same call is the same text.

    Attributes:
        names: of people who took part; whole names and their parts are taken out where they stand capitalised.
    """

    names: tuple[str, ...] = ()
    _placeholder_of: dict[tuple[str, str], str] = field(default_factory=dict)
    _words_of: dict[str, str] = field(default_factory=dict)
    _taken: dict[str, int] = field(default_factory=dict)
    _people: re.Pattern[str] | None = None

    def __post_init__(self) -> None:
        self._people = _people_pattern(self.names)

    def redact(self, text: str) -> str:
        """The text with placeholders in place of personal data."""
        parts, at = [], 0
        # Speech that holds a placeholder by itself must not be taken for one of ours.
        for span in self._spans(text):
            parts += [text[at : span.start], self._placeholder(span.kind, text[span.start : span.end])]
            at = span.end
        return "".join([*parts, text[at:]])

    def restore(self, text: str) -> str:
        """The inverse, for any text that quotes what `redact` gave; unknown placeholders stay."""

        def words(found: re.Match[str]) -> str:
            return self._words_of.get(f"[{found[1]}_{found[2]}]", found[0])

        return _PLACEHOLDER.sub(words, text)

    def reserve(self, texts: Iterable[str]) -> None:
        """Keep clear of placeholders that are spoken in `texts`, before the first is redacted."""
        for text in texts:
            for kind, number in _PLACEHOLDER.findall(text):
                self._taken[kind] = max(self._taken.get(kind, 0), int(number[:6]))

    def _placeholder(self, kind: str, words: str) -> str:
        key = (kind, words)
        if key not in self._placeholder_of:
            self._taken[kind] = self._taken.get(kind, 0) + 1
            placeholder = f"[{kind}_{self._taken[kind]}]"
            self._placeholder_of[key] = placeholder
            self._words_of[placeholder] = words
        return self._placeholder_of[key]

    def _spans(self, text: str) -> Iterator[_Span]:
        """What is personal, from left to right; of overlapping finds the longest, then the first kind."""
        found = [
            _Span(match.start(), match.end(), kind)
            for kind, pattern, holds in _PATTERNS
            for match in pattern.finditer(text)
            if holds(match[0])
        ]
        if self._people is not None:
            found += [_Span(*match.span(), "PERSON") for match in self._people.finditer(text)]
        kept: list[_Span] = []
        for span in sorted(found, key=lambda span: span.start - span.end):
            if all(span.end <= other.start or span.start >= other.end for other in kept):
                kept.append(span)
        return iter(sorted(kept, key=lambda span: span.start))


def _people_pattern(names: Iterable[str]) -> re.Pattern[str] | None:
    """Finds names as people write them: capitalised, so that "Will" is one and "will" is not."""
    wanted: set[str] = set()
    for name in names:
        words = name.split()
        # What somebody typed as a name may be anything: a sentence would take ordinary words out of the call.
        if not 1 <= len(words) <= MOST_NAME_WORDS or not all(map(_may_be_name, words)):
            continue
        wanted.add(r"\s+".join(map(re.escape, words)))
        wanted.update(re.escape(word) for word in words if len(word) >= MIN_NAME_CHARS)
    if not wanted:
        return None
    return re.compile(rf"(?<!\w)(?:{'|'.join(sorted(wanted, key=lambda name: (-len(name), name)))})(?!\w)")


def _may_be_name(word: str) -> bool:
    letters = word.replace("-", "").replace("'", "").replace("\u2019", "").replace(".", "")
    return letters.isalpha() and not word[0].islower()
