"""Listings in pages. A cursor is the place of the last row seen, so that new rows move nothing."""

import re
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Generic, Protocol, TypeVar

from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from headway_pipeline.api.problems import described_header
from headway_pipeline.model.errors import MalformedRequestError
from headway_pipeline.model.filters import PageKey

__all__ = ["LINKED", "Cursor", "Limit", "Page", "Paged", "Paging", "cursor_of", "cut", "place_of"]

Item = TypeVar("Item")

Limit = Annotated[int, Query(ge=1, le=200, description="At most so many.")]
#: Microseconds since the year 1, to the year 3169, and an id.
_FORM = r"^([0-9]{1,17})-([0-9a-f]{32})$"
_FIRST, _TICK = datetime.min.replace(tzinfo=UTC), timedelta(microseconds=1)
Cursor = Annotated[
    str | None,
    # Declared, and looked at in `place_of`: what is no cursor is no request, rather than one that is not possible.
    Query(description="`next` of the page before.", json_schema_extra={"pattern": _FORM}),
]


class Page(BaseModel, Generic[Item]):
    """A part of a listing. Each has a class of its own, for its name is what generated clients take over."""

    model_config = ConfigDict(extra="forbid")

    items: list[Item]
    next: str | None = Field(description="Goes into `cursor` for the page after this one; null on the last.")


#: What a route declares of its answer where it says the next page in a header, too.
LINKED: dict[int | str, dict[str, Any]] = {
    200: {"headers": {"Link": described_header('The page after this one, as `rel="next"`; left out on the last.')}}
}


class Paging:
    """Which page of a listing a request asks for, newest first."""

    def __init__(self, request: Request, response: Response, limit: Limit = 50, cursor: Cursor = None) -> None:
        self._request = request
        self._response = response
        self.limit = limit
        self.after = place_of(cursor)

    def following(self, last: PageKey | None) -> str | None:
        """The cursor of the page after `last`, said in a Link header, too (RFC 8288); None where there is none."""
        if last is None:
            return None
        cursor = cursor_of(*last)
        address = self._request.url.include_query_params(cursor=cursor)
        self._response.headers["Link"] = f'<{address.path}?{address.query}>; rel="next"'
        return cursor


#: For routes whose listing says its next page in a header, too.
Paged = Annotated[Paging, Depends()]


class Made(Protocol):
    """A row that is placed by when it was made, and its id."""

    @property
    def created_at(self) -> datetime:
        """Aware UTC."""
        ...

    @property
    def id(self) -> uuid.UUID:
        """Tells rows of one moment apart."""
        ...


Row = TypeVar("Row", bound=Made)


def cut(rows: Sequence[Row], limit: int) -> tuple[Sequence[Row], str | None]:
    """The rows of a page of which one more was read, and the cursor of the next page, where there is one."""
    shown = rows[:limit]
    return shown, cursor_of(shown[-1].created_at, shown[-1].id) if len(rows) > limit else None


def cursor_of(at: datetime, key: uuid.UUID) -> str:
    """The cursor of a row that is placed by time and id."""
    return f"{(at - _FIRST) // _TICK}-{key.hex}"


def place_of(cursor: str | None) -> PageKey | None:
    """The time and id a cursor stands for. Whatever has its form is a place; one nobody was given shows nobody more.

    Raises:
        MalformedRequestError: it is none of ours.
    """
    if cursor is None:
        return None
    found = re.fullmatch(_FORM, cursor)
    if found is None:
        raise MalformedRequestError("the cursor is none of this listing", "start at the first page, without a cursor")
    return PageKey(_FIRST + int(found[1]) * _TICK, uuid.UUID(found[2]))
