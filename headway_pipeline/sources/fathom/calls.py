"""A meeting as Fathom lists it, as a call in the normal form: who was on it, and what about it never changes."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
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
)
from headway_pipeline.sources.people import Speakers, account_by_mail, folded, identities, writes_from

__all__ = ["KNOWN_FIELDS", "CallParser", "shared_with_nobody", "started_at"]

#: Fathom seeds accounts with a "Fathom Demo" meeting of several years; no meeting lasts longer than a day.
LONGEST_CALL = timedelta(hours=24)
#: What `shared_with` says of a meeting that was shared with no team.
NOBODY = "no_teams"

SHOWN_METADATA = {"meeting_type": "meeting_type", "shared_with": "shared_with", "meeting_title": "meeting_title"}
_MEETING_FIELDS = (
    "title meeting_title meeting_type recording_id url meeting_url share_url created_at scheduled_start_time "
    "scheduled_end_time recording_start_time recording_end_time calendar_invitees_domains_type shared_with "
    "transcript_language"
)
_INVITEE_FIELDS = "name email email_domain is_external matched_speaker_display_name"
KNOWN_FIELDS: Known = {
    **dict.fromkeys(_MEETING_FIELDS.split()),
    "calendar_invitees": dict.fromkeys(_INVITEE_FIELDS.split()),
    "recorded_by": dict.fromkeys(("name", "email", "email_domain", "team")),
    "crm_matches": dict.fromkeys(("contacts", "companies", "deals", "error")),
    # Not asked for in a listing; Fathom may send them empty.
    "transcript": None,
    "default_summary": None,
    "action_items": None,
    "highlights": None,
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
        """A listed meeting in the normal form, or what is wrong with it.

        Args:
            now: stands in for the start of a private call that tells none.
        """
        if not isinstance(record, dict):
            return BadRecord(None, "it is no JSON object")
        external_id = text_id(record.get("recording_id"))
        is_private = shared_with_nobody(record)
        raw = {} if is_private else _kept(record)
        if external_id is None:
            return BadRecord(None, "recording_id is no id", raw)
        started = started_at(record)
        if is_private:
            # Known before, it keeps its day; without a time it still has to be purged.
            return Call.known_by_day(self.source, external_id, started or now, is_private=True)
        if started is None:
            return BadRecord(external_id, "none of its times is a time", raw)
        duration = _duration(record)
        if duration is not None and duration > LONGEST_CALL:
            return BadRecord(
                external_id, f"it lasts longer than {LONGEST_CALL.total_seconds() / 3600:.0f} hours", raw
            )
        return self._public_call(external_id, started, duration, raw)

    def speakers(self, record: Mapping[str, Any]) -> Speakers:
        """Who may speak in the meeting's transcript, and on whose side."""
        return Speakers(self._participants(record), self.vendor_domains)

    def _public_call(
        self, external_id: str, started: datetime, duration: timedelta | None, record: Mapping[str, Any]
    ) -> Call:
        participants = tuple(self._participants(record))
        shown = {ours: text_id(record.get(theirs)) for theirs, ours in SHOWN_METADATA.items()}
        stable: dict[str, Any] = {
            "title": text_or_none(record.get("title")) or text_or_none(record.get("meeting_title")),
            "url": web_address(record.get("url")),
            "duration_s": None if duration is None else round(duration.total_seconds()),
            "language": language_code(record.get("transcript_language")),
        }
        # Types and teams are renamed and CRM records change without the call having changed: they do not count.
        identity = [external_id, started.isoformat(), record.get("created_at"), stable, identities(participants)]
        return Call(
            source=self.source,
            external_id=external_id,
            occurred_at=started,
            account=account_by_mail(participants) or _company_in_crm(record),
            participants=participants,
            metadata={name: value for name, value in shown.items() if value is not None},
            raw=record,
            content_hash=content_hash(identity),
            **stable,
        )

    def _participants(self, record: Mapping[str, Any]) -> Iterator[Participant]:
        """Who was invited, and who recorded."""
        recorder = record.get("recorded_by")
        recorder = recorder if isinstance(recorder, dict) else {}
        recorder_mail = folded(text_or_none(recorder.get("email")))
        is_invited = False
        for invitee in objects(record.get("calendar_invitees")):
            email = text_or_none(invitee.get("email"))
            is_recorder = bool(recorder_mail) and folded(email) == recorder_mail
            is_invited = is_invited or is_recorder
            yield Participant(
                name=text_or_none(invitee.get("name")),
                email=email,
                side=self._side(invitee, email, is_recorder),
                speaker_key=text_or_none(invitee.get("matched_speaker_display_name")),
            )
        name, email = text_or_none(recorder.get("name")), text_or_none(recorder.get("email"))
        if not is_invited and (name or email):
            yield Participant(name, email, Side.VENDOR)

    def _side(self, invitee: Mapping[str, Any], email: str | None, is_recorder: bool) -> Side:
        if is_recorder or writes_from(email, self.vendor_domains):
            return Side.VENDOR
        match invitee.get("is_external"):
            case True:
                return Side.CUSTOMER
            case False:
                return Side.VENDOR
            case _:
                return Side.UNKNOWN


def shared_with_nobody(record: Mapping[str, Any]) -> bool:
    """Whether only whoever recorded it sees it: to us, a private call."""
    return record.get("shared_with") == NOBODY


def _kept(record: dict[str, Any]) -> dict[str, Any]:
    """A listed meeting without the customer's contacts and deals, which nobody reads here."""
    crm = record.get("crm_matches")
    return {**record, "crm_matches": {"companies": crm.get("companies")}} if isinstance(crm, dict) else record


def started_at(record: Mapping[str, Any]) -> datetime | None:
    """When a meeting began, by the best of the times it has."""
    names = ("recording_start_time", "scheduled_start_time", "created_at")
    return next((time for name in names if (time := utc_time(record.get(name))) is not None), None)


def _duration(record: Mapping[str, Any]) -> timedelta | None:
    start, end = utc_time(record.get("recording_start_time")), utc_time(record.get("recording_end_time"))
    return None if start is None or end is None or end < start else end - start


def _company_in_crm(record: Mapping[str, Any]) -> str | None:
    """The first company of the CRM that Fathom relates the meeting to."""
    crm = record.get("crm_matches")
    companies = objects(crm.get("companies")) if isinstance(crm, dict) else ()
    return next((name for company in companies if (name := text_or_none(company.get("name")))), None)
