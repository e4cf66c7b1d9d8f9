"""Fathom, External API v1 (https://developers.fathom.ai/api-reference), asked with an API key or by OAuth.

A key belongs to a user and sees that user's meetings and those shared with the user. Meetings are listed by
`GET /meetings`, ten a page, newest first. Its filters go by `created_at`, a moment after the recording ended: a
listing reaches past the last day, and each call is placed by its start. Transcripts come inline from the same list
(`include_transcript`), ten a request, which Fathom counts as a heavy one; so calls are listed without them, and a
batch of ten is fetched over the span of its own creation times. OAuth apps are refused `include_transcript`: with
OAuth each transcript is a heavy request of its own.

Asked for beside each meeting: `include_crm_matches`, of which only the companies are kept. Never summaries, action
items or highlights, for nobody reads them here.
"""

import re
import string
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from http import HTTPStatus
from itertools import pairwise
from typing import Any, ClassVar
from urllib.parse import quote

from headway_pipeline.model.calls import Call, Participant, Segment, Side, Transcript
from headway_pipeline.model.errors import (
    CursorExpiredError,
    Failing,
    MissingPermissionError,
    Refusal,
    RequestRefusedError,
    SourceContractError,
    WebhookRefusedError,
    WrongHostError,
)
from headway_pipeline.model.identity import content_hash
from headway_pipeline.model.ledger import Presence
from headway_pipeline.model.windows import TimeWindow, day_start
from headway_pipeline.model.workspaces import Credentials
from headway_pipeline.sources.contract import (
    Absence,
    BadRecord,
    Bucket,
    CallRef,
    CredentialField,
    HttpSource,
    Hydration,
    NotHydrated,
    OAuth,
    Page,
    RequestDefaults,
    Standing,
)
from headway_pipeline.sources.normalise import (
    Known,
    count_unknown_fields,
    language_code,
    objects,
    text_id,
    text_or_none,
    utc_time,
    web_address,
    with_parameter,
    zulu,
)
from headway_pipeline.sources.oauth import bearer
from headway_pipeline.sources.people import (
    UNKNOWN_SPEAKER,
    Speakers,
    account_by_mail,
    folded,
    identities,
    writes_from,
)
from headway_pipeline.sources.rest import CostClass
from headway_pipeline.sources.webhooks import (
    Hint,
    RegisteredWebhook,
    WebhookDelivery,
    WebhookSetup,
    WebhookTrust,
    require_standard_signature,
)

__all__ = ["FathomSource"]

LISTING = "/meetings"
#: What a transcript of one's own is counted under.
RECORDING = "/recordings/{id}/transcript"
WEBHOOKS = "/webhooks"
WEBHOOK = "/webhooks/{id}"
#: All that a key's user may see.
TRIGGERS = (
    "my_recordings",
    "shared_external_recordings",
    "my_shared_with_team_recordings",
    "shared_team_recordings",
)
#: What Fathom answers for a recording whose transcript is not there yet is not documented: so young, it may come.
READY_WITHIN = timedelta(hours=24)
#: Fathom's own page size, which no parameter changes; only a page below it may lack the next page's token.
PAGE_SIZE = 10
#: Whether the bounds of `created_*` belong to the span is not documented: ask for this much more at either end.
SLACK = timedelta(seconds=1)
#: Ten calls are met within ten requests in the order Fathom gives; far more pages than that lead nowhere.
MOST_HYDRATION_PAGES = 500
#: Fathom seeds accounts with a "Fathom Demo" meeting of several years; no meeting lasts longer than a day.
LONGEST_CALL = timedelta(hours=24)
#: Shared with no team: only whoever recorded it sees it.
PRIVATE = "no_teams"
OFFSET = re.compile(r"(\d+):([0-5]?\d):([0-5]?\d)")
HEADER_CHARS = "".join(sorted(set(string.printable) - set(string.whitespace)))

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


