"""What is left of sources' limits, and how many requests were made of them.

A request is counted before it is made, and its answer before it is used: a process that is killed counts one request
too many, never one too few.
"""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from headway_pipeline.store.engine import Database
from headway_pipeline.store.statements import insert_into
from headway_pipeline.store.tables import source_quotas, source_requests

__all__ = ["Quotas", "RequestMade"]

Result = TypeVar("Result")
#: What the column holds.
ENDPOINT_CHARS = 120
#: From the state as it is stored to the one to store, and what the caller wants to know.
Decide = Callable[[Mapping[str, Any]], tuple[Mapping[str, Any], Result]]


@dataclass(frozen=True, slots=True)
class RequestMade:
    """An answered request, to be counted.

    Attributes:
        status: the HTTP status; 0 for no answer.
    """

    workspace_id: uuid.UUID
    connector_id: uuid.UUID
    day: date
    endpoint: str
    status: int


class Quotas:
    """The states of quota owners, changed by one process at a time."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    def change(self, owner: str, decide: Decide[Result], *, made: RequestMade | None = None) -> Result:
        """Give the owner's state to `decide` and store what it makes of it, in one transaction.

        Args:
            made: counted in the same transaction.
        """
        with self._database.writing() as connection:
            before = self._locked(connection, owner)
            after, result = decide(before)
            if after != before:
                row = source_quotas.update().where(source_quotas.c.owner == owner)
                connection.execute(row.values(state=dict(after), updated_at=self._now()))
            if made is not None:
                self._count(connection, made)
        return result

    def _locked(self, connection: Connection, owner: str) -> Mapping[str, Any]:
        query = sa.select(source_quotas.c.state).where(source_quotas.c.owner == owner).with_for_update()
        row = connection.execute(query).first()
        if row is None:
            made = insert_into(self._database, source_quotas).values(owner=owner, state={})
            connection.execute(made.on_conflict_do_nothing())
            row = connection.execute(query).one()
        state: Mapping[str, Any] = row.state
        return state

    def _count(self, connection: Connection, made: RequestMade) -> None:
        statement = insert_into(self._database, source_requests).values(
            workspace_id=made.workspace_id,
            connector_id=made.connector_id,
            day=made.day,
            endpoint=made.endpoint[:ENDPOINT_CHARS],
            status=made.status,
            count=1,
        )
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["connector_id", "day", "endpoint", "status"],
                set_={"count": source_requests.c.count + 1},
            )
        )

    def requests_on(self, connector_id: uuid.UUID, day: date) -> int:
        """Answered requests of a connector on a UTC day."""
        query = sa.select(sa.func.coalesce(sa.func.sum(source_requests.c.count), 0)).where(
            source_requests.c.connector_id == connector_id, source_requests.c.day == day
        )
        with self._database.reading() as connection:
            return int(connection.execute(query).scalar_one())
