"""A call as a model is shown it: numbered lines with sides, cleaned and redacted, between marks nobody can speak.

Speech is untrusted. What a reader of the transcript would not see (control, zero-width and direction characters) is
taken out, and nothing that is spoken can look like the next line or like the end of the transcript.
"""

import hashlib
import hmac
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from headway_pipeline.analysis.redaction import Redaction
from headway_pipeline.model.calls import Side, Transcript

__all__ = ["CHARS_PER_TOKEN", "Line", "between_marks", "clean", "estimated_tokens", "numbered_lines", "parts_of"]

#: On the safe side of what both vendors' tokenizers make of numbered speech (3.2 to 3.9).
CHARS_PER_TOKEN = 3.0
#: How many lines of the part before are shown again, so that what is said across a cut is read in one piece.
OVERLAP_LINES = 6

_LETTERS = {Side.CUSTOMER: "C", Side.VENDOR: "V", Side.UNKNOWN: "U"}
_FORGED_LINE = re.compile(r"\[(\d+)\](?=\s*[CVU]\s*:)")
#: These join letters in many scripts; elsewhere they only hide.
_JOINERS = "\u200c\u200d"
_LAST_LATIN = 0x2FF
#: Categories of characters that show nothing, and of those that begin a new line.
_HIDDEN = frozenset({"Cf", "Cs", "Co", "Cn"})
_BREAKS = frozenset({"Cc", "Zl", "Zp"})


@dataclass(frozen=True, slots=True)
class Line:
    """One segment, or a piece of a long one, as it is shown."""

    index: int
    side: Side
    text: str

    def __str__(self) -> str:
        return f"[{self.index}] {_LETTERS[self.side]}: {self.text}"


def clean(text: str) -> str:
    """One line of visible text that cannot be taken for a line of its own."""
    # Nearly all speech is.
    if not text.isprintable():
        seen = "".join(char for place, char in enumerate(text) if _is_seen(text, place))
        text = "".join(" " if unicodedata.category(char) in _BREAKS else char for char in seen)
    return _FORGED_LINE.sub(r"(\1)", " ".join(text.split()))


def _is_seen(text: str, place: int) -> bool:
    char = text[place]
    if char in _JOINERS:
        around = text[place - 1 : place] + text[place + 1 : place + 2]
        return len(around) == 2 and all(ord(other) > _LAST_LATIN for other in around)
    return unicodedata.category(char) not in _HIDDEN


def numbered_lines(transcript: Transcript, redaction: Redaction | None) -> list[Line]:
    """Every segment with words, in order; without personal data where a `redaction` is given."""
    texts = [clean(segment.text) for segment in transcript.segments]
    if redaction is not None:
        redaction.reserve(texts)
        texts = [redaction.redact(text) for text in texts]
    return [
        Line(segment.index, segment.side, text)
        for segment, text in zip(transcript.segments, texts, strict=True)
        if text
    ]


def between_marks(text: str, *, seed: str, key: bytes) -> str:
    """The text between two equal marks that depend on `seed` (a hash of all of it) and on `key`.

    A speaker cannot know the mark, for it changes with every word spoken; a copy of it is taken out all the same.
    """
    mark = f"<<{hmac.new(key, seed.encode(), hashlib.sha256).hexdigest()[:24]}>>"
    return f"{mark}\n{text.replace(mark, '')}\n{mark}"


def estimated_tokens(*texts: str) -> int:
    """About how many tokens a model makes of the texts; rather too many."""
    return int(sum(map(len, texts)) / CHARS_PER_TOKEN) + 1


def parts_of(lines: Sequence[Line], most_chars: int) -> list[list[Line]]:
    """The lines in overlapping parts of at most `most_chars` each; one part where all fit."""
    pieces = [piece for line in lines for piece in _pieces(line, most_chars)]
    parts: list[list[Line]] = [[]]
    for piece in pieces:
        if parts[-1] and _length([*parts[-1], piece]) > most_chars:
            parts.append(_tail(parts[-1], most_chars // 4))
        parts[-1].append(piece)
    return parts


def _tail(part: Sequence[Line], most_chars: int) -> list[Line]:
    """The last lines of a part that are shown again, as far as they take little room."""
    kept: list[Line] = []
    for line in reversed(part[-OVERLAP_LINES:]):
        if _length([*kept, line]) > most_chars:
            break
        kept.append(line)
    return kept[::-1]


def _length(lines: Iterable[Line]) -> int:
    return sum(len(line.text) + 12 for line in lines)


def _pieces(line: Line, most_chars: int) -> list[Line]:
    """A line too long for a part, cut between words; every piece keeps the number."""
    most = max(most_chars // 2, 80)
    if len(line.text) <= most:
        return [line]
    pieces, left = [], line.text
    while left:
        cut = left.rfind(" ", most // 2, most) if len(left) > most else len(left)
        cut = cut if cut > 0 else most
        pieces.append(Line(line.index, line.side, left[:cut].strip()))
        # A quarter is shown twice, for the same reason as the overlap of parts.
        left = left[max(cut - most // 4, 1) :] if cut < len(left) else ""
    return pieces
