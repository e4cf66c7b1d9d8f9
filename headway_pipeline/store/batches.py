"""Batches of questions on their way through a provider, from the claim of their questions to their last answer.

A batch is prepared (its questions claimed, in one transaction) before it is handed in, so that nobody asks them
meanwhile and a crash in between is noticed. Every answer lands once, whoever brings it. Requests themselves are not
stored: what a provider never got is asked anew by whoever reads the calls next.
"""

import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from headway_pipeline.model.ledger import MessageState, ReasonCode
from headway_pipeline.store.answers import (
    MOST_ATTEMPTS,
    MonthlyBudget,
    NewAnswer,
    Question,
    lock_spending,
    spent_since,
    sums_with,
    values_of,
)
from headway_pipeline.store.engine import Database
from headway_pipeline.store.statements import has_reason, insert_into
from headway_pipeline.store.tables import messages, model_answers, model_batches, workspaces

__all__ = ["Batch", "BatchDays", "Batches", "Prepared", "ReadyDays"]

#: Databases bound how many values a statement may name.
AT_ONCE = 500
OPEN = ("prepared", "submitted")


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch that has not come to its end.

    Attributes:
        external_id: the provider's id of it; None until the provider is known to have it.
        prepared_at: when its questions were claimed.
    """

    id: uuid.UUID
    workspace_id: uuid.UUID
    slug: str
    provider: str
    model: str
    external_id: str | None
    prepared_at: datetime
    request_count: int


@dataclass(frozen=True, slots=True)
class Prepared:
    """A batch about to be handed in.

    Attributes:
        fingerprints: the questions it holds; the others were answered or claimed meanwhile, or are too dear.
        over_budget: how many the budget left no room for.
    """

    id: uuid.UUID
    prepared_at: datetime
    fingerprints: frozenset[str]
    over_budget: int


@dataclass(frozen=True, slots=True)
class ReadyDays:
    """A workspace with calls that may be read on, and the days they lie between."""

    slug: str
    first: date
    last: date


@dataclass(frozen=True, slots=True)
class BatchDays:
    """Where the calls of a finished batch are."""

    id: uuid.UUID
    slug: str
    first: date
    last: date


class Batches:
    """What is on its way in batches."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    def prepare(self, questions: Sequence[Question], *, budget: MonthlyBudget | None = None) -> Prepared | None:
        """Claim the questions for a new batch, as many as nobody has claimed or answered and the budget allows.

        Args:
            questions: of one workspace, provider and model, each once.

        Returns:
            The batch; None where no question is left for it.
        """
        first, now, batch_id = questions[0], self._now(), uuid.uuid4()
        with self._database.writing() as connection:
            lock_spending(connection, self._database, first.workspace_id)
            affordable = _within(connection, questions, budget, now)
            self._insert(connection, batch_id, first, now)
            claimed = self._claim(connection, batch_id, affordable, now)
            if not claimed:
                connection.execute(model_batches.delete().where(model_batches.c.id == batch_id))
                return None
            connection.execute(_one(batch_id).values(request_count=len(claimed)))
        return Prepared(batch_id, now, frozenset(claimed), len(questions) - len(affordable))

    def _insert(self, connection: Connection, batch_id: uuid.UUID, first: Question, now: datetime) -> None:
        connection.execute(
            model_batches.insert().values(
                id=batch_id,
                workspace_id=first.workspace_id,
                provider=first.provider,
                model=first.model,
                state="prepared",
                created_at=now,
                updated_at=now,
            )
        )

    def _claim(
        self, connection: Connection, batch_id: uuid.UUID, questions: Sequence[Question], now: datetime
    ) -> list[str]:
        """Claim what may be claimed; returns the fingerprints."""
        table = model_answers.c
        rows = [
            {
                "workspace_id": question.workspace_id,
                "fingerprint": question.fingerprint,
                "stage": question.stage,
                "provider": question.provider,
                "model": question.model,
                "prompt_version": question.prompt_version,
                "message_id": question.message_id,
                "state": "failed",
            }
            for question in questions
        ]
        if rows:
            connection.execute(insert_into(self._database, model_answers).on_conflict_do_nothing(), rows)
        is_free = sa.or_(
            sa.and_(table.state == "failed", table.attempts < MOST_ATTEMPTS),
            sa.and_(table.state == "claimed", table.batch_id.is_(None), table.claimed_until <= now),
        )
        claimed: list[str] = []
        for some in _some([question.fingerprint for question in questions]):
            statement = model_answers.update().where(
                table.workspace_id == questions[0].workspace_id, table.fingerprint.in_(some), is_free
            )
            values = {"state": "claimed", "claimed_by": f"batch {batch_id}", "claimed_until": None}
            returned = statement.values(**values, batch_id=batch_id).returning(table.fingerprint)
            claimed += connection.execute(returned).scalars()
        self._reserve(connection, [question for question in questions if question.fingerprint in set(claimed)])
        return claimed

    def _reserve(self, connection: Connection, questions: Sequence[Question]) -> None:
        """Set aside what the answers may cost."""
        prices: dict[float | None, list[str]] = {}
        for question in questions:
            prices.setdefault(question.price_usd, []).append(question.fingerprint)
        for price, fingerprints in prices.items():
            for some in _some(fingerprints):
                statement = model_answers.update().where(
                    model_answers.c.workspace_id == questions[0].workspace_id, model_answers.c.fingerprint.in_(some)
                )
                connection.execute(statement.values(reserved_usd=price))

    def submitted(self, batch_id: uuid.UUID, external_id: str) -> bool:
        """The provider has the batch under that id; False where it was given up meanwhile."""
        values = {"state": "submitted", "external_id": external_id, "last_error": None}
        statement = _one(batch_id).where(model_batches.c.state == "prepared")
        with self._database.writing() as connection:
            at = self._now()
            changed = connection.execute(statement.values(**values, submitted_at=at, updated_at=at)).rowcount
        return bool(changed)

    def note(self, batch_id: uuid.UUID, words: str) -> None:
        """Say why the batch is not further."""
        with self._database.writing() as connection:
            connection.execute(_one(batch_id).values(last_error=words, updated_at=self._now()))

    def open(self) -> list[Batch]:
        """Every batch of any workspace that has not come to its end, oldest first."""
        query = (
            sa.select(model_batches, workspaces.c.slug)
            .join(workspaces, workspaces.c.id == model_batches.c.workspace_id)
            .where(model_batches.c.state.in_(OPEN))
            .order_by(model_batches.c.created_at, model_batches.c.id)
        )
        with self._database.reading() as connection:
            rows = connection.execute(query).mappings().all()
        return [
            Batch(
                id=row["id"],
                workspace_id=row["workspace_id"],
                slug=row["slug"],
                provider=row["provider"],
                model=row["model"],
                external_id=row["external_id"],
                prepared_at=row["created_at"],
                request_count=row["request_count"],
            )
            for row in rows
        ]

    def known_external_ids(self, provider: str) -> frozenset[str]:
        """The provider's ids of all batches that were ever handed in and whose id was learned."""
        query = sa.select(model_batches.c.external_id).where(
            model_batches.c.provider == provider, model_batches.c.external_id.is_not(None)
        )
        with self._database.reading() as connection:
            return frozenset(connection.execute(query).scalars())

    def fingerprints(self, batch: Batch) -> frozenset[str]:
        """The questions that still wait for this batch."""
        with self._database.reading() as connection:
            query = sa.select(model_answers.c.fingerprint).where(*_waiting(batch.workspace_id, batch.id))
            return frozenset(connection.execute(query).scalars())

    def land(self, batch: Batch, fingerprint: str, new: NewAnswer) -> bool:
        """Keep an answer that the batch brought, and what it cost; landing it again changes nothing.

        Returns:
            False where the question does not wait for the batch any more, or its call is gone.
        """
        statement = model_answers.update().where(
            *_waiting(batch.workspace_id, batch.id), model_answers.c.fingerprint == fingerprint
        )
        values = values_of(new, self._now()) | sums_with(new)
        with self._database.writing() as connection:
            return bool(connection.execute(statement.values(**values)).rowcount)

    def unanswered(self, batch: Batch, fingerprint: str, words: str, *, is_final: bool) -> None:
        """The batch brings no answer to this question, which may be asked anew.

        Args:
            is_final: asking the same would fail the same; it counts as an attempt, so that it ends.
        """
        statement = model_answers.update().where(
            *_waiting(batch.workspace_id, batch.id), model_answers.c.fingerprint == fingerprint
        )
        values = _freed(words)
        if is_final:
            # Nothing was paid for it; a price that was not known before stays so.
            is_first = model_answers.c.attempts == 0
            values |= {
                "attempts": model_answers.c.attempts + 1,
                "cost_usd": sa.case((is_first, sa.literal(0.0, sa.Float)), else_=model_answers.c.cost_usd),
            }
        with self._database.writing() as connection:
            connection.execute(statement.values(**values))

    def end(self, batch_id: uuid.UUID, state: str, words: str | None = None) -> int:
        """The batch is over; questions that still wait for it may be asked anew.

        Args:
            state: "finished", "failed" or "cancelled".

        Returns:
            How many questions were left without an answer.
        """
        now = self._now()
        freed = model_answers.update().where(model_answers.c.batch_id == batch_id, model_answers.c.state == "claimed")
        with self._database.writing() as connection:
            ended = _one(batch_id).where(model_batches.c.state.in_(OPEN))
            values = {"state": state, "last_error": words, "finished_at": now, "updated_at": now}
            if not connection.execute(ended.values(**values)).rowcount:
                return 0
            return connection.execute(freed.values(**_freed(words or "the batch brought no answer"))).rowcount

    def finished_since(self, since: datetime) -> list[BatchDays]:
        """The batches that came to any end since then, with the days of the calls they were about, oldest first."""
        query = (
            sa.select(
                model_batches.c.id,
                workspaces.c.slug,
                sa.func.min(messages.c.occurred_at).label("first"),
                sa.func.max(messages.c.occurred_at).label("last"),
            )
            .join(workspaces, workspaces.c.id == model_batches.c.workspace_id)
            .join(model_answers, model_answers.c.batch_id == model_batches.c.id)
            .join(messages, messages.c.id == model_answers.c.message_id)
            .where(model_batches.c.state.not_in(OPEN), model_batches.c.finished_at >= since)
            .group_by(model_batches.c.id, workspaces.c.slug, model_batches.c.finished_at)
            .order_by(model_batches.c.finished_at, model_batches.c.id)
        )
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        return [BatchDays(row.id, row.slug, row.first.date(), row.last.date()) for row in rows]

    def ready_to_go_on(self) -> list[ReadyDays]:
        """Workspaces and days of calls that wait for an answer nobody is asking for any more.

        Calls that ask the same share one question, which names one of them; so a workspace has none while any of its
        batches is open.
        """
        is_open = sa.exists().where(
            model_batches.c.workspace_id == messages.c.workspace_id, model_batches.c.state.in_(OPEN)
        )
        live = sa.exists().where(
            model_answers.c.message_id == messages.c.id,
            model_answers.c.state == "claimed",
            sa.or_(model_answers.c.batch_id.is_not(None), model_answers.c.claimed_until > self._now()),
        )
        query = (
            sa.select(
                workspaces.c.slug,
                sa.func.min(messages.c.occurred_at).label("first"),
                sa.func.max(messages.c.occurred_at).label("last"),
            )
            .join(workspaces, workspaces.c.id == messages.c.workspace_id)
            .where(workspaces.c.is_active, _awaits_an_answer(), ~live, ~is_open)
            .group_by(workspaces.c.slug)
            .order_by(workspaces.c.slug)
        )
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        return [ReadyDays(row.slug, row.first.date(), row.last.date()) for row in rows]


