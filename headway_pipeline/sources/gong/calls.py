"""A call as Gong lists it, in the normal form: whose it is, who was on it, and what about it never changes."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from headway_pipeline.model.calls import Call, Participant, Side
from headway_pipeline.model.identity import content_hash
from headway_pipeline.sources.contract import BadRecord
from headway_pipeline.sources.normalise import (
    Known,
    language_code,
    objects,
    text_id,
    text_or_none,
    utc_time,
    web_address,
    whole_number,
)
from headway_pipeline.sources.people import account_by_mail, identities, writes_from

__all__ = ["KNOWN_FIELDS", "CallParser"]

SIDES = {"Internal": Side.VENDOR, "External": Side.CUSTOMER}

#: Metadata kept for people; all of it is stable.
SHOWN_METADATA = {"direction": "direction", "system": "system", "scope": "scope", "workspaceId": "gong_workspace_id"}
_METADATA_FIELDS = (
    "id url title scheduled started duration primaryUserId direction system scope media language workspaceId "
    "sdrDisposition clientUniqueId customData purpose meetingUrl isPrivate calendarEventId"
)
_PARTY_FIELDS = "id emailAddress name title userId speakerId context affiliation phoneNumber methods"
_CONTEXT_FIELDS = "objectType objectId fields timing"
KNOWN_FIELDS: Known = {
    "metaData": dict.fromkeys(_METADATA_FIELDS.split()),
    "context": {"system": None, "objects": dict.fromkeys(_CONTEXT_FIELDS.split())},
    "parties": dict.fromkeys(_PARTY_FIELDS.split()),
    # Not asked for; Gong may send them empty.
    "content": None,
    "interaction": None,
    "collaboration": None,
    "media": None,
}


@dataclass(frozen=True, slots=True)
class CallParser:
    """Brings the records of one connector's listings to the normal form.

    Attributes:
        source: the name their calls bear.
        vendor_domains: e-mail domains of the workspace's own people.
    """

    source: str
    vendor_domains: Collection[str]

    def parse(self, record: Any, now: datetime) -> Call | BadRecord:
        """A listed record in the normal form, or what is wrong with it.

        Args:
            now: stands in for the start of a private call that tells none.
        """
        meta = record.get("metaData") if isinstance(record, dict) else None
        if not isinstance(meta, dict):
            return BadRecord(None, "it has no metaData")
        # Gong requires integrations to discard private calls; in doubt, it is one.
        is_private = meta.get("isPrivate") not in (None, False)
        raw = {} if is_private else record
        external_id = text_id(meta.get("id"))
        started = utc_time(meta.get("started"))
        if external_id is None:
            return BadRecord(None, "metaData.id is no id", raw)
        if is_private:
            # Known before, it keeps its day; without a time it still has to be purged.
            return Call.known_by_day(self.source, external_id, started or now, is_private=True)
        if started is None:
            return BadRecord(external_id, "metaData.started is no time", raw)
        return self._public_call(external_id, started, meta, record)

    def speakers(self, record: Mapping[str, Any]) -> dict[str, Participant]:
        """Who speaks in the call's transcript, by the key it names them by."""
        found: dict[str, Participant] = {}
        for person in self._participants(record):
            if person.speaker_key is not None:
                found.setdefault(person.speaker_key, person)
        return found

    def _public_call(
        self, external_id: str, started: datetime, meta: Mapping[str, Any], record: Mapping[str, Any]
    ) -> Call:
        participants = tuple(self._participants(record))
        shown = {ours: text_id(meta.get(theirs)) for theirs, ours in SHOWN_METADATA.items()}
        stable: dict[str, Any] = {
            "title": text_or_none(meta.get("title")),
            "url": web_address(meta.get("url")),
            "duration_s": whole_number(meta.get("duration")),
            "language": language_code(meta.get("language")),
            "account": _account_in_crm(record) or account_by_mail(participants),
            "metadata": {name: value for name, value in shown.items() if value is not None},
        }
        return Call(
            source=self.source,
            external_id=external_id,
            occurred_at=started,
            participants=participants,
            raw=record,
            # Not over `raw`: CRM data, and whatever Gong adds later, change without the call having changed.
            content_hash=content_hash([external_id, started.isoformat(), stable, identities(participants)]),
            **stable,
        )

    def _participants(self, record: Mapping[str, Any]) -> Iterator[Participant]:
        for party in objects(record.get("parties")):
            email = text_or_none(party.get("emailAddress"))
            side = SIDES.get(text_or_none(party.get("affiliation")) or "", Side.UNKNOWN)
            yield Participant(
                name=text_or_none(party.get("name")),
                email=email,
                side=Side.VENDOR if writes_from(email, self.vendor_domains) else side,
                # Not `id`: that names the participant, and the transcript never does.
                speaker_key=text_id(party.get("speakerId")),
            )


def _account_in_crm(record: Mapping[str, Any]) -> str | None:
    """The name of the CRM account the call is linked to, where Gong tells it."""
    for system in objects(record.get("context")):
        for linked in objects(system.get("objects")):
            if linked.get("objectType") == "Account":
                for field in objects(linked.get("fields")):
                    if str(field.get("name")).lower() == "name" and text_or_none(field.get("value")):
                        return text_or_none(field.get("value"))
    return None
