"""The items of a transcript in Fathom's answers, as its segments."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from headway_pipeline.model.calls import Segment
from headway_pipeline.sources.normalise import objects, text_or_none
from headway_pipeline.sources.people import UNKNOWN_SPEAKER, Speakers

__all__ = ["segments_of"]

OFFSET = re.compile(r"(\d+):([0-5]?\d):([0-5]?\d)")


def segments_of(items: Sequence[Any], speakers: Speakers, end_ms: int | None) -> Iterator[Segment]:
    """One segment for each item that holds words; it ends where the next one of a later time begins.

    Args:
        end_ms: when the recording ends, if that is known.
    """
    spoken = [item for item in objects(items) if text_or_none(item.get("text"))]
    starts = [_offset_ms(item.get("timestamp")) for item in spoken]
    ends = _ends(starts, end_ms)
    for index, item in enumerate(spoken):
        speaker = item.get("speaker")
        speaker = speaker if isinstance(speaker, dict) else {}
        name = text_or_none(speaker.get("display_name"))
        email = text_or_none(speaker.get("matched_calendar_invitee_email"))
        yield Segment(
            index=index,
            speaker=name or email or UNKNOWN_SPEAKER,
            side=speakers.side(name, email),
            start_ms=starts[index],
            end_ms=ends[index],
            text=str(item["text"]).strip(),
        )


def _offset_ms(value: Any) -> int | None:
    """Milliseconds of an `HH:MM:SS`; the hours may have any number of digits."""
    read = OFFSET.fullmatch(text_or_none(value) or "")
    if read is None:
        return None
    hours, minutes, seconds = map(int, read.groups())
    return 1000 * (3600 * hours + 60 * minutes + seconds)


def _ends(starts: Sequence[int | None], end_ms: int | None) -> list[int | None]:
    """When each item ends: where the next one of a later time begins, and the last ones with the recording."""
    ends: list[int | None] = []
    following: int | None = None
    end = end_ms
    for start in reversed(starts):
        if start is not None:
            if following is not None and following > start:
                end = following
            following = start
        ends.append(end if start is not None and end is not None and end > start else None)
    return ends[::-1]
