"""Refusals and failures as problem details (RFC 9457), from the one error tree.

What a response says is the error's own message and remedy, which never hold a secret; of a defect of ours only its
kind is said, for its message may quote a row.
"""

import logging
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import iter_route_contexts
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from headway_pipeline.model import errors

__all__ = [
    "PROBLEM_TYPE",
    "FieldProblem",
    "Problem",
    "described_header",
    "install_problems",
    "problem_of",
    "refusals",
]

PROBLEM_TYPE = "application/problem+json"
#: How long to wait for a database that is down or locked.
RETRY_DATABASE_AFTER_S = 5

logger = logging.getLogger("headway_pipeline.api")


class FieldProblem(BaseModel):
    """One part of the request that is not as it must be; what was sent is not repeated."""

    model_config = ConfigDict(extra="forbid")

    where: str = Field(
        description="`body`, `query`, `path` or `header`, and the field in it.", examples=["body/name"]
    )
    problem: str = Field(examples=["Field required"])


class Problem(BaseModel):
    """Why a request was refused or failed (RFC 9457)."""

    model_config = ConfigDict(extra="forbid")

    type: str = Field(description="Names the kind of problem; stable.", examples=["/problems/not-found"])
    title: str = Field(description="The kind of problem, in words.", examples=["Not found"])
    status: int = Field(description="The HTTP status.", examples=[404])
    detail: str = Field(description="What happened here.", examples=["there is no theme 'Exports'"])
    remedy: str | None = Field(default=None, description="What to do about it.")
    errors: list[FieldProblem] | None = Field(default=None, description="Of a request that is not valid: where.")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of problem: the status it has and the name it goes by."""

    status: int
    name: str

    @property
    def title(self) -> str:
        """In words."""
        return self.name.replace("-", " ").capitalize()


#: The first that fits, the more special ones before those they are of.
KINDS: Mapping[type[errors.HeadwayError], Kind] = {
    errors.UnknownThingError: Kind(404, "not-found"),
    errors.AlreadyExistsError: Kind(409, "already-exists"),
    errors.InputError: Kind(422, "not-possible"),
    errors.MalformedRequestError: Kind(400, "malformed"),
    errors.NotAuthenticatedError: Kind(401, "not-authenticated"),
    errors.NotPermittedError: Kind(403, "not-permitted"),
    errors.TooSlowError: Kind(408, "too-slow"),
    errors.ConflictingRequestError: Kind(409, "conflict"),
    errors.StaleEditError: Kind(412, "edited-meanwhile"),
    errors.TooLargeError: Kind(413, "too-large"),
    errors.UnguardedEditError: Kind(428, "unguarded-edit"),
    errors.TooManyRequestsError: Kind(429, "too-many-requests"),
    errors.WorkspaceBusyError: Kind(409, "conflict"),
    errors.DatabaseUnavailableError: Kind(503, "database-unavailable"),
    errors.ConfigurationError: Kind(503, "not-set-up"),
}
INVALID = Kind(422, "invalid")
FAILED = Kind(500, "failed")


def described_header(words: str, kind: str = "string", *, always: bool = False) -> dict[str, Any]:
    """How OpenAPI describes a header of a response."""
    return {"description": words, "required": always, "schema": {"type": kind}}


def problem_of(error: Exception) -> JSONResponse:
    """The response that an error becomes."""
    match error:
        case RequestValidationError():
            return _invalid(error)
        case HTTPException():
            return _of_framework(error)
        case errors.HeadwayError():
            kind = next((kind for cls, kind in KINDS.items() if isinstance(error, cls)), FAILED)
            if kind is FAILED:
                return _failed(error)
            if kind.status == HTTPStatus.SERVICE_UNAVAILABLE:
                return _unavailable(kind, error)
            return _response(kind, error.message, error.remedy or None, headers=_headers(error))
    return _failed(error)


def _headers(error: errors.HeadwayError) -> dict[str, str]:
    match error:
        case errors.NotAuthenticatedError():
            return {"WWW-Authenticate": "Bearer"}
        case errors.TooManyRequestsError():
            return {"Retry-After": str(error.retry_after_s)}
        case errors.DatabaseUnavailableError():
            return {"Retry-After": str(RETRY_DATABASE_AFTER_S)}
    return {}


def _unavailable(kind: Kind, error: errors.HeadwayError) -> JSONResponse:
    # Its words name hosts and files of this installation: they are for its operator.
    logger.error("%s", error)
    details = "this cannot be done now, and why is logged"
    return _response(kind, details, "repeat it later; if it stays, ask the operator", headers=_headers(error))


def _failed(error: Exception) -> JSONResponse:
    # The frames say where; the message stays away, for it may quote a call, a row or a secret.
    frames = "".join(traceback.format_tb(error.__traceback__))
    logger.error("an unexpected %s\n%s", type(error).__name__, frames)
    return _response(
        FAILED, "something went wrong here, and it is logged", "repeat the request; report it if it stays"
    )


def _invalid(error: RequestValidationError) -> JSONResponse:
    if [(one["type"], one["loc"]) for one in error.errors()] == [("missing", ("header", "If-Match"))]:
        # Of a request that is right but for this, RFC 6585 says more.
        return problem_of(
            errors.UnguardedEditError("the edit does not say what it edits", "send the ETag you read as If-Match")
        )
    found = [
        FieldProblem(where="/".join(_part(part) for part in one["loc"]), problem=_problem(one))
        for one in error.errors()
    ]
    if any(one["type"] == "json_invalid" for one in error.errors()):
        return _response(KINDS[errors.MalformedRequestError], "the body is no JSON", "send one JSON object")
    return _response(INVALID, "the request is not valid", "see `errors`", found)


def _problem(one: Mapping[str, Any]) -> str:
    if one["type"] == "union_tag_invalid":
        # Its own words repeat what was sent.
        return f"{one['ctx']['discriminator']} should be one of {one['ctx']['expected_tags']}"
    return str(one["msg"])


def _part(part: int | str) -> str:
    """One step to a field. The name of an unknown one is the caller's and may be anything."""
    return "".join(char for char in str(part) if char.isprintable())[:80]


