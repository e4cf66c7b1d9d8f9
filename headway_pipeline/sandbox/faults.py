"""Things that go wrong on purpose: by a plan that is the same for the same seed, or at a certain request."""

import random
import threading
from collections import Counter
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from email.utils import format_datetime
from enum import Enum

from headway_pipeline.sandbox.exchange import Reply, Request, Spoil, html_reply, json_reply

__all__ = ["FaultKind", "FaultPlan", "Faults", "ScriptedFault"]

GATEWAY_PAGE = "<!doctype html><html><head><title>502 Bad Gateway</title></head><body><h1>502</h1></body></html>"


class FaultKind(Enum):
    """The ways in which a request fails in practice."""

    RATE_LIMITED = "429, Retry-After in seconds"
    RATE_LIMITED_UNTIL = "429, Retry-After as an HTTP date"
    SERVER_ERROR = "500"
    BAD_GATEWAY = "502, a web page"
    UNAVAILABLE = "503"
    RESET = "connection reset in the middle of the body"
    TRUNCATED = "half of the JSON, and no sign of it"
    STALL = "no answer for a long time"
    SLOW = "the body trickles in"


@dataclass(frozen=True, slots=True)
class Faults:
    """Makes faults of each kind.

    Attributes:
        clock: the sandbox's; HTTP dates are told by it.
        retry_after_s: whole seconds a 429 asks to wait.
        stall_s: real seconds of silence before the true answer.
        slow_s: real seconds over which a body trickles.
    """

    clock: Callable[[], datetime]
    retry_after_s: int = 2
    stall_s: float = 60.0
    slow_s: float = 0.5

    def of(self, kind: FaultKind) -> Reply | Spoil:
        """The reply, or what spoils the true one."""
        match kind:
            case FaultKind.RATE_LIMITED:
                return _refusal(429, {"Retry-After": str(self.retry_after_s)})
            case FaultKind.RATE_LIMITED_UNTIL:
                until = self.clock() + timedelta(seconds=self.retry_after_s)
                return _refusal(429, {"Retry-After": format_datetime(until, usegmt=True)})
            case FaultKind.SERVER_ERROR:
                return _refusal(500)
            case FaultKind.BAD_GATEWAY:
                return html_reply(502, GATEWAY_PAGE)
            case FaultKind.UNAVAILABLE:
                return _refusal(503)
            case FaultKind.RESET:
                return lambda reply: replace(reply, cut_after=len(reply.body) // 2)
            case FaultKind.TRUNCATED:
                return lambda reply: replace(reply, body=reply.body[: len(reply.body) // 2])
            case FaultKind.STALL:
                return lambda reply: replace(reply, wait_s=self.stall_s)
            case FaultKind.SLOW:
                return lambda reply: replace(reply, trickle_s=self.slow_s)


def _refusal(status: int, headers: dict[str, str] | None = None) -> Reply:
    """An error body that both APIs' clients can read."""
    words = f"the sandbox answers {status} on purpose"
    return json_reply(status, {"requestId": "sandbox-fault", "errors": [words], "error": words}, headers)


class FaultPlan:
    """Lets a share of all requests fail, in every way of `kinds` equally often; add it to `Sandbox.faults`.

    Which requests fail depends on the seed and on their order alone.

    Args:
        faults: how to fail.
        seed: another one is another plan.
        share: of requests that fail, from 0 to 1.
        kinds: the ways to fail.
        is_concerned: leave out requests it is false for.

    Attributes:
        happened: how often each kind did.
    """

    def __init__(
        self,
        faults: Faults,
        *,
        seed: int,
        share: float = 0.05,
        kinds: Sequence[FaultKind] = tuple(FaultKind),
        is_concerned: Callable[[Request], bool] = lambda request: not request.path.startswith("/call"),
    ) -> None:
        self._faults = faults
        self._random = random.Random(seed)  # noqa: S311  # a plan is to be repeated, not to be secret
        self._share = share
        self._kinds = tuple(kinds)
        self._deck: list[FaultKind] = []
        self._is_concerned = is_concerned
        self._lock = threading.Lock()
        self.happened: Counter[FaultKind] = Counter()

    def __call__(self, request: Request, /) -> Reply | Spoil | None:
        """A fault, for some requests."""
        if not self._is_concerned(request):
            return None
        with self._lock:
            if self._random.random() >= self._share:
                return None
            if not self._deck:
                self._deck = self._random.sample(self._kinds, len(self._kinds))
            kind = self._deck.pop()
            self.happened[kind] += 1
        return self._faults.of(kind)


class ScriptedFault:
    """Lets certain requests to one address fail, counted from 1: "the 3rd listing request answers 500".

    Args:
        outcome: the reply, or what spoils the true one.
        path: the address, without the query.
        numbers: which requests to it, e.g. `{3}` or `range(2, 5)`.
    """

    def __init__(self, outcome: Reply | Spoil, *, path: str, numbers: Container[int]) -> None:
        self._outcome = outcome
        self._path = path
        self._numbers = numbers
        self._lock = threading.Lock()
        self._count = 0

    def __call__(self, request: Request, /) -> Reply | Spoil | None:
        """The outcome, if it is this request's turn."""
        if request.path != self._path:
            return None
        with self._lock:
            self._count += 1
            return self._outcome if self._count in self._numbers else None
