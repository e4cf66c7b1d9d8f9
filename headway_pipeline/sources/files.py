"""Transcripts in a folder or an archive of this machine: what Zoom, Teams, Google Meet and others export.

Read: WebVTT (.vtt), SRT (.srt), lines of `Name: text` (.txt) and the JSON form of `docs/files.md` (.json: a call or a
list of calls; .jsonl: one a line). A file `talk.vtt.json` beside `talk.vtt` tells what the transcript does not. Other
files are passed over: exports hold recordings, too.

A call's id is the path of its file within the folder (and its own id, where a file holds several), so that an edited
file is the same call. When it started is told by its JSON, else by a date in the name of the file or of a folder
around it (Zoom's `GMT20261120-150000`, ISO dates; without a zone, UTC), else by when the file was last changed.

Files come from anywhere. What is too long, binary, damaged or leads out of the folder is a bad record with its
problem; it never stops the others. Nothing is unpacked to disk, and no link is followed.
"""

import json
import re
from collections import Counter
from collections.abc import Container, Iterator, Mapping, MutableSequence, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any, ClassVar, Final

from headway_pipeline.model.calls import Call, Participant, Side, Transcript
from headway_pipeline.model.errors import (
    ConfigurationError,
    Failing,
    InputError,
    SourceContractError,
    TransientSourceError,
)
from headway_pipeline.model.identity import content_hash
from headway_pipeline.model.ledger import Presence
from headway_pipeline.model.windows import TimeWindow, day_start
from headway_pipeline.sources.contract import (
    Absence,
    BadRecord,
    CallRef,
    Connection,
    Hydration,
    NotHydrated,
    Page,
    RequestDefaults,
    Source,
    Standing,
)
from headway_pipeline.sources.filenames import named_time, named_title
from headway_pipeline.sources.normalise import (
    Known,
    clean_json,
    count_unknown_fields,
    finite_number,
    language_code,
    objects,
    text_id,
    text_or_none,
    utc_time,
    web_address,
    whole_number,
)
from headway_pipeline.sources.people import account_by_mail, folded, identities, writes_from
from headway_pipeline.sources.shelves import ARCHIVES, Entry, Shelf, open_shelf
from headway_pipeline.sources.turns import Spoken, read_cues, read_turns, segments_of

__all__ = ["FilesSource"]

READERS = {".vtt": read_cues, ".srt": read_cues, ".txt": read_turns}
ONE_CALL = ".json"
CALL_FILES = (ONE_CALL, ".jsonl", ".ndjson")
PAGE_SIZE = 100
#: A line without a record.
BLANK: Final = object()
#: Whom a role or a label behind a name (`Ana Ruiz (Guest)`) speaks for.
ROLES = {
    "host": Side.VENDOR,
    "vendor": Side.VENDOR,
    "guest": Side.CUSTOMER,
    "external": Side.CUSTOMER,
    "customer": Side.CUSTOMER,
    "end user": Side.CUSTOMER,
    "end_user_or_guest": Side.CUSTOMER,
}
LABELLED = re.compile(r".*\(([^()]+)\)")
_PERSON_FIELDS = "id name role side email job_title"
_CALL_FIELDS = "id title started_at duration_s language account url private"
KNOWN_FIELDS: Known = {
    **dict.fromkeys(_CALL_FIELDS.split()),
    "speakers": dict.fromkeys(_PERSON_FIELDS.split()),
    "utterances": dict.fromkeys(("speaker_id", "start_s", "end_s", "text")),
}


@dataclass(frozen=True, slots=True)
class _Item:
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


