"""Answers of language models: the cache, the cost ledger, and who is asking for what right now.

A question is claimed under its fingerprint before it is asked, so that whoever asks the same meanwhile waits for the
answer or for the end of the claim. An answer that was paid for is never thrown away: it counts what it cost even
where it came too late or was of no use. This module knows no provider; `ingestion/asking.py` makes responses of rows.
"""

import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from headway_pipeline.store.engine import Database
from headway_pipeline.store.leases import Lease
from headway_pipeline.store.statements import insert_into
from headway_pipeline.store.tables import model_answers

__all__ = [
    "Answers",
    "Claimed",
    "Exhausted",
    "MonthlyBudget",
    "NewAnswer",
    "OverBudget",
    "Pending",
    "Question",
    "StoredAnswer",
    "lock_spending",
    "spent_since",
    "sums_with",
    "values_of",
]

#: Answers of no use to one question before it needs a person to ask it again.
MOST_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Question:
    """What identifies a request, and whose it is.

    Attributes:
        message_id: the call it is about; its erasure takes the answer with it.
        price_usd: what the answer may cost at most; None where nobody knows.
    """

    workspace_id: uuid.UUID
    fingerprint: str
    stage: str
    provider: str
    model: str
    prompt_version: str
    message_id: uuid.UUID | None = None
    price_usd: float | None = None


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """An answer that was paid for."""

    text: str = field(repr=False)
    stop_reason: str
    answered_model: str
    request_id: str | None
    usage: Mapping[str, int | None]
    latency_ms: int


@dataclass(frozen=True, slots=True)
class NewAnswer:
    """An answer that has just come, with its price; None where that is not known."""

    answer: StoredAnswer
    cost_usd: float | None


@dataclass(frozen=True, slots=True)
class Claimed:
    """The question is the asker's to ask."""


@dataclass(frozen=True, slots=True)
class Pending:
    """Somebody else is asking.

    Attributes:
        until: when the claim ends by itself; None for a batch, which ends when it is done.
    """

    until: datetime | None


@dataclass(frozen=True, slots=True)
class Exhausted:
    """Every answer so far was of no use."""

    why: str


@dataclass(frozen=True, slots=True)
class OverBudget:
    """The answer might cost more than is left of the workspace's month.

    Attributes:
        spent_usd: since the month began, with what is being asked for.
    """

    spent_usd: float


@dataclass(frozen=True, slots=True)
class MonthlyBudget:
    """What a workspace may spend since `since`."""

    usd: float
    since: datetime


