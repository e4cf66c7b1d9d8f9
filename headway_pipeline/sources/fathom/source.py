"""How Fathom is asked: its listings, transcripts and webhooks."""

import string
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, ClassVar
from urllib.parse import quote

from headway_pipeline.model.calls import Transcript
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
from headway_pipeline.model.ledger import Presence
from headway_pipeline.model.windows import TimeWindow
from headway_pipeline.model.workspaces import Credentials
from headway_pipeline.sources.contract import (
    Absence,
    Bucket,
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
from headway_pipeline.sources.fathom.calls import KNOWN_FIELDS, CallParser, shared_with_nobody, started_at
from headway_pipeline.sources.fathom.search import CREATED_WITHIN, Search, created_in, creation_of
from headway_pipeline.sources.fathom.transcripts import segments_of
from headway_pipeline.sources.gate import CostClass
from headway_pipeline.sources.normalise import (
    count_unknown_fields,
    objects,
    text_id,
    text_or_none,
    with_parameter,
)
from headway_pipeline.sources.oauth import bearer
from headway_pipeline.sources.rest import RestClient
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
#: Ten calls are met within ten requests in the order Fathom gives; far more pages than that lead nowhere.
MOST_HYDRATION_PAGES = 500
HEADER_CHARS = "".join(sorted(set(string.printable) - set(string.whitespace)))


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
    listing_margin: ClassVar[timedelta] = CREATED_WITHIN
    webhook_setup: ClassVar[WebhookSetup] = WebhookSetup.BY_API

    def __init__(self, connection: Connection, rest: RestClient) -> None:
        super().__init__(connection, rest)
        self._parser = CallParser(self.name, connection.vendor_domains)

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
        wanted = {**created_in(window), "include_crm_matches": "true"}
        records, token = self._page(wanted, page_token)
        now = self.rest.now()
        parsed = [self._parser.parse(record, now) for record in records]
        unknown = sum((count_unknown_fields(record, KNOWN_FIELDS) for record in records), Counter[str]())
        return Page.of(parsed, token, unknown)

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
        return Hint(delivery_id, external_id, started_at(meeting))

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
        search = Search(refs)
        token: str | None = None
        for _request in range(MOST_HYDRATION_PAGES):
            wanted = {**created_in(search.window), "include_transcript": "true"}
            records, token = self._page(wanted, token, cost=CostClass.HEAVY)
            can_skip = search.take([*objects(records)])
            if token is None or not search.missing:
                return search.found
            if can_skip:
                token = None
        raise SourceContractError(
            f"Fathom's answer of {LISTING} does not end",
            "its API has changed, if it stays so",
            at=Failing(self.name, LISTING, HTTPStatus.OK),
        )

    def _hydrated(self, ref: CallRef, record: Mapping[str, Any] | None) -> Hydration | NotHydrated:
        items = None if record is None or shared_with_nobody(record) else record.get("transcript")
        if record is None or not isinstance(items, list) or not items:
            return NotHydrated(ref.external_id, Absence.NOT_READY, "Fathom has no transcript of this call yet")
        end_ms = None if ref.duration_s is None else ref.duration_s * 1000
        segments = segments_of(items, self._parser.speakers(record), end_ms)
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
        _, created = creation_of(ref)
        if self.rest.now() - created <= READY_WITHIN:
            return NotHydrated(ref.external_id, Absence.NOT_READY, "Fathom has no transcript of this call yet")
        return NotHydrated(ref.external_id, absence, words)
