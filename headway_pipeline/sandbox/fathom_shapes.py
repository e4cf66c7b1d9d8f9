"""The sandbox's calls in Fathom's own shapes, with the nulls and the missing fields that real answers have."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from headway_pipeline.model.calls import Side
from headway_pipeline.sandbox.addresses import long_id, page_address
from headway_pipeline.sandbox.world import Company, SandboxCall, Speaker

__all__ = ["created_at", "meeting", "recording_id", "teams_of", "transcript_of"]

#: How long after the last word a recording is there.
PROCESSING = timedelta(minutes=3)
FIRST_ID, ID_COUNT = 10**8, 9 * 10**11
TEAM = "Customer Success"
#: One in so many: older records, which lack what was added later; people whose address was not recognised; failures
#: of the CRM.
RARITY = 4


def recording_id(call: SandboxCall) -> int:
    """A stable whole number below 2**53; the number in the call's address is another one."""
    return FIRST_ID + int(long_id("recording", call.id)) % ID_COUNT


def created_at(call: SandboxCall) -> datetime:
    """When the meeting appears: once its recording was processed."""
    return (call.ended_at + PROCESSING).replace(microsecond=0)


def meeting(
    company: Company, call: SandboxCall, base_url: str, *, with_speakers: bool, with_crm: bool
) -> dict[str, Any]:
    """A call as `GET /meetings` lists it, without its transcript.

    Args:
        company: whose call it is.
        call: what to show.
        base_url: where the sandbox is.
        with_speakers: name invitees as the transcript does, which comes with the transcript only.
        with_crm: show what the CRM has of it.
    """
    number = recording_id(call)
    invitees = [*_invitees(call, with_speakers=with_speakers)]
    is_scheduled = bool(invitees)
    has_customers = any(invitee["is_external"] for invitee in invitees)
    listed: dict[str, Any] = {
        "title": call.title,
        "meeting_title": call.title if is_scheduled else None,
        "recording_id": number,
        "url": page_address(company, call, base_url),
        "meeting_url": f"https://meetings.example/j/{number}" if is_scheduled else None,
        "share_url": f"{base_url}/share/{long_id('share', call.id)}",
        "created_at": _written(created_at(call)),
        "scheduled_start_time": _written(call.scheduled_at) if is_scheduled else None,
        "scheduled_end_time": _written(call.scheduled_at + timedelta(hours=1)) if is_scheduled else None,
        "recording_start_time": _written(call.started_at),
        "recording_end_time": _written(call.ended_at),
        "calendar_invitees_domains_type": "one_or_more_external" if has_customers else "only_internal",
        "transcript_language": call.language,
        "calendar_invitees": invitees,
        "recorded_by": _recorder(company, call),
    }
    if call.is_private or not _is_rare("older", call):
        listed |= {"meeting_type": None, "shared_with": "no_teams" if call.is_private else "single_team"}
    if with_crm:
        listed["crm_matches"] = _crm_matches(call)
    return listed


def _invitees(call: SandboxCall, *, with_speakers: bool) -> Iterator[dict[str, Any]]:
    """Everybody but those nobody knows: they had no invitation."""
    for speaker in call.speakers:
        if speaker.side is not Side.UNKNOWN:
            invitee: dict[str, Any] = {
                "name": speaker.name,
                "email": speaker.email,
                "email_domain": _domain(speaker.email),
                "is_external": speaker.side is Side.CUSTOMER,
            }
            if with_speakers:
                invitee["matched_speaker_display_name"] = speaker.name if _recognised(call, speaker) else None
            yield invitee


def _recorder(company: Company, call: SandboxCall) -> dict[str, Any]:
    """The first of the company's own people on the call, else a colleague who let it be recorded."""
    host = next((speaker for speaker in call.speakers if speaker.side is Side.VENDOR), None)
    email = (host and host.email) or f"recordings@{company.email_domain}"
    return {
        "name": host.name if host else f"{company.name} Recordings",
        "email": email,
        "email_domain": _domain(email),
        "team": TEAM if host else None,
    }


def _crm_matches(call: SandboxCall) -> dict[str, Any]:
    if _is_rare("crm", call):
        return {"contacts": [], "companies": [], "deals": [], "error": "no CRM connected"}
    records = f"https://crm.example/companies/{long_id('account', call.account or '')}"
    companies = [{"name": call.account, "record_url": records}] if call.account else []
    return {"contacts": [], "companies": companies, "deals": [], "error": None}


def transcript_of(call: SandboxCall) -> list[dict[str, Any]]:
    """One item an utterance, its start in whole seconds; a customer's address is often not recognised."""
    speakers = {speaker.id: speaker for speaker in call.speakers}
    return [
        {
            "speaker": _spoken_by(call, speakers.get(utterance.speaker_id)),
            "text": utterance.text,
            "timestamp": _offset(utterance.start_s),
        }
        for utterance in call.utterances
    ]


def _spoken_by(call: SandboxCall, speaker: Speaker | None) -> dict[str, Any]:
    if speaker is None:
        return {"display_name": "Unknown speaker"}
    return {
        "display_name": speaker.name,
        "matched_calendar_invitee_email": speaker.email if _recognised(call, speaker) else None,
    }


def _recognised(call: SandboxCall, speaker: Speaker) -> bool:
    return speaker.email is not None and (
        speaker.side is Side.VENDOR or (speaker.side is Side.CUSTOMER and not _is_rare(speaker.id, call))
    )


def _is_rare(what: str, call: SandboxCall) -> bool:
    return int(long_id(what, call.id)) % RARITY == 0


def teams_of(company: Company) -> list[dict[str, Any]]:
    """The one team everybody of a company is in, as `GET /teams` lists it; none without meetings."""
    first = min((call.started_at for call in company.calls_in("fathom")), default=None)
    return [] if first is None else [{"name": TEAM, "created_at": _written(first)}]


def _domain(email: str | None) -> str | None:
    return email.rpartition("@")[2] if email else None


def _written(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def _offset(seconds: float) -> str:
    minutes, second = divmod(int(seconds), 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour:02}:{minute:02}:{second:02}"