class Answers:
    """What models answered, what it cost, and what is being asked."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    def find(self, workspace_id: uuid.UUID, fingerprint: str) -> StoredAnswer | None:
        """The answer to a question, if there is one of use."""
        query = _row_of(workspace_id, fingerprint).where(model_answers.c.state == "answered")
        with self._database.reading() as connection:
            row = connection.execute(query).mappings().first()
        return None if row is None else _stored(row)

    def look(self, workspace_id: uuid.UUID, fingerprint: str) -> StoredAnswer | Pending | Exhausted | None:
        """The answer, or why the question may not be asked now; None where it may."""
        with self._database.reading() as connection:
            row = connection.execute(_row_of(workspace_id, fingerprint)).mappings().first()
        return None if row is None else self._standing(row)

    def claim(
        self, question: Question, owner: str, *, lasts_s: float, budget: MonthlyBudget | None = None
    ) -> StoredAnswer | Claimed | Pending | Exhausted | OverBudget:
        """The answer if it is there, else the right to ask for it, else why that may not be asked now.

        Args:
            owner: who asks, e.g. a run id.
            lasts_s: after this the claim is anybody's, unless it was extended.
            budget: refuses what might go beyond it; a question without a price is never within one.
        """
        found = self.find(question.workspace_id, question.fingerprint)
        if found is not None:
            return found
        with self._database.writing() as connection:
            if budget is not None:
                lock_spending(connection, self._database, question.workspace_id)
            self._make_row(connection, question)
            query = _row_of(question.workspace_id, question.fingerprint).with_for_update()
            row = connection.execute(query).mappings().one()
            standing = self._standing(row)
            if standing is not None:
                return standing
            if budget is not None:
                spent = spent_since(connection, question.workspace_id, budget.since, self._now())
                if question.price_usd is None or spent + question.price_usd > budget.usd:
                    return OverBudget(spent)
            connection.execute(
                _update_of(question.workspace_id, question.fingerprint).values(
                    state="claimed",
                    claimed_by=owner,
                    claimed_until=self._now() + timedelta(seconds=lasts_s),
                    reserved_usd=question.price_usd,
                    # A batch that did not answer it has nothing to do with it any more.
                    batch_id=None,
                )
            )
        return Claimed()

    def _make_row(self, connection: Connection, question: Question) -> None:
        """A row that nobody has claimed, if there is none."""
        made = insert_into(self._database, model_answers).values(
            workspace_id=question.workspace_id,
            fingerprint=question.fingerprint,
            stage=question.stage,
            provider=question.provider,
            model=question.model,
            prompt_version=question.prompt_version,
            message_id=question.message_id,
            state="failed",
        )
        connection.execute(made.on_conflict_do_nothing())

    def _standing(self, row: Mapping[Any, Any]) -> StoredAnswer | Pending | Exhausted | None:
        """What a row already says; None where it may be claimed."""
        if row["state"] == "answered":
            return _stored(row)
        if row["state"] == "claimed" and row["batch_id"] is not None:
            return Pending(None)
        if row["state"] == "claimed" and row["claimed_until"] > self._now():
            return Pending(row["claimed_until"])
        if row["state"] == "failed" and row["attempts"] >= MOST_ATTEMPTS:
            return Exhausted(row["last_error"] or "no answer was of use")
        return None

    def extend(self, workspace_id: uuid.UUID, fingerprint: str, owner: str, *, lasts_s: float) -> None:
        """Hold a claim for longer; one that somebody else took over stays theirs."""
        until = self._now() + timedelta(seconds=lasts_s)
        with self._database.writing() as connection:
            connection.execute(_claim_of(workspace_id, fingerprint, owner).values(claimed_until=until))

    def release(self, workspace_id: uuid.UUID, fingerprint: str, owner: str, why: str) -> None:
        """Give up a claim for which nothing was paid."""
        values = {"state": "failed", "last_error": why, "claimed_until": None, "reserved_usd": None}
        with self._database.writing() as connection:
            connection.execute(_claim_of(workspace_id, fingerprint, owner).values(**values))

    def release_others(self, lease: Lease) -> int:
        """Free the workspace's claims that a run left behind: who holds the lease knows that it is at work no more.

        Returns:
            How many there were. Batches keep theirs.
        """
        table = model_answers.c
        statement = model_answers.update().where(
            table.workspace_id == lease.workspace_id,
            table.state == "claimed",
            table.batch_id.is_(None),
            table.claimed_by != lease.owner,
        )
        values = {"state": "failed", "claimed_until": None, "reserved_usd": None}
        values["last_error"] = "the run that asked ended before the answer came"
        with self._database.writing() as connection:
            return connection.execute(statement.values(**values)).rowcount

    def record(self, question: Question, new: NewAnswer) -> None:
        """Keep an answer, and what it cost, whoever has claimed the question meanwhile.

        An answer that stands already keeps its text; the later one only adds what it cost.
        """
        kept, counted = values_of(new, self._now()), sums_with(new)
        table = model_answers.c
        row = _update_of(question.workspace_id, question.fingerprint)
        with self._database.writing() as connection:
            self._make_row(connection, question)
            is_first = connection.execute(row.where(table.state != "answered").values(**kept, **counted)).rowcount
            if not is_first:
                connection.execute(row.values(**counted))

    def disown(self, workspace_id: uuid.UUID, fingerprint: str, why: str) -> None:
        """An answer is of no use; it may be asked for again, `MOST_ATTEMPTS` times in all."""
        statement = _update_of(workspace_id, fingerprint).where(model_answers.c.state == "answered")
        with self._database.writing() as connection:
            connection.execute(statement.values(state="failed", last_error=why))

    def allow_again(self, workspace_id: uuid.UUID, message_ids: Collection[uuid.UUID]) -> None:
        """Let questions about these calls be asked again whose answers were of no use."""
        table = model_answers.c
        statement = model_answers.update().where(
            table.workspace_id == workspace_id, table.message_id.in_(message_ids), table.state == "failed"
        )
        with self._database.writing() as connection:
            # One attempt stays counted where there was one, so that its cost is added to.
            connection.execute(statement.values(attempts=sa.case((table.attempts > 0, 1), else_=0)))

    def spent_usd(self, workspace_id: uuid.UUID, since: datetime) -> float:
        """What counts against the workspace's budget since then, with what is being asked for."""
        with self._database.reading() as connection:
            return spent_since(connection, workspace_id, since, self._now())