class FilesSource(Source):
    """Transcripts in a folder, a .zip or a .tar.gz on this machine."""

    name: ClassVar[str] = "files"
    label: ClassVar[str] = "Files"
    setting_names: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "path": "the folder, or the .zip or .tar.gz, that holds the transcripts",
            "vendor_name": "one of your own people, as the transcripts write the name; may be repeated",
        }
    )
    #: It reads whatever this process may read.
    is_operator_only: ClassVar[bool] = True
    #: No request is made; only the windows count.
    request_defaults: ClassVar[RequestDefaults] = RequestDefaults(
        requests_per_second=1_000.0, requests_per_day=1_000_000, lookback=timedelta(days=7)
    )
    hydrate_batch_size: ClassVar[int] = 100

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        if not connection.settings.get("path"):
            raise ConfigurationError(
                "the connector names no path", "give it one: `headway connector edit --setting path=...`"
            )
        self.root = Path(connection.settings["path"][0])
        self._vendor_names = {folded(name) for name in connection.settings.get("vendor_name", ())}
        # Within one walk the folder is looked through once; any other object would find the same.
        self._items: Sequence[_Item] | None = None
        self._calls_of: dict[Entry, Sequence[_Item]] = {}

    @classmethod
    def settled(cls, settings: Mapping[str, Sequence[str]]) -> Mapping[str, Sequence[str]]:
        """The path made absolute: it is read by processes that run elsewhere.

        Raises:
            InputError: no path is named or several are, or there is no folder and no archive of a known kind.
        """
        if len(settings.get("path", ())) != 1:
            raise InputError("a Files connector reads one path", f"give path=..., {cls.setting_names['path']}")
        path = Path(settings["path"][0]).expanduser().resolve()
        if not path.is_dir() and not (path.is_file() and path.name.endswith(ARCHIVES)):
            raise InputError(f"{path} is no folder and no archive", f"name a folder or a {' or '.join(ARCHIVES)}")
        return {**settings, "path": [str(path)]}

    def check(self) -> Standing:
        """Count what is there.

        Raises:
            SourceError: as `list`.
        """
        with open_shelf(self.name, self.root) as shelf:
            items = [*self._found(shelf)]
        bad = sum(item.problem is not None for item in items)
        beside = f" and {bad} files that cannot be read" if bad else ""
        return Standing(len(items) > bad, f"{self.root} holds {len(items) - bad} calls{beside}")

    def list(self, window: TimeWindow, page_token: str | None) -> Page:
        """A hundred of the calls that started in `window`, in the order of their paths.

        Raises:
            TransientSourceError: the folder or archive is not there (a network drive that is not mounted).
            MissingPermissionError: it may not be read.
            SourceContractError: it is no archive.
        """
        with open_shelf(self.name, self.root) as shelf:
            if page_token is None or self._items is None:
                self._items = [*self._found(shelf)]
            after = page_token or ""
            within = (item for item in self._items if window.start <= item.starts_at < window.end)
            ahead = sorted((item for item in within if item.order > after), key=lambda item: item.order)
            unknown: Counter[str] = Counter()
            parsed = [self._call(item, told, unknown) for item, told in _read(shelf, ahead[:PAGE_SIZE])]
        return Page(
            calls=tuple(call for call in parsed if isinstance(call, Call)),
            next_token=ahead[PAGE_SIZE - 1].order if len(ahead) > PAGE_SIZE else None,
            bad_records=tuple(bad for bad in parsed if isinstance(bad, BadRecord)),
            unknown_fields=unknown,
        )

    def hydrate(self, refs: Sequence[CallRef]) -> Iterator[Hydration | NotHydrated]:
        """The words of up to a hundred calls, read from their files again.

        Raises:
            SourceError: as `list`; SourceContractError for a file that has become unusable since it was listed.
        """
        with open_shelf(self.name, self.root) as shelf:
            if self._items is None:
                self._items = [*self._found(shelf)]
            known = {item.id: item for item in self._items if item.id is not None}
            sought = [known[ref.external_id] for ref in refs if ref.external_id in known]
            for ref in refs:
                if ref.external_id not in known:
                    yield NotHydrated(ref.external_id, Absence.ABSENT, "the file is no longer there")
            for item, told in _read(shelf, sought):
                if isinstance(told, SourceContractError):
                    raise told
                yield self._hydrated(item, told)

    def look_up(self, ref: CallRef) -> Presence:
        """Whether the call's file is still there.

        Raises:
            TransientSourceError: nothing else is there either; an empty folder is taken for one that is not mounted.
            SourceError: as `list`.
        """
        with open_shelf(self.name, self.root) as shelf:
            items = [*self._found(shelf)]
        if not items:
            raise TransientSourceError(
                f"{self.root} holds no calls any more",
                "mount it again; if its calls are to be forgotten, use `headway missing`",
                at=Failing(self.name),
            )
        return Presence.PRESENT if any(item.id == ref.external_id for item in items) else Presence.GONE

    @classmethod
    def link(cls, url: str, start_ms: int | None) -> str:
        """The address with the moment as a media fragment (https://www.w3.org/TR/media-frags/)."""
        return url if start_ms is None else f"{url.partition('#')[0]}#t={start_ms // 1000}"

    def _found(self, shelf: Shelf) -> Iterator[_Item]:
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
            item = _Item(own, entry, written or entry.modified_at, written is not None, problem=entry.problem)
            kind = _kind(path)
            if entry.is_folder or (entry.problem and _is_transcript(path)):
                yield item
            elif kind in READERS:
                yield _with_sidecar(shelf, item, entries.get(path + ONE_CALL))
            elif kind in CALL_FILES and not _is_sidecar(path, entries):
                if entry not in self._calls_of:
                    self._calls_of[entry] = [*_calls_in(shelf, item)]
                yield from self._calls_of[entry]

    def _hydrated(self, item: _Item, told: "_Told") -> Hydration | NotHydrated:
        external_id = str(item.id)
        if _is_private(told.record):
            return NotHydrated(external_id, Absence.FORBIDDEN, "the file marks the call private")
        people = self._participants(told)
        by_key = {person.speaker_key: person.side for person in people}
        segments = segments_of(told.spoken, lambda heard: by_key.get(heard.key or heard.speaker, Side.UNKNOWN))
        return Hydration(external_id, Transcript(tuple(segments)))

    def _call(self, item: _Item, told: "_Told | SourceContractError", unknown: Counter[str]) -> Call | BadRecord:
        """A call in the normal form, or what is wrong with its file; unknown fields are added to `unknown`."""
        where = {"file": item.entry.path, **({"line": item.line} if item.line else {})}
        if isinstance(told, SourceContractError) or item.id is None:
            return BadRecord(item.id, "it has no id of its own" if isinstance(told, _Told) else told.message, where)
        if _is_private(told.record):
            return Call(self.name, item.id, day_start(item.starts_at.date()), is_private=True)
        unknown += count_unknown_fields(told.record, KNOWN_FIELDS)
        people = tuple(self._participants(told))
        ends = [heard.end_ms or heard.start_ms or 0 for heard in told.spoken]
        stable: dict[str, Any] = {
            "title": text_or_none(told.record.get("title")) or named_title(item.entry.path),
            "duration_s": whole_number(told.record.get("duration_s")) or whole_number(max(ends, default=0) / 1000),
            "language": language_code(told.record.get("language")),
            "account": text_or_none(told.record.get("account")) or account_by_mail(people),
        }
        words = [[heard.speaker, heard.text, heard.start_ms, heard.end_ms] for heard in told.spoken]
        web = web_address(told.record.get("url"))
        # Neither another place of the folder nor a time that copying it changes makes another call.
        dated = item.starts_at.isoformat() if item.is_dated else None
        return Call(
            source=self.name,
            external_id=item.id,
            occurred_at=item.starts_at,
            url=web or self._file_address(item.entry.path),
            participants=people,
            metadata={"file": item.entry.path},
            raw={**where, "told": {name: told.record[name] for name in told.record if name != "utterances"}},
            content_hash=content_hash([item.id, dated, web, stable, identities(people), words]),
            **stable,
        )

    def _file_address(self, path: str) -> str:
        """Where a person at this machine opens it: the file, or the archive that holds it."""
        return (self.root / path if self.root.is_dir() else self.root).as_uri()

    def _participants(self, told: "_Told") -> Sequence[Participant]:
        """Who is told of, and whoever else speaks; `speaker_key` is the id in JSON, the name elsewhere."""
        people: MutableSequence[Participant] = []
        for person in objects(told.record.get("speakers")):
            name, email = text_or_none(person.get("name")), text_or_none(person.get("email"))
            key = text_id(person.get("id")) if told.has_keys else name
            people.append(Participant(name or key, email, self._side(name, email, person), key))
        known = {person.speaker_key for person in people}
        names = dict.fromkeys(heard.speaker for heard in told.spoken if heard.speaker and heard.key is None)
        mails = {name: name if "@" in name else None for name in names if name not in known}
        return [*people, *(Participant(name, mail, self._side(name, mail, {}), name) for name, mail in mails.items())]

    def _side(self, name: str | None, email: str | None, person: Mapping[str, Any]) -> Side:
        """Your own people first: their words are never evidence, whatever a file says of them."""
        label = LABELLED.fullmatch(name or "")
        bare = (name or "")[: label.start(1) - 1] if label else name
        if writes_from(email, self.connection.vendor_domains) or {folded(name), folded(bare)} & self._vendor_names:
            return Side.VENDOR
        if person.get("side") in list(Side):
            return Side(person["side"])
        role = text_or_none(person.get("role")) or (label[1] if label else name)
        return ROLES.get(folded(role), Side.UNKNOWN)