def _awaits_an_answer() -> sa.ColumnElement[bool]:
    """Written so that the indexes of `messages` are read, not all of its rows."""
    table = messages.c
    on_its_way = sa.or_(
        table.state == MessageState.TRANSCRIBED.value,
        # As the index `ix_messages_unfiled` is written.
        sa.and_(table.state == sa.literal_column("'analysed'"), table.reason.is_not(None)),
    )
    return sa.and_(on_its_way, has_reason(ReasonCode.ANSWER_PENDING))


def _within(
    connection: Connection, questions: Sequence[Question], budget: MonthlyBudget | None, now: datetime
) -> list[Question]:
    """The questions, from the first on, that the budget has room for; one without a price never fits into any."""
    if budget is None:
        return list(questions)
    left = budget.usd - spent_since(connection, questions[0].workspace_id, budget.since, now)
    fitting = []
    for question in questions:
        if question.price_usd is None or question.price_usd > left:
            break
        left -= question.price_usd
        fitting.append(question)
    return fitting


def _some(fingerprints: Sequence[str]) -> Iterator[Sequence[str]]:
    return (fingerprints[start : start + AT_ONCE] for start in range(0, len(fingerprints), AT_ONCE))


def _one(batch_id: uuid.UUID) -> sa.Update:
    return model_batches.update().where(model_batches.c.id == batch_id)


def _waiting(workspace_id: uuid.UUID, batch_id: uuid.UUID) -> tuple[sa.ColumnElement[bool], ...]:
    table = model_answers.c
    return (table.workspace_id == workspace_id, table.batch_id == batch_id, table.state == "claimed")


def _freed(words: str) -> dict[str, object]:
    return {"state": "failed", "claimed_until": None, "reserved_usd": None, "last_error": words}
