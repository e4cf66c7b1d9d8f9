"""A call's monologues in Gong's answers, as the segments of a transcript."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from headway_pipeline.model.calls import Participant, Segment, Side, TimeMark
from headway_pipeline.sources.normalise import objects, text_id, text_or_none, whole_number
from headway_pipeline.sources.people import UNKNOWN_SPEAKER

__all__ = ["segments_of"]


def segments_of(monologues: Sequence[Any], speakers: Mapping[str, Participant]) -> Iterator[Segment]:
    """One segment for each monologue that holds words.

    Args:
        speakers: who is meant by each of the keys that monologues bear.
    """
    index = 0
    for monologue in objects(monologues):
        sentences = [
            sentence for sentence in objects(monologue.get("sentences")) if text_or_none(sentence.get("text"))
        ]
        if not sentences:
            continue
        speaker = speakers.get(text_id(monologue.get("speakerId")) or "")
        text, marks = _joined(sentences)
        ends = [end for sentence in sentences if (end := whole_number(sentence.get("end"))) is not None]
        yield Segment(
            index=index,
            speaker=(speaker and (speaker.name or speaker.email)) or UNKNOWN_SPEAKER,
            side=speaker.side if speaker else Side.UNKNOWN,
            start_ms=whole_number(sentences[0].get("start")),
            end_ms=max(ends, default=None),
            text=text,
            marks=marks if len(sentences) > 1 else (),
        )
        index += 1


def _joined(sentences: Iterable[Mapping[str, Any]]) -> tuple[str, tuple[TimeMark, ...]]:
    """The sentences as one text, and where in it each of known time begins."""
    words: list[str] = []
    marks: list[TimeMark] = []
    at = 0
    for sentence in sentences:
        text = str(sentence["text"]).strip()
        start_ms = whole_number(sentence.get("start"))
        if start_ms is not None:
            marks.append(TimeMark(at, start_ms))
        words.append(text)
        at += len(text) + 1
    return " ".join(words), tuple(marks)
