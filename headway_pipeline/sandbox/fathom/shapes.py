"""The sandbox's calls in Fathom's own shapes, with the nulls and the missing fields that real answers have."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from headway_pipeline.model.calls import Side
from headway_pipeline.sandbox.addresses import long_id, page_address
from headway_pipeline.sandbox.world import ALL_TEAMS, TEAM, Company, SandboxCall, Speaker

__all__ = [
    "READY_AFTER",
    "action_items_of",
    "appears_at",
    "created_at",
    "customer_domains",
    "domains_type",
    "highlights_of",
    "meeting",
    "meeting_types_of",
    "recorder_of",
    "recording_id",
    "shared_with",
    "summary_of",
    "team_members_of",
    "teams_of",
    "transcript_at",
    "transcript_of",
    "users_of",
    "written",
]

#: How long after the last word a recording is there.
PROCESSING = timedelta(minutes=3)
FIRST_ID, ID_COUNT = 10**8, 9 * 10**11
#: A transcript is null for the first half of this after its meeting was created, and empty for the second.
READY_AFTER = timedelta(minutes=2)
UNTITLED = "Impromptu Zoom Meeting"
#: One in so many: older records, which lack what was added later; people whose address was not recognised; failures
#: of the CRM.
RARITY = 4


def recording_id(call: SandboxCall) -> int:
    """A stable whole number below 2**53; the number in the call's address is another one."""
    if call.number is not None:
        return int(call.number)
    return FIRST_ID + int(long_id("recording", call.id)) % ID_COUNT


def created_at(call: SandboxCall) -> datetime:
    """Fathom's time of creation, by which meetings are listed: once the recording was processed."""
    return call.course.created_at or (call.ended_at + PROCESSING).replace(microsecond=0)


def appears_at(call: SandboxCall) -> datetime:
    """When the meeting is first listed."""
    return call.course.visible_at or created_at(call)


def transcript_at(call: SandboxCall) -> datetime:
    """When the transcript is there, for a meeting in which something is said."""
    return call.course.transcript_at or created_at(call) + READY_AFTER


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
    listed: dict[str, Any] = {
        "title": call.title or UNTITLED,
        "meeting_title": (call.title or None) if is_scheduled else None,
        "recording_id": number,
        "url": page_address(company, call, base_url),
        "meeting_url": f"https://meetings.example/j/{call.conference or number}" if is_scheduled else None,
        "share_url": f"{base_url}/share/{long_id('share', call.id)}",
        "created_at": written(created_at(call)),
        "scheduled_start_time": written(call.scheduled_at) if is_scheduled else None,
        "scheduled_end_time": written(call.scheduled_at + timedelta(hours=1)) if is_scheduled else None,
        "recording_start_time": written(call.started_at),
        "recording_end_time": written(call.ended_at),
        "calendar_invitees_domains_type": domains_type(call),
        "transcript_language": call.language,
        "calendar_invitees": invitees,
        "recorded_by": recorder_of(company, call),
    }
    if shared_with(call) == "no_teams" or not _is_rare("older", call):
        listed |= {"meeting_type": call.meeting_type, "shared_with": shared_with(call)}
    if with_crm:
        listed["crm_matches"] = _crm_matches(call)
    return listed


def shared_with(call: SandboxCall) -> str:
    """How far it is shared; with people by name counts as with one team, for it is no longer the recorder's alone."""
    sharing = call.sharing
    if call.is_private or not (sharing.teams or sharing.people):
        return "no_teams"
    if ALL_TEAMS in sharing.teams:
        return "all_teams"
    return "multiple_teams" if len(sharing.teams) > 1 else "single_team"


def customer_domains(call: SandboxCall) -> frozenset[str]:
    """Where the customers who were invited write from."""
    if not call.is_scheduled:
        return frozenset()
    mails = (speaker.email for speaker in call.speakers if speaker.side is Side.CUSTOMER)
    return frozenset(domain for email in mails if (domain := _domain(email)))


def domains_type(call: SandboxCall) -> str:
    """Whether customers were invited; of a meeting without an invitation it says nothing, whatever the word."""
    has_customers = call.is_scheduled and any(speaker.side is Side.CUSTOMER for speaker in call.speakers)
    return "one_or_more_external" if has_customers else "only_internal"


