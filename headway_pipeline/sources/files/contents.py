"""What the files of calls say: who speaks, the words, and what is told beside them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headway_pipeline.model.errors import SourceContractError
from headway_pipeline.sources.files.forms import READERS, json_of, kind_of, text_of
from headway_pipeline.sources.files.inventory import Item
from headway_pipeline.sources.files.shelves import Entry, Shelf
from headway_pipeline.sources.normalise import objects, text_id, text_or_none, whole_number
from headway_pipeline.sources.turns import Spoken

__all__ = ["Contents", "read_contents"]


@dataclass(frozen=True, slots=True)
class Contents:
    """What the file of a call holds.

    Attributes:
        record: its JSON, or its sidecar's; empty where it has neither.
        has_keys: speakers are told apart by the ids in `record`, not by their names.
    """

    record: Mapping[str, Any]
    spoken: Sequence[Spoken]
    has_keys: bool = False

    @property
    def is_private(self) -> bool:
        """In doubt, it is."""
        return self.record.get("private") not in (None, False)


def read_contents(shelf: Shelf, items: Sequence[Item]) -> Iterator[tuple[Item, Contents | SourceContractError]]:
    """What each item's file tells, or why it tells nothing; a file of several calls is read once."""
    loaded: Any = None
    read: Entry | None = None
    for item in items:
        try:
            if item.problem is not None:
                raise shelf.unusable(item.entry.path, item.problem)
            if kind_of(item.entry.path) in READERS:
                yield item, _from_text(shelf, item)
                continue
            if item.entry != read:
                loaded, read = json_of(shelf, item.entry), item.entry
            yield item, _from_json(shelf, item, loaded)
        except SourceContractError as error:
            yield item, error


def _from_text(shelf: Shelf, item: Item) -> Contents:
    spoken = READERS[kind_of(item.entry.path)](text_of(shelf, item.entry))
    if not spoken:
        raise shelf.unusable(item.entry.path, "no speech is found in it")
    return Contents(json_of(shelf, item.sidecar) if item.sidecar else {}, spoken)


def _from_json(shelf: Shelf, item: Item, loaded: Any) -> Contents:
    record = loaded
    if item.line:
        record = loaded[item.line - 1] if isinstance(loaded, list) and item.line <= len(loaded) else None
    if not isinstance(record, dict) or not isinstance(record.get("utterances"), list):
        raise shelf.unusable(item.entry.path, "it is no JSON object with a list of utterances")
    names = {
        text_id(person.get("id")): text_or_none(person.get("name")) for person in objects(record.get("speakers"))
    }
    spoken = []
    for heard in objects(record["utterances"]):
        text, key = text_or_none(heard.get("text")), text_id(heard.get("speaker_id"))
        if text is not None:
            start_ms, end_ms = _milliseconds(heard.get("start_s")), _milliseconds(heard.get("end_s"))
            spoken.append(Spoken(names.get(key) or key, text, start_ms, end_ms, key))
    return Contents(record, spoken, has_keys=True)


def _milliseconds(seconds: Any) -> int | None:
    is_number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
    return whole_number(seconds * 1000) if is_number else None
