"""What a request to the local Gong asks for, and the words it is refused with."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from headway_pipeline.model.windows import TimeWindow
from headway_pipeline.sandbox.exchange import Request
from headway_pipeline.sandbox.world import ALWAYS, NEVER

__all__ = ["NO_CALLS", "Filter", "RefusedError", "body_of", "filter_of", "listing_filter_of"]

NO_CALLS = "No calls found corresponding to the provided filters"


class RefusedError(Exception):
    """A request the API answers with an error body."""

    def __init__(self, status: HTTPStatus, *errors: str, retry_after_s: int | None = None) -> None:
        super().__init__(*errors)
        self.status = status
        self.errors = errors
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Filter:
    """Which calls a request asks for.

    Attributes:
        window: unbounded where the request names no dates.
        call_ids: None: any.
        workspace: the id of a workspace; None: any.
        hosts: Gong's ids of the calls' hosts; None: any.
    """

    window: TimeWindow
    call_ids: frozenset[str] | None = None
    workspace: str | None = None
    hosts: frozenset[str] | None = None


def body_of(request: Request) -> dict[str, Any]:
    """The body of a POST.

    Raises:
        RefusedError: it is no JSON object.
    """
    body = request.json_object()
    if body is None:
        raise RefusedError(HTTPStatus.BAD_REQUEST, "the request body is no JSON object")
    return body


def filter_of(body: Mapping[str, Any], most_ids: int | None) -> Filter:
    """The filter of a POST.

    Raises:
        RefusedError: it is missing or malformed, or names more ids than are let through.
    """
    wanted = body.get("filter")
    if not isinstance(wanted, dict):
        raise RefusedError(HTTPStatus.BAD_REQUEST, "filter: must not be null")
    call_ids = _texts(wanted, "callIds")
    if call_ids is not None and most_ids is not None and len(call_ids) > most_ids:
        raise RefusedError(HTTPStatus.BAD_REQUEST, f"filter.callIds: size must be between 0 and {most_ids}")
    return Filter(_window_of(wanted), call_ids, wanted.get("workspaceId"), _texts(wanted, "primaryUserIds"))


def listing_filter_of(query: Mapping[str, str], longest: timedelta | None) -> Filter:
    """The filter of `GET /v2/calls`, which needs both dates.

    Raises:
        RefusedError: it is incomplete or malformed, or its window longer than is let through.
    """
    for name in ("fromDateTime", "toDateTime"):
        if name not in query:
            raise RefusedError(HTTPStatus.BAD_REQUEST, f"{name}: must not be null")
    window = _window_of(query)
    if longest is not None and window.end - window.start > longest:
        raise RefusedError(HTTPStatus.BAD_REQUEST, f"the date range must not be longer than {longest.days} days")
    return Filter(window, workspace=query.get("workspaceId"))


def _texts(wanted: Mapping[str, Any], name: str) -> frozenset[str] | None:
    """A list of ids; an empty one asks for any, like none at all."""
    ids = wanted.get(name) or []
    if not isinstance(ids, list) or not all(isinstance(one, str) for one in ids):
        raise RefusedError(HTTPStatus.BAD_REQUEST, f"filter.{name}: must be a list of strings")
    return frozenset(ids) or None


def _window_of(wanted: Mapping[str, Any]) -> TimeWindow:
    window = TimeWindow(_moment(wanted, "fromDateTime", ALWAYS), _moment(wanted, "toDateTime", NEVER))
    if window.start >= window.end:
        raise RefusedError(HTTPStatus.BAD_REQUEST, "filter.fromDateTime: must be before toDateTime")
    return window


def _moment(wanted: Mapping[str, Any], name: str, otherwise: datetime) -> datetime:
    if not wanted.get(name):
        return otherwise
    try:
        moment = datetime.fromisoformat(wanted[name])
    except (TypeError, ValueError):
        moment = None
    if moment is None or moment.tzinfo is None:
        raise RefusedError(HTTPStatus.BAD_REQUEST, f"filter.{name}: must be an ISO-8601 date-time with an offset")
    return moment
