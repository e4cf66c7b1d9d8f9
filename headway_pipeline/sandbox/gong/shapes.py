"""The sandbox's calls in Gong's own shapes, with the nulls and the missing fields that real answers have."""

import re
import secrets
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from headway_pipeline.model.calls import Side
from headway_pipeline.sandbox.addresses import call_number, long_id, page_address
from headway_pipeline.sandbox.world import ALWAYS, Company, SandboxCall, Speaker, Utterance

__all__ = [
    "Sentence",
    "call_data",
    "host_number",
    "metadata",
    "sentences_of",
    "transcript_of",
    "users_of",
    "workspace_id",
    "workspace_number",
    "workspaces_of",
]

AFFILIATIONS = {Side.VENDOR: "Internal", Side.CUSTOMER: "External", Side.UNKNOWN: "Unknown"}
#: ISO 639-2B of the languages the sandbox's calls are in; anything else is "und", as with Gong.
LANGUAGES = {"de": "ger", "en": "eng", "es": "spa", "fr": "fre", "it": "ita", "pt": "por"}
#: Answers name times in whatever offset; clients must not compare them as text. The first is that of the Pacific
#: coast in summer, which is an hour less in winter.
OFFSETS = tuple(timezone(timedelta(hours=hours)) for hours in (-7, 0, 2))
PACIFIC_WINTER = timezone(timedelta(hours=-8))
#: Briefs and outlines come this long after a call appears.
SUMMED_UP_AFTER = timedelta(minutes=30)
SENTENCE_END = re.compile(r"(?<=[.!?…])\s+")


def workspace_id(company: Company, name: str = "") -> str:
    """The id of a company's workspace, or of its first."""
    return workspace_number(company.access_key, name)


def workspace_number(access_key: str, name: str) -> str:
    """The id of a workspace of the company with this key."""
    return long_id(access_key, "workspace", *filter(None, [name]))


def workspaces_of(company: Company) -> list[dict[str, Any]]:
    """A company's workspaces, as `GET /v2/workspaces` lists them."""
    return [
        {"id": workspace_id(company, name), "name": name or company.name, "description": None}
        for name in ("", *company.workspaces)
    ]


def host_number(access_key: str, call: SandboxCall) -> str | None:
    """The user id of a call's host, the first of the company's own people on it."""
    host = next((speaker for speaker in call.speakers if speaker.side is Side.VENDOR), None)
    return None if host is None else _user_number(access_key, host)


def metadata(company: Company, call: SandboxCall, base_url: str) -> dict[str, Any]:
    """A call as `GET /v2/calls` lists it, and as `metaData` of the extensive listing."""
    number = call_number(call)
    is_internal = all(speaker.side is Side.VENDOR for speaker in call.speakers)
    return {
        "id": number,
        "url": page_address(company, call, base_url),
        **({"title": call.title} if call.title else {}),
        "scheduled": _written(call.scheduled_at, number),
        "started": _written(call.started_at, number),
        "duration": round(call.duration_s),
        "primaryUserId": host_number(company.access_key, call),
        "direction": "Conference",
        "system": "Zoom",
        "scope": "Internal" if is_internal else "External",
        "media": "Video",
        "language": LANGUAGES.get(call.language, "und") if call.utterances else "zxx",
        "workspaceId": workspace_id(company, call.workspace),
        "sdrDisposition": None,
        "clientUniqueId": None,
        "customData": None,
        "purpose": None,
        "meetingUrl": None,
        "isPrivate": call.is_private,
        "calendarEventId": None,
    }


def _written(moment: datetime, number: str) -> str:
    """A moment in the offset that the call of this number has everywhere, be it summer or winter."""
    offset = OFFSETS[int(number) % len(OFFSETS)]
    if offset is OFFSETS[0] and not _is_pacific_summer(moment):
        offset = PACIFIC_WINTER
    return moment.astimezone(offset).isoformat()


def _is_pacific_summer(moment: datetime) -> bool:
    """From the second Sunday of March to the first of November, at two o'clock there."""
    march, november = datetime(moment.year, 3, 14, 10, tzinfo=UTC), datetime(moment.year, 11, 7, 9, tzinfo=UTC)
    # The Sunday of or before the last day it can be.
    begins, ends = (last - timedelta(days=(last.weekday() + 1) % 7) for last in (march, november))
    return begins <= moment < ends


