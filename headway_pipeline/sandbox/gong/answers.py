"""What the local Gong answers to somebody who may ask: listings, transcripts, single calls and directories."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any

from headway_pipeline.sandbox.addresses import call_number
from headway_pipeline.sandbox.exchange import Request
from headway_pipeline.sandbox.gong.cursors import LIFETIME, Cursor, CursorError, read_cursor, sign_cursor
from headway_pipeline.sandbox.gong.requests import (
    NO_CALLS,
    Filter,
    RefusedError,
    body_of,
    filter_of,
    listing_filter_of,
)
from headway_pipeline.sandbox.gong.shapes import call_data, metadata, transcript_of, users_of, workspaces_of
from headway_pipeline.sandbox.gong.views import DetailsView, GongView, TranscriptsView
from headway_pipeline.sandbox.rules import GongRules
from headway_pipeline.sandbox.timeline import Timeline
from headway_pipeline.sandbox.world import Company, SandboxCall

__all__ = ["SCOPES", "GongAnswers", "GongCalls"]

PAGE_SIZE = 100
#: What a key must be allowed, by method and path; a call's own address stands for all of its kind.
SCOPES: Mapping[tuple[str, str], str] = {
    ("GET", "/v2/calls"): "api:calls:read:basic",
    ("GET", "/v2/calls/*"): "api:calls:read:basic",
    ("POST", "/v2/calls/extensive"): "api:calls:read:extensive",
    ("POST", "/v2/calls/transcript"): "api:calls:read:transcript",
    ("GET", "/v2/users"): "api:users:read",
    ("GET", "/v2/workspaces"): "api:workspaces:read",
}


class GongCalls:
    """One company's calls, ready to be asked for."""

    def __init__(self, company: Company) -> None:
        calls = company.calls_in("gong")
        self.company = company
        self.by_start = Timeline(calls, lambda call: call.started_at)
        self.by_schedule = Timeline(calls, lambda call: call.scheduled_at)
        self.by_number = {call_number(call): call for call in calls}


@dataclass(frozen=True, slots=True)
class GongAnswers:
    """Answers one request of somebody who is let in.

    Attributes:
        calls: of the caller's company.
        sees_calls: whether the caller's key sees any.
        now: one moment for the whole answer.
        base_url: where links to calls lead.
    """

    calls: GongCalls
    sees_calls: bool
    now: datetime
    base_url: str
    rules: GongRules

    @property
    def company(self) -> Company:
        """Whose calls these are."""
        return self.calls.company

    def value(self, route: tuple[str, str], request: Request) -> dict[str, Any]:
        """The answer at one of the addresses of `SCOPES`.

        Raises:
            RefusedError: the request asks for what there is not, or is malformed.
        """
        match route:
            case "POST", "/v2/calls/extensive":
                return self._extensive(body_of(request))
            case "POST", "/v2/calls/transcript":
                return self._transcripts(body_of(request))
            case "GET", "/v2/calls":
                return self._plain_listing(request.query)
            case "GET", "/v2/calls/*":
                return {"call": self._metadata(self._call(request.path.rstrip("/").rpartition("/")[2]))}
            case "GET", "/v2/users":
                return self._page("users", users_of(self.company), request.query.get("cursor"))
            case _:
                return {"workspaces": workspaces_of(self.company)}

    def _extensive(self, body: Mapping[str, Any]) -> dict[str, Any]:
        selector = body.get("contentSelector")
        wanted = selector if isinstance(selector, dict) else {}
        rows, analysed = self._found(filter_of(body, self.rules.most_ids), self.calls.by_start, DetailsView)
        page = self._page("calls", rows, body.get("cursor"), analysed)
        page["calls"] = [
            call_data(
                self.company,
                call.at(self.now),
                self.base_url,
                wanted,
                now=self.now,
                has_unknown_fields=self.rules.has_unknown_fields,
            )
            for call in page["calls"]
        ]
        return page

    def _transcripts(self, body: Mapping[str, Any]) -> dict[str, Any]:
        rows, _ = self._found(filter_of(body, self.rules.most_ids), self.calls.by_start, TranscriptsView)
        page = self._page("callTranscripts", rows, body.get("cursor"))
        page["callTranscripts"] = [transcript_of(call.at(self.now)) for call in page["callTranscripts"]]
        return page

    def _plain_listing(self, query: Mapping[str, str]) -> dict[str, Any]:
        # Unlike the extensive listing, this one goes by the time a conference was scheduled for.
        wanted = listing_filter_of(query, self.rules.longest_listing)
        rows, analysed = self._found(wanted, self.calls.by_schedule, DetailsView)
        page = self._page("calls", rows, query.get("cursor"), analysed)
        page["calls"] = [self._metadata(call) for call in page["calls"]]
        return page

    def _metadata(self, call: SandboxCall) -> dict[str, Any]:
        return metadata(self.company, call.at(self.now), self.base_url)

    def _call(self, number: str) -> SandboxCall:
        call = self.calls.by_number.get(number)
        if call is not None and self.sees_calls and DetailsView(self.company.access_key).sees(call, self.now):
            return call
        raise RefusedError(HTTPStatus.NOT_FOUND, f"Call ID {number} was not found")

    def _found(self, wanted: Filter, timeline: Timeline, kind: type[GongView]) -> tuple[Sequence[SandboxCall], int]:
        """The calls a filter lets through, and how many are still analysed; no match is an error, as with Gong."""
        view = kind(self.company.access_key, wanted.workspace, wanted.hosts)
        rows: Sequence[SandboxCall] = ()
        analysed = 0
        if not self.sees_calls:
            pass
        elif wanted.call_ids is None:
            listing = timeline.listing(wanted.window, self.now, view)
            rows, analysed = listing.rows, listing.analysed
        else:
            rows = self._named(wanted, timeline, view)
        if not rows:
            raise RefusedError(HTTPStatus.NOT_FOUND, NO_CALLS)
        return rows, analysed

    def _named(self, wanted: Filter, timeline: Timeline, view: GongView) -> Sequence[SandboxCall]:
        named = (self.calls.by_number.get(number) for number in wanted.call_ids or ())
        known: Iterable[SandboxCall] = (call for call in named if call is not None)
        seen = [
            call
            for call in known
            if wanted.window.start <= timeline.time_of(call) < wanted.window.end and view.sees(call, self.now)
        ]
        return sorted(seen, key=lambda call: (timeline.time_of(call), call.id))

    def _page(self, name: str, rows: Sequence[Any], token: Any, analysed: int = 0) -> dict[str, Any]:
        """The page a cursor leads to, or the first; the last one carries no cursor."""
        total = len(rows) + analysed
        try:
            cursor = (
                Cursor(0, PAGE_SIZE, total, int((self.now + LIFETIME).timestamp()))
                if token is None
                else read_cursor(str(token), self.now)
            )
        except CursorError as error:
            raise RefusedError(HTTPStatus.BAD_REQUEST, str(error)) from error
        first = cursor.page_number * PAGE_SIZE
        shown = list(rows[first : first + PAGE_SIZE])
        records: dict[str, Any] = {
            "totalRecords": total,
            "currentPageSize": len(shown),
            "currentPageNumber": cursor.page_number,
        }
        if first + PAGE_SIZE < len(rows):
            following = Cursor(cursor.page_number + 1, PAGE_SIZE, total, cursor.expires_at)
            records["cursor"] = sign_cursor(following)
        return {"records": records, name: shown}
