"""People who asked to be erased, known by keyed hashes only, and what leaving them out of a call means.

A keyed hash (HMAC-SHA-256) tells whether an address or a name is one of theirs and gives neither back: without the
key, which stands sealed, not even to somebody who tries every address there is.
"""

import hmac
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

from headway_pipeline.model.calls import Call, Participant, Segment, TimeMark, Transcript

__all__ = [
    "ERASED",
    "Erased",
    "ErasureScope",
    "Identity",
    "IdentityKind",
    "Pseudonyms",
    "is_address",
    "mention_pattern",
    "names_of",
    "spelling",
]

#: What stands where a person's name or address stood.
ERASED = "[erased]"

ADDRESS = re.compile(r"[\w.+%'-]+@[\w-]+(?:\.[\w-]+)+")
WORD = re.compile(r"[^\W_]+")
#: Longer texts are no name and no address by themselves; what is mentioned inside them is looked for apart.
LONGEST_LABEL = 200
#: In the record of a person, what says nothing of who it is and what hydration needs to tell the speakers apart.
KEPT_FIELDS = re.compile(r"affiliation|.*id", re.IGNORECASE)
ADDRESS_FIELDS = ("email", "emailAddress")
PERSON_FIELDS = ("name", *ADDRESS_FIELDS)


class ErasureScope(StrEnum):
    """What an erasure takes away."""

    CALLS = "calls"
    TURNS = "turns"
    MESSAGE = "message"


class IdentityKind(StrEnum):
    """How a keyed hash names a person.

    An alias is a name that somebody else bears, too: it tells who speaks on a call the person is on, and nothing of
    who is on a call. Words are a name as it is mentioned inside a text.
    """

    ADDRESS = "address"
    NAME = "name"
    ALIAS = "alias"
    WORDS = "words"


@dataclass(frozen=True, slots=True)
class Identity:
    """One keyed hash of one spelling of a person.

    Attributes:
        words: of how many words the name is, for a name that is mentioned; else 0.
    """

    kind: IdentityKind
    key: str
    words: int = 0


def spelling(text: str | None) -> str:
    """A name or an address in the form it is compared by: one letter form, no case, single spaces."""
    return " ".join(unicodedata.normalize("NFKC", text or "").casefold().split())


def mention_pattern(spelled: Iterable[str]) -> re.Pattern[str] | None:
    """What finds whole names and addresses in case-folded text; None without any that tells a person.

    A single word is too common to tell.
    """
    told = [words for name in spelled if len(words := WORD.findall(name)) > 1]
    if not told:
        return None
    either = "|".join(r"[\W_]+".join(map(re.escape, words)) for words in told)
    return re.compile(rf"(?<![^\W_])(?:{either})(?![^\W_])")


def is_address(text: str) -> bool:
    """Whether `text` names a person by e-mail address."""
    return "@" in text


def names_of(person: Participant | Mapping[str, Any]) -> set[str]:
    """The spellings a participant is called by: the name, and the name a transcript shows for them."""
    name, shown = (
        (person.name, person.speaker_key)
        if isinstance(person, Participant)
        else (person.get("name"), person.get("speaker_key"))
    )
    # A source may key its speakers by number.
    if shown and any(map(str.isdigit, shown)):
        shown = None
    return {
        spelled for spelled in map(spelling, (name, shown)) if any(map(str.isalpha, spelled)) and spelled != ERASED
    }


class Pseudonyms:
    """Makes the keyed hashes of one workspace."""

    def __init__(self, secret: bytes, workspace_id: object) -> None:
        self._secret = secret
        self._workspace = str(workspace_id)

    def __repr__(self) -> str:
        return "Pseudonyms(key hidden)"

    def key(self, kind: str, spelled: str) -> str:
        """The keyed hash of a spelling, 64 hex digits."""
        text = f"{self._workspace}\0{kind}\0{spelled}"
        return hmac.digest(self._secret, text.encode("utf-8", "replace"), "sha256").hex()

    def identities(
        self, addresses: Iterable[str] = (), names: Iterable[str] = (), aliases: Iterable[str] = ()
    ) -> frozenset[Identity]:
        """The keyed hashes of a person's spellings."""
        names, aliases = set(names), set(aliases)
        kinds = ((IdentityKind.ADDRESS, addresses), (IdentityKind.NAME, names), (IdentityKind.ALIAS, aliases))
        found = {Identity(kind, self.key(kind, spelled)) for kind, spelled_ones in kinds for spelled in spelled_ones}
        for words in (WORD.findall(name) for name in names | aliases):
            found.add(Identity(IdentityKind.WORDS, self.key(IdentityKind.WORDS, " ".join(words)), len(words)))
        return frozenset(found)


