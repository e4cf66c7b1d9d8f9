"""The part of a call that relevance is judged by: what customers say that may matter, in a quarter of the tokens.

The offline rules find what sounds like feedback, the themes' own words what sounds like a theme; the rest of the room
is spread over the call. What reads like an instruction to a machine stays out: it may not decide that nobody reads
the call.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from headway_pipeline.analysis.language_model.numbered import Line, clean
from headway_pipeline.analysis.language_model.suspicion import is_suspicious
from headway_pipeline.analysis.offline import OfflineAnalyst
from headway_pipeline.model.calls import Side, Transcript
from headway_pipeline.model.features import Theme

__all__ = ["Excerpt", "condensed"]

#: A turn is chosen in passages of about this length.
PASSAGE_CHARS = 320
#: What the rules find counts for this many words of the themes.
FOUND_WEIGHT = 4
#: Shorter words say nothing about a theme; longer ones are compared by their beginning, for they are inflected.
STEM_CHARS = (4, 6)
LEFT_OUT = "..."

_SENTENCE = re.compile(r".+?(?:[.!?\u3002\uff1f\uff01]+(?=\s|$)|$)|.+?[\u3002\uff1f\uff01]", re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Passage:
    place: int
    line: Line
    score: int


class Excerpt(NamedTuple):
    """A part of a call.

    Attributes:
        text: "" where nobody but the vendor speaks.
        leaves_out_feedback: something that sounds like feedback also reads like an instruction, and is not in it.
    """

    text: str
    leaves_out_feedback: bool


def condensed(lines: Sequence[Line], transcript: Transcript, themes: Sequence[Theme], most_chars: int) -> Excerpt:
    """The most telling passages in their order, at most about `most_chars`.

    Args:
        lines: the call as it may be shown.
        transcript: the same as it was said, for the rules.
    """
    found = {quote.segment_index for item in OfflineAnalyst().extract(transcript).candidates for quote in item.quotes}
    wanted = {stem for theme in themes for stem in _stems(f"{theme.name} {theme.description}")}
    quotable = [line for line in lines if line.side is not Side.VENDOR]
    shown = [line for line in quotable if not is_suspicious(line.text)]
    passages = [
        _Passage(place, line, len(wanted & set(_stems(line.text))) + FOUND_WEIGHT * (line.index in found))
        for place, line in enumerate(piece for line in shown for piece in _passages(line))
    ]
    chosen: list[_Passage] = []
    room = most_chars
    for passage in sorted(passages, key=lambda passage: (-passage.score, _spread(passage.place))):
        if len(str(passage.line)) < room or not chosen:
            chosen.append(passage)
            room -= len(str(passage.line)) + len(LEFT_OUT)
    text = "\n".join(_shown(sorted(chosen, key=lambda passage: passage.place)))
    kept = {line.index for line in shown}
    return Excerpt(text, any(line.index in found for line in quotable if line.index not in kept))


def _shown(chosen: Sequence[_Passage]) -> Iterator[str]:
    after = 0
    for passage in chosen:
        if passage.place != after:
            yield LEFT_OUT
        yield str(passage.line)
        after = passage.place + 1


def _passages(line: Line) -> Iterator[Line]:
    """A turn in whole sentences of about `PASSAGE_CHARS` together."""
    held = ""
    for sentence in _SENTENCE.findall(line.text):
        if held and len(held) + len(sentence) > PASSAGE_CHARS:
            yield Line(line.index, line.side, held.strip())
            held = ""
        held += sentence
    if held.strip():
        yield Line(line.index, line.side, held.strip())


def _stems(text: str) -> Iterable[str]:
    shortest, longest = STEM_CHARS
    return (word[:longest] for word in re.findall(r"\w+", clean(text).casefold()) if len(word) >= shortest)


def _spread(place: int) -> int:
    """An order that visits 0, 1, 2, ... evenly: the bits of the place, reversed."""
    return int(f"{place:024b}"[::-1], 2)
