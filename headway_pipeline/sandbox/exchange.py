"""Requests and replies as the sandbox sees them, apart from any socket."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

__all__ = ["LONG_AGO", "Fault", "Logged", "Reply", "Request", "Spoil", "html_reply", "json_reply", "no_page"]

LONG_AGO = datetime.min.replace(tzinfo=UTC)
NO_PAGE = "<!doctype html><html><head><title>Not found</title></head><body><h1>404 Not found</h1></body></html>"


@dataclass(frozen=True, slots=True)
class Request:
    """What a client sent.

    Attributes:
        path: without the query, as sent.
        query: the last value of each name.
        parameters: every name and value of the query, in order.
        headers: names in lower case.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    parameters: Sequence[tuple[str, str]] = ()
    headers: Mapping[str, str] = field(repr=False, default_factory=dict)
    body: bytes = b""

    def values(self, name: str) -> frozenset[str]:
        """What the query names by a parameter that may be repeated."""
        return frozenset(value for given, value in self.parameters if given == name)

    def json_object(self) -> dict[str, Any] | None:
        """The body as a JSON object; None if it is none."""
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError):
            return None
        return value if isinstance(value, dict) else None


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back.

    Attributes:
        cut_after: break the connection after this many bytes of the body, though its length was announced.
        wait_s: real seconds before anything goes back.
        trickle_s: real seconds over which the body goes back, bit by bit.
    """

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    cut_after: int | None = None
    wait_s: float = 0.0
    trickle_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Logged:
    """One answered request, for tests to count. Equal ones asked for the same and were answered alike.

    Attributes:
        page_token: the cursor it carried where the API reads one, or None.
        ids_count: how many ids it asked for by name.
        call_ids: these ids.
        since, until: the dates it asked for, as written.
        includes: what it asked for beside the plain record, in Fathom's words.
        caller: names the key, without telling it; "" is nobody.
        quota_owner: who shares the caller's limits.
        at: when it came, by the sandbox's clock.
        answered_at: when its answer was ready, by the same clock.
        came_s, answered_s: the same two on a clock that never goes back, in seconds.
        retry_after_s: how long its answer asked to wait, or None.
        is_fault: a fault made its answer, or spoiled it.
    """

    method: str
    path: str
    status: int
    page_token: str | None = None
    ids_count: int = 0
    call_ids: tuple[str, ...] = field(default=(), compare=False)
    since: str | None = field(default=None, compare=False)
    until: str | None = field(default=None, compare=False)
    includes: frozenset[str] = field(default=frozenset(), compare=False)
    caller: str = field(default="", compare=False)
    quota_owner: str = field(default="", compare=False)
    at: datetime = field(default=LONG_AGO, compare=False)
    answered_at: datetime = field(default=LONG_AGO, compare=False)
    came_s: float = field(default=0.0, compare=False)
    answered_s: float = field(default=0.0, compare=False)
    retry_after_s: float | None = field(default=None, compare=False)
    is_fault: bool = field(default=False, compare=False)


#: Makes something else of the real reply.
Spoil = Callable[[Reply], Reply]


class Fault(Protocol):
    """Something going wrong on purpose: called before each answer, in the order the faults were added."""

    def __call__(self, request: Request, /) -> Reply | Spoil | None:
        """The reply instead of the real one, what is to spoil the real one, or None to let the request pass."""
        ...


def json_reply(status: int, value: Any, headers: Mapping[str, str] | None = None) -> Reply:
    """A JSON reply. Non-ASCII is escaped: a call may hold what has no UTF-8, and a client must cope with both."""
    body = json.dumps(value, separators=(",", ":")).encode("ascii")
    return Reply(status, body, {"Content-Type": "application/json;charset=utf-8", **(headers or {})})


def html_reply(status: int, page: str, headers: Mapping[str, str] | None = None) -> Reply:
    """A web page."""
    body = page.encode("utf-8", "replace")
    return Reply(status, body, {"Content-Type": "text/html;charset=utf-8", **(headers or {})})


def no_page() -> Reply:
    """The answer to an address that is none: a web page, whatever was asked for."""
    return html_reply(404, NO_PAGE)