def _invitees(call: SandboxCall, *, with_speakers: bool) -> Iterator[dict[str, Any]]:
    """Everybody but those nobody knows: they had no invitation."""
    for speaker in call.speakers if call.is_scheduled else ():
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


def recorder_of(company: Company, call: SandboxCall) -> dict[str, Any]:
    """Who recorded it: whom it names, the first of the company's own people on it, or a colleague."""
    named = call.sharing.recorder
    if named is not None:
        user = next((user for user in company.fathom_users if user.email == named), None)
        name = (user and user.name) or named.partition("@")[0].title()
        return {"name": name, "email": named, "email_domain": _domain(named), "team": user and user.team}
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


def summary_of(call: SandboxCall) -> dict[str, Any]:
    """A summary in Fathom's form; the sandbox sums nothing up but the meeting's length."""
    minutes = round(call.duration_s / 60)
    return {"template_name": "General", "markdown_formatted": f"## Summary\n{minutes} minutes were recorded."}


def action_items_of(call: SandboxCall, share_url: str) -> list[dict[str, Any]]:
    """One thing to do of every meeting in which a vendor speaks."""
    host = next((speaker for speaker in call.speakers if speaker.side is Side.VENDOR), None)
    if host is None:
        return []
    return [
        {
            "description": "Send the notes of this meeting",
            "user_generated": False,
            "completed": False,
            "recording_timestamp": _offset(call.duration_s / 2),
            "recording_playback_url": f"{share_url}?timestamp={int(call.duration_s / 2)}",
            "assignee": {"name": host.name, "email": host.email, "team": TEAM},
        }
    ]


def highlights_of(call: SandboxCall) -> list[dict[str, Any]]:
    """The first turn, as somebody might have marked it."""
    for utterance in call.utterances:
        start, end = int(utterance.start_s), int(utterance.end_s)
        return [{"type": "highlight", "summary": None, "text": utterance.text, "start_time": start, "end_time": end}]
    return []


def teams_of(company: Company, calls: Sequence[SandboxCall]) -> list[dict[str, Any]]:
    """The teams meetings are shared with or users are in, as `GET /teams` lists them; none without meetings."""
    first = min((call.started_at for call in calls), default=None)
    shared = {team for call in calls for team in call.sharing.teams}
    names = (shared | {user.team for user in company.fathom_users if user.team}) - {ALL_TEAMS}
    return [] if first is None else [{"name": name, "created_at": written(first)} for name in sorted(names)]


def team_members_of(company: Company, calls: Sequence[SandboxCall]) -> list[dict[str, Any]]:
    """Who is in which team."""
    return [
        {"name": user["name"], "email": user["email"], "created_at": user["created_at"], "team": user["team"]}
        for user in users_of(company, calls)
        if user["team"] is not None
    ]


def users_of(company: Company, calls: Sequence[SandboxCall]) -> list[dict[str, Any]]:
    """The company's users, the holder of its own key first."""
    first = min((call.started_at for call in calls), default=datetime(2025, 1, 1, tzinfo=UTC))
    return [
        {
            "name": user.name or None,
            "email": user.email,
            "created_at": written(first),
            "status": "active" if user.deactivated_at is None else "deactivated",
            "team": user.team,
        }
        for user in (company.fathom_admin, *company.fathom_users)
    ]


def meeting_types_of(calls: Sequence[SandboxCall]) -> list[dict[str, Any]]:
    """The types that meetings have."""
    first = min((call.started_at for call in calls), default=datetime(2025, 1, 1, tzinfo=UTC))
    names = sorted({call.meeting_type for call in calls if call.meeting_type is not None})
    return [{"name": name, "status": "active", "created_at": written(first)} for name in names]


def _domain(email: str | None) -> str | None:
    return email.rpartition("@")[2] if email else None


def written(moment: datetime) -> str:
    """A moment as Fathom writes it, in whole seconds."""
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def _offset(seconds: float) -> str:
    minutes, second = divmod(int(seconds), 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour:02}:{minute:02}:{second:02}"
