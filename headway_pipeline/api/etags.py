"""Which state of a thing a response shows, and which one an edit is held against (RFC 9110, 8.8 and 13)."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Header
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel

from headway_pipeline.api.problems import described_header
from headway_pipeline.model.errors import StaleEditError

__all__ = ["EDITED", "SHOWN", "Guard", "Guarded", "Known", "etag_of", "show"]

#: What is shown may be kept by its caller, who asks each time whether it still is so.
REVALIDATED = "private, no-cache"
#: One or several, or any; the spelling of RFC 9110.
_TAG = r'(W/)?"[!#-~]*"'
TAGS = rf"^(\*|{_TAG}([ \t]*,[ \t]*{_TAG})*)$"

ETAG = {"ETag": described_header("The state that is shown.", always=True)}
#: What a route declares of its answer where it shows one thing,
SHOWN: Mapping[int | str, dict[str, Any]] = {
    200: {"headers": ETAG},
    304: {"description": "It is as it was.", "headers": ETAG},
}
#: and where it edits one.
EDITED: Mapping[int | str, dict[str, Any]] = {200: {"headers": ETAG}}


def etag_of(shown: BaseModel, updated_at: datetime | None = None) -> str:
    """A strong validator: another one whenever the row or what is shown of it is another."""
    digest = hashlib.sha256(shown.model_dump_json().encode())
    digest.update(b"" if updated_at is None else updated_at.isoformat().encode())
    return f'"{digest.hexdigest()[:32]}"'


#: For routes that show one thing.
Known = Annotated[
    str | None,
    Header(
        alias="If-None-Match",
        description="The ETag of what you have: 304 where that is how it still is.",
        max_length=1000,
    ),
]


def show(shown: BaseModel, updated_at: datetime | None = None, *, known: str | None = None) -> Response:
    """The thing with its ETag, or 304 where the caller has it already."""
    etag = etag_of(shown, updated_at)
    headers = {"ETag": etag, "Cache-Control": REVALIDATED}
    if _names(known or "", etag, is_weak_enough=True):
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
                pattern=TAGS,
                examples=["*"],
            ),
        ],
    ) -> None:
        self._given = if_match

    def hold(self, shown: BaseModel, updated_at: datetime | None) -> datetime | None:
        """The `updated_at` to write against; None where the caller takes whatever is there.

        Raises:
            StaleEditError: it is another state than this one.
        """
        if self._given == "*":
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
