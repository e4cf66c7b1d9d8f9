"""Batches of either API: they run for a while by the clock, then hold an outcome for each of their requests."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from headway_pipeline.sandbox.models.model import LocalModel

__all__ = ["Batch", "BatchRow", "Batches", "Fate"]


class Fate(StrEnum):
    """What became of a request."""

    WAITING = "waiting"
    ANSWERED = "answered"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


@dataclass(slots=True)
class BatchRow:
    """One request of a batch.

    Attributes:
        outcome: the answer, or the error, in the API's own form.
    """

    custom_id: str
    params: dict[str, Any]
    fate: Fate = Fate.WAITING
    outcome: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Batch:
    """A batch handed in."""

    id: str
    rows: list[BatchRow]
    created_at: datetime
    metadata: dict[str, str] = field(default_factory=dict)
    input_file_id: str = ""
    endpoint: str = ""
    cancelled_at: datetime | None = None
    is_ended: bool = False
    has_files: bool = False

    def count(self, fate: Fate) -> int:
        """How many of its requests came to that."""
        return sum(row.fate is fate for row in self.rows)


#: Answers one request in the API's own form: what is said, and whether it failed.
Answering = Callable[[dict[str, Any]], tuple[dict[str, Any], bool]]


class Batches:
    """The batches of one API."""

    def __init__(self, model: LocalModel, prefix: str, answering: Answering) -> None:
        self._model = model
        self._prefix = prefix
        self._answering = answering
        self._lock = threading.Lock()
        self._held: dict[str, Batch] = {}
        self._made = 0

    def add(self, rows: Sequence[BatchRow], **more: Any) -> Batch:
        """Take a batch in."""
        with self._lock:
            self._made += 1
            batch = Batch(f"{self._prefix}_{self._made:06}", list(rows), self._model.clock(), **more)
            self._held[batch.id] = batch
            return batch

    def find(self, batch_id: str) -> Batch | None:
        """The batch as it is now."""
        with self._lock:
            batch = self._held.get(batch_id)
            if batch is not None:
                self._advance(batch)
            return batch

    def newest_first(self) -> list[Batch]:
        """Every batch as it is now."""
        with self._lock:
            for batch in self._held.values():
                self._advance(batch)
            return list(self._held.values())[::-1]

    def cancel(self, batch: Batch) -> None:
        """Begin no more of its requests; those done so far stay done."""
        with self._lock:
            if not batch.is_ended and batch.cancelled_at is None:
                self._advance(batch)
                batch.cancelled_at = self._model.clock()

    def remove(self, batch: Batch) -> None:
        """Forget it."""
        with self._lock:
            self._held.pop(batch.id, None)

    def _advance(self, batch: Batch) -> None:
        """Do what the time that passed allows: the requests in their order, evenly over the batch's time."""
        if batch.is_ended:
            return
        span = self._model.rules.batch_time
        until = batch.cancelled_at or self._model.clock()
        share = 1.0 if not span else min((until - batch.created_at) / span, 1.0)
        for number, row in enumerate(batch.rows[: int(len(batch.rows) * share)], start=1):
            if row.fate is Fate.WAITING:
                self._settle(row, number)
        if batch.cancelled_at is not None:
            for row in batch.rows:
                row.fate = Fate.CANCELLED if row.fate is Fate.WAITING else row.fate
        batch.is_ended = batch.count(Fate.WAITING) == 0

    def _settle(self, row: BatchRow, number: int) -> None:
        rules = self._model.rules
        if rules.expires_every and number % rules.expires_every == 0:
            row.fate = Fate.EXPIRED
        elif rules.fails_every and number % rules.fails_every == 0:
            row.fate = Fate.FAILED
        else:
            row.outcome, has_failed = self._answering(row.params)
            row.fate = Fate.FAILED if has_failed else Fate.ANSWERED
