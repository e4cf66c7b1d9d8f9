"""Speech out of the text forms that transcripts are exported in: WebVTT, SRT, and lines of `Name: text`.

Part of the kit for sources, like `normalise.py`: an API that hands out subtitles is read by the same functions.
WebVTT: https://www.w3.org/TR/webvtt1/. SRT has no standard; it is read as the same cues with commas in the times.
Neither says reliably who speaks: a voice tag does, else a name at the start of a line, where it looks like one.
"""

import html
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from headway_pipeline.model.calls import Segment, Side, TimeMark
from headway_pipeline.sources.normalise import whole_number
from headway_pipeline.sources.people import UNKNOWN_SPEAKER

__all__ = ["Spoken", "read_cues", "read_turns", "segments_of"]

CLOCK = r"(?:\d{1,3}:)?\d{1,2}:\d{2}(?:[.,]\d{1,3})?"
TIMING = re.compile(rf"\s*({CLOCK})\s*-->\s*({CLOCK})(?:\s.*)?")
VOICE = re.compile(r"<v(?:\.[^\s>]*)?[ \t]+([^>]*)>")
TAG = re.compile(r"</?(?:c|i|b|u|v|ruby|rt|lang|font)(?:[.\s][^>]*)?>|<\d[\d:.]*>", re.IGNORECASE)
#: `Name: text`; a name may hold a colon, but none with a space behind it.
PREFIX = re.compile(r"(\S.{0,79}?):(?:\s+(\S.*))?")
STAMP = re.compile(rf"\s*(?:\[({CLOCK})\]|\(({CLOCK})\)|({CLOCK})(?=\s|$))\s*(.*)")
STAMPED_NAME = re.compile(rf"(.*\S)\s*(?:\[({CLOCK})\]|\(({CLOCK})\))")
MOST_NAME_WORDS = 6
#: A spelling without capitals is believed to be a name once this many lines begin with it.
ENOUGH_LINES = 3
PARTICLE_WORDS = "al bin da de del della den der di do dos du el ibn la le ter ten van von y zu"
PARTICLES = frozenset(PARTICLE_WORDS.split())
#: Nobody's words are cut into turns of about this length, at the ends of sentences.
NOBODYS_TURN_CHARS = 600
SENTENCE_ENDS = (".", "?", "!", "\u3002", "\u2026")


@dataclass(frozen=True, slots=True)
class Spoken:
    """What one cue, line or utterance holds.

    Attributes:
        speaker: the display name, or None where it is not told.
        key: what tells speakers of one name apart; None where only names do.
    """

    speaker: str | None
    text: str
    start_ms: int | None = None
    end_ms: int | None = None
    key: str | None = None


def read_cues(text: str) -> list[Spoken]:
    """The words of WebVTT or SRT in their order; empty where there is no cue. Comments and styles hold none."""
    cues = [*_cues(text)]
    names = _names([line for cue in cues if not cue.has_voices for line in cue.plain_lines])
    return [spoken for cue in cues for spoken in cue.spoken(names)]


def read_turns(text: str) -> list[Spoken]:
    """Turns from lines of `Name: text`, with `[HH:MM:SS]` before or behind the name or on a line of its own.

    A line without a name goes on with the turn before it; what stands before the first name is a heading. Empty where
    no line names a speaker.
    """
    lines = [_stamped(line) for line in _lines(text)]
    names = _names([words for _, words in lines])
    turns: list[Spoken] = []
    at: int | None = None
    for stamp_ms, words in lines:
        at = at if stamp_ms is None else stamp_ms
        name, behind_ms, said = _named(words, names)
        if name is not None:
            turns.append(Spoken(name, said, at if behind_ms is None else behind_ms))
            at = None
        elif turns and words:
            turns[-1] = replace(turns[-1], text=f"{turns[-1].text} {words}".strip())
    return [*_ended([turn for turn in turns if turn.text])]


def segments_of(spoken: Iterable[Spoken], side_of: Callable[[Spoken], Side]) -> Iterator[Segment]:
    """Turns: what one speaker says in a row is one segment, with a mark where each part of it begins."""
    parts: list[Spoken] = []
    index = 0
    for heard in spoken:
        if parts and not _goes_on(parts, heard):
            yield _segment(index, parts, side_of(parts[0]))
            index += 1
            parts = []
        parts.append(heard)
    if parts:
        yield _segment(index, parts, side_of(parts[0]))


@dataclass(slots=True)
class _Cue:
    start_ms: int | None
    end_ms: int | None
    lines: list[str]

    @property
    def has_voices(self) -> bool:
        return any(VOICE.search(line) for line in self.lines)

    @property
    def plain_lines(self) -> list[str]:
        return [_plain(line).strip() for line in self.lines]

    def without_number(self) -> "_Cue":
        """The cue without the number of the next one, which stands at its end where no blank line is between."""
        has_number = bool(self.lines) and self.lines[-1].isdigit()
        return replace(self, lines=self.lines[:-1]) if has_number else self

    def spoken(self, names: frozenset[str]) -> Iterator[Spoken]:
        """The cue's words by speaker; several may share a cue."""
        for speaker, words in self._by_voice() if self.has_voices else self._by_name(names):
            said = " ".join(words.split())
            if said:
                yield Spoken(" ".join(speaker.split()) or None, said, self.start_ms, self.end_ms)

    def _by_voice(self) -> Iterator[tuple[str, str]]:
        before, *rest = VOICE.split(" ".join(self.lines))
        yield "", _plain(before)
        for name, words in zip(rest[::2], rest[1::2], strict=True):
            yield html.unescape(name), _plain(words)

    def _by_name(self, names: frozenset[str]) -> Iterator[tuple[str, str]]:
        speaker, words = "", ""
        for line in self.plain_lines:
            name, _, said = _named(line, names)
            if name is None:
                words = f"{words} {line}"
            else:
                yield speaker, words
                speaker, words = name, said
        yield speaker, words


