"""Calls from a file of ours: JSON Lines, one call a line.

`{id, title, started_at, speakers: [{id, name, role}], utterances: [{speaker_id, start_s, end_s, text}]}`, and where
there are such: `language`, `account`, and on a speaker `side`, `email` and `job_title`. Other keys are ignored.
Times and dates may be null; what is missing is made up the same way every time.
"""

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from headway_pipeline.model.calls import Side
from headway_pipeline.model.errors import InputError
from headway_pipeline.sandbox.world import SandboxCall, Speaker, Utterance

__all__ = ["load_calls"]

WORDS_A_SECOND = 150 / 60
#: Calls without a date, or all of them, are put into this much time before now.
SPAN = timedelta(days=30)
SIDES = {"host": Side.VENDOR, "end_user_or_guest": Side.CUSTOMER}
NOBODY = "unknown"
FORM = "one JSON object a line with id, title, started_at, speakers and utterances"


def load_calls(path: Path, *, now: datetime, rebase_dates: bool) -> tuple[SandboxCall, ...]:
    """The calls of a file, in its order.

    Args:
        path: the file, UTF-8.
        now: aware UTC; made-up dates lie in the 30 days before it, and their calls are over by then.
        rebase_dates: make all dates up, keeping the order of those that are given.

    Raises:
        InputError: the file cannot be read, or a line holds no call; it names the line.
    """
    read = list(_read(path))
    if not read:
        raise InputError(f"{path} holds no calls", FORM)
    undated = [call for call in read if rebase_dates or call.started_at is None]
    placed = _placed(sorted(undated, key=_order), now)
    return tuple(
        replace(found.call, started_at=placed.get(found.call.id) or found.started_at or now) for found in read
    )


@dataclass(frozen=True, slots=True)
class _Found:
    """A call whose date may still be missing; then the call itself holds a stand-in."""

    call: SandboxCall
    started_at: datetime | None


def _order(found: _Found) -> tuple[bool, datetime]:
    """By date; the undated follow, in the order of the file."""
    return found.started_at is None, found.call.started_at


def _placed(ordered: Sequence[_Found], now: datetime) -> dict[str, datetime]:
    """When each call is to start: evenly spread, the longest still over before now."""
    longest = max((timedelta(seconds=found.call.duration_s) for found in ordered), default=timedelta(0))
    room = max(SPAN - longest, timedelta(0))
    first = now - longest - room
    return {
        found.call.id: (first + room * number / len(ordered)).replace(microsecond=0)
        for number, found in enumerate(ordered)
    }


def _read(path: Path) -> Iterator[_Found]:
    """Every line's call; blank lines are passed over."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise InputError(f"{path} cannot be read ({reason})", "give a file of calls in JSON Lines") from error
    seen: set[str] = set()
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            found = _found(json.loads(line), seen)
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
            raise InputError(f"{path}, line {number} holds no usable call ({_words(error)})", FORM) from error
        seen.add(found.call.id)
        yield found


def _words(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"no JSON from column {error.colno} on"
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)


def _found(record: dict[str, Any], seen: Collection[str]) -> _Found:
    if not isinstance(record, dict):
        raise TypeError("it is no JSON object")
    call_id = str(record["id"])
    if call_id in seen:
        raise ValueError(f"an earlier line has the id {call_id!r}, too")
    written = record.get("started_at")
    started_at = None if written is None else datetime.fromisoformat(written)
    if started_at is not None:
        started_at = started_at.replace(tzinfo=UTC) if started_at.tzinfo is None else started_at.astimezone(UTC)
    call = SandboxCall(
        id=call_id,
        title=record.get("title") or call_id,
        started_at=started_at or datetime(1970, 1, 1, tzinfo=UTC),
        speakers=tuple(_speaker(speaker) for speaker in record["speakers"]),
        utterances=_utterances(record["utterances"]),
        language=record.get("language") or "en",
        account=record.get("account"),
    )
    return _Found(call, started_at)


def _speaker(record: dict[str, Any]) -> Speaker:
    side = record.get("side")
    speaker_id = str(record["id"])
    return Speaker(
        id=speaker_id,
        name=record.get("name") or speaker_id,
        side=SIDES.get(record.get("role") or "", Side.UNKNOWN) if side is None else Side(side),
        email=record.get("email"),
        job_title=record.get("job_title"),
    )


@dataclass(slots=True)
class _Turn:
    """An utterance as written, and the time its words take at 150 a minute."""

    speaker_id: str
    text: str
    start_s: float | None
    end_s: float | None

    @property
    def pace_s(self) -> float:
        return len(self.text.split()) / WORDS_A_SECOND


def _utterances(records: Sequence[dict[str, Any]]) -> tuple[Utterance, ...]:
    """The utterances that hold words, each with times."""
    turns = [
        _Turn(str(record.get("speaker_id") or NOBODY), text, _seconds(record, "start_s"), _seconds(record, "end_s"))
        for record in records
        if (text := str(record["text"]).strip())
    ]
    return tuple(_timed(turns))


def _seconds(record: dict[str, Any], name: str) -> float | None:
    value = record.get(name)
    return None if value is None else max(0.0, float(value))


def _timed(turns: Sequence[_Turn]) -> Iterator[Utterance]:
    """Fill the times in: each stretch from one written start to the next is shared out by words."""
    starts = [number for number, turn in enumerate(turns) if turn.start_s is not None]
    bounds = sorted({0, *starts, len(turns)})
    at = 0.0
    for first, following in pairwise(bounds):
        stretch = turns[first:following]
        at = at if stretch[0].start_s is None else stretch[0].start_s
        until = turns[following].start_s if following < len(turns) else None
        scale = _scale(stretch, None if until is None else until - at)
        for turn in stretch:
            end = max(at, at + turn.pace_s * scale if turn.end_s is None else turn.end_s)
            yield Utterance(turn.speaker_id, at, end, turn.text)
            at = end


def _scale(stretch: Sequence[_Turn], room_s: float | None) -> float:
    """How much faster than 150 words a minute was spoken: only where the room would not do."""
    needed_s = sum(turn.pace_s for turn in stretch)
    return room_s / needed_s if room_s is not None and 0 < room_s < needed_s else 1.0
