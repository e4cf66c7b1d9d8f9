"""The sandbox's calls in Gong's own shapes, with the nulls and the missing fields that real answers have."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta, timezone
from typing import Any

from headway_pipeline.model.calls import Side
from headway_pipeline.sandbox.addresses import long_id, page_address
from headway_pipeline.sandbox.world import Company, SandboxCall, Speaker, Utterance

__all__ = [
    "Sentence",
    "call_data",
    "metadata",
    "sentences_of",
    "transcript_of",
    "users_of",
    "workspace_id",
]

AFFILIATIONS = {Side.VENDOR: "Internal", Side.CUSTOMER: "External", Side.UNKNOWN: "Unknown"}
#: ISO 639-2B of the languages the sandbox's calls are in; anything else is "und", as with Gong.
LANGUAGES = {"de": "ger", "en": "eng", "es": "spa", "fr": "fre", "it": "ita", "pt": "por"}
#: Answers name times in whatever offset; clients must not compare them as text.
OFFSETS = tuple(timezone(timedelta(hours=hours)) for hours in (-7, 0, 2))
SENTENCE_END = re.compile(r"(?<=[.!?…])\s+")


def workspace_id(company: Company) -> str:
    """The one workspace a company has in the sandbox."""
    return long_id(company.access_key, "workspace")


def metadata(company: Company, call: SandboxCall, base_url: str) -> dict[str, Any]:
    """A call as `GET /v2/calls` lists it, and as `metaData` of the extensive listing."""
    number = long_id(call.id)
    offset = OFFSETS[int(number) % len(OFFSETS)]
    hosts = [speaker for speaker in call.speakers if speaker.side is Side.VENDOR]
    is_internal = all(speaker.side is Side.VENDOR for speaker in call.speakers)
    return {
        "id": number,
        "url": page_address(company, call, base_url),
        "title": call.title,
        "scheduled": call.scheduled_at.astimezone(offset).isoformat(),
        "started": call.started_at.astimezone(offset).isoformat(),
        "duration": round(call.duration_s),
        "primaryUserId": _user_id(company, hosts[0]) if hosts else None,
        "direction": "Conference",
        "system": "Zoom",
        "scope": "Internal" if is_internal else "External",
        "media": "Video",
        "language": LANGUAGES.get(call.language, "und"),
        "workspaceId": workspace_id(company),
        "sdrDisposition": None,
        "clientUniqueId": None,
        "customData": None,
        "purpose": None,
        "meetingUrl": None,
        "isPrivate": call.is_private,
        "calendarEventId": None,
    }


def call_data(company: Company, call: SandboxCall, base_url: str, selector: Mapping[str, Any]) -> dict[str, Any]:
    """A call as the extensive listing gives it: what `contentSelector` did not ask for is left out."""
    exposed = _object(selector.get("exposedFields"))
    content = _object(exposed.get("content"))
    data: dict[str, Any] = {
        "metaData": metadata(company, call, base_url),
        "context": _context(call, selector.get("context")),
    }
    if exposed.get("parties"):
        data["parties"] = [_party(company, call, speaker) for speaker in call.speakers]
    if content:
        data["content"] = _content(call, content)
    if _object(exposed.get("interaction")).get("speakers"):
        data["interaction"] = {"speakers": list(_talk_times(call))}
    if exposed.get("collaboration"):
        data["collaboration"] = {}
    return data


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _context(call: SandboxCall, wanted: Any) -> list[dict[str, Any]]:
    """The CRM account: `Basic` links to it, `Extended` brings its fields."""
    if call.account is None or wanted not in ("Basic", "Extended"):
        return []
    linked: dict[str, Any] = {"objectType": "Account", "objectId": f"001{long_id('account', call.account)[:15]}"}
    if wanted == "Extended":
        fields = [{"name": "Name", "value": call.account}, {"name": "Number_of_seats__c", "value": 28}]
        linked |= {"fields": fields, "timing": "Now"}
    return [{"system": "Salesforce", "objects": [linked]}]


def _party(company: Company, call: SandboxCall, speaker: Speaker) -> dict[str, Any]:
    has_spoken = any(utterance.speaker_id == speaker.id for utterance in call.utterances)
    party: dict[str, Any] = {
        "id": _party_id(call, speaker.id),
        "name": speaker.name,
        "affiliation": AFFILIATIONS[speaker.side],
        "speakerId": _speaker_id(call, speaker.id) if has_spoken else None,
        "context": [],
        "methods": ["Invitee", "Attendee"] if has_spoken else ["Invitee"],
    }
    if speaker.email is not None:
        party["emailAddress"] = speaker.email
    if speaker.job_title is not None:
        party["title"] = speaker.job_title
    if speaker.side is Side.VENDOR:
        party["userId"] = _user_id(company, speaker)
    return party


def _content(call: SandboxCall, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """What is wanted and there: the sandbox sums nothing up but the call's length."""
    there: dict[str, Any] = {
        "brief": f"{call.title}: {len(call.utterances)} turns in {round(call.duration_s / 60)} minutes.",
        "structure": [],
        "topics": [],
        "trackers": [],
    }
    return {name: value for name, value in there.items() if wanted.get(name)}


