"""What was asked of a sandbox, and whether anybody asked when they had been told to wait."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

from headway_pipeline.sandbox.exchange import LONG_AGO, Logged, Reply, Request

__all__ = ["Arrival", "logged", "requests_inside_retry_after"]

WAITING = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)


@dataclass(frozen=True, slots=True)
class Arrival:
    """A moment, by the sandbox's clock and by one that never goes back."""

    at: datetime
    seconds: float


def logged(
    request: Request, reply: Reply, caller: tuple[str, str], came: Arrival, answered: Arrival, *, is_fault: bool
) -> Logged:
    """The entry of one request: what it asked for and how it was answered, and nothing secret.

    Args:
        request: what came.
        reply: what went back.
        caller: who asked and with whom they share limits.
        came: when it came.
        answered: when the reply was ready.
        is_fault: whether the reply is not what the API would have said.
    """
    body = (request.json_object() or {}) if request.method == "POST" else {}
    wanted = body.get("filter")
    wanted = wanted if isinstance(wanted, dict) else {}
    ids = wanted.get("callIds")
    ids = ids if isinstance(ids, list) else []
    query = request.query
    return Logged(
        method=request.method,
        path=request.path,
        status=reply.status,
        page_token=body.get("cursor") if request.method == "POST" else query.get("cursor"),
        ids_count=len(ids),
        call_ids=tuple(map(str, ids)),
        since=_text(wanted.get("fromDateTime")) or query.get("fromDateTime") or query.get("created_after"),
        until=_text(wanted.get("toDateTime")) or query.get("toDateTime") or query.get("created_before"),
        includes=frozenset(name for name, value in query.items() if name.startswith("include_") and value == "true"),
        caller=caller[0],
        quota_owner=caller[1],
        at=came.at,
        answered_at=answered.at,
        came_s=came.seconds,
        answered_s=answered.seconds,
        retry_after_s=_retry_after_s(reply, answered.at),
        is_fault=is_fault,
    )


def requests_inside_retry_after(
    log: Iterable[Logged], owner_of: Callable[[Logged], str] = lambda entry: entry.quota_owner
) -> Sequence[Logged]:
    """The requests that came, by the sandbox's clock, before the end of a wait that their owner was told of.

    A request that was under way when the wait was told is none of them.

    Args:
        log: in any order.
        owner_of: who is to know of a wait: everybody who shares the limit, unless it is `caller`; "" is nobody.
    """
    found: list[Logged] = []
    by_owner: dict[str, list[Logged]] = {}
    for entry in log:
        if owner_of(entry):
            by_owner.setdefault(owner_of(entry), []).append(entry)
    for entries in by_owner.values():
        told = sorted((one for one in entries if _tells_to_wait(one)), key=lambda one: one.answered_s, reverse=True)
        until = LONG_AGO
        for entry in sorted(entries, key=lambda one: one.came_s):
            while told and told[-1].answered_s <= entry.came_s:
                wait = told.pop()
                until = max(until, wait.answered_at + timedelta(seconds=wait.retry_after_s or 0))
            if entry.at < until:
                found.append(entry)
    return found


def _tells_to_wait(entry: Logged) -> bool:
    return entry.status in WAITING and entry.retry_after_s is not None


def _retry_after_s(reply: Reply, now: datetime) -> float | None:
    """Seconds from now, whichever way the header says it; None if it is missing or says nothing."""
    said = reply.headers.get("Retry-After", "")
    if said.isdecimal():
        return float(said)
    try:
        return (parsedate_to_datetime(said) - now).total_seconds()
    except (ValueError, TypeError):
        return None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
