"""Hints that something happened at a source: kept once each, until what they ask for was asked for."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from headway_pipeline.model.identity import derived_id
from headway_pipeline.model.workspaces import Connector
from headway_pipeline.store.engine import Database
from headway_pipeline.store.statements import insert_into
from headway_pipeline.store.tables import webhook_events

__all__ = ["DueHint", "Hints"]

#: What one tick of a sensor looks at; the rest follows.
MOST_DUE = 10_000


@dataclass(frozen=True, slots=True)
class DueHint:
    """A hint nothing was done about yet.

    Attributes:
        external_id: of the call, or None where the delivery named none.
        occurred_at: when the call started, where the delivery told it.
    """

    id: uuid.UUID
    workspace_id: uuid.UUID
    connector_id: uuid.UUID
    external_id: str | None
    occurred_at: datetime | None
    received_at: datetime


class Hints:
    """Writes and reads hints. No lease: they are no part of the ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(
        self,
        connector: Connector,
        delivery_id: str,
        *,
        external_id: str | None,
        occurred_at: datetime | None,
        received_at: datetime,
        is_test: bool = False,
    ) -> bool:
        """Keep a hint; a delivery that came before, or is only a test, asks for nothing.

        Returns:
            Whether it is new.
        """
        values = {
            "id": derived_id("hint", str(connector.id), delivery_id),
            "workspace_id": connector.workspace_id,
            "connector_id": connector.id,
            "delivery_id": delivery_id,
            "external_id": external_id,
            "occurred_at": occurred_at,
            "received_at": received_at,
            "handled_at": received_at if is_test else None,
        }
        with self._database.writing() as connection:
            statement = insert_into(self._database, webhook_events).values(**values)
            return connection.execute(statement.on_conflict_do_nothing()).rowcount == 1

    def due(self) -> list[DueHint]:
        """The oldest hints that nothing was done about, of every workspace."""
        table = webhook_events
        query = (
            sa.select(*(table.c[name] for name in DueHint.__slots__))
            .where(table.c.handled_at.is_(None))
            .order_by(table.c.received_at, table.c.id)
            .limit(MOST_DUE)
        )
        with self._database.reading() as connection:
            return [DueHint(**row) for row in connection.execute(query).mappings()]

    def mark_handled(self, hint_ids: Collection[uuid.UUID], handled_at: datetime) -> None:
        """What these ask for was asked for."""
        table = webhook_events
        with self._database.writing() as connection:
            connection.execute(
                table.update()
                .where(table.c.id.in_(hint_ids), table.c.handled_at.is_(None))
                .values(handled_at=handled_at)
            )
