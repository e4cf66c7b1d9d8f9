"""Finding a claimed quote in the transcript: what is kept is a copy of the transcript's own bytes, or nothing.

Both sides are brought to a normal form of words (NFC, case, curly quotes and punctuation gone) that remembers where
each word stands. The quote is looked for word by word in the named segment, beside it, then anywhere; where that
fails, by `rapidfuzz` alignment, which forgives what analysts do to quotes (dropped fillers, repaired words).
Ellipses split a quote into parts that must all be found in one segment. A known vendor's words never count.

Chance decides the thresholds. Measured with words from other calls against one of 30,000 words: of quotes of three
words one in five stands in it by chance, of six one in twenty is alike by .80, of eight one in a hundred.
"""

import re
import unicodedata
from bisect import bisect_right
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from itertools import accumulate, pairwise

from rapidfuzz import fuzz

from headway_pipeline.model.calls import Segment, Side, Transcript
from headway_pipeline.model.features import Evidence

__all__ = ["Grounded", "GroundingIndex", "Refusal", "RefusalReason", "ground"]

#: Fewer words than this are found by chance too often to be evidence.
MIN_WORDS = 4
#: A whole utterance may be shorter ("Keeps crashing."), but for one word, which is an answer and no evidence.
MIN_UTTERANCE_WORDS = 2
#: The likeness (0 to 100) asked of a quote of fewer words than this; `LIKENESS` of longer ones.
SHORT_LIKENESS = ((6, 95.0), (8, 88.0))
LIKENESS = 80.0
#: Parts of a quote that stand farther apart than this are not one passage; the longest stands for it.
MAX_GAP_WORDS = 40
#: A longer quote must be exact: aligning takes time in the square of its length.
MAX_ALIKE_WORDS = 300
#: How far the ends of an alignment are moved in search of a better fit.
EDGE_WORDS = 3
#: A stretch must share this much of the quote's distinct words: letters alone are alike in any two sentences.
MIN_SHARED_WORDS = 0.7

# A word is letters and digits, with the marks and apostrophes inside it; a Chinese or Japanese character is a word.
_IDEOGRAPHS = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_LETTERS = rf"[^\W_{_IDEOGRAPHS}]"
_MARKS = (
    "\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u0900-\u0903\u093a-\u094f\u0e31-\u0e4e\u200c\u200d"
)
_WORD = re.compile(rf"[{_IDEOGRAPHS}]|{_LETTERS}+(?:[{_MARKS}'\u2019]+{_LETTERS}+)*[{_MARKS}]*")
_ELLIPSIS = re.compile(r"\[ ?(?:\.\.\.|\u2026) ?\]|\( ?(?:\.\.\.|\u2026) ?\)|\.\.\.|\u2026")


class RefusalReason(StrEnum):
    """Why a quote is no evidence."""

    UNGROUNDED = "ungrounded"
    VENDOR = "vendor"
    TOO_SHORT = "too_short"


@dataclass(frozen=True, slots=True)
class Refusal:
    """The quote is not a customer's words, as far as can be told."""

    reason: RefusalReason


@dataclass(frozen=True, slots=True)
class Grounded:
    """Where the quote stands.

    Attributes:
        likeness: 0 to 1; 1 where the words are the same.
    """

    evidence: Evidence
    likeness: float


@dataclass(frozen=True, slots=True)
class _Hit:
    """A stretch of words `[first, last]` in one segment that is like the quote, 0 to 100."""

    place: int
    first: int
    last: int
    score: float


