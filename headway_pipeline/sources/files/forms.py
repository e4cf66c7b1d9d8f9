"""The forms in which files hold calls, told by their endings, and the text or JSON that a file holds."""

import json
from pathlib import PurePosixPath
from typing import Any, Final

from headway_pipeline.sources.files.shelves import Entry, Shelf
from headway_pipeline.sources.normalise import clean_json, finite_number
from headway_pipeline.sources.turns import read_cues, read_turns

__all__ = ["BLANK", "CALL_FILES", "ONE_CALL", "READERS", "json_of", "kind_of", "text_of"]

#: What reads the text forms.
READERS = {".vtt": read_cues, ".srt": read_cues, ".txt": read_turns}
ONE_CALL = ".json"
CALL_FILES = (ONE_CALL, ".jsonl", ".ndjson")
#: A line without a record.
BLANK: Final = object()


def kind_of(path: str) -> str:
    """The ending of a file's name, which tells its form."""
    return PurePosixPath(path).suffix.lower()


def text_of(shelf: Shelf, entry: Entry) -> str:
    """A file's text: UTF-8, or UTF-16 with its mark.

    Raises:
        SourceContractError: it is something else, or gone since it was listed.
    """
    content = shelf.read(entry.path)
    if content is None:
        raise shelf.unusable(entry.path, "it went away while it was read")
    is_wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        text = content.decode("utf-16" if is_wide else "utf-8-sig")
    except UnicodeDecodeError:
        # The error would carry the whole text along.
        raise shelf.unusable(entry.path, "it is no text in UTF-8") from None
    if "\x00" in text:
        raise shelf.unusable(entry.path, "it is no text, for it holds NUL")
    return text


def json_of(shelf: Shelf, entry: Entry) -> Any:
    """The JSON of a file; a list where it holds one call a line, with `BLANK` for blank lines and None for bad ones.

    Raises:
        SourceContractError: it is no JSON.
    """
    if entry.problem is not None:
        raise shelf.unusable(entry.path, entry.problem)
    text = text_of(shelf, entry)
    if kind_of(entry.path) != ONE_CALL:
        return [_line(line) for line in text.split("\n")]
    try:
        return _json(text)
    except (ValueError, RecursionError):
        raise shelf.unusable(entry.path, "it is no JSON") from None


def _line(line: str) -> Any:
    try:
        return _json(line) if line.strip() else BLANK
    except (ValueError, RecursionError):
        return None


def _json(text: str) -> Any:
    return clean_json(json.loads(text, parse_constant=lambda _name: None, parse_float=finite_number))
