"""How the local Gong and the local Fathom behave where the real ones may behave in several ways.

The defaults let everything through that is well formed; limits and rarer behaviour are switched on by whoever wants
to see them. Rules can be replaced while a sandbox serves.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from http import HTTPStatus

__all__ = ["ErrorForm", "FathomRules", "GongRules"]


@dataclass(frozen=True, slots=True)
class GongRules:
    """The ways of the local Gong.

    Attributes:
        requests_per_second: a company's bucket, shared by its keys; Gong allows 3. None: no limit.
        requests_per_day: a company's count from midnight to midnight UTC; Gong allows 10,000. None: no limit.
        does_count_refused: whether a request answered by a 429 counts against the day; nobody knows of the real one.
        is_generic_host_closed: refuse valid keys at `Sandbox.generic_gong_url`, as `api.gong.io` does for companies
            with a host of their own.
        is_caller_trusted: False answers every request by a 403, as for addresses outside a company's trusted ones.
        missing_scope_status: 403 or 401; nobody knows which one the real one answers.
        most_ids: more `callIds` than this are a 400. None: any number.
        longest_listing: a longer window is a 400 at `GET /v2/calls`. None: any length.
        has_unknown_fields: put fields no documentation knows at every level of a call.
        access_token_life: of OAuth tokens.
    """

    requests_per_second: int | None = None
    requests_per_day: int | None = None
    does_count_refused: bool = False
    is_generic_host_closed: bool = False
    is_caller_trusted: bool = True
    missing_scope_status: HTTPStatus = HTTPStatus.FORBIDDEN
    most_ids: int | None = None
    longest_listing: timedelta | None = None
    has_unknown_fields: bool = False
    access_token_life: timedelta = timedelta(days=1)


class ErrorForm(Enum):
    """The body of a Fathom error, which no documentation describes."""

    ERROR = "error"
    MESSAGE = "message"
    TEXT = "text"
    EMPTY = "empty"
    HTML = "html"


@dataclass(frozen=True, slots=True)
class FathomRules:
    """The ways of the local Fathom.

    Attributes:
        requests_per_minute: a key's requests in a window of 60 s; Fathom allows 60. None: no limit.
        heavy_per_minute: of these, how many may bring transcripts or summaries; Fathom allows 30, at times 5.
        has_rate_headers: send `RateLimit-*`.
        headers_left_out: leave them out of every so many-th answer. None: of none.
        retry_dates: how many of the first 429 name the moment in `Retry-After`, instead of seconds.
        deactivated_status: 401 or 403 for the key of a deactivated user.
        foreign_status: 404 or 403 for a recording the key may not see.
        oauth_include_status: for OAuth tokens that ask for transcripts or summaries in the list.
        error_form: of error bodies.
        ends_with_empty_token: the last page's token is "" instead of null.
        ends_with_empty_page: a full last page has a token, which leads to an empty page.
        has_unknown_fields: put fields no documentation knows into a meeting, and values it gives for filters only.
        access_token_life: of OAuth tokens.
    """

    requests_per_minute: int | None = None
    heavy_per_minute: int | None = None
    has_rate_headers: bool = True
    headers_left_out: int | None = None
    retry_dates: int = 0
    deactivated_status: HTTPStatus = HTTPStatus.UNAUTHORIZED
    foreign_status: HTTPStatus = HTTPStatus.NOT_FOUND
    oauth_include_status: HTTPStatus = HTTPStatus.BAD_REQUEST
    error_form: ErrorForm = ErrorForm.ERROR
    ends_with_empty_token: bool = False
    ends_with_empty_page: bool = False
    has_unknown_fields: bool = False
    access_token_life: timedelta = timedelta(hours=1)