class _Words:
    """A text as normal words that know where they came from."""

    def __init__(self, text: str) -> None:
        matches = list(_WORD.finditer(text))
        self.spans = [match.span() for match in matches]
        #: The words between single spaces, and one at each end, so that only whole words are found.
        self.line = _normal(f" {' '.join([match.group() for match in matches])} ")
        self.words = self.line.split()

    @cached_property
    def starts(self) -> list[int]:
        """Where each word begins in `line`."""
        return list(accumulate((len(word) + 1 for word in self.words), initial=1))[:-1]

    @cached_property
    def distinct(self) -> frozenset[str]:
        """Each word once."""
        return frozenset(self.words)

    def find(self, quote: "_Words") -> tuple[int, int] | None:
        """First and last word of the first exact occurrence."""
        at = self.line.find(quote.line)
        if at < 0:
            return None
        first = bisect_right(self.starts, at + 1) - 1
        return first, first + len(quote.words) - 1

    def align(self, quote: "_Words", cutoff: float) -> tuple[int, int, float] | None:
        """First and last word of the best alignment at or above `cutoff`, and its likeness."""
        wanted, line = quote.line.strip(), self.line.strip()
        if len(wanted) > len(line):
            # An alignment would look for the segment in the quote, and any "yes" would be found.
            score = fuzz.ratio(wanted, line, score_cutoff=cutoff)
            return (0, len(self.words) - 1, score) if score else None
        aligned = fuzz.partial_ratio_alignment(wanted, line, score_cutoff=cutoff)
        if aligned is None:
            return None
        first, last = self._whole_words(aligned.dest_start + 1, aligned.dest_end + 1)
        refined = self._refined(wanted, first, last)
        return refined if refined[2] >= cutoff else None

    def _refined(self, wanted: str, first: int, last: int) -> tuple[int, int, float]:
        """Move both ends by a few words to where the stretch is most like the quote.

        An alignment is as long as the quote; a speaker's fillers make what was said longer than what is quoted.
        """
        firsts = range(max(first - EDGE_WORDS, 0), min(first + EDGE_WORDS, len(self.words) - 1) + 1)
        lasts = range(max(last - EDGE_WORDS, 0), min(last + EDGE_WORDS, len(self.words) - 1) + 1)
        stretches = (
            (f, t, fuzz.ratio(wanted, " ".join(self.words[f : t + 1]))) for f in firsts for t in lasts if f <= t
        )
        return max(stretches, key=lambda stretch: (stretch[2], -stretch[0], -stretch[1]))

    def _whole_words(self, start: int, end: int) -> tuple[int, int]:
        """First and last word that `line[start:end]` touches."""
        first = max(bisect_right(self.starts, start) - 1, 0)
        last = max(bisect_right(self.starts, end - 1) - 1, 0)
        return first, last


def _normal(words: str) -> str:
    # Neither step makes or eats a space, so that words stay as many as they were.
    return unicodedata.normalize("NFC", words.replace("'", "").replace("\u2019", "")).casefold()