def spent_since(connection: Connection, workspace_id: uuid.UUID, since: datetime, now: datetime) -> float:
    """What answers cost since then, or may have cost, and what those being asked for may cost."""
    table = model_answers.c
    cost = sa.func.coalesce(table.cost_usd, table.reserved_usd, 0.0)
    paid = sa.select(sa.func.coalesce(sa.func.sum(cost), 0.0)).where(
        table.workspace_id == workspace_id, table.answered_at >= since
    )
    asked = sa.select(sa.func.coalesce(sa.func.sum(table.reserved_usd), 0.0)).where(
        table.workspace_id == workspace_id,
        table.state == "claimed",
        sa.or_(table.batch_id.is_not(None), table.claimed_until > now),
    )
    return float(connection.execute(paid).scalar_one()) + float(connection.execute(asked).scalar_one())


def lock_spending(connection: Connection, database: Database, workspace_id: uuid.UUID) -> None:
    """One look at the workspace's budget at a time; SQLite has one writer anyway."""
    if not database.is_sqlite:
        key = workspace_id.int & 0x7FFF_FFFF_FFFF_FFFF
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(key)))


def values_of(new: NewAnswer, now: datetime) -> dict[str, Any]:
    """What a row holds once its question is answered."""
    answer = new.answer
    return {
        "state": "answered",
        "claimed_until": None,
        # Where nobody knows what it cost, what it may have cost goes on counting against a budget.
        **({} if new.cost_usd is None else {"reserved_usd": None}),
        "raw_text": answer.text,
        "stop_reason": answer.stop_reason,
        "answered_model": answer.answered_model,
        "request_id": answer.request_id,
        "usage": dict(answer.usage),
        "latency_ms": answer.latency_ms,
        "last_error": None,
        "answered_at": now,
    }


def sums_with(new: NewAnswer) -> dict[str, Any]:
    """What a row's answers took together, with one more."""
    table, usage = model_answers.c, new.answer.usage
    return {
        "attempts": table.attempts + 1,
        "input_tokens": _sum(table.input_tokens, usage.get("input_tokens")),
        "output_tokens": _sum(table.output_tokens, usage.get("output_tokens")),
        # A price that is not known leaves the sum not known.
        "cost_usd": sa.case(
            (table.attempts == 0, sa.literal(new.cost_usd, sa.Float)),
            else_=table.cost_usd + sa.literal(new.cost_usd, sa.Float),
        ),
    }


def _row_of(workspace_id: uuid.UUID, fingerprint: str) -> sa.Select[Any]:
    table = model_answers.c
    return sa.select(model_answers).where(table.workspace_id == workspace_id, table.fingerprint == fingerprint)


def _update_of(workspace_id: uuid.UUID, fingerprint: str) -> sa.Update:
    table = model_answers.c
    return model_answers.update().where(table.workspace_id == workspace_id, table.fingerprint == fingerprint)


def _claim_of(workspace_id: uuid.UUID, fingerprint: str, owner: str) -> sa.Update:
    table = model_answers.c
    return _update_of(workspace_id, fingerprint).where(table.state == "claimed", table.claimed_by == owner)


def _sum(column: sa.ColumnElement[Any], added: int | None) -> sa.ColumnElement[Any]:
    """The column's value and `added`; what was not counted counts nothing."""
    return column if added is None else sa.func.coalesce(column, 0) + added


def _stored(row: Mapping[Any, Any]) -> StoredAnswer:
    return StoredAnswer(
        text=row["raw_text"],
        stop_reason=row["stop_reason"],
        answered_model=row["answered_model"],
        request_id=row["request_id"],
        usage=dict(row["usage"] or {}),
        latency_ms=row["latency_ms"] or 0,
    )
