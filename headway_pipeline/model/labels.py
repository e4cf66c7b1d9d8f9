"""Labelled sets made of people's decisions: what a call held, and what was decided about it.

One call a line, as JSON::

    {"call_id": "...", "source": "gong", "themes": [{"name": "Exports", "description": ""}],
     "segments": [{"index": 0, "speaker": "Rosa", "side": "customer", "start_ms": 0, "end_ms": 900, "text": "..."}],
     "items": [{"id": "...", "type": "bug_report", "title": "...", "description": "...", "verdict": "accept",
                "is_theme_decided": true, "is_moved": false, "theme": "Exports",
                "evidence": [{"segment_index": 0, "char_start": 0, "char_end": 9, "quote": "..."}]}]}

`verdict` is accept, dismiss or null; `theme` null is the inbox where `is_theme_decided`.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from headway_pipeline.model.calls import Segment, Transcript
from headway_pipeline.model.features import Evidence, FeatureType

__all__ = ["DecidedCall", "DecidedItem", "NamedTheme"]


@dataclass(frozen=True, slots=True)
class NamedTheme:
    """A theme without its id, which means nothing elsewhere."""

    name: str
    description: str


@dataclass(frozen=True, slots=True)
class DecidedItem:
    """An extracted feature that somebody decided about.

    Attributes:
        verdict: "accept", "dismiss" or None.
        is_theme_decided: it was moved, or accepted where it stood, and that theme is current.
        is_moved: the analyst of then had filed it elsewhere.
        theme: where it belongs; None for the inbox.
    """

    id: str
    type: FeatureType
    title: str
    description: str
    verdict: str | None
    is_theme_decided: bool
    is_moved: bool
    theme: str | None
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class DecidedCall:
    """A call with the themes of its workspace and everything that was decided about it."""

    call_id: str
    source: str
    themes: tuple[NamedTheme, ...]
    transcript: Transcript
    items: tuple[DecidedItem, ...]

    def to_json(self) -> dict[str, Any]:
        """The line of the set."""
        return {
            "call_id": self.call_id,
            "source": self.source,
            "themes": [asdict(theme) for theme in self.themes],
            "segments": [segment.to_json() for segment in self.transcript.segments],
            "items": [asdict(item) | {"type": item.type.value} for item in self.items],
        }

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> "DecidedCall":
        """The inverse of `to_json`.

        Raises:
            KeyError, TypeError, ValueError: the line is no such call.
        """
        segments = tuple(Segment.from_json(segment) for segment in row["segments"])
        themes = tuple(NamedTheme(str(theme["name"]), str(theme["description"])) for theme in row["themes"])
        items = tuple(_item(item, segments) for item in row["items"])
        return cls(str(row["call_id"]), str(row["source"]), themes, Transcript(segments), items)


def _item(row: Mapping[str, Any], segments: tuple[Segment, ...]) -> DecidedItem:
    evidence = tuple(Evidence(**span) for span in row["evidence"])
    for span in evidence:
        if segments[span.segment_index].text[span.char_start : span.char_end] != span.quote:
            raise ValueError("a quote is not where it says")
    if row["verdict"] not in (None, "accept", "dismiss"):
        raise ValueError("a verdict is neither accept nor dismiss nor null")
    return DecidedItem(
        id=str(row["id"]),
        type=FeatureType(row["type"]),
        title=str(row["title"]),
        description=str(row["description"]),
        verdict=row["verdict"],
        is_theme_decided=bool(row["is_theme_decided"]),
        is_moved=bool(row["is_moved"]),
        theme=row["theme"],
        evidence=evidence,
    )
