"""Calls, their participants and their transcripts, in the normal form every source is brought to.

Ids are text (Gong's exceed 2**53), times are aware UTC, offsets are milliseconds from the start of the call.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from headway_pipeline.model.identity import content_hash
from headway_pipeline.model.windows import day_start

__all__ = ["Call", "Participant", "Segment", "Side", "TimeMark", "Transcript"]

#: Below this much speech a call holds nothing worth reading (voicemails, dropped calls).
MIN_SPEECH_CHARS = 200


class Side(StrEnum):
    """Whose words they are. Vendor speech is context, never evidence."""

    CUSTOMER = "customer"
    VENDOR = "vendor"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Participant:
    """Somebody invited to or heard on a call.

    Attributes:
        speaker_key: what the source's transcript names this person by; None for people who did not speak.
    """

    name: str | None
    email: str | None
    side: Side
    speaker_key: str | None = None


@dataclass(frozen=True, slots=True)
class TimeMark:
    """The character `char_start` of a segment's text was spoken at `start_ms`."""

    char_start: int
    start_ms: int


@dataclass(frozen=True, slots=True)
class Segment:
    """One speaker's uninterrupted utterance.

    Attributes:
        index: position in the transcript, from 0.
        speaker: display name, or None.
        marks: when the sentences inside the utterance began; empty where the source has no finer times.
    """

    index: int
    speaker: str | None
    side: Side
    start_ms: int | None
    end_ms: int | None
    text: str
    marks: tuple[TimeMark, ...] = ()

    def spoken_at_ms(self, char_start: int) -> int | None:
        """When the sentence holding the character `char_start` began, in milliseconds, or None."""
        at = self.start_ms
        for mark in self.marks:
            if mark.char_start > char_start:
                break
            at = mark.start_ms
        return at

    def to_json(self) -> dict[str, Any]:
        """The form stored in `transcripts.segments` and shown to people."""
        shown: dict[str, Any] = {
            "index": self.index,
            "speaker": self.speaker,
            "side": self.side.value,
            "start_ms": self.start_ms,
            "end_ms": self.end_ms,
            "text": self.text,
        }
        if self.marks:
            shown["marks"] = [[mark.char_start, mark.start_ms] for mark in self.marks]
        return shown

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Segment":
        """The inverse of `to_json`."""
        return cls(
            index=stored["index"],
            speaker=stored["speaker"],
            side=Side(stored["side"]),
            start_ms=stored["start_ms"],
            end_ms=stored["end_ms"],
            text=stored["text"],
            marks=tuple(TimeMark(char_start, start_ms) for char_start, start_ms in stored.get("marks", ())),
        )


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was said on a call, in order."""

    segments: tuple[Segment, ...]

    @property
    def speech_chars(self) -> int:
        """Characters of speech over all segments."""
        return sum(len(segment.text) for segment in self.segments)

    @property
    def is_too_short(self) -> bool:
        """Whether there is too little speech to be worth reading."""
        return self.speech_chars < MIN_SPEECH_CHARS

    @property
    def without_repetitions(self) -> "Transcript":
        """The same with each turn once: who said what from when to when. Without times equal turns may be two."""
        kept: dict[object, Segment] = {}
        for said in self.segments:
            turn = (said.speaker, said.side, said.start_ms, said.end_ms, said.text)
            kept.setdefault(said.index if said.start_ms is None else turn, said)
        if len(kept) == len(self.segments):
            return self
        return Transcript(tuple(replace(said, index=index) for index, said in enumerate(kept.values())))

    @property
    def text_hash(self) -> str:
        """Identity of the content an analyst sees: words, speakers and sides, not times."""
        return content_hash([[segment.speaker, segment.side.value, segment.text] for segment in self.segments])


@dataclass(frozen=True, slots=True)
class Call:
    """What a source yields in a listing.

    Attributes:
        source: name of the source, e.g. "gong".
        external_id: the source's id, as text.
        occurred_at: when the call started, aware UTC.
        url: where a person can open the call, or None.
        language: ISO 639-1 where known ("en"), or None.
        account: the customer's company, or None.
        is_private: the source marks the call private; then every other field but the id and the day is empty.
        metadata: source-specific data for people.
        raw: the source's own JSON, kept for hydration and later reading.
        content_hash: identity of the stable part of `raw`; volatile fields do not count.
    """

    source: str
    external_id: str
    occurred_at: datetime
    title: str | None = None
    url: str | None = None
    duration_s: int | None = None
    language: str | None = None
    account: str | None = None
    participants: tuple[Participant, ...] = ()
    is_private: bool = False
    metadata: Mapping[str, Any] = field(default_factory=dict)
    raw: Mapping[str, Any] = field(default_factory=dict)
    content_hash: str = ""

    @classmethod
    def known_by_day(cls, source: str, external_id: str, at: datetime, *, is_private: bool = False) -> "Call":
        """A call of which nothing may be kept but that it was, and on which day.

        Args:
            at: when it was, aware UTC.
        """
        return cls(source, external_id, day_start(at.date()), is_private=is_private)