@dataclass(frozen=True, slots=True)
class _Told:
    """What is known of a call.

    Attributes:
        record: its JSON, or its sidecar's; empty where it has neither.
        has_keys: speakers are told apart by the ids in `record`, not by their names.
    """

    record: Mapping[str, Any]
    spoken: Sequence[Spoken]
    has_keys: bool = False


def _kind(path: str) -> str:
    return PurePosixPath(path).suffix.lower()


def _is_transcript(path: str) -> bool:
    return _kind(path) in READERS or _kind(path) in CALL_FILES


def _is_sidecar(path: str, entries: Container[str]) -> bool:
    return _kind(path) == ONE_CALL and path.removesuffix(ONE_CALL) in entries


def _is_private(record: Mapping[str, Any]) -> bool:
    """In doubt, it is."""
    return record.get("private") not in (None, False)


def _read(shelf: Shelf, items: "Sequence[_Item]") -> "Iterator[tuple[_Item, _Told | SourceContractError]]":
    """What each item's file tells, or why it tells nothing; a file of several calls is read once."""
    content: Any = None
    read: Entry | None = None
    for item in items:
        try:
            if item.problem is not None:
                raise _unusable(item.entry, item.problem)
            if _kind(item.entry.path) in READERS:
                yield item, _told_by_text(shelf, item)
                continue
            if item.entry != read:
                content, read = _json_of(shelf, item.entry), item.entry
            yield item, _told_by_json(content, item)
        except SourceContractError as error:
            yield item, error


