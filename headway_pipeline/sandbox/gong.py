"""A local Gong: the calls of API v2, served from a `World` as Gong serves them, its quirks included.

A hundred records a page whatever is asked; a filter without a match is a 404; a POST reads its cursor from the body
only; ids are text beyond 2**53. Whose calls are served is decided by the access key.
"""

import base64
import binascii
import hmac
import itertools
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any

from headway_pipeline.model.windows import TimeWindow
from headway_pipeline.sandbox.addresses import long_id
from headway_pipeline.sandbox.cursors import LIFETIME, Cursor, CursorError, read_cursor, sign_cursor
from headway_pipeline.sandbox.exchange import Reply, Request, json_reply, no_page
from headway_pipeline.sandbox.gong_shapes import (
    call_data,
    metadata,
    transcript_of,
    users_of,
    workspace_id,
)
from headway_pipeline.sandbox.world import Company, SandboxCall, World

__all__ = ["GongApi"]

PAGE_SIZE = 100
NO_CALLS = "No calls found corresponding to the provided filters"


class _RefusedError(Exception):
    """A request the API answers with an error body."""

    def __init__(self, status: HTTPStatus, *errors: str) -> None:
        super().__init__(*errors)
        self.status = status
        self.errors = errors


class GongApi:
    """Answers requests; knows no socket.

    Args:
        world: what there is to serve.
        clock: aware UTC; decides when cursors expire.
        base_url: where links to calls lead.
    """

    def __init__(self, world: World, clock: Callable[[], datetime], base_url: str) -> None:
        self._world = world
        self._clock = clock
        self._base_url = base_url
        self._calls = {
            company.access_key: sorted(company.calls_in("gong"), key=lambda call: (call.started_at, call.id))
            for company in world.companies
        }
        self._request_ids = (f"sandbox{number:012x}" for number in itertools.count(1))

    def answer(self, request: Request) -> Reply:
        """The reply to one request."""
        try:
            company = self._company_of(request)
            value = self._value(company, request)
        except _RefusedError as refused:
            return self._json(refused.status, {"errors": list(refused.errors)})
        return no_page() if value is None else self._json(HTTPStatus.OK, value)

    def _json(self, status: HTTPStatus, value: Mapping[str, Any]) -> Reply:
        return json_reply(status, {"requestId": next(self._request_ids), **value})

    def _value(self, company: Company, request: Request) -> dict[str, Any] | None:
        match request.method, request.path.strip("/").split("/"):
            case "POST", ["v2", "calls", "extensive"]:
                return self._extensive(company, _body_of(request))
            case "POST", ["v2", "calls", "transcript"]:
                return self._transcripts(company, _body_of(request))
            case "GET", ["v2", "calls"]:
                return self._plain_listing(company, request.query)
            case "GET", ["v2", "calls", call_id]:
                return {"call": metadata(company, self._call(company, call_id), self._base_url)}
            case "GET", ["v2", "users"]:
                return self._page("users", users_of(company), request.query.get("cursor"))
            case "GET", ["v2", "workspaces"]:
                return {"workspaces": [{"id": workspace_id(company), "name": company.name, "description": None}]}
            case _:
                return None

    def _company_of(self, request: Request) -> Company:
        given = _basic_pair(request.headers.get("authorization", ""))
        for company in self._world.companies:
            pair = f"{company.access_key}:{company.secret_key}"
            if hmac.compare_digest(given.encode("utf-8", "replace"), pair.encode("utf-8", "replace")):
                return company
        raise _RefusedError(HTTPStatus.UNAUTHORIZED, "Invalid access key or access key secret")

    def _extensive(self, company: Company, body: Mapping[str, Any]) -> dict[str, Any]:
        selector = body.get("contentSelector")
        calls = self._filtered(company, _filter_of(body), lambda call: call.started_at)
        page = self._page("calls", calls, body.get("cursor"))
        page["calls"] = [
            call_data(company, call, self._base_url, selector if isinstance(selector, dict) else {})
            for call in page["calls"]
        ]
        return page

    def _transcripts(self, company: Company, body: Mapping[str, Any]) -> dict[str, Any]:
        calls = self._filtered(company, _filter_of(body), lambda call: call.started_at)
        there = [call for call in calls if call.utterances]
        if not there:
            raise _RefusedError(HTTPStatus.NOT_FOUND, NO_CALLS)
        page = self._page("callTranscripts", there, body.get("cursor"))
        page["callTranscripts"] = [transcript_of(call) for call in page["callTranscripts"]]
        return page

    def _plain_listing(self, company: Company, query: Mapping[str, str]) -> dict[str, Any]:
        for name in ("fromDateTime", "toDateTime"):
            if name not in query:
                raise _RefusedError(HTTPStatus.BAD_REQUEST, f"{name}: must not be null")
        # Unlike the extensive listing, this one goes by the time a conference was scheduled for.
        page = self._page(
            "calls", self._filtered(company, query, lambda call: call.scheduled_at), query.get("cursor")
        )
        page["calls"] = [metadata(company, call, self._base_url) for call in page["calls"]]
        return page

    def _call(self, company: Company, call_id: str) -> SandboxCall:
        for call in self._calls[company.access_key]:
            if long_id(call.id) == call_id:
                return call
        raise _RefusedError(HTTPStatus.NOT_FOUND, f"Call ID {call_id} was not found")

    def _filtered(
        self, company: Company, wanted: Mapping[str, Any], time_of: Callable[[SandboxCall], datetime]
    ) -> list[SandboxCall]:
        """The calls a filter lets through; a filter without a match is an error, as with Gong."""
        window = _window_of(wanted)
        ids = wanted.get("callIds")
        is_workspace = wanted.get("workspaceId") in (None, workspace_id(company))
        found = [
            call
            for call in self._calls[company.access_key]
            if is_workspace
            and window.start <= time_of(call) < window.end
            and (ids is None or long_id(call.id) in ids)
        ]
        if not found:
            raise _RefusedError(HTTPStatus.NOT_FOUND, NO_CALLS)
        return found

    def _page(self, name: str, rows: Sequence[Any], token: Any) -> dict[str, Any]:
        """The page a cursor leads to, or the first; the last one carries no cursor."""
        now = self._clock()
        try:
            cursor = (
                Cursor(0, PAGE_SIZE, len(rows), int((now + LIFETIME).timestamp()))
                if token is None
                else read_cursor(str(token), now)
            )
        except CursorError as error:
            raise _RefusedError(HTTPStatus.BAD_REQUEST, str(error)) from error
        first = cursor.page_number * PAGE_SIZE
        shown = list(rows[first : first + PAGE_SIZE])
        records: dict[str, Any] = {
            "totalRecords": len(rows),
            "currentPageSize": len(shown),
            "currentPageNumber": cursor.page_number,
        }
        if first + PAGE_SIZE < len(rows):
            following = Cursor(cursor.page_number + 1, PAGE_SIZE, len(rows), cursor.expires_at)
            records["cursor"] = sign_cursor(following)
        return {"records": records, name: shown}


