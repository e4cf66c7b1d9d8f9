"""What a file says of a call, in the normal form: who was on it, and on whose side."""

import re
from collections import Counter
from collections.abc import Collection, Mapping, MutableSequence, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headway_pipeline.model.calls import Call, Participant, Side
from headway_pipeline.model.errors import SourceContractError
from headway_pipeline.model.identity import content_hash
from headway_pipeline.sources.contract import BadRecord
from headway_pipeline.sources.files.contents import Contents
from headway_pipeline.sources.files.filenames import named_title
from headway_pipeline.sources.files.inventory import Item
from headway_pipeline.sources.normalise import (
    Known,
    count_unknown_fields,
    language_code,
    objects,
    text_id,
    text_or_none,
    web_address,
    whole_number,
)
from headway_pipeline.sources.people import account_by_mail, folded, identities, writes_from

__all__ = ["CallParser"]

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
class CallParser:
    """Brings one connector's files to the normal form.

    Attributes:
        source: the name their calls bear.
        root: the folder or the archive.
        vendor_domains: e-mail domains of the workspace's own people.
        vendor_names: names of the workspace's own people, folded.
    """

    source: str
    root: Path
    vendor_domains: Collection[str]
    vendor_names: frozenset[str]

    def parse(self, item: Item, contents: Contents | SourceContractError, unknown: Counter[str]) -> Call | BadRecord:
        """A call in the normal form, or what is wrong with its file; unknown fields are added to `unknown`."""
        where = {"file": item.entry.path, **({"line": item.line} if item.line else {})}
        if isinstance(contents, SourceContractError) or item.id is None:
            problem = "it has no id of its own" if isinstance(contents, Contents) else contents.message
            return BadRecord(item.id, problem, where)
        if contents.is_private:
            return Call.known_by_day(self.source, item.id, item.starts_at, is_private=True)
        record = contents.record
        unknown += count_unknown_fields(record, KNOWN_FIELDS)
        people = tuple(self._participants(contents))
        ends = [heard.end_ms or heard.start_ms or 0 for heard in contents.spoken]
        stable: dict[str, Any] = {
            "title": text_or_none(record.get("title")) or named_title(item.entry.path),
            "duration_s": whole_number(record.get("duration_s")) or whole_number(max(ends, default=0) / 1000),
            "language": language_code(record.get("language")),
            "account": text_or_none(record.get("account")) or account_by_mail(people),
        }
        words = [[heard.speaker, heard.text, heard.start_ms, heard.end_ms] for heard in contents.spoken]
        web = web_address(record.get("url"))
        # Neither another place of the folder nor a time that copying it changes makes another call.
        dated = item.starts_at.isoformat() if item.is_dated else None
        return Call(
            source=self.source,
            external_id=item.id,
            occurred_at=item.starts_at,
            url=web or self._file_address(item.entry.path),
            participants=people,
            metadata={"file": item.entry.path},
            raw={**where, "told": {name: record[name] for name in record if name != "utterances"}},
            content_hash=content_hash([item.id, dated, web, stable, identities(people), words]),
            **stable,
        )

    def sides(self, contents: Contents) -> Mapping[str | None, Side]:
        """Whose side each speaker is on, by the key or the name that the words bear."""
        return {person.speaker_key: person.side for person in self._participants(contents)}

    def _file_address(self, path: str) -> str:
        """Where a person at this machine opens it: the file, or the archive that holds it."""
        return (self.root / path if self.root.is_dir() else self.root).as_uri()

    def _participants(self, contents: Contents) -> Sequence[Participant]:
        """Who is told of, and whoever else speaks; `speaker_key` is the id in JSON, the name elsewhere."""
        people: MutableSequence[Participant] = []
        for person in objects(contents.record.get("speakers")):
            name, email = text_or_none(person.get("name")), text_or_none(person.get("email"))
            key = text_id(person.get("id")) if contents.has_keys else name
            people.append(Participant(name or key, email, self._side(name, email, person), key))
        known = {person.speaker_key for person in people}
        names = dict.fromkeys(heard.speaker for heard in contents.spoken if heard.speaker and heard.key is None)
        mails = {name: name if "@" in name else None for name in names if name not in known}
        return [*people, *(Participant(name, mail, self._side(name, mail, {}), name) for name, mail in mails.items())]

    def _side(self, name: str | None, email: str | None, person: Mapping[str, Any]) -> Side:
        """Your own people first: their words are never evidence, whatever a file says of them."""
        label = LABELLED.fullmatch(name or "")
        bare = (name or "")[: label.start(1) - 1] if label else name
        if writes_from(email, self.vendor_domains) or {folded(name), folded(bare)} & self.vendor_names:
            return Side.VENDOR
        if person.get("side") in list(Side):
            return Side(person["side"])
        role = text_or_none(person.get("role")) or (label[1] if label else name)
        return ROLES.get(folded(role), Side.UNKNOWN)
