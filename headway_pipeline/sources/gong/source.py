"""How Gong is asked: its listings, transcripts, workspaces and webhooks."""

import base64
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, ClassVar
from urllib.parse import quote

from headway_pipeline.model.calls import Call, Transcript
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
from headway_pipeline.model.ledger import Presence
from headway_pipeline.model.windows import TimeWindow
from headway_pipeline.model.workspaces import Credentials
from headway_pipeline.sources.contract import (
    Absence,
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
from headway_pipeline.sources.gong.calls import KNOWN_FIELDS, CallParser
from headway_pipeline.sources.gong.transcripts import segments_of
from headway_pipeline.sources.normalise import (
    count_unknown_fields,
    objects,
    text_id,
    text_or_none,
    utc_time,
    with_parameter,
    zulu,
)
from headway_pipeline.sources.oauth import bearer
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
        self._parser = CallParser(self.name, connection.vendor_domains)
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
        parsed = (self._parser.parse(call, now) for call in calls)
        readable = [call for call in parsed if isinstance(call, Call) and not call.is_private]
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
        now = self.rest.now()
        parsed = [self._parser.parse(record, now) for record in records]
        unknown = sum((count_unknown_fields(record, KNOWN_FIELDS) for record in records), Counter[str]())
        return Page.of(parsed, following, unknown)

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
                speakers = self._parser.speakers(ref.raw)
                yield Hydration(ref.external_id, Transcript(tuple(segments_of(monologues, speakers))))

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
