"""What is left of a source's limits: pure decisions over a state that the store keeps for every quota owner.

A bucket counts the requests of its own last seconds, so it holds whichever way the source places its windows. What a
bucket holds is learnt: from `RateLimit-*` headers where the source sends them, else from a refusal, after which as
many requests are made in a window as went through before it; more are tried again after a while, and after a longer
one each time that fails.

Times are seconds since 1970, UTC, for they are stored as JSON.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from headway_pipeline.sources.contract import Bucket
from headway_pipeline.sources.gate import Answer, CostClass

__all__ = ["Quota", "Verdict", "Window", "admit", "closed", "learn", "read_quota", "stored_quota"]

#: Added to every wait, so that a clock's rounding never lets a request out early.
MARGIN_S = 0.001
#: A shrunk bucket stays shrunk for this many of its windows, twice as many after each refused try, up to the second.
FIRST_HOLD, LONGEST_HOLD = 5, 40
#: A refusal that names no wait is waited out for its bucket's window, and at least this long.
UNNAMED_WAIT_S = 5.0


@dataclass(frozen=True, slots=True)
class Window:
    """What is known of one bucket.

    Attributes:
        taken: when the requests of the last window went, oldest first.
        limit: what it is believed to hold; None where that is what the source declares.
        grows_at: when a larger limit is tried.
        hold_s: how long the present limit is kept.
        left: how many requests the source said are left, until `left_until`.
    """

    taken: tuple[float, ...] = ()
    limit: int | None = None
    grows_at: float = 0.0
    hold_s: float = 0.0
    left: int = 0
    left_until: float = 0.0


@dataclass(frozen=True, slots=True)
class Quota:
    """The state of one quota owner.

    Attributes:
        day: the UTC day that `spent` counts, as ISO text.
        closed_until: no request before this: the source asked for a wait.
        opened_at: when the last such wait was over.
    """

    day: str = ""
    spent: int = 0
    closed_until: float = 0.0
    opened_at: float = 0.0
    windows: Mapping[str, Window] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a request may go.

    Attributes:
        wait_s: 0 where it may, and is counted.
        is_asked: the source asked for the wait; else it is our own pace.
        is_spent: the day's budget is.
    """

    wait_s: float = 0.0
    is_asked: bool = False
    is_spent: bool = False


def read_quota(stored: Mapping[str, Any]) -> Quota:
    """A state as it was stored; what another version stored is forgotten rather than misread."""
    try:
        windows = {
            name: Window(**{**window, "taken": tuple(window["taken"])})
            for name, window in stored.get("windows", {}).items()
        }
        return Quota(**{**stored, "windows": windows})
    except (TypeError, KeyError, AttributeError):
        return Quota()


def stored_quota(quota: Quota) -> dict[str, Any]:
    """As JSON."""
    return asdict(quota)


def admit(
    quota: Quota, buckets: Sequence[Bucket], cost: CostClass, now: datetime, per_day: int
) -> tuple[Quota, Verdict]:
    """Let a request go and count it, or say how long it must wait. Nothing is counted for a wait."""
    at, today = now.timestamp(), now.astimezone(UTC).date().isoformat()
    spent = quota.spent if quota.day == today else 0
    if spent >= per_day:
        return quota, Verdict(is_spent=True)
    if quota.closed_until > at:
        return quota, Verdict(quota.closed_until - at + MARGIN_S, is_asked=True)
    counted = {
        _key(bucket): (bucket, _grown(_window(quota, bucket, at), bucket, at))
        for bucket in buckets
        if bucket.cost in (None, cost)
    }
    wait_s = max((_wait_s(window, bucket, at) for bucket, window in counted.values()), default=0.0)
    grown = {name: window for name, (_, window) in counted.items()}
    if wait_s > 0:
        return replace(quota, windows={**quota.windows, **grown}), Verdict(wait_s + MARGIN_S)
    taken = {
        name: replace(window, taken=(*window.taken, at), left=max(0, window.left - 1))
        for name, window in grown.items()
    }
    return replace(quota, day=today, spent=spent + 1, windows={**quota.windows, **taken}), Verdict()


def closed(quota: Quota, until: float) -> Quota:
    """No request before `until`, nor before what was asked for earlier."""
    return quota if until <= quota.closed_until else replace(quota, closed_until=until, opened_at=until)


def learn(quota: Quota, buckets: Sequence[Bucket], answer: Answer, now: datetime) -> Quota:
    """What an answer tells about the limits; a wait it asks for closes the quota."""
    at = now.timestamp()
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        quota = _refused(quota, buckets, answer, at)
    if answer.retry_after_s is not None:
        quota = closed(quota, at + answer.retry_after_s)
    return _told(quota, buckets, answer, at)


