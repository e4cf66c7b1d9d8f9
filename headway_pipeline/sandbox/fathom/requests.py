"""What a request to the local Fathom asks for, and what it is refused with."""

import base64
import binascii
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

from headway_pipeline.model.windows import TimeWindow
from headway_pipeline.sandbox.exchange import Request
from headway_pipeline.sandbox.fathom.views import MeetingFilter
from headway_pipeline.sandbox.world import ALWAYS, NEVER

__all__ = [
    "HEAVY_INCLUDES",
    "RefusedError",
    "filter_of",
    "includes",
    "is_heavy",
    "page_number",
    "page_token",
    "window_of",
]

#: What makes a list request a heavy one, and what OAuth tokens may not ask for.
HEAVY_INCLUDES = ("include_transcript", "include_summary")
SOON = timedelta(microseconds=1)


class RefusedError(Exception):
    """A request the API answers with an error body."""

    def __init__(self, status: HTTPStatus, error: str, retry_after: str | None = None) -> None:
        super().__init__(error)
        self.status = status
        self.error = error
        self.retry_after = retry_after


def includes(query: Mapping[str, str], name: str) -> bool:
    """Whether a request asks for a part that is left out otherwise."""
    return query.get(name) == "true"


def is_heavy(request: Request) -> bool:
    """Whether a request counts against the smaller limit."""
    if request.path.endswith(("/transcript", "/summary")):
        return True
    return request.path.endswith("/meetings") and any(includes(request.query, name) for name in HEAVY_INCLUDES)


def filter_of(request: Request) -> MeetingFilter:
    """What a list request asks for; a list of values is read under its name with brackets only."""
    return MeetingFilter(
        recorders=request.values("recorded_by[]"),
        teams=request.values("teams[]"),
        domains=request.values("calendar_invitees_domains[]"),
        domains_type=request.query.get("calendar_invitees_domains_type", "all"),
        meeting_type=request.query.get("meeting_type") or None,
    )


def window_of(query: Mapping[str, str]) -> TimeWindow:
    """The times of creation a request asks for; both of its bounds are outside.

    Raises:
        RefusedError: one of them is no time.
    """
    after, before = _moment(query, "created_after", ALWAYS), _moment(query, "created_before", NEVER)
    # The window's own start is inside.
    return TimeWindow(after + SOON if after < NEVER else after, before)


def page_token(number: int) -> str:
    """The token of a page, counted from 1."""
    return base64.b64encode(json.dumps({"page_num": number}, separators=(",", ":")).encode()).decode()


def page_number(token: str | None) -> int:
    """The page a token leads to, counted from 1.

    Raises:
        RefusedError: it is none.
    """
    if token is None:
        return 1
    try:
        number = json.loads(base64.b64decode(token, validate=True))["page_num"]
    except (binascii.Error, ValueError, TypeError, LookupError, RecursionError):
        number = None
    if not isinstance(number, int) or number < 1:
        raise RefusedError(HTTPStatus.BAD_REQUEST, "cursor is invalid")
    return number


def _moment(query: Mapping[str, str], name: str, otherwise: datetime) -> datetime:
    given = query.get(name)
    if given is None:
        return otherwise
    try:
        moment = datetime.fromisoformat(given)
    except ValueError as error:
        raise RefusedError(HTTPStatus.BAD_REQUEST, f"{name} is not an ISO 8601 timestamp") from error
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
