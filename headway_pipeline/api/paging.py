"""Listings in pages. A cursor is the place of the last row seen, so that new rows move nothing."""

import base64
import binascii
import uuid
from datetime import datetime, timedelta
from typing import Annotated, Generic, TypeVar

from fastapi import Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from headway_pipeline.model.errors import MalformedRequestError

__all__ = ["Cursor", "Limit", "Page", "cursor_of", "link_next", "place_of"]

Item = TypeVar("Item")

Limit = Annotated[int, Query(ge=1, le=200, description="At most so many.")]
Cursor = Annotated[
    str | None,
    Query(description="`next` of the page before.", min_length=1, max_length=200, pattern=r"^[A-Za-z0-9_-]+$"),
]


class Page(BaseModel, Generic[Item]):
    """A part of a listing."""

    model_config = ConfigDict(extra="forbid")

    items: list[Item]
    next: str | None = Field(description="Goes into `cursor` for the page after this one; null on the last.")


def link_next(request: Request, response: Response, cursor: str | None) -> None:
    """Say where the next page is, as `next` of the body does, in a Link header (RFC 8288)."""
    if cursor is not None:
        address = request.url.include_query_params(cursor=cursor)
        response.headers["Link"] = f'<{address.path}?{address.query}>; rel="next"'


def cursor_of(at: datetime, key: uuid.UUID) -> str:
    """The cursor of a row that is placed by time and id."""
    return base64.urlsafe_b64encode(f"{at.isoformat()}|{key}".encode()).decode().rstrip("=")


def place_of(cursor: str | None) -> tuple[datetime, uuid.UUID] | None:
    """The time and id a cursor stands for.

    Raises:
        MalformedRequestError: it is none of ours.
    """
    if cursor is None:
        return None
    try:
        at, key = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().split("|")
        place = datetime.fromisoformat(at), uuid.UUID(key)
    except (ValueError, binascii.Error):
        place = None
    if place is None or place[0].utcoffset() != timedelta() or cursor_of(*place) != cursor:
        raise MalformedRequestError("the cursor is none of this listing", "start at the first page, without a cursor")
    return place