def _of_framework(error: HTTPException) -> JSONResponse:
    kind = Kind(error.status_code, HTTPStatus(error.status_code).phrase.lower().replace(" ", "-"))
    details = {
        400: "the body cannot be read",
        404: "there is nothing at this address",
        405: "this address does not take that method",
        415: "a body here is application/json",
        421: "nobody here goes by that host name",
    }
    remedy = "GET /openapi.json describes every address" if error.status_code in (404, 405) else None
    return _response(kind, details.get(error.status_code, kind.title.lower()), remedy, headers=error.headers)


def _response(
    kind: Kind,
    detail: str,
    remedy: str | None = None,
    found: Sequence[FieldProblem] | None = None,
    *,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    problem = Problem(
        type=f"/problems/{kind.name}",
        title=kind.title,
        status=kind.status,
        detail=detail,
        remedy=remedy,
        errors=None if found is None else list(found),
    )
    return JSONResponse(
        problem.model_dump(exclude_none=True),
        status_code=kind.status,
        headers=dict(headers or {}),
        media_type=PROBLEM_TYPE,
    )


def install_problems(app: FastAPI) -> None:
    """Let the application answer every error with a problem."""

    async def answer(request: Request, error: Exception) -> JSONResponse:
        response = problem_of(error)
        if response.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            response.headers["Allow"] = _allowed(request)
        return response

    for kind in (errors.HeadwayError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, answer)


def _allowed(request: Request) -> str:
    """The methods of all routes at this address; the framework names those of the first one only."""
    path = request.scope["path"]
    here = [one for one in iter_route_contexts(request.app.routes) if one.path_regex.match(path)]
    methods = {method for one in here for method in one.methods or ()}
    return ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set())))


#: What the wall and the framework may answer whatever the route.
EVERYWHERE = (400, 405, 408, 413, 421, 429, 500, 503)
BEHIND_A_TOKEN = (401, 403, 404, 415, 422)
#: What refusals say in headers; those that may be missing, too.
REFUSAL_HEADERS: Mapping[int, Mapping[str, Any]] = {
    401: {"WWW-Authenticate": described_header("The scheme that opens it: `Bearer`.", always=True)},
    405: {"Allow": described_header("The methods that this address takes.", always=True)},
    429: {"Retry-After": described_header("The seconds to wait.", "integer", always=True)},
    503: {"Retry-After": described_header("The seconds to wait, where it helps.", "integer")},
}


def refusals(*statuses: int, is_open: bool = False) -> dict[int | str, dict[str, Any]]:
    """What a route declares of its refusals in OpenAPI: `statuses`, and what every route may answer.

    Args:
        is_open: it needs no token, and what only routes behind one answer is left out.
    """
    everywhere = EVERYWHERE if is_open else (*EVERYWHERE, *BEHIND_A_TOKEN)
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "headers": dict(REFUSAL_HEADERS.get(status, {})),
            "content": {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in sorted({*everywhere, *statuses})
    }
