"""Finding calls in Fathom's list, which goes by when a meeting was created and not by when it began."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from headway_pipeline.model.windows import TimeWindow
from headway_pipeline.sources.contract import CallRef
from headway_pipeline.sources.normalise import text_id, utc_time, zulu

__all__ = ["CREATED_WITHIN", "Search", "created_in", "creation_of"]

#: A meeting is created when its recording was processed: a day's last one well into the day after the next.
CREATED_WITHIN = timedelta(hours=36)
#: Whether the bounds of `created_*` belong to the span is not documented: ask for this much more at either end.
SLACK = timedelta(seconds=1)


def created_in(window: TimeWindow) -> dict[str, str]:
    """The list's filter for meetings that were created in `window`."""
    return {"created_after": zulu(window.start - SLACK), "created_before": zulu(window.end)}


class Search:
    """The calls of one batch on their way through Fathom's list.

    Attributes:
        missing: the earliest and the latest time at which each call still to be met can have been created.
        found: the meetings met, by id.
        window: the creation times to ask for.
    """

    def __init__(self, refs: Sequence[CallRef]) -> None:
        self.missing = {ref.external_id: creation_of(ref) for ref in refs}
        self.found: dict[str, Mapping[str, Any]] = {}
        self.window = self._narrowed()

    def take(self, records: Sequence[Mapping[str, Any]]) -> bool:
        """Take what is sought off a page.

        Returns:
            Whether `window` was narrowed to what is missing, for the page's successors hold none of it.
        """
        for record in records:
            external_id = text_id(record.get("recording_id")) or ""
            if self.missing.pop(external_id, None) is not None:
                self.found[external_id] = record
        oldest = _oldest(records)
        if oldest is None:
            return False
        # The list has gone past these: they are no longer in it.
        self.missing = {key: span for key, span in self.missing.items() if span[0] <= oldest}
        if not self.missing or max(latest for _, latest in self.missing.values()) >= oldest:
            return False
        self.window = self._narrowed()
        return True

    def _narrowed(self) -> TimeWindow:
        spans = self.missing.values()
        return TimeWindow(min(earliest for earliest, _ in spans), max(latest for _, latest in spans) + SLACK)


def _oldest(records: Sequence[Mapping[str, Any]]) -> datetime | None:
    """When the last meeting of a page was created; None where the page does not go from new to old."""
    times = [utc_time(record.get("created_at")) for record in records]
    known = [time for time in times if time is not None]
    is_sorted = len(known) == len(times) and all(later >= earlier for later, earlier in pairwise(known))
    # A single time says nothing of the order.
    return known[-1] if is_sorted and len(set(known)) > 1 else None


def creation_of(ref: CallRef) -> tuple[datetime, datetime]:
    """Between which times a call was created: the very moment, where its listing told it."""
    created = utc_time(ref.raw.get("created_at"))
    if created is not None:
        return created, created
    return ref.occurred_at, ref.occurred_at + CREATED_WITHIN