def _told_by_text(shelf: Shelf, item: _Item) -> _Told:
    spoken = READERS[_kind(item.entry.path)](_text(shelf, item.entry))
    if not spoken:
        raise _unusable(item.entry, "no speech is found in it")
    return _Told(_json_of(shelf, item.sidecar) if item.sidecar else {}, spoken)


def _told_by_json(content: Any, item: _Item) -> _Told:
    record = content
    if item.line:
        record = content[item.line - 1] if isinstance(content, list) and item.line <= len(content) else None
    if not isinstance(record, dict) or not isinstance(record.get("utterances"), list):
        raise _unusable(item.entry, "it is no JSON object with a list of utterances")
    names = {
        text_id(person.get("id")): text_or_none(person.get("name")) for person in objects(record.get("speakers"))
    }
    spoken = []
    for heard in objects(record["utterances"]):
        text, key = text_or_none(heard.get("text")), text_id(heard.get("speaker_id"))
        if text is not None:
            start_ms, end_ms = _milliseconds(heard.get("start_s")), _milliseconds(heard.get("end_s"))
            spoken.append(Spoken(names.get(key) or key, text, start_ms, end_ms, key))
    return _Told(record, spoken, has_keys=True)


def _milliseconds(seconds: Any) -> int | None:
    is_number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
    return whole_number(seconds * 1000) if is_number else None


def _calls_in(shelf: Shelf, item: _Item) -> Iterator[_Item]:
    """The calls of a JSON file: one, those of its list, or one a line."""
    try:
        content = _json_of(shelf, item.entry)
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


def _with_sidecar(shelf: Shelf, item: _Item, sidecar: Entry | None) -> _Item:
    if sidecar is None:
        return item
    try:
        told = _json_of(shelf, sidecar)
        if not isinstance(told, dict):
            raise _unusable(sidecar, "it is no JSON object")
    except SourceContractError as error:
        return replace(item, problem=f"its sidecar cannot be used: {error.message}")
    return _started(replace(item, sidecar=sidecar), told)


def _started(item: _Item, record: Any) -> _Item:
    """The item at the time its JSON tells, if it does."""
    started = utc_time(record.get("started_at")) if isinstance(record, dict) else None
    return item if started is None else replace(item, starts_at=started, is_dated=True)


def _unusable(entry: Entry, problem: str) -> SourceContractError:
    return SourceContractError(problem, "mend or remove the file", at=Failing(FilesSource.name, entry.path))


def _text(shelf: Shelf, entry: Entry) -> str:
    """A file's text: UTF-8, or UTF-16 with its mark.

    Raises:
        SourceContractError: it is something else, or gone since it was listed.
    """
    content = shelf.read(entry.path)
    if content is None:
        raise _unusable(entry, "it went away while it was read")
    is_wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        text = content.decode("utf-16" if is_wide else "utf-8-sig")
    except UnicodeDecodeError:
        # The error would carry the whole text along.
        raise _unusable(entry, "it is no text in UTF-8") from None
    if "\x00" in text:
        raise _unusable(entry, "it is no text, for it holds NUL")
    return text


def _json_of(shelf: Shelf, entry: Entry) -> Any:
    """The JSON of a file; a list where it holds one call a line, with `BLANK` for blank lines and None for bad ones.

    Raises:
        SourceContractError: it is no JSON.
    """
    if entry.problem is not None:
        raise _unusable(entry, entry.problem)
    text = _text(shelf, entry)
    if _kind(entry.path) != ONE_CALL:
        return [_line(line) for line in text.split("\n")]
    try:
        return _json(text)
    except (ValueError, RecursionError):
        raise _unusable(entry, "it is no JSON") from None


def _line(line: str) -> Any:
    try:
        return _json(line) if line.strip() else BLANK
    except (ValueError, RecursionError):
        return None


def _json(text: str) -> Any:
    return clean_json(json.loads(text, parse_constant=lambda _name: None, parse_float=finite_number))
