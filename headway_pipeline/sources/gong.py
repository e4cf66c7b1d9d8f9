"""Gong, API v2 (https://gong.app.gong.io/settings/api/documentation; the text below cites its OpenAPI document).

A company connects by an access key, or by OAuth, whose answers name the company's own API address. A connector may be
limited to some of the company's Gong workspaces, by name.

Calls are listed by `POST /v2/calls/extensive`, which filters on the actual start, and hydrated by
`POST /v2/calls/transcript`, a hundred calls a request. Asked for beside each call's metadata:

* `parties`, without which nobody could be told apart;
* `context: Basic`, links to CRM records. `Extended` would bring every CRM field of the customer into our database,
  of which we would use one name;
* no briefs, outlines or trackers, for nobody reads them here and they change after the call is first seen;
* never `media`, whose addresses are signed anew at every request.
"""

import base64
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, ClassVar
from urllib.parse import quote

from headway_pipeline.model.calls import Call, Participant, Segment, Side, TimeMark, Transcript
from headway_pipeline.model.errors import (
    ConfigurationError,
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
    CallRef,
    Connection,
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
    whole_number,
    with_parameter,
    zulu,
)
from headway_pipeline.sources.oauth import bearer
from headway_pipeline.sources.people import UNKNOWN_SPEAKER, account_by_mail, identities, writes_from
from headway_pipeline.sources.rest import RestClient
from headway_pipeline.sources.webhooks import (
    Hint,
    WebhookDelivery,
    WebhookSetup,
    WebhookTrust,
    require_public_key,
    require_signed_token,
)

__all__ = ["GongSource"]

LISTING = "/v2/calls/extensive"
TRANSCRIPTS = "/v2/calls/transcript"
WORKSPACES = "/v2/workspaces"
CALL = "/v2/calls/{id}"
#: The scope each endpoint asks for, told to people whose key lacks it.
SCOPES = {
    LISTING: "api:calls:read:extensive",
    TRANSCRIPTS: "api:calls:read:transcript",
    WORKSPACES: "api:workspaces:read",
}
CONTENT = {"context": "Basic", "exposedFields": {"parties": True}}
#: Gong's own page size; a listing without paging data is believed to be whole only below it.
PAGE_SIZE = 100
#: A filter that matches nothing is answered by a 404 of this text. Any other 404 is a wrong address.
NO_MATCH = re.compile(r'No [^"]*found[^"]*provided filters', re.IGNORECASE)
#: What a call that is not there is answered with. Any other 404 tells nothing about the call.
NO_SUCH_CALL = re.compile(r"was not found", re.IGNORECASE)
#: A batch of a hundred transcripts is one page; far more pages than that is a listing without end.
MOST_TRANSCRIPT_PAGES = 100
CHECKED_SPAN = timedelta(days=30)
#: A shared moment is shown as a stretch of this length.
SHARED_S = 30

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


