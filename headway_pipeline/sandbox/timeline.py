"""The calls of one company in one source, in order of time, and which of them somebody sees at a moment.

A request costs a search and the rows of its page, however many calls there are: what a viewer sees of a window is
remembered until the next moment at which it changes.
"""

import threading
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from headway_pipeline.model.windows import TimeWindow
from headway_pipeline.sandbox.world import ALWAYS, NEVER, SandboxCall

__all__ = ["Listing", "Timeline", "Viewer"]

REMEMBERED = 64


class Viewer(Hashable, Protocol):
    """Somebody who lists calls, with the filters they ask for; equal viewers see the same."""

    def seen(self, call: SandboxCall, /) -> TimeWindow | None:
        """From when to when they see a call; None: never."""
        ...


@dataclass(frozen=True, slots=True)
class Listing:
    """What a viewer sees of a window.

    Attributes:
        rows: the calls, in the timeline's order.
        analysed: how many more are over, but not there yet.
    """

    rows: tuple[SandboxCall, ...]
    analysed: int
    valid_from: datetime
    valid_until: datetime


class Timeline:
    """Calls by one of their times.

    Args:
        calls: in any order.
        time_of: the time that windows go by.
        is_reversed: list the newest first.

    Attributes:
        time_of: as given.
    """

    def __init__(
        self, calls: Iterable[SandboxCall], time_of: Callable[[SandboxCall], datetime], *, is_reversed: bool = False
    ) -> None:
        timed = sorted(((time_of(call), call.id, call) for call in calls), key=lambda entry: entry[:2])
        self.time_of = time_of
        self._times = [time for time, _, _ in timed]
        self._calls = [call for _, _, call in timed]
        self._is_reversed = is_reversed
        self._lock = threading.Lock()
        self._remembered: OrderedDict[tuple[Viewer, datetime, datetime], Listing] = OrderedDict()

    def listing(self, window: TimeWindow, now: datetime, viewer: Viewer) -> Listing:
        """What the viewer sees of the window now."""
        key = (viewer, window.start, window.end)
        with self._lock:
            known = self._remembered.get(key)
            if known is not None and known.valid_from <= now < known.valid_until:
                self._remembered.move_to_end(key)
                return known
        made = self._made(window, now, viewer)
        with self._lock:
            self._remembered[key] = made
            while len(self._remembered) > REMEMBERED:
                self._remembered.popitem(last=False)
        return made

    def _made(self, window: TimeWindow, now: datetime, viewer: Viewer) -> Listing:
        first, last = bisect_left(self._times, window.start), bisect_left(self._times, window.end)
        rows: list[SandboxCall] = []
        before, after, analysed = ALWAYS, NEVER, 0
        for call in self._calls[first:last]:
            seen = viewer.seen(call)
            if seen is None:
                continue
            turns = [seen.start, seen.end]
            if seen.start <= now < seen.end:
                rows.append(call)
            elif now < seen.start:
                turns.append(call.ended_at)
                analysed += call.ended_at <= now
            for turn in turns:
                if turn <= now:
                    before = max(before, turn)
                else:
                    after = min(after, turn)
        if self._is_reversed:
            rows.reverse()
        return Listing(tuple(rows), analysed, before, after)