def _basic_pair(header: str) -> str:
    """`user:password` of a Basic authorization header, or ""."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(encoded, validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _body_of(request: Request) -> dict[str, Any]:
    body = request.json_object()
    if body is None:
        raise _RefusedError(HTTPStatus.BAD_REQUEST, "the request body is no JSON object")
    return body


def _filter_of(body: Mapping[str, Any]) -> Mapping[str, Any]:
    wanted = body.get("filter")
    if not isinstance(wanted, dict):
        raise _RefusedError(HTTPStatus.BAD_REQUEST, "filter: must not be null")
    ids = wanted.get("callIds") or []
    if not isinstance(ids, list) or not all(isinstance(call_id, str) for call_id in ids):
        raise _RefusedError(HTTPStatus.BAD_REQUEST, "filter.callIds: must be a list of strings")
    # Each of a hundred ids is looked for in every call: a set makes that quick.
    return wanted | {"callIds": frozenset(ids) or None}


def _window_of(wanted: Mapping[str, Any]) -> TimeWindow:
    """The filter's dates; unbounded where it names none."""
    start = _moment(wanted, "fromDateTime", "0001-01-01T00:00:00Z")
    end = _moment(wanted, "toDateTime", "9999-12-31T23:59:59Z")
    if start >= end:
        raise _RefusedError(HTTPStatus.BAD_REQUEST, "filter.fromDateTime: must be before toDateTime")
    return TimeWindow(start, end)


def _moment(wanted: Mapping[str, Any], name: str, otherwise: str) -> datetime:
    try:
        moment = datetime.fromisoformat(wanted.get(name) or otherwise)
    except (TypeError, ValueError):
        moment = None
    if moment is None or moment.tzinfo is None:
        raise _RefusedError(HTTPStatus.BAD_REQUEST, f"filter.{name}: must be an ISO-8601 date-time with an offset")
    return moment