def call_data(
    company: Company,
    call: SandboxCall,
    base_url: str,
    selector: Mapping[str, Any],
    *,
    now: datetime,
    has_unknown_fields: bool = False,
) -> dict[str, Any]:
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
        data["content"] = _content(call, content, now)
    if _object(exposed.get("interaction")).get("speakers"):
        data["interaction"] = {"speakers": list(_talk_times(call))}
    if exposed.get("collaboration"):
        data["collaboration"] = {}
    if exposed.get("media"):
        data["media"] = _media(call, base_url)
    return _with_unknown_fields(data) if has_unknown_fields else data


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _context(call: SandboxCall, wanted: Any) -> list[dict[str, Any]]:
    """The CRM account: `Basic` links to it, `Extended` brings its fields, whose values are of any kind."""
    if call.account is None or wanted not in ("Basic", "Extended"):
        return []
    linked: dict[str, Any] = {"objectType": "Account", "objectId": f"001{long_id('account', call.account)[:15]}"}
    if wanted == "Extended":
        values = {"Name": call.account, "Number_of_seats__c": 28, "Is_partner__c": False, "Website": None}
        fields = [{"name": name, "value": value} for name, value in values.items()]
        linked |= {"fields": fields, "timing": "Now"}
    return [{"system": "Salesforce", "objects": [linked]}]


def _party(company: Company, call: SandboxCall, speaker: Speaker) -> dict[str, Any]:
    has_spoken = speaker.id in call.voices
    party: dict[str, Any] = {
        "id": _party_id(call, speaker.id),
        "name": speaker.name,
        "affiliation": AFFILIATIONS[speaker.side],
        "context": [],
        "methods": ["Invitee", "Attendee"] if has_spoken else ["Invitee"],
    }
    # Who is silent has no key, or a key that is null.
    if has_spoken or speaker.side is not Side.VENDOR:
        party["speakerId"] = _speaker_id(call, speaker.id) if has_spoken else None
    if speaker.email is not None:
        party["emailAddress"] = speaker.email
    if speaker.job_title is not None:
        party["title"] = speaker.job_title
    if speaker.side is Side.VENDOR:
        party["userId"] = _user_id(company, speaker)
    return party


def _content(call: SandboxCall, wanted: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """What is wanted and there: the sandbox sums nothing up but the call's length, a while after it appears."""
    there: dict[str, Any] = {"structure": [], "topics": [], "trackers": []}
    if now >= (call.course.visible_at or ALWAYS) + SUMMED_UP_AFTER:
        there["brief"] = f"{call.title}: {len(call.utterances)} turns in {round(call.duration_s / 60)} minutes."
        there["keyPoints"] = [{"text": "The sandbox makes no points."}]
        there["outline"] = [
            {"section": "All of it", "startTime": _noisy(0.1), "duration": _noisy(call.duration_s - 0.1), "items": []}
        ]
    return {name: value for name, value in there.items() if wanted.get(name)}


def _noisy(seconds: float) -> float:
    """Seconds as they come out of 32 bits."""
    noisy: float = struct.unpack("f", struct.pack("f", seconds))[0]
    return noisy


def _media(call: SandboxCall, base_url: str) -> dict[str, str]:
    """Addresses that are signed anew every time they are asked for."""
    signed = f"{base_url}/media/{call_number(call)}?X-Amz-Expires=28799&X-Amz-Signature={secrets.token_hex(16)}"
    return {"audioUrl": signed, "videoUrl": f"{signed}&kind=video"}


def _with_unknown_fields(data: dict[str, Any]) -> dict[str, Any]:
    """The record with a field at every level that no documentation knows."""
    for level in (data, data["metaData"], *data["context"], *data.get("parties", ())):
        level["sandboxExtra"] = {"of": ["no", "documentation", None, 1.5]}
    return data


def _talk_times(call: SandboxCall) -> Iterator[dict[str, Any]]:
    for speaker in call.speakers:
        spoken = [turn.end_s - turn.start_s for turn in call.utterances if turn.speaker_id == speaker.id]
        yield {"id": _party_id(call, speaker.id), "talkTime": round(sum(spoken))}


def _party_id(call: SandboxCall, speaker_id: str) -> str:
    return long_id(call.id, "party", speaker_id)


def _speaker_id(call: SandboxCall, speaker_id: str) -> str:
    return long_id(call.id, "speaker", speaker_id)


def _user_id(company: Company, speaker: Speaker) -> str:
    return _user_number(company.access_key, speaker)


def _user_number(access_key: str, speaker: Speaker) -> str:
    return long_id(access_key, "user", speaker.email or speaker.name)


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
        "callId": call_number(call),
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
