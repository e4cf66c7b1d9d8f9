"""The labelled sets in a folder: JSON Lines, one object a line, found by the beginning of the file's name.

=============================  =====================================================================================
file                           a line
=============================  =====================================================================================
`feedback_type_*`              text, label: `bug_report`, `feature_request`, `pain_point` or `other`
`conversation_requirements_*`  text, label, in the order said in one meeting; every label but `none` is a requirement
`sentiment_*`                  text, label: `positive`, `neutral`, `negative`
`feature_spans_sentiment_*`    text, label: as above, or `mixed`, or `no_feature`, which is not counted
`theme_match_*`                text, theme and label `match` or `no_match`; or label and the themes of all lines; or
                               topic and candidate_topics
`theme_relevance_calls`        call_id, workspace, themes, label `relevant` or `not_relevant`
`calls_real`                   id, domain, speakers, utterances (the normal form that `headway sandbox` serves)
`calls_reference_extraction`   call_id, workspace_themes, items with type, title, theme, salience `core` or `minor`,
                               evidence, evidence_utterances (first and last)
`decided_calls*`               what people accepted, dismissed and moved: `headway labels` writes it; its form is in
                               `headway_pipeline/model/labels.py`
=============================  =====================================================================================
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from headway_pipeline.model.calls import Segment, Side, Transcript
from headway_pipeline.model.errors import InputError
from headway_pipeline.model.labels import DecidedCall

__all__ = ["EVAL_DATA", "DataFolder", "LabelledCall", "ReferenceCall", "ReferenceItem", "Row", "spoken"]

#: Names the folder where no other is given.
EVAL_DATA = "HEADWAY_EVAL_DATA"
CALLS, REFERENCES = "calls_real.jsonl", "calls_reference_extraction.jsonl"

Row = Mapping[str, Any]

#: What a speaker's role says about the side; of any other role nothing is known.
SIDES = {
    "host": Side.VENDOR,
    "vendor": Side.VENDOR,
    "end_user_or_guest": Side.CUSTOMER,
    "customer": Side.CUSTOMER,
}


@dataclass(frozen=True, slots=True)
class LabelledCall:
    """A call of the folder, with the sides its roles tell."""

    id: str
    domain: str
    transcript: Transcript

    @property
    def words(self) -> int:
        """How long it is."""
        return sum(len(segment.text.split()) for segment in self.transcript.segments)


@dataclass(frozen=True, slots=True)
class ReferenceItem:
    """What somebody who read the call found in it.

    Attributes:
        accept_types: types that may be called right.
        is_core: worth finding by anybody; the others may be found.
        first: first utterance of the evidence, and `last` its last.
    """

    type: str
    accept_types: tuple[str, ...]
    title: str
    theme: str | None
    is_core: bool
    evidence: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class ReferenceCall:
    """A call with everything found in it, which may be nothing."""

    call: LabelledCall
    themes: tuple[str, ...]
    items: tuple[ReferenceItem, ...]


def spoken(text: str, side: Side = Side.CUSTOMER) -> Transcript:
    """A call of one utterance."""
    return Transcript((Segment(0, None, side, None, None, text),))


class DataFolder:
    """The sets of a folder, read when asked for.

    Args:
        folder: where the files are.

    Raises:
        InputError: there is no such folder.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise InputError(f"{folder} is no folder", f"name one with labelled sets: --data, or {EVAL_DATA}")
        self.folder = folder

    def sets(self, beginning: str) -> Iterator[tuple[str, list[Row]]]:
        """Name and rows of every set whose file's name begins so, by name.

        Raises:
            InputError: a line is no JSON object with a text.
        """
        for path in sorted(self.folder.glob(f"{beginning}*.jsonl")):
            yield path.stem, list(_rows(path))

    def decided(self) -> Iterator[tuple[str, list[DecidedCall]]]:
        """Name and calls of every set of decisions, by name.

        Raises:
            InputError: a line is no call with decisions.
        """
        for name, rows in self.sets("decided_calls"):
            try:
                yield name, [DecidedCall.from_json(row) for row in rows]
            except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
                raise _malformed(name, f"{type(error).__name__}: {error}") from error

    @cached_property
    def calls(self) -> Mapping[str, LabelledCall]:
        """Every call by its id; none where the folder has no file of calls.

        Raises:
            InputError: a line holds no call.
        """
        path = self.folder / CALLS
        return {call.id: call for call in map(_call, _rows(path))} if path.is_file() else {}

    def references(self) -> list[ReferenceCall]:
        """The calls that somebody read and wrote down what is in them.

        Raises:
            InputError: a line is not of the form the module's docstring gives, or its call is not there.
        """
        path = self.folder / REFERENCES
        if not path.is_file():
            return []
        return [self._reference(row) for row in _rows(path)]

    def _reference(self, row: Row) -> ReferenceCall:
        try:
            return ReferenceCall(
                self.calls[row["call_id"]],
                tuple(row.get("workspace_themes", ())),
                tuple(_item(item) for item in row["items"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise _malformed(REFERENCES, f"{type(error).__name__}: {error}") from error


def _rows(path: Path) -> Iterator[Row]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path.name} cannot be read ({type(error).__name__})", "it must be UTF-8") from error
    # Not splitlines(), which also splits at separators inside a text.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise _malformed(path.name, f"line {number} is no JSON") from error
        if not isinstance(row, dict):
            raise _malformed(path.name, f"line {number} is no object")
        yield row


def _call(row: Row) -> LabelledCall:
    try:
        speakers = {speaker["id"]: speaker for speaker in row["speakers"]}
        segments = tuple(_segment(index, said, speakers) for index, said in enumerate(row["utterances"]))
        return LabelledCall(str(row["id"]), str(row.get("domain", "")), Transcript(segments))
    except (KeyError, TypeError, AttributeError) as error:
        raise _malformed(CALLS, f"{type(error).__name__}: {error}") from error


def _segment(index: int, said: Row, speakers: Mapping[str, Row]) -> Segment:
    speaker = speakers.get(said.get("speaker_id", ""), {})
    start, end = said.get("start_s"), said.get("end_s")
    return Segment(
        index=index,
        speaker=speaker.get("name"),
        side=SIDES.get(speaker.get("role") or "", Side.UNKNOWN),
        start_ms=None if start is None else round(1000 * start),
        end_ms=None if end is None else round(1000 * end),
        text=" ".join(said["text"].split()),
    )


def _item(row: Row) -> ReferenceItem:
    first, last = row["evidence_utterances"]
    return ReferenceItem(
        type=row["type"],
        accept_types=tuple(row.get("accept_types") or [row["type"]]),
        title=row["title"],
        theme=row.get("theme"),
        is_core=row.get("salience", "core") == "core",
        evidence=row["evidence"],
        first=int(first),
        last=int(last),
    )


def texts_and_labels(name: str, rows: Sequence[Row]) -> list[tuple[str, str]]:
    """Text and label of every row.

    Raises:
        InputError: a row lacks one of them.
    """
    try:
        return [(str(row["text"]), str(row["label"])) for row in rows]
    except KeyError as error:
        raise _malformed(name, f"a line has no {error}") from error


def _malformed(name: str, problem: str) -> InputError:
    return InputError(
        f"{name} is malformed: {problem}", "the docstring of headway_pipeline.evaluation.labelled gives its form"
    )
