"""Creations: answered once, however often their request is repeated with one Idempotency-Key."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Header, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from headway_pipeline.api.etags import etag_of
from headway_pipeline.api.problems import described_header
from headway_pipeline.api.wiring import Wired
from headway_pipeline.store.idempotency import KeptAnswer, OnceKey

__all__ = ["Creation", "Made", "Once", "created", "making"]

HEADERS = {
    "Location": described_header("Where the new thing is.", always=True),
    "ETag": described_header("Its state, for a later If-Match.", always=True),
    "Idempotency-Replayed": described_header("`true` where it was made by an earlier request with the same key."),
}
OF_THE_SAME_WORKSPACE = {"workspace_id": "$request.path.workspace_id"}


def making(parameter: str, *operations: str, of_workspace: bool = True) -> dict[str, Any]:
    """What a route that makes something declares of its answer in OpenAPI.

    Args:
        parameter: in which the new thing's id goes on the path of
        operations: what can be done with it next.
        of_workspace: they are of the same workspace.
    """
    parameters = {**(OF_THE_SAME_WORKSPACE if of_workspace else {}), parameter: "$response.body#/id"}
    return {
        "description": "What was made.",
        "headers": HEADERS,
        "links": {one: {"operationId": one, "parameters": parameters} for one in operations},
    }


@dataclass(frozen=True, slots=True)
class Made:
    """What a creation answers."""

    body: Mapping[str, Any]
    headers: Mapping[str, str]
    status: int


def created(shown: BaseModel, location: str, updated_at: datetime | None = None, *, status: int = 201) -> Made:
    """The answer of a creation."""
    headers = {"Location": location, "ETag": etag_of(shown, updated_at)}
    return Made(shown.model_dump(mode="json"), headers, status)


class Creation:
    """Makes a thing once for each Idempotency-Key; without one, each time."""

    def __init__(
        self,
        request: Request,
        wired: Wired,
        key: Annotated[
            str | None,
            Header(
                alias="Idempotency-Key",
                description="Any text of your own: the same request with the same key makes nothing again and is "
                "answered as the first one was. Kept for a day.",
                min_length=1,
                max_length=200,
                pattern=r"^[!-~]+$",
            ),
        ] = None,
    ) -> None:
        self._store = wired.store
        self._key = key
        self._request = request

    def answer(self, make: Callable[[], Made]) -> JSONResponse:
        """What `make` makes, or what it made before.

        Raises:
            InputError: the key was used for another request.
            ConflictingRequestError: the same request is being carried out.
        """
        if self._key is None:
            made = make()
            return JSONResponse(made.body, made.status, made.headers)
        scope = self._request.scope
        key = OnceKey(
            scope["headway_caller"].token_id,
            f"{scope['method']} {scope['path']}"[:200],
            hashlib.sha256(self._key.encode()).hexdigest(),
            scope["headway_body_hash"],
        )
        kept = self._store.idempotency.claim(key)
        if kept is not None:
            return JSONResponse(kept.body, kept.status, {**kept.headers, "Idempotency-Replayed": "true"})
        try:
            made = make()
        except BaseException:
            self._store.idempotency.release(key)
            raise
        self._store.idempotency.keep(key, KeptAnswer(made.status, made.headers, made.body))
        return JSONResponse(made.body, made.status, made.headers)


#: For routes that make something: `def add(..., once: Once)`.
Once = Annotated[Creation, Depends()]
