"""Work that was asked for over the API: written down first, so that it is done whether or not Dagster runs now."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from headway_pipeline.model.errors import UnknownThingError
from headway_pipeline.store.engine import Database
from headway_pipeline.store.statements import newest_first
from headway_pipeline.store.tables import ingest_requests, workspaces

__all__ = ["IngestRequestRow", "IngestRequests"]

#: How long whoever wrote a request down may try to start its run alone; the sensor takes it afterwards. Longer than
#: any try: a webserver that did not answer in time may have started the run all the same, a little later.
CLAIM = timedelta(minutes=3)


@dataclass(frozen=True, slots=True)
class IngestRequestRow:
    """A request for the calls of a workspace's days.

    Attributes:
        since: first UTC day.
        until: last UTC day, included.
        max_calls: transcribe and read at most this many, newest first; None for all.
        run_id: Dagster's id of the run that does it; None while it waits.
    """

    id: uuid.UUID
    workspace_id: uuid.UUID
    slug: str
    since: date
    until: date
    connector_type: str | None
    max_calls: int | None
    requested_by: str
    created_at: datetime
    run_id: str | None


class IngestRequests:
    """Requests, and which run does each."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    def add(
        self,
        workspace_id: uuid.UUID,
        since: date,
        until: date,
        *,
        requested_by: str,
        connector_type: str | None = None,
        max_calls: int | None = None,
    ) -> IngestRequestRow:
        """Write one down, claimed by the caller for a while."""
        now = self._now()
        key = uuid.uuid4()
        with self._database.writing() as connection:
            connection.execute(
                ingest_requests.insert().values(
                    id=key,
                    workspace_id=workspace_id,
                    since=since,
                    until=until,
                    connector_type=connector_type,
                    max_calls=max_calls,
                    requested_by=requested_by,
                    created_at=now,
                    claimed_until=now + CLAIM,
                )
            )
        return self.find(workspace_id, key)

    def record_run(self, workspace_id: uuid.UUID, request_id: uuid.UUID, run_id: str) -> None:
        """Note which run does it; the first one that is noted stays."""
        table = ingest_requests
        is_meant = sa.and_(table.c.workspace_id == workspace_id, table.c.id == request_id, table.c.run_id.is_(None))
        with self._database.writing() as connection:
            connection.execute(table.update().where(is_meant).values(run_id=run_id, claimed_until=None))

    def find(self, workspace_id: uuid.UUID, request_id: uuid.UUID) -> IngestRequestRow:
        """By id.

        Raises:
            UnknownThingError: the workspace has no such request.
        """
        table = ingest_requests
        query = _rows().where(table.c.workspace_id == workspace_id, table.c.id == request_id)
        with self._database.reading() as connection:
            row = connection.execute(query).mappings().first()
        if row is None:
            raise UnknownThingError("there is no such request for an ingest", "list those there are")
        return _request(row)

    def list(
        self, workspace_id: uuid.UUID, *, before: tuple[datetime, uuid.UUID] | None = None, limit: int = 50
    ) -> "list[IngestRequestRow]":
        """The workspace's requests, newest first.

        Args:
            before: only those after this one in that order: the time and id of the last one seen.
        """
        table = ingest_requests
        query = _rows().where(table.c.workspace_id == workspace_id)
        query = newest_first(query, table.c.created_at, table.c.id, before).limit(limit)
        with self._database.reading() as connection:
            return [_request(row) for row in connection.execute(query).mappings()]

    def waiting(self) -> Sequence[IngestRequestRow]:
        """Requests of all active workspaces that no run does and nobody has claimed, oldest first."""
        table = ingest_requests
        is_free = sa.or_(table.c.claimed_until.is_(None), table.c.claimed_until <= self._now())
        query = _rows().where(table.c.run_id.is_(None), is_free, workspaces.c.is_active)
        with self._database.reading() as connection:
            return [_request(row) for row in connection.execute(query.order_by(table.c.created_at)).mappings()]


def _rows() -> sa.Select[Any]:
    joined = ingest_requests.join(workspaces, workspaces.c.id == ingest_requests.c.workspace_id)
    return sa.select(ingest_requests, workspaces.c.slug).select_from(joined)


def _request(row: Mapping[Any, Any]) -> IngestRequestRow:
    return IngestRequestRow(**{name: row[name] for name in IngestRequestRow.__slots__})
