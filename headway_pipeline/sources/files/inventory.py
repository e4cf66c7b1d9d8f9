"""Which calls a folder or an archive holds, and when they were, before their words are read."""

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from headway_pipeline.model.errors import SourceContractError
from headway_pipeline.sources.files.filenames import named_time
from headway_pipeline.sources.files.forms import BLANK, CALL_FILES, ONE_CALL, READERS, json_of, kind_of
from headway_pipeline.sources.files.shelves import Entry, Shelf
from headway_pipeline.sources.normalise import text_id, utc_time

__all__ = ["Inventory", "Item"]


@dataclass(frozen=True, slots=True)
class Item:
    """A call, or what was to be one, before its words are read.

    Attributes:
        id: its external id; None for a record of several without a usable one.
        starts_at: when it started, or the best that is known of it.
        is_dated: that time is written somewhere; it is not when the file was last changed.
        line: its place among the calls of its file, from 1; 0 where the file is one call.
        problem: why it is no call.
    """

    id: str | None
    entry: Entry
    starts_at: datetime
    is_dated: bool
    line: int = 0
    sidecar: Entry | None = None
    problem: str | None = None

    @property
    def order(self) -> str:
        """Its place in a listing, which files that come and go do not shift."""
        return f"{self.entry.path}#{self.line:09}"


class Inventory:
    """Looks through a folder or an archive; a file of calls that stays as it is, is read once."""

    def __init__(self) -> None:
        self._calls_of: dict[Entry, Sequence[Item]] = {}

    def items(self, shelf: Shelf) -> Iterator[Item]:
        """Every call in the folder, without its words."""
        found = [*shelf.entries()]
        entries: dict[str, Entry] = {}
        for entry in found:
            entries.setdefault(entry.path, entry)
        for entry in found:
            path = entry.path
            written = named_time(path)
            # A second file of one name, as archives may hold, has no id of its own.
            own = path if entries[path] is entry else None
            item = Item(own, entry, written or entry.modified_at, written is not None, problem=entry.problem)
            kind = kind_of(path)
            if entry.is_folder or (entry.problem and _is_transcript(path)):
                yield item
            elif kind in READERS:
                yield _with_sidecar(shelf, item, entries.get(path + ONE_CALL))
            elif kind in CALL_FILES and not _is_sidecar(path, entries):
                if entry not in self._calls_of:
                    self._calls_of[entry] = [*_calls_in(shelf, item)]
                yield from self._calls_of[entry]


def _is_transcript(path: str) -> bool:
    return kind_of(path) in READERS or kind_of(path) in CALL_FILES


def _is_sidecar(path: str, entries: Container[str]) -> bool:
    return kind_of(path) == ONE_CALL and path.removesuffix(ONE_CALL) in entries


def _calls_in(shelf: Shelf, item: Item) -> Iterator[Item]:
    """The calls of a JSON file: one, those of its list, or one a line."""
    try:
        content = json_of(shelf, item.entry)
    except SourceContractError as error:
        yield replace(item, problem=error.message)
        return
    if not isinstance(content, list):
        yield _started(item, content)
        return
    seen: set[str] = set()
    for line, record in enumerate(content, start=1):
        if record is BLANK:
            continue
        own = text_id(record.get("id")) if isinstance(record, dict) else None
        if own is None or own in seen:
            problem = "it has no id of its own" if own is None else "an earlier call of the file has its id"
            yield replace(item, id=None, line=line, problem=problem)
            continue
        seen.add(own)
        yield _started(replace(item, id=f"{item.id}#{own}", line=line), record)


def _with_sidecar(shelf: Shelf, item: Item, sidecar: Entry | None) -> Item:
    if sidecar is None:
        return item
    try:
        told = json_of(shelf, sidecar)
        if not isinstance(told, dict):
            raise shelf.unusable(sidecar.path, "it is no JSON object")
    except SourceContractError as error:
        return replace(item, problem=f"its sidecar cannot be used: {error.message}")
    return _started(replace(item, sidecar=sidecar), told)


def _started(item: Item, record: Any) -> Item:
    """The item at the time its JSON tells, if it does."""
    started = utc_time(record.get("started_at")) if isinstance(record, dict) else None
    return item if started is None else replace(item, starts_at=started, is_dated=True)
