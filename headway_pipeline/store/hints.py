"""Hints that something happened at a source: kept once each, until what they ask for was asked for."""

import uuid
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from headway_pipeline.model.identity import derived_id
from headway_pipeline.model.ledger import MessageState
from headway_pipeline.model.workspaces import Connector
from headway_pipeline.store.engine import Database
from headway_pipeline.store.statements import insert_into
from headway_pipeline.store.tables import listings, messages, webhook_events, workspace_connectors, workspaces

__all__ = ["DueHint", "Hints"]

#: What one tick of a sensor looks at; the rest follows.
MOST_DUE = 10_000
#: Of them of one connector: whose source cannot be listed keeps its hints, and must not stand before the others'.
MOST_DUE_OF_ONE = 500
#: How long it is remembered that a delivery came. A source's signature ends after minutes.
KEPT = timedelta(days=30)
HINT = ("id", "workspace_id", "connector_id", "external_id", "occurred_at", "received_at")


@dataclass(frozen=True, slots=True)
class DueHint:
    """A hint nothing was done about yet.

    Attributes:
        external_id: of the call, or None where the delivery named none.
        occurred_at: when the call started, where the delivery told it.
        slug: of the workspace.
        listed_since: UTC days of which the connector began a listing after the hint came, and ended it.
    """

    id: uuid.UUID
    workspace_id: uuid.UUID
    connector_id: uuid.UUID
    external_id: str | None
    occurred_at: datetime | None
    received_at: datetime
    slug: str = ""
    listed_since: frozenset[date] = frozenset()


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

        A call it names that awaits its transcript is asked for again at once: the source says that it has something.

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
        table = messages.c
        hastened = messages.update().where(
            table.workspace_id == connector.workspace_id,
            table.source == connector.connector_type,
            table.external_id == external_id,
            table.state == MessageState.AWAITING_TRANSCRIPT.value,
            table.next_attempt_at > received_at,
        )
        with self._database.writing() as connection:
            statement = insert_into(self._database, webhook_events).values(**values)
            is_new = connection.execute(statement.on_conflict_do_nothing()).rowcount == 1
            if is_new and not is_test:
                connection.execute(hastened.values(next_attempt_at=received_at))
        return is_new

    def due(self) -> list[DueHint]:
        """The oldest hints that nothing was done about, of every active connector and workspace."""
        oldest = _oldest().subquery()
        since = sa.and_(
            listings.c.connector_id == oldest.c.connector_id,
            listings.c.started_at >= oldest.c.received_at,
            listings.c.completed_at.is_not(None),
        )
        query = (
            sa.select(oldest, listings.c.day)
            .outerjoin(listings, since)
            .order_by(oldest.c.received_at, oldest.c.id, listings.c.day)
        )
        hints: dict[uuid.UUID, dict[str, Any]] = {}
        listed: dict[uuid.UUID, set[date]] = defaultdict(set)
        with self._database.reading() as connection:
            for row in connection.execute(query).mappings():
                hints[row["id"]] = {name: row[name] for name in (*HINT, "slug")}
                if row["day"] is not None:
                    listed[row["id"]].add(row["day"])
        return [DueHint(**values, listed_since=frozenset(listed[key])) for key, values in hints.items()]

    def mark_handled(self, hint_ids: Collection[uuid.UUID], handled_at: datetime) -> None:
        """What these ask for was asked for. What was handled long ago is forgotten."""
        table = webhook_events
        with self._database.writing() as connection:
            connection.execute(table.delete().where(table.c.handled_at < handled_at - KEPT))
            connection.execute(
                table.update()
                .where(table.c.id.in_(hint_ids), table.c.handled_at.is_(None))
                .values(handled_at=handled_at)
            )


def _oldest() -> sa.Select[Any]:
    table = webhook_events.c
    place = sa.func.row_number().over(partition_by=table.connector_id, order_by=(table.received_at, table.id))
    waiting = (
        sa.select(*(table[name] for name in HINT), workspaces.c.slug, place.label("place"))
        .join(workspaces, workspaces.c.id == table.workspace_id)
        .join(workspace_connectors, workspace_connectors.c.id == table.connector_id)
        .where(table.handled_at.is_(None), workspaces.c.is_active, workspace_connectors.c.is_active)
        .subquery()
    )
    query = sa.select(waiting).where(waiting.c.place <= MOST_DUE_OF_ONE)
    return query.order_by(waiting.c.received_at, waiting.c.id).limit(MOST_DUE)
