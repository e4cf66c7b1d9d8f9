"""The gate that every request to a source passes, so that a vendor's limits are kept: what it asks and is told."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

__all__ = ["Answer", "CostClass", "Gate"]


class CostClass(StrEnum):
    """What a request counts as, where a vendor limits kinds of requests apart."""

    NORMAL = "normal"
    HEAVY = "heavy"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, as far as limits are concerned.

    Attributes:
        endpoint: the path without its query.
        status: the HTTP status, or None where no complete answer came.
        retry_after_s: the wait the source asks for, if it does.
        headers: names in lower case.
        cost: what the request counted as.
    """

    endpoint: str
    status: int | None
    retry_after_s: float | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    cost: CostClass = CostClass.NORMAL


class Gate(Protocol):
    """What every request passes."""

    def admit(self, cost: CostClass, /) -> None:
        """Return when the request may go; may wait.

        Raises:
            RateLimitedError: it may not go for now.
        """
        ...

    def observe(self, answer: Answer, /) -> None:
        """Told of every admitted request's outcome."""
        ...