class Erased:
    """People who are to be left out."""

    def __init__(self, pseudonyms: Pseudonyms, identities: Iterable[Identity]) -> None:
        self._key = pseudonyms.key
        self._keys = {(identity.kind, identity.key) for identity in identities}
        self._kinds = {kind for kind, _ in self._keys}
        self._lengths = sorted({identity.words for identity in identities if identity.words}, reverse=True)

    def is_called(self, label: str | None) -> bool:
        """Whether a name or an address is one of theirs, on a call they are on."""
        return self._is_any(label, IdentityKind.NAME, IdentityKind.ALIAS)

    def are_named(self, value: Any) -> bool:
        """Whether they are named anywhere in a JSON value: by their address, or by a text that is their name."""
        match value:
            case str():
                return self._is_any(value, IdentityKind.NAME) or any(map(self._is_address, ADDRESS.findall(value)))
            case Mapping():
                # Somebody of that name with another address is another person.
                items = [item for item in value.values() if not (self._is_another(value) and isinstance(item, str))]
                return any(map(self.are_named, items))
            case list() | tuple():
                return any(map(self.are_named, value))
            case _:
                return False

    def are_on(self, call: Call) -> bool:
        """Whether they take part in a call, as far as its listing tells."""
        return self.are_named([asdict(person) for person in call.participants]) or self.are_named(call.raw)

    def speak_in(self, transcript: Transcript) -> bool:
        """Whether a turn is labelled with their name."""
        labels = {segment.speaker for segment in transcript.segments}
        return any(self._is_any(label, IdentityKind.NAME) for label in labels)

    def scrubbed(self, value: Any) -> Any:
        """A JSON value in which their names and addresses are replaced, and the records of them emptied."""
        return self._scrubbed(value, is_top=True)

    def _scrubbed(self, value: Any, *, is_top: bool = False) -> Any:
        match value:
            case str():
                return self.mended(value)[0]
            case Mapping() if self._is_another(value):
                return {name: item if isinstance(item, str) else self._scrubbed(item) for name, item in value.items()}
            case Mapping():
                if not is_top and any(self.is_called(_text(value.get(field))) for field in PERSON_FIELDS):
                    return {
                        name: item if KEPT_FIELDS.fullmatch(name) else _emptied(item) for name, item in value.items()
                    }
                return {name: self._scrubbed(item) for name, item in value.items()}
            case list() | tuple():
                return [self._scrubbed(item) for item in value]
            case _:
                return value

    def scrubbed_call(self, call: Call) -> Call:
        """The call without them, as it may be stored; its content hash stays, so that it does not look changed."""
        return replace(
            call,
            title=self.scrubbed(call.title),
            account=self.scrubbed(call.account),
            url=None if self._is_mentioned(call.url) else call.url,
            participants=tuple(
                person for person in call.participants if not self.is_participant(person.email, names_of(person))
            ),
            metadata=self.scrubbed(call.metadata),
            raw=self.scrubbed(call.raw),
        )

    def is_participant(self, email: str | None, names: Iterable[str]) -> bool:
        """Whether somebody on a call of theirs is one of them; another address is another person."""
        if email is not None and spelling(email) != ERASED:
            return self._is_any(email)
        return any(map(self.is_called, names)) or email is not None

    def without_turns(self, transcript: Transcript) -> Transcript:
        """The transcript of a call of theirs without their turns, and without their names in those of others."""
        kept = [
            segment
            for segment in transcript.segments
            if not self.is_called(segment.speaker) and spelling(segment.speaker) != ERASED
        ]
        return Transcript(tuple(self._mended_segment(index, segment) for index, segment in enumerate(kept)))

    def _mended_segment(self, index: int, segment: Segment) -> Segment:
        text, moved = self.mended(segment.text)
        marks = tuple(TimeMark(moved(mark.char_start), mark.start_ms) for mark in segment.marks)
        return replace(segment, index=index, text=text, marks=marks)

    def mended(self, text: str) -> tuple[str, Callable[[int], int]]:
        """`text` without mentions of them, and where a character of the old text stands in the new one."""
        spans = [(0, len(text))] if self.is_called(text) else self._mentions(text)
        parts, at = [], 0
        for start, end in spans:
            parts += [text[at:start], ERASED]
            at = end

        def moved(char: int) -> int:
            shift = 0
            for start, end in spans:
                if char >= end:
                    shift += len(ERASED) - (end - start)
                elif char > start:
                    return start + shift
            return char + shift

        return "".join(parts) + text[at:], moved

    def _is_another(self, record: Mapping[str, Any]) -> bool:
        address = next((found for field in ADDRESS_FIELDS if (found := _text(record.get(field)))), None)
        return address is not None and is_address(address) and not self._is_address(address)

    def _is_mentioned(self, text: str | None) -> bool:
        return bool(text and self._mentions(text))

    def _mentions(self, text: str) -> list[tuple[int, int]]:
        """Spans of addresses and of whole names, in order and apart; the longest name wins."""
        found = [match.span() for match in ADDRESS.finditer(text) if self._is_address(match.group())]
        words = list(WORD.finditer(text)) if self._lengths else []
        at = 0
        while at < len(words):
            length = next((n for n in self._lengths if self._is_name(words[at : at + n], n)), 0)
            if length:
                found.append((words[at].start(), words[at + length - 1].end()))
            at += length or 1
        return _apart(sorted(found))

    def _is_name(self, words: list[re.Match[str]], length: int) -> bool:
        if len(words) < length:
            return False
        spelled = " ".join(spelling(word.group()) for word in words)
        return (IdentityKind.WORDS, self._key(IdentityKind.WORDS, spelled)) in self._keys

    def _is_address(self, address: str) -> bool:
        return IdentityKind.ADDRESS in self._kinds and self._is_any(address)

    def _is_any(self, label: str | None, *kinds: IdentityKind) -> bool:
        if not label or len(label) > LONGEST_LABEL:
            return False
        spelled = spelling(label)
        asked = (IdentityKind.ADDRESS,) if is_address(spelled) else kinds
        return any((kind, self._key(kind, spelled)) in self._keys for kind in asked if kind in self._kinds)


def _apart(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans without those that overlap an earlier one."""
    kept: list[tuple[int, int]] = []
    for start, end in spans:
        if not kept or start >= kept[-1][1]:
            kept.append((start, end))
    return kept


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _emptied(value: Any) -> Any:
    """The same structure without a word in it; truth values stay."""
    match value:
        case str():
            return ERASED
        case Mapping():
            return {name: _emptied(item) for name, item in value.items()}
        case list() | tuple():
            return [_emptied(item) for item in value]
        case bool():
            return value
        case _:
            return None
