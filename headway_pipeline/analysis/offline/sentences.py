"""Utterances cut into clauses that know where they stand; every pattern here runs in linear time.

Sentences end at their punctuation. Speech recognition often writes none, so longer stretches are cut again where
people draw breath: at commas, at fillers, before "but" and "so", in the end by count, so that quotes stay short.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from headway_pipeline.model.calls import Segment, Side

__all__ = ["QUESTION_MARKS", "Clause", "clauses_of", "words_of"]

#: The second is of full width.
QUESTION_MARKS = ("?", "\uff1f")

#: A sentence of more words than this is cut into clauses.
LONG_SENTENCE_WORDS = 30
#: No clause is cut shorter than this at a good place, or left longer than the last at a poor one.
GOOD_CUT_AFTER, FAIR_CUT_AFTER, ANY_CUT_AFTER = 9, 20, 34

# The possessive "++" and the look-behind keep a run of a hundred thousand dots from being scanned more than once.
_SENTENCE_END = re.compile(r"(?<![.!?\u2026])[.!?\u2026]++[\"'\u201d\u2019)\]]*+(?=\s|\Z)|[\u3002\uff01\uff1f]|\n")
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
# Some sources write "don t" and "it s": an apostrophe that became a space.
_LOST_APOSTROPHE = re.compile(
    r"\b(?:(?:ca|wo|do|does|did|is|are|was|were|could|would|should|has|have|had|ai)n(?= t\b)"
    r"|(?:it|that|there|what|he|she|let|here|who)(?= s\b)|i(?= (?:m|ve|ll|d)\b)"
    r"|(?:we|you|they)(?= (?:re|ve|ll|d)\b)) "
)
_LOST_ENDINGS = ("n t ", " s ", " m ", " re ", " ve ", " ll ", " d ")
_TOKEN = re.compile(r"\S+")
_ABBREVIATIONS = frozenset(
    ["e.g.", "i.e.", "vs.", "etc.", "mr.", "mrs.", "ms.", "dr.", "approx.", "no.", "sr.", "sra."]
)
_BREATHS = frozenset(["but", "so", "because", "um", "uh", "erm", "pero", "porque", "entonces", "however", "although"])
_JOINTS = frozenset(["and", "or", "which", "then", "when", "if", "where", "while", "like", "y", "que", "cuando"])
_CLOSERS = (",", ";", ":", "\u2014", "\u2013", " -")


@dataclass(frozen=True, slots=True)
class Clause:
    """A sentence, or a part of a long one: `segment.text[char_start:char_end] == text`.

    Attributes:
        words: lower-case words without punctuation, apostrophes kept.
        is_question: it ends with a question mark.
        number: position in its segment, from 0.
    """

    segment_index: int
    side: Side
    char_start: int
    char_end: int
    text: str
    words: tuple[str, ...]
    is_question: bool
    number: int

    @property
    def line(self) -> str:
        """The words between single spaces, and one at each end."""
        return f" {' '.join(self.words)} "


def words_of(text: str) -> tuple[str, ...]:
    """Lower-case words without punctuation; "don\u2019t" and "don t" are one word, spelt with a plain apostrophe."""
    plain = text.lower().replace("\u2019", "'")
    # Looking for the letters first is cheaper than the pattern, which nearly no text needs.
    if any(lost in plain for lost in _LOST_ENDINGS):
        plain = _LOST_APOSTROPHE.sub(_with_apostrophe, plain)
    return tuple(_WORD.findall(plain))


def _with_apostrophe(found: re.Match[str]) -> str:
    return f"{found.group()[:-1]}'"


def clauses_of(segment: Segment) -> Iterator[Clause]:
    """The clauses of one utterance, in order; stretches without a single word are left out."""
    number = 0
    for start, end in _stretches(segment.text):
        text = segment.text[start:end]
        words = words_of(text)
        if words:
            is_question = text.rstrip("\"'\u201d\u2019)]").endswith(QUESTION_MARKS)
            yield Clause(segment.index, segment.side, start, end, text, words, is_question, number)
            number += 1


def _stretches(text: str) -> Iterator[tuple[int, int]]:
    for start, end in _sentences(text):
        # Cheaper than counting words; a word and its space are hardly ever shorter than three characters.
        if end - start <= 3 * LONG_SENTENCE_WORDS:
            yield start, end
        else:
            yield from _cut(text, start, end)


def _sentences(text: str) -> Iterator[tuple[int, int]]:
    """Spans of sentences without the space around them."""
    start = 0
    for match in _SENTENCE_END.finditer(text):
        end = match.end()
        if match.group() == "." and _is_abbreviation(text, start, end):
            continue
        yield _trimmed(text, start, end)
        start = end
    yield _trimmed(text, start, len(text))


def _is_abbreviation(text: str, start: int, end: int) -> bool:
    last = text[max(start, end - 8) : end].rpartition(" ")[2].lower()
    return last in _ABBREVIATIONS or (len(last) == 2 and last[0].isalpha() and last[0] != "i")


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    stretch = text[start:end]
    start += len(stretch) - len(stretch.lstrip())
    return start, start + len(stretch.strip())


def _cut(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    tokens = [match.span() for match in _TOKEN.finditer(text, start, end)]
    if len(tokens) <= LONG_SENTENCE_WORDS:
        yield start, end
        return
    first = 0
    for at in range(1, len(tokens)):
        before, after = text[slice(*tokens[at - 1])], text[slice(*tokens[at])]
        if _is_cut(at - first, before, after) and len(tokens) - at >= GOOD_CUT_AFTER // 2:
            yield tokens[first][0], tokens[at - 1][1]
            first = at
    yield tokens[first][0], tokens[-1][1]


def _is_cut(length: int, before: str, after: str) -> bool:
    if length < GOOD_CUT_AFTER:
        return False
    word = after.lower().rstrip(",.")
    if word in _BREATHS or (before.endswith(_CLOSERS) and word in _JOINTS):
        return True
    if length < FAIR_CUT_AFTER:
        return False
    return before.endswith(_CLOSERS) or word in _JOINTS or length >= ANY_CUT_AFTER