def _refused(quota: Quota, buckets: Sequence[Bucket], answer: Answer, at: float) -> Quota:
    """Shrink the bucket that was refused, if the wait is one of a bucket and not of a day."""
    bucket = _implicated(buckets, answer)
    if bucket is None:
        return quota
    window = _window(quota, bucket, at)
    # The refused one did not go through. What went before an earlier wait belongs to another window of the source.
    since = quota.opened_at if quota.opened_at <= at else 0.0
    through = sum(1 for taken in window.taken if taken >= since) - 1
    limit = max(1, min(through, window.limit or bucket.requests))
    hold_s = min(max(2 * window.hold_s, FIRST_HOLD * bucket.per_s), LONGEST_HOLD * bucket.per_s)
    shrunk = replace(window, limit=limit, hold_s=hold_s, grows_at=at + hold_s)
    quota = replace(quota, windows={**quota.windows, _key(bucket): shrunk})
    return quota if answer.retry_after_s is not None else closed(quota, at + _unnamed_wait_s(bucket, answer))


def _unnamed_wait_s(bucket: Bucket, answer: Answer) -> float:
    reset_s = _number(answer, "ratelimit-reset")
    return max(bucket.per_s if reset_s is None else min(float(reset_s), bucket.per_s), UNNAMED_WAIT_S)


def _told(quota: Quota, buckets: Sequence[Bucket], answer: Answer, at: float) -> Quota:
    """What `RateLimit-*` headers say of the bucket the request belongs to."""
    limit, left, reset_s = (_number(answer, f"ratelimit-{name}") for name in ("limit", "remaining", "reset"))
    bucket = _described(buckets, answer.cost)
    if bucket is None or (limit is None and (left is None or reset_s is None)):
        return quota
    window = _window(quota, bucket, at)
    if limit is not None:
        held = max(1, limit)
        window = (
            replace(window, limit=None, hold_s=0.0)
            if held >= bucket.requests
            else replace(window, limit=held, grows_at=at + FIRST_HOLD * bucket.per_s)
        )
    if left is not None and reset_s is not None:
        window = replace(window, left=left, left_until=at + min(float(reset_s), bucket.per_s))
    return replace(quota, windows={**quota.windows, _key(bucket): window})


def _key(bucket: Bucket) -> str:
    # As many digits as tell any two spans apart.
    return f"{bucket.cost or 'any'} in {bucket.per_s:.17g} s"


def _window(quota: Quota, bucket: Bucket, at: float) -> Window:
    """The bucket's window, without the requests that have left it.

    What a clock that was set back since put into the future counts as just now: no wait is longer than a span.
    """
    window = quota.windows.get(_key(bucket), Window())
    taken = tuple(min(taken, at) for taken in window.taken if taken > at - bucket.per_s)
    return replace(window, taken=taken, left_until=min(window.left_until, at + bucket.per_s))


def _grown(window: Window, bucket: Bucket, at: float) -> Window:
    """With a larger limit, where it is time to try one."""
    if window.limit is None or at < window.grows_at:
        return window
    larger = 2 * window.limit
    if larger >= bucket.requests:
        return replace(window, limit=None, grows_at=0.0)
    return replace(window, limit=larger, grows_at=at + window.hold_s)


def _wait_s(window: Window, bucket: Bucket, at: float) -> float:
    limit = min(window.limit or bucket.requests, bucket.requests)
    waits = [0.0]
    if len(window.taken) >= limit:
        waits.append(window.taken[-limit] + bucket.per_s - at)
    if window.left <= 0 and window.left_until > at:
        waits.append(window.left_until - at)
    return max(waits)


def _implicated(buckets: Sequence[Bucket], answer: Answer) -> Bucket | None:
    """The bucket a refusal is of: of the dearest class, and the shortest that may ask for such a wait."""
    wait_s = answer.retry_after_s
    if wait_s is None:
        return _described(buckets, answer.cost)
    fitting = [bucket for bucket in buckets if bucket.cost in (None, answer.cost) and wait_s <= bucket.per_s]
    return min(fitting, key=lambda bucket: (bucket.cost is None, bucket.per_s), default=None)


def _described(buckets: Sequence[Bucket], cost: CostClass) -> Bucket | None:
    """The bucket that headers are of: that of the request's own class, the longest."""
    fitting = [bucket for bucket in buckets if bucket.cost in (None, cost)]
    return max(fitting, key=lambda bucket: (bucket.cost is not None, bucket.per_s), default=None)


def _number(answer: Answer, header: str) -> int | None:
    """The whole number a header begins with; None without one."""
    found = re.match(r"\s*(\d{1,9})(?!\d)", answer.headers.get(header, ""))
    return int(found[1]) if found else None