def _lines(text: str) -> Iterator[str]:
    """Not `splitlines`, which also breaks at characters that are part of the words."""
    yield from text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _cues(text: str) -> Iterator[_Cue]:
    """Every block that begins with a line of times, up to the next blank line."""
    cue: _Cue | None = None
    for line in _lines(text):
        timing = TIMING.fullmatch(line)
        if timing:
            if cue is not None:
                yield cue.without_number()
            start_ms, end_ms = _milliseconds(timing[1]), _milliseconds(timing[2])
            is_ordered = start_ms is not None and end_ms is not None and end_ms >= start_ms
            cue = _Cue(start_ms, end_ms if is_ordered else None, [])
        elif not line.strip():
            if cue is not None:
                yield cue
            cue = None
        elif cue is not None:
            cue.lines.append(line.strip())
    if cue is not None:
        yield cue


def _plain(words: str) -> str:
    return html.unescape(TAG.sub("", words))


def _milliseconds(clock: str) -> int | None:
    """Milliseconds of `[HH:]MM:SS[.mmm]`; None beyond what the databases hold."""
    *larger, seconds = clock.replace(",", ".").split(":")
    total = float(seconds)
    for power, part in enumerate(reversed(larger), start=1):
        total += int(part) * 60**power
    return whole_number(total * 1000)


def _stamped(line: str) -> tuple[int | None, str]:
    found = STAMP.fullmatch(line)
    if found is None:
        return None, line.strip()
    return _milliseconds(found[1] or found[2] or found[3]), found[4].strip()


def _names(lines: Iterable[str]) -> frozenset[str]:
    """The names that lines begin with: of a name's form, and not a mere word before a colon."""
    lines = [line for line in lines if line]
    begun = Counter(_unstamped(found[1]) for line in lines if (found := PREFIX.fullmatch(line)))
    is_each_named = sum(begun.values()) == len(lines)
    return frozenset(name for name, count in begun.items() if _is_name(name, count, is_each_named=is_each_named))


def _is_name(name: str, count: int, *, is_each_named: bool) -> bool:
    words = name.split()
    if len(words) > MOST_NAME_WORDS or not any(character.isalnum() for character in name):
        return False
    if all(not word[0].islower() or word in PARTICLES for word in words):
        # A single word before a single colon may be "Note:".
        return len(words) > 1 or count > 1 or is_each_named
    return "@" in name or count >= ENOUGH_LINES


def _unstamped(name: str) -> str:
    found = STAMPED_NAME.fullmatch(name)
    return found[1] if found else name


def _named(line: str, names: frozenset[str]) -> tuple[str | None, int | None, str]:
    """Who a line names, the time behind the name, and what is said."""
    found = PREFIX.fullmatch(line)
    if found is None or _unstamped(found[1]) not in names:
        return None, None, line
    stamped = STAMPED_NAME.fullmatch(found[1])
    at = _milliseconds(stamped[2] or stamped[3]) if stamped else None
    return _unstamped(found[1]), at, (found[2] or "").strip()


def _ended(turns: Sequence[Spoken]) -> Iterator[Spoken]:
    """Each turn ends where the next one begins, if both times are known and in order."""
    for number, turn in enumerate(turns, start=1):
        end_ms = turns[number].start_ms if number < len(turns) else None
        is_ordered = turn.start_ms is not None and end_ms is not None and end_ms >= turn.start_ms
        yield replace(turn, end_ms=end_ms) if is_ordered else turn


def _goes_on(parts: Sequence[Spoken], heard: Spoken) -> bool:
    if (heard.key, heard.speaker) != (parts[0].key, parts[0].speaker):
        return False
    is_somebody = heard.speaker is not None or heard.key is not None
    return is_somebody or sum(len(part.text) for part in parts) < NOBODYS_TURN_CHARS or not _is_at_an_end(parts)


def _is_at_an_end(parts: Sequence[Spoken]) -> bool:
    return parts[-1].text.endswith(SENTENCE_ENDS)


def _segment(index: int, parts: Sequence[Spoken], side: Side) -> Segment:
    marks: list[TimeMark] = []
    at = 0
    for part in parts:
        if part.start_ms is not None:
            marks.append(TimeMark(at, part.start_ms))
        at += len(part.text) + 1
    return Segment(
        index=index,
        speaker=parts[0].speaker or UNKNOWN_SPEAKER,
        side=side,
        start_ms=parts[0].start_ms,
        end_ms=max((part.end_ms for part in parts if part.end_ms is not None), default=None),
        text=" ".join(part.text for part in parts),
        marks=tuple(marks) if len(parts) > 1 else (),
    )