class GongSource(HttpSource):
    """A company's calls in Gong."""

    name: ClassVar[str] = "gong"
    label: ClassVar[str] = "Gong"
    default_base_url: ClassVar[str] = "https://api.gong.io"
    base_url_suffix: ClassVar[str] = "/v2"
    vendor_hosts: ClassVar[tuple[str, ...]] = ("gong.io",)
    credential_fields: ClassVar[tuple[CredentialField, ...]] = (
        CredentialField("access_key", "access key", ("gong_access_key",), "GONG_ACCESS_KEY"),
        CredentialField("secret_key", "access key secret", ("gong_secret_key",), "GONG_SECRET_KEY"),
    )
    oauth: ClassVar[OAuth | None] = OAuth(
        token_url="https://app.gong.io/oauth2/generate-customer-token",  # noqa: S106  # an address, not a secret
        grant_in_query=True,
        client_in_header=True,
        base_url_field="api_base_url_for_customer",
    )
    setting_names: ClassVar[Mapping[str, str]] = MappingProxyType(
        {"workspace": "name of a Gong workspace; only calls of those that are named are listed"}
    )
    #: Gong allows a company 3 requests a second and 10,000 a day, which its other tools share.
    request_defaults: ClassVar[RequestDefaults] = RequestDefaults(
        requests_per_second=3.0, requests_per_day=5_000, requests_per_run=2_500
    )
    #: `callIds` has no documented maximum; a hundred is what integrations send in production.
    hydrate_batch_size: ClassVar[int] = 100
    webhook_setup: ClassVar[WebhookSetup] = WebhookSetup.BY_HAND

    def __init__(self, connection: Connection, rest: RestClient) -> None:
        super().__init__(connection, rest)
        self._workspace_ids: tuple[str | None, ...] | None = None

    @classmethod
    def quota_owner(cls, credentials: Credentials) -> str | None:
        """The access key; Gong counts by company, which neither a key nor a token names."""
        return credentials.get("access_key")

    @classmethod
    def authorization(cls, credentials: Credentials) -> Mapping[str, str]:
        """Basic authentication with the key as user and its secret as password; with OAuth, the access token."""
        if "refresh_token" in credentials:
            return bearer(credentials)
        pair = f"{credentials['access_key']}:{credentials['secret_key']}"
        return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode('ascii')}"}

    def check(self) -> Standing:
        """List the last 30 days, then ask for one transcript: the two requests an ingest is made of.

        Raises:
            MissingPermissionError: the key is valid but lacks a scope, or comes from an address Gong does not trust.
            SourceError: as `list`.
        """
        now = self.rest.now()
        wanted = _between(now - CHECKED_SPAN, now)
        # The first of its workspaces stands for all; a name that is none is found out.
        if (workspace_id := self._workspaces()[0]) is not None:
            wanted["workspaceId"] = workspace_id
        answer = self._post(LISTING, {"filter": wanted})
        if answer is None:
            return Standing(False, f"the key is valid, but sees no call of the last {CHECKED_SPAN.days} days")
        calls = self._records(answer, "calls", LISTING)
        # The transcript of a private call is not even asked for.
        readable = [call for call in map(self._parse, calls) if isinstance(call, Call) and not call.is_private]
        if readable:
            self._post(TRANSCRIPTS, {"filter": {"callIds": [readable[0].external_id]}})
        more = "at least " if _cursor_of(answer) else ""
        return Standing(
            bool(calls), f"the key is valid and sees {more}{len(calls)} calls of the last {CHECKED_SPAN.days} days"
        )

    def list(self, window: TimeWindow, page_token: str | None) -> Page:
        """One page of the calls that started in `window`; of the connector's Gong workspaces one after the other.

        Raises:
            ConfigurationError: the connector names a Gong workspace that there is not.
            CursorExpiredError: Gong's cursors live an hour from the first page of a walk on.
            WrongHostError: a 404 that does not mean "no match".
            SourceError: any of the tree.
        """
        workspaces = self._workspaces()
        number, cursor = _place(page_token)
        wanted = _between(window.start, window.end)
        if (workspace_id := workspaces[number]) is not None:
            wanted["workspaceId"] = workspace_id
        body: dict[str, Any] = {"filter": wanted, "contentSelector": CONTENT}
        if cursor is not None:
            # In the query of a POST it would be ignored, and the first page come for ever.
            body["cursor"] = cursor
        following = f"{number + 1}:" if number + 1 < len(workspaces) else None
        answer = self._post(LISTING, body)
        if answer is None:
            return Page((), following)
        if (cursor := _cursor_of(answer)) is not None:
            following = f"{number}:{cursor}"
        records = self._records(answer, "calls", LISTING)
        parsed = [self._parse(record) for record in records]
        unknown: Counter[str] = Counter()
        for record in records:
            unknown += count_unknown_fields(record, KNOWN_FIELDS)
        return Page(
            calls=tuple(item for item in parsed if isinstance(item, Call)),
            next_token=following,
            bad_records=tuple(item for item in parsed if isinstance(item, BadRecord)),
            unknown_fields=unknown,
        )

    def hydrate(self, refs: Sequence[CallRef]) -> Iterator[Hydration | NotHydrated]:
        """The transcripts of up to 100 calls in one request; calls Gong leaves out have none yet.

        Raises:
            SourceError: any of the tree.
        """
        if not refs:
            # An empty `callIds` might mean every call there is.
            return
        # Without dates: with them, only calls of that period would come back.
        found = self._transcripts([ref.external_id for ref in refs])
        for ref in refs:
            # Taken out: with the next one yielded, this one need not be in memory any more.
            monologues = found.pop(ref.external_id, None)
            if monologues is None:
                yield NotHydrated(ref.external_id, Absence.NOT_READY, "Gong has no transcript of this call yet")
            else:
                speakers = self._speakers(ref.raw)
                yield Hydration(ref.external_id, Transcript(tuple(_segments(monologues, speakers))))

    def look_up(self, ref: CallRef) -> Presence:
        """Ask for the one call; needs the scope `api:calls:read:basic`, and without it cannot tell.

        Raises:
            SourceError: any of the tree.
        """
        try:
            self.rest.get_json(f"/v2/calls/{quote(ref.external_id, safe='')}", endpoint=CALL)
        except MissingPermissionError:
            return Presence.UNKNOWN
        except RequestRefusedError as error:
            is_gone = error.at.status == HTTPStatus.NOT_FOUND and NO_SUCH_CALL.search(error.body)
            return Presence.GONE if is_gone else Presence.UNKNOWN
        return Presence.PRESENT

    @classmethod
    def link(cls, url: str, start_ms: int | None) -> str:
        """The address Gong's own "share" makes: the player opens at the moment and marks half a minute."""
        if start_ms is None:
            return url
        start_s = start_ms // 1000
        highlights = json.dumps([{"type": "SHARE", "from": start_s, "to": start_s + SHARED_S}], separators=(",", ":"))
        return with_parameter(url, "highlights", highlights)

    @classmethod
    def verify_webhook(cls, delivery: WebhookDelivery, trust: WebhookTrust, now: datetime) -> Hint:
        """An automation rule fired, with "signed JWT header" as its authentication.

        A rule names no delivery, so that one body is one piece of news. The call stands in `callData`, as Gong's help
        says, or is the body itself, as its sample shows.

        Raises:
            WebhookRefusedError: it is not Gong's for this rule, or names no call.
        """
        news = require_signed_token(delivery, trust, now)
        body = delivery.json_object()
        call = body.get("callData", body)
        meta = call.get("metaData") if isinstance(call, dict) else None
        external_id = text_id(meta.get("id")) if isinstance(meta, dict) else None
        is_test = body.get("isTest") is True
        if external_id is None and not is_test:
            raise WebhookRefusedError("the body names no call", Refusal.MALFORMED)
        occurred_at = utc_time(meta.get("started")) if isinstance(meta, dict) else None
        return Hint(news, external_id, occurred_at, is_test)

    @classmethod
    def webhook_steps(cls, url: str) -> Sequence[str]:
        """An automation rule; Gong has no API for them."""
        return (
            "in Gong, as an administrator, open the automation rules and add one",
            "let it fire for the calls of this connector; without a filter it fires for all calls",
            f'choose "Fire webhook" as its action, with exactly this address: {url}',
            'choose "Signed JWT header" as its authentication; a rule whose address holds a key is not believed',
            "copy the public key that the rule shows",
        )

    @classmethod
    def webhook_secret(cls, written: str) -> str:
        """The public key that the rule shows.

        Raises:
            ConfigurationError: it is none.
        """
        return require_public_key(written)

    def _workspaces(self) -> Sequence[str | None]:
        """Ids of the Gong workspaces to list, asked for once; a single None stands for all of them.

        Raises:
            ConfigurationError: a name is none; to list all of them instead would widen what the connector may see.
        """
        if self._workspace_ids is None:
            named = self.connection.settings.get("workspace", ())
            self._workspace_ids = self._ids_of(named) if named else (None,)
        return self._workspace_ids

    def _ids_of(self, named: Sequence[str]) -> tuple[str, ...]:
        answer = self._explained(WORKSPACES, lambda: self.rest.get_json(WORKSPACES))
        ids: dict[str, list[str]] = {}
        for workspace in objects(answer.get("workspaces")):
            name, key = text_or_none(workspace.get("name")), text_id(workspace.get("id"))
            if name is not None and key is not None:
                ids.setdefault(name, []).append(key)
        unknown = [name for name in named if name not in ids]
        if unknown:
            known = ", ".join(sorted(ids)) or "none that these credentials see"
            raise ConfigurationError(
                f"Gong has no workspace named {' or '.join(unknown)}", f"name one of its workspaces: {known}"
            )
        return tuple(dict.fromkeys(key for name in named for key in ids[name]))

    def _explained(self, path: str, ask: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """What `ask` answers; a missing permission names the scope."""
        try:
            return ask()
        except MissingPermissionError as error:
            raise MissingPermissionError(
                f"the key is valid, but Gong lets it not use {path}",
                f"give it the scope {SCOPES[path]}, or have this machine's address trusted in Gong",
                at=error.at,
            ) from error

    def _post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any] | None:
        """The answer, or None where nothing matches the filter."""
        try:
            return self._explained(path, lambda: self.rest.post_json(path, body))
        except RequestRefusedError as error:
            is_missing = error.at.status == HTTPStatus.NOT_FOUND
            if is_missing and NO_MATCH.search(error.body):
                return None
            if "cursor" in body and "cursor" in error.body.lower():
                raise CursorExpiredError("Gong no longer takes the page token", at=error.at) from error
            if is_missing:
                raise WrongHostError(
                    f"there is no {path} at {self.rest.base_url}",
                    "check the connector's base URL; Gong shows yours in its API settings",
                    at=error.at,
                ) from error
            raise

    def _records(self, answer: Mapping[str, Any], name: str, path: str) -> Sequence[Any]:
        records = answer.get(name)
        has_paging = isinstance(answer.get("records"), dict)
        if isinstance(records, list) and (has_paging or len(records) < PAGE_SIZE):
            return records
        raise SourceContractError(
            f"Gong's answer of {path} lacks {name if has_paging else 'its paging data'}",
            "its API has changed, if it stays so",
            at=Failing(self.name, path, HTTPStatus.OK),
        )

    def _transcripts(self, call_ids: Sequence[str]) -> dict[str, Sequence[Any]]:
        """Call id to monologues, for the calls that have a transcript."""
        found: dict[str, Sequence[Any]] = {}
        body: dict[str, Any] = {"filter": {"callIds": [*call_ids]}}
        for _page in range(MOST_TRANSCRIPT_PAGES):
            answer = self._post(TRANSCRIPTS, body)
            if answer is None:
                return found
            for record in self._records(answer, "callTranscripts", TRANSCRIPTS):
                monologues = record.get("transcript") if isinstance(record, dict) else None
                if isinstance(monologues, Sequence) and not isinstance(monologues, str):
                    found.setdefault(text_id(record.get("callId")) or "", monologues)
            cursor = _cursor_of(answer)
            if cursor is None:
                return found
            body["cursor"] = cursor
        raise SourceContractError(
            f"Gong's answer of {TRANSCRIPTS} does not end",
            "its API has changed, if it stays so",
            at=Failing(self.name, TRANSCRIPTS, HTTPStatus.OK),
        )

    def _parse(self, record: Any) -> Call | BadRecord:
        """A listed record in the normal form, or what is wrong with it."""
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
            day = (started or self.rest.now()).date()
            return Call(self.name, external_id, day_start(day), is_private=True)
        if started is None:
            return BadRecord(external_id, "metaData.started is no time", raw)
        return self._public_call(external_id, started, meta, record)

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
            source=self.name,
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
                side=Side.VENDOR if writes_from(email, self.connection.vendor_domains) else side,
                # Not `id`: that names the participant, and the transcript never does.
                speaker_key=text_id(party.get("speakerId")),
            )

    def _speakers(self, raw: Mapping[str, Any]) -> dict[str, Participant]:
        """Who speaks in the transcript, by the key it names them by."""
        found: dict[str, Participant] = {}
        for person in self._participants(raw):
            if person.speaker_key is not None:
                found.setdefault(person.speaker_key, person)
        return found