class GroundingIndex:
    """One transcript, ready to be asked for many quotes; segments are prepared when first looked at."""

    def __init__(self, transcript: Transcript) -> None:
        self._segments = transcript.segments
        self._place_of = {segment.index: place for place, segment in enumerate(transcript.segments)}
        self._prepared: dict[int, _Words] = {}

    def ground(self, quote: str, segment_index: int) -> Grounded | Refusal:
        """Find `quote`, said to be in the segment `segment_index`.

        Args:
            quote: the claimed words, in any form; parts may be left out with "..." or "[...]".
            segment_index: where it is said to be; any number, for it is only where the search begins.

        Returns:
            A verbatim slice of one segment that is not a known vendor's, or why there is none.
        """
        parts = [words for words in map(_Words, _ELLIPSIS.split(quote)) if words.words]
        if sum(len(part.words) for part in parts) < MIN_WORDS:
            return self._ground_utterance(_Words(quote), segment_index)
        if len(parts) == 1:
            return self._ground_whole(parts[0], segment_index)
        # Some sources write a pause as an ellipsis: then the quote is one passage, whatever its dots.
        as_it_is = _Words(quote)
        if hit := self._exact(as_it_is, self._by_distance(segment_index)[0]):
            return self._grounded(hit)
        in_parts = self._ground_parts(parts, segment_index)
        is_settled = isinstance(in_parts, Grounded) or in_parts.reason is RefusalReason.TOO_SHORT
        return in_parts if is_settled else self._ground_whole(as_it_is, segment_index)

    def _ground_utterance(self, quote: _Words, near: int) -> Grounded | Refusal:
        """A short quote stands in a call by chance, but not as everything that was said in the segment it names."""
        place = self._place_of.get(near)
        if place is None or len(quote.words) < MIN_UTTERANCE_WORDS or self._words(place).line != quote.line:
            return Refusal(RefusalReason.TOO_SHORT)
        if self._segments[place].side is Side.VENDOR:
            return Refusal(RefusalReason.VENDOR)
        return self._grounded(_Hit(place, 0, len(quote.words) - 1, 100.0))

    def _ground_whole(self, quote: _Words, near: int) -> Grounded | Refusal:
        if hit := self._exact(quote, self._beside(near)):
            return self._grounded(hit)
        cited, vendor = self._by_distance(near)
        if hit := self._exact(quote, cited):
            return self._grounded(hit)
        if self._exact(quote, vendor):
            return Refusal(RefusalReason.VENDOR)
        if hit := self._alike(quote, cited):
            return self._grounded(hit)
        return Refusal(RefusalReason.VENDOR if self._alike(quote, vendor) else RefusalReason.UNGROUNDED)

    def _ground_parts(self, parts: list[_Words], near: int) -> Grounded | Refusal:
        """All parts stand in one segment, in order; parts too short to be looked for must stand in it exactly."""
        longest = max(parts, key=lambda part: len(part.words))
        if len(longest.words) < MIN_WORDS:
            return Refusal(RefusalReason.TOO_SHORT)
        whole = self._ground_whole(longest, near)
        if isinstance(whole, Refusal):
            return whole
        place = self._place_of[whole.evidence.segment_index]
        hits = [self._part_at(part, place) for part in parts]
        found = [hit for hit in hits if hit is not None]
        if len(found) < len(parts):
            return Refusal(RefusalReason.UNGROUNDED)
        gaps = [after.first - before.last for before, after in pairwise(found)]
        if all(0 < gap <= MAX_GAP_WORDS for gap in gaps):
            return self._grounded(_Hit(place, found[0].first, found[-1].last, min(hit.score for hit in found)))
        return whole

    def _part_at(self, part: _Words, place: int) -> _Hit | None:
        return self._exact(part, [place]) or (self._alike(part, [place]) if len(part.words) >= MIN_WORDS else None)

    def _beside(self, near: int) -> list[int]:
        """Positions of the named segment and its neighbours, as far as they may be cited."""
        places = [self._place_of[index] for index in (near, near - 1, near + 1) if index in self._place_of]
        return [place for place in places if self._segments[place].side is not Side.VENDOR]

    def _by_distance(self, near: int) -> tuple[list[int], list[int]]:
        """Positions of the segments that may be cited and of the vendor's, nearest to the named one first."""
        ordered = sorted(range(len(self._segments)), key=lambda place: abs(self._segments[place].index - near))
        cited = [place for place in ordered if self._segments[place].side is not Side.VENDOR]
        vendor = [place for place in ordered if self._segments[place].side is Side.VENDOR]
        return cited, vendor

    def _words(self, place: int) -> _Words:
        prepared = self._prepared.get(place)
        if prepared is None:
            prepared = self._prepared[place] = _Words(self._segments[place].text)
        return prepared

    def _exact(self, quote: _Words, places: list[int]) -> _Hit | None:
        for place in places:
            found = self._words(place).find(quote)
            if found is not None:
                return _Hit(place, *found, 100.0)
        return None

    def _alike(self, quote: _Words, places: list[int]) -> _Hit | None:
        """The most alike stretch; among equals, the nearest to the named segment."""
        if len(quote.words) > MAX_ALIKE_WORDS:
            return None
        cutoff = next((asked for words, asked in SHORT_LIKENESS if len(quote.words) < words), LIKENESS)
        least_shared = MIN_SHARED_WORDS * len(quote.distinct)
        best: _Hit | None = None
        for place in places:
            words = self._words(place)
            if len(quote.distinct & words.distinct) < least_shared:
                continue
            aligned = words.align(quote, best.score if best else cutoff)
            if aligned is None or (best and aligned[2] <= best.score):
                continue
            stretch = words.words[aligned[0] : aligned[1] + 1]
            if len(stretch) >= MIN_WORDS and len(quote.distinct.intersection(stretch)) >= least_shared:
                best = _Hit(place, *aligned)
        return best

    def _grounded(self, hit: _Hit) -> Grounded:
        segment = self._segments[hit.place]
        spans = self._words(hit.place).spans
        return Grounded(_evidence(segment, spans[hit.first][0], spans[hit.last][1]), round(hit.score / 100, 4))


def _evidence(segment: Segment, start: int, end: int) -> Evidence:
    return Evidence(segment.index, start, end, segment.text[start:end])


def ground(quote: str, segment_index: int, transcript: Transcript) -> Grounded | Refusal:
    """Find one quote; for many quotes of one transcript ask a `GroundingIndex`."""
    return GroundingIndex(transcript).ground(quote, segment_index)