def _talk_times(call: SandboxCall) -> Iterator[dict[str, Any]]:
    for speaker in call.speakers:
        spoken = [turn.end_s - turn.start_s for turn in call.utterances if turn.speaker_id == speaker.id]
        yield {"id": _party_id(call, speaker.id), "talkTime": round(sum(spoken))}


def _party_id(call: SandboxCall, speaker_id: str) -> str:
    return long_id(call.id, "party", speaker_id)


def _speaker_id(call: SandboxCall, speaker_id: str) -> str:
    return long_id(call.id, "speaker", speaker_id)


def _user_id(company: Company, speaker: Speaker) -> str:
    return long_id(company.access_key, "user", speaker.email or speaker.name)


@dataclass(frozen=True, slots=True)
class Sentence:
    """A part of an utterance, with the time its share of the characters takes."""

    start_ms: int
    end_ms: int
    text: str


def sentences_of(utterance: Utterance) -> list[Sentence]:
    """An utterance cut into sentences, its time shared out by characters."""
    texts = [text for text in SENTENCE_END.split(utterance.text.strip()) if text]
    length = sum(map(len, texts))
    span_ms = 1000 * (utterance.end_s - utterance.start_s)
    found: list[Sentence] = []
    begun, at = 0, round(1000 * utterance.start_s)
    for text in texts:
        begun += len(text)
        end = round(1000 * utterance.start_s + span_ms * begun / length)
        found.append(Sentence(at, end, text))
        at = end
    return found


def transcript_of(call: SandboxCall) -> dict[str, Any]:
    """A call's record in the answer of `POST /v2/calls/transcript`: one entry an utterance, in milliseconds."""
    return {
        "callId": long_id(call.id),
        "transcript": [
            {
                "speakerId": _speaker_id(call, utterance.speaker_id),
                "topic": None,
                "sentences": [
                    {"start": sentence.start_ms, "end": sentence.end_ms, "text": sentence.text}
                    for sentence in sentences_of(utterance)
                ],
            }
            for utterance in call.utterances
        ],
    }


def users_of(company: Company) -> list[dict[str, Any]]:
    """The company's own people, as `GET /v2/users` lists them."""
    own = {
        _user_id(company, speaker): speaker
        for call in company.calls
        for speaker in call.speakers
        if speaker.side is Side.VENDOR
    }
    return [
        {
            "id": user_id,
            "emailAddress": speaker.email,
            "active": True,
            "firstName": speaker.name.partition(" ")[0],
            "lastName": speaker.name.partition(" ")[2],
            "title": speaker.job_title,
            "managerId": None,
        }
        for user_id, speaker in sorted(own.items())
    ]