def _between(start: datetime, end: datetime) -> dict[str, str]:
    """Gong's filter on the start of calls: `from` is inclusive, `to` exclusive."""
    return {"fromDateTime": zulu(start), "toDateTime": zulu(end)}


def _place(page_token: str | None) -> tuple[int, str | None]:
    """Which of the workspaces a page token leads to, and the cursor within it."""
    if page_token is None:
        return 0, None
    number, _, cursor = page_token.partition(":")
    return int(number), cursor or None


def _cursor_of(answer: Mapping[str, Any]) -> str | None:
    records = answer.get("records")
    return text_or_none(records.get("cursor")) if isinstance(records, dict) else None


def _account_in_crm(record: Mapping[str, Any]) -> str | None:
    """The name of the CRM account the call is linked to, where Gong tells it."""
    for system in objects(record.get("context")):
        for linked in objects(system.get("objects")):
            if linked.get("objectType") == "Account":
                for field in objects(linked.get("fields")):
                    if str(field.get("name")).lower() == "name" and text_or_none(field.get("value")):
                        return text_or_none(field.get("value"))
    return None


def _segments(monologues: Sequence[Any], speakers: Mapping[str, Participant]) -> Iterator[Segment]:
    """One segment for each monologue that holds words."""
    index = 0
    for monologue in objects(monologues):
        sentences = [
            sentence for sentence in objects(monologue.get("sentences")) if text_or_none(sentence.get("text"))
        ]
        if not sentences:
            continue
        speaker = speakers.get(text_id(monologue.get("speakerId")) or "")
        text, marks = _joined(sentences)
        ends = [end for sentence in sentences if (end := whole_number(sentence.get("end"))) is not None]
        yield Segment(
            index=index,
            speaker=(speaker and (speaker.name or speaker.email)) or UNKNOWN_SPEAKER,
            side=speaker.side if speaker else Side.UNKNOWN,
            start_ms=whole_number(sentences[0].get("start")),
            end_ms=max(ends, default=None),
            text=text,
            marks=marks if len(sentences) > 1 else (),
        )
        index += 1


def _joined(sentences: Iterable[Mapping[str, Any]]) -> tuple[str, tuple[TimeMark, ...]]:
    """The sentences as one text, and where in it each of known time begins."""
    words: list[str] = []
    marks: list[TimeMark] = []
    at = 0
    for sentence in sentences:
        text = str(sentence["text"]).strip()
        start_ms = whole_number(sentence.get("start"))
        if start_ms is not None:
            marks.append(TimeMark(at, start_ms))
        words.append(text)
        at += len(text) + 1
    return " ".join(words), tuple(marks)
