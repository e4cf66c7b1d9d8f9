"""Which state of a thing a response shows, and which one an edit is held against (RFC 9110, 8.8 and 13)."""

import hashlib
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Header, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel

from headway_pipeline.model.errors import StaleEditError, UnguardedEditError

__all__ = ["Guard", "Guarded", "etag_of", "show"]

#: What is shown may be kept by its caller, who asks each time whether it still is so.
REVALIDATED = "private, no-cache"


def etag_of(shown: BaseModel, updated_at: datetime | None = None) -> str:
    """A strong validator: another one whenever the row or what is shown of it is another."""
    digest = hashlib.sha256(shown.model_dump_json().encode())
    digest.update(b"" if updated_at is None else updated_at.isoformat().encode())
    return f'"{digest.hexdigest()[:32]}"'


def show(request: Request, shown: BaseModel, updated_at: datetime | None = None) -> Response:
    """The thing with its ETag, or 304 where the caller has it already."""
    etag = etag_of(shown, updated_at)
    headers = {"ETag": etag, "Cache-Control": REVALIDATED}
    if _names(request.headers.get("if-none-match", ""), etag, is_weak_enough=True):
        return Response(status_code=304, headers=headers)
    return JSONResponse(shown.model_dump(mode="json"), headers=headers)


class Guard:
    """The If-Match of an edit."""

    def __init__(
        self,
        if_match: Annotated[
            str,
            Header(
                alias="If-Match",
                description="The ETag of what is edited, as it was read; `*` edits whatever is there.",
                max_length=1000,
            ),
        ] = "",
    ) -> None:
        self._given = if_match

    def hold(self, shown: BaseModel, updated_at: datetime | None) -> datetime | None:
        """The `updated_at` to write against; None where the caller takes whatever is there.

        Raises:
            UnguardedEditError: there is no If-Match.
            StaleEditError: it is another state than this one.
        """
        if not self._given.strip():
            raise UnguardedEditError("the edit does not say what it edits", "send the ETag you read as If-Match")
        if self._given.strip() == "*":
            return None
        if not _names(self._given, etag_of(shown, updated_at)):
            raise StaleEditError("somebody else edited it first", "read it again, then repeat the edit")
        return updated_at


Guarded = Annotated[Guard, Depends()]


def _names(given: str, etag: str, *, is_weak_enough: bool = False) -> bool:
    """Whether a list of ETags has this one."""
    found = [one.strip() for one in given.split(",")]
    if is_weak_enough:
        found = [one.removeprefix("W/") for one in found]
    return etag in found or (is_weak_enough and "*" in found)