class FathomSource(HttpSource):
    """The meetings that one Fathom user may see."""

    name: ClassVar[str] = "fathom"
    label: ClassVar[str] = "Fathom"
    default_base_url: ClassVar[str] = "https://api.fathom.ai/external/v1"
    base_url_suffix: ClassVar[str] = "/meetings"
    vendor_hosts: ClassVar[tuple[str, ...]] = ("fathom.ai", "fathom.video")
    credential_fields: ClassVar[tuple[CredentialField, ...]] = (
        CredentialField("api_token", "API key", ("fathom_api_token",), "FATHOM_API_TOKEN"),
    )
    #: Fathom's documentation and its SDK name different hosts; a connector's own `token_url` goes before this one.
    oauth: ClassVar[OAuth | None] = OAuth(
        token_url="https://fathom.video/external/v1/oauth2/token",  # noqa: S106  # an address, not a secret
    )
    #: Fathom allows a key 60 requests in 60 seconds, of which 30 heavy ones (in busy times 5), and names no limit a
    #: day. A little is left to the key's other users.
    request_defaults: ClassVar[RequestDefaults] = RequestDefaults(
        requests_per_second=3.0,
        requests_per_day=20_000,
        buckets=(Bucket(55, 60.0), Bucket(28, 60.0, CostClass.HEAVY)),
        patience_s=600.0,
        lookback=timedelta(days=3),
    )
    #: What one heavy request brings.
    hydrate_batch_size: ClassVar[int] = 10
    #: A meeting is created when its recording was processed: a day's last one well into the day after the next.
    listing_margin: ClassVar[timedelta] = timedelta(hours=36)
    webhook_setup: ClassVar[WebhookSetup] = WebhookSetup.BY_API

    @property
    def batch_size(self) -> int:
        """One where transcripts come one by one."""
        return 1 if self.connection.uses_oauth else self.hydrate_batch_size

    @classmethod
    def quota_owner(cls, credentials: Credentials) -> str | None:
        """The key, by which Fathom counts."""
        return credentials.get("api_token")

    @classmethod
    def authorization(cls, credentials: Credentials) -> Mapping[str, str]:
        """The key in a header of its own; what no header can carry is escaped, and Fathom refuses it."""
        if "refresh_token" in credentials:
            return bearer(credentials)
        return {"X-Api-Key": quote(credentials["api_token"], safe=HEADER_CHARS)}

    def check(self) -> Standing:
        """Ask for the first page of meetings.

        Raises:
            SourceError: as `list`.
        """
        records, token = self._page({})
        if not records:
            return Standing(False, "the key is valid, but its user sees no meeting")
        more = "at least " if token is not None else ""
        return Standing(True, f"the key is valid and its user sees {more}{len(records)} meetings")

    def list(self, window: TimeWindow, page_token: str | None) -> Page:
        """One page of the meetings that were created in `window`, without transcripts.

        Raises:
            CursorExpiredError: the page token is refused.
            WrongHostError: there is no such path at the address.
            SourceError: any of the tree.
        """
        wanted = {**_created_in(window), "include_crm_matches": "true"}
        records, token = self._page(wanted, page_token)
        parsed = [self._parse(record) for record in records]
        unknown: Counter[str] = Counter()
        for record in records:
            unknown += count_unknown_fields(record, KNOWN_FIELDS)
        return Page(
            calls=tuple(item for item in parsed if isinstance(item, Call)),
            next_token=token,
            bad_records=tuple(item for item in parsed if isinstance(item, BadRecord)),
            unknown_fields=unknown,
        )

    def hydrate(self, refs: Sequence[CallRef]) -> Iterator[Hydration | NotHydrated]:
        """The transcripts of up to ten calls: one heavy request where they were created one after the other.

        With OAuth one heavy request a call.

        Raises:
            SourceError: any of the tree.
        """
        if self.connection.uses_oauth:
            for ref in refs:
                yield self._recorded(ref)
            return
        found = self._found(refs)
        for ref in refs:
            yield self._hydrated(ref, found.get(ref.external_id))

    def look_up(self, ref: CallRef) -> Presence:
        """Ask for the recording's transcript, a heavy request: Fathom has no endpoint for one meeting.

        What it answers for a recording that was deleted or is no longer shared is not documented; 404 and 403 both
        mean that this user cannot have it.

        Raises:
            SourceError: any of the tree.
        """
        try:
            self._transcript_of(ref)
        except MissingPermissionError:
            return Presence.GONE
        except (RequestRefusedError, WrongHostError) as error:
            # Its refusals have no set form, a web page included; the host is the one that just listed other calls.
            return Presence.GONE if error.at.status == HTTPStatus.NOT_FOUND else Presence.UNKNOWN
        return Presence.PRESENT

    @classmethod
    def link(cls, url: str, start_ms: int | None) -> str:
        """The address Fathom's own players are shared by: `timestamp` in whole seconds."""
        return url if start_ms is None else with_parameter(url, "timestamp", str(start_ms // 1000))

    @classmethod
    def verify_webhook(cls, delivery: WebhookDelivery, trust: WebhookTrust, now: datetime) -> Hint:
        """A meeting is ready; the body is the meeting (https://developers.fathom.ai/webhooks).

        Raises:
            WebhookRefusedError: it is not Fathom's, or names no meeting.
        """
        delivery_id = require_standard_signature(delivery, trust.secret, now)
        meeting = delivery.json_object()
        external_id = text_id(meeting.get("recording_id"))
        if external_id is None:
            raise WebhookRefusedError("the body names no meeting", Refusal.MALFORMED)
        return Hint(delivery_id, external_id, _started_at(meeting))

    def register_webhook(self, url: str) -> RegisteredWebhook:
        """A webhook of the key's user (https://developers.fathom.ai/api-reference/webhooks/create-a-webhook).

        Fathom wants something included; action items are the least, and are not read here.

        Raises:
            SourceContractError: the answer tells no id or no secret, without which no delivery can be believed.
            SourceError: any of the tree.
        """
        wanted = {"destination_url": url, "triggered_for": list(TRIGGERS), "include_action_items": True}
        answer = self.rest.post_json(WEBHOOKS, wanted, expects=HTTPStatus.CREATED)
        webhook_id, secret = text_or_none(answer.get("id")), text_or_none(answer.get("secret"))
        if webhook_id is None or secret is None:
            raise SourceContractError(
                f"Fathom's answer of {WEBHOOKS} lacks {'secret' if webhook_id else 'id'}",
                "remove the webhook in Fathom's settings; its API has changed, if it stays so",
                at=Failing(self.name, WEBHOOKS, HTTPStatus.CREATED),
            )
        return RegisteredWebhook(webhook_id, secret)

    def remove_webhook(self, webhook_id: str) -> bool:
        """Remove it; False where the key's user has none of that id.

        Raises:
            SourceError: any of the tree.
        """
        try:
            self.rest.delete(f"{WEBHOOKS}/{quote(webhook_id, safe='')}", endpoint=WEBHOOK)
        except RequestRefusedError as error:
            if error.at.status == HTTPStatus.NOT_FOUND:
                return False
            raise
        return True

    def _page(
        self, wanted: Mapping[str, str], token: str | None = None, *, cost: CostClass = CostClass.NORMAL
    ) -> tuple[Sequence[Any], str | None]:
        """The records of a page, and the token of the next one."""
        params = dict(wanted) if token is None else {**wanted, "cursor": token}
        try:
            answer = self.rest.get_json(LISTING, params, cost=cost)
        except RequestRefusedError as error:
            if error.at.status == HTTPStatus.NOT_FOUND:
                raise WrongHostError(
                    f"there is no {LISTING} at {self.rest.base_url}",
                    f"check the connector's base URL; Fathom's is {self.default_base_url}",
                    at=error.at,
                ) from error
            if token is not None and error.at.status == HTTPStatus.BAD_REQUEST:
                # The same request without a token was fine a moment ago, and Fathom's refusals have no set form.
                raise CursorExpiredError("Fathom no longer takes the page token", at=error.at) from error
            raise
        records = answer.get("items")
        if not isinstance(records, list) or ("next_cursor" not in answer and len(records) >= PAGE_SIZE):
            raise SourceContractError(
                f"Fathom's answer of {LISTING} lacks {'next_cursor' if isinstance(records, list) else 'items'}",
                "its API has changed, if it stays so",
                at=Failing(self.name, LISTING, HTTPStatus.OK),
            )
        return records, text_or_none(answer.get("next_cursor"))

    def _found(self, refs: Sequence[CallRef]) -> dict[str, Mapping[str, Any]]:
        """The meetings with their transcripts by id, where the list has them; at most one request a call."""
        if not refs:
            return {}
        sought = _Sought(refs)
        token: str | None = None
        for _request in range(MOST_HYDRATION_PAGES):
            wanted = {**_created_in(sought.window), "include_transcript": "true"}
            records, token = self._page(wanted, token, cost=CostClass.HEAVY)
            can_skip = sought.take([*objects(records)])
            if token is None or not sought.missing:
                return sought.found
            if can_skip:
                token = None
        raise SourceContractError(
            f"Fathom's answer of {LISTING} does not end",
            "its API has changed, if it stays so",
            at=Failing(self.name, LISTING, HTTPStatus.OK),
        )

    def _hydrated(self, ref: CallRef, record: Mapping[str, Any] | None) -> Hydration | NotHydrated:
        items = None if record is None or _is_private(record) else record.get("transcript")
        if record is None or not isinstance(items, list) or not items:
            return NotHydrated(ref.external_id, Absence.NOT_READY, "Fathom has no transcript of this call yet")
        end_ms = None if ref.duration_s is None else ref.duration_s * 1000
        segments = _segments(items, Speakers(self._participants(record), self.connection.vendor_domains), end_ms)
        return Hydration(ref.external_id, Transcript(tuple(segments)))

    def _recorded(self, ref: CallRef) -> Hydration | NotHydrated:
        """The transcript of one recording, asked for by its id."""
        try:
            answer = self._transcript_of(ref)
        except MissingPermissionError:
            return self._not_recorded(
                ref, Absence.FORBIDDEN, "Fathom lets these credentials not read this transcript"
            )
        except (RequestRefusedError, WrongHostError) as error:
            # Fathom's refusals have no set form, a web page included; the host is the one that just listed the call.
            if error.at.status != HTTPStatus.NOT_FOUND:
                raise
            return self._not_recorded(ref, Absence.ABSENT, "Fathom has no such recording for these credentials")
        return self._hydrated(ref, {**ref.raw, "transcript": answer.get("transcript")})

    def _transcript_of(self, ref: CallRef) -> dict[str, Any]:
        """What Fathom answers for the transcript of one recording."""
        path = RECORDING.replace("{id}", quote(ref.external_id, safe=""))
        return self.rest.get_json(path, cost=CostClass.HEAVY, endpoint=RECORDING)

    def _not_recorded(self, ref: CallRef, absence: Absence, words: str) -> NotHydrated:
        """What a refusal means: of a young recording, that its transcript may still come."""
        _, created = _creation(ref)
        if self.rest.now() - created <= READY_WITHIN:
            return NotHydrated(ref.external_id, Absence.NOT_READY, "Fathom has no transcript of this call yet")
        return NotHydrated(ref.external_id, absence, words)

    def _parse(self, record: Any) -> Call | BadRecord:
        """A listed meeting in the normal form, or what is wrong with it."""
        if not isinstance(record, dict):
            return BadRecord(None, "it is no JSON object")
        external_id = text_id(record.get("recording_id"))
        is_private = _is_private(record)
        raw = {} if is_private else _kept(record)
        if external_id is None:
            return BadRecord(None, "recording_id is no id", raw)
        started = _started_at(record)
        if is_private:
            # Known before, it keeps its day; without a time it still has to be purged.
            day = (started or self.rest.now()).date()
            return Call(self.name, external_id, day_start(day), is_private=True)
        if started is None:
            return BadRecord(external_id, "none of its times is a time", raw)
        duration = _duration(record)
        if duration is not None and duration > LONGEST_CALL:
            return BadRecord(
                external_id, f"it lasts longer than {LONGEST_CALL.total_seconds() / 3600:.0f} hours", raw
            )
        return self._public_call(external_id, started, duration, raw)

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
            source=self.name,
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
        if is_recorder or writes_from(email, self.connection.vendor_domains):
            return Side.VENDOR
        match invitee.get("is_external"):
            case True:
                return Side.CUSTOMER
            case False:
                return Side.VENDOR
            case _:
                return Side.UNKNOWN


class _Sought:
    """The calls of one batch on their way through Fathom's list.

    Attributes:
        missing: the earliest and the latest time at which each call still to be met can have been created.
        found: the meetings met, by id.
    """

    def __init__(self, refs: Sequence[CallRef]) -> None:
        self.missing = {ref.external_id: _creation(ref) for ref in refs}
        self.found: dict[str, Mapping[str, Any]] = {}
        self.window = self._narrowed()

    def take(self, records: Sequence[Mapping[str, Any]]) -> bool:
        """Take what is sought off a page.

        Returns:
            Whether `window` was narrowed to what is missing, for the page's successors hold none of it.
        """
        for record in records:
            external_id = text_id(record.get("recording_id")) or ""
            if self.missing.pop(external_id, None) is not None:
                self.found[external_id] = record
        oldest = _oldest(records)
        if oldest is None:
            return False
        # The list has gone past these: they are no longer in it.
        self.missing = {key: span for key, span in self.missing.items() if span[0] <= oldest}
        if not self.missing or max(latest for _, latest in self.missing.values()) >= oldest:
            return False
        self.window = self._narrowed()
        return True

    def _narrowed(self) -> TimeWindow:
        spans = self.missing.values()
        return TimeWindow(min(earliest for earliest, _ in spans), max(latest for _, latest in spans) + SLACK)


def _oldest(records: Sequence[Mapping[str, Any]]) -> datetime | None:
    """When the last meeting of a page was created; None where the page does not go from new to old."""
    times = [utc_time(record.get("created_at")) for record in records]
    known = [time for time in times if time is not None]
    is_sorted = len(known) == len(times) and all(later >= earlier for later, earlier in pairwise(known))
    # A single time says nothing of the order.
    return known[-1] if is_sorted and len(set(known)) > 1 else None


def _creation(ref: CallRef) -> tuple[datetime, datetime]:
    """Between which times a call was created: the very moment, where its listing told it."""
    created = utc_time(ref.raw.get("created_at"))
    if created is not None:
        return created, created
    return ref.occurred_at, ref.occurred_at + FathomSource.listing_margin


def _created_in(window: TimeWindow) -> dict[str, str]:
    return {"created_after": zulu(window.start - SLACK), "created_before": zulu(window.end)}


def _is_private(record: Mapping[str, Any]) -> bool:
    return record.get("shared_with") == PRIVATE


def _kept(record: dict[str, Any]) -> dict[str, Any]:
    """A listed meeting without the customer's contacts and deals, which nobody reads here."""
    crm = record.get("crm_matches")
    return {**record, "crm_matches": {"companies": crm.get("companies")}} if isinstance(crm, dict) else record


def _started_at(record: Mapping[str, Any]) -> datetime | None:
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


def _segments(items: Sequence[Any], speakers: Speakers, end_ms: int | None) -> Iterator[Segment]:
    """One segment for each item that holds words; it ends where the next one of a later time begins."""
    spoken = [item for item in objects(items) if text_or_none(item.get("text"))]
    starts = [_offset_ms(item.get("timestamp")) for item in spoken]
    ends = _ends(starts, end_ms)
    for index, item in enumerate(spoken):
        speaker = item.get("speaker")
        speaker = speaker if isinstance(speaker, dict) else {}
        name = text_or_none(speaker.get("display_name"))
        email = text_or_none(speaker.get("matched_calendar_invitee_email"))
        yield Segment(
            index=index,
            speaker=name or email or UNKNOWN_SPEAKER,
            side=speakers.side(name, email),
            start_ms=starts[index],
            end_ms=ends[index],
            text=str(item["text"]).strip(),
        )


def _offset_ms(value: Any) -> int | None:
    """Milliseconds of an `HH:MM:SS`; the hours may have any number of digits."""
    read = OFFSET.fullmatch(text_or_none(value) or "")
    if read is None:
        return None
    hours, minutes, seconds = map(int, read.groups())
    return 1000 * (3600 * hours + 60 * minutes + seconds)


def _ends(starts: Sequence[int | None], end_ms: int | None) -> list[int | None]:
    """When each item ends: where the next one of a later time begins, and the last ones with the recording."""
    ends: list[int | None] = []
    following: int | None = None
    end = end_ms
    for start in reversed(starts):
        if start is not None:
            if following is not None and following > start:
                end = following
            following = start
        ends.append(end if start is not None and end is not None and end > start else None)
    return ends[::-1]
