"""Connectors' webhooks: the sealed secret each delivery is held against, and counts of what came."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from headway_pipeline.model.workspaces import Connector
from headway_pipeline.store.connectors import connector_of
from headway_pipeline.store.engine import Database
from headway_pipeline.store.sealing import CredentialSealer
from headway_pipeline.store.statements import insert_into
from headway_pipeline.store.tables import connector_webhooks, webhook_counts, workspace_connectors, workspaces

__all__ = ["DeliveryCount", "Webhook", "Webhooks"]


@dataclass(frozen=True, slots=True)
class Webhook:
    """What a connector's source delivers to.

    Attributes:
        is_in_use: neither the connector nor its workspace is disabled.
        url: the address the source was told.
        remote_id: the source's id of it, where its API made it.
        envelope: the sealed secret; `Webhooks.secret` opens it.
    """

    connector: Connector
    is_in_use: bool
    url: str
    remote_id: str | None
    created_at: datetime
    envelope: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class DeliveryCount:
    """How many of a connector's deliveries of a UTC day came to what."""

    connector_id: uuid.UUID
    day: date
    outcome: str
    count: int


class Webhooks:
    """Writes and reads them. No lease: they are no part of the ledger."""

    def __init__(self, database: Database, sealing: Callable[[], CredentialSealer]) -> None:
        self._database = database
        self._sealing = sealing

    def save(self, connector: Connector, secret: str, *, url: str, remote_id: str | None, now: datetime) -> None:
        """Seal and keep, in place of what the connector had.

        Raises:
            ConfigurationError: there is no key to seal it with.
        """
        envelope = self._sealing().seal_key(secret.encode("utf-8"), _purpose(connector))
        values = {"secret": envelope, "url": url, "remote_id": remote_id, "created_at": now}
        statement = insert_into(self._database, connector_webhooks).values(
            connector_id=connector.id, workspace_id=connector.workspace_id, **values
        )
        with self._database.writing() as connection:
            connection.execute(
                statement.on_conflict_do_update(index_elements=[connector_webhooks.c.connector_id], set_=values)
            )

    def find(self, connector_id: uuid.UUID) -> Webhook | None:
        """Of a connector, whatever its workspace: a delivery names no workspace. None where none is set up."""
        hooks = connector_webhooks
        query = (
            sa.select(
                workspace_connectors,
                workspaces.c.is_active.label("is_workspace_active"),
                hooks.c.url,
                hooks.c.remote_id,
                hooks.c.created_at.label("made_at"),
                hooks.c.secret,
            )
            .join(hooks, hooks.c.connector_id == workspace_connectors.c.id)
            .join(workspaces, workspaces.c.id == workspace_connectors.c.workspace_id)
            .where(workspace_connectors.c.id == connector_id)
        )
        with self._database.reading() as connection:
            row = connection.execute(query).mappings().first()
        if row is None:
            return None
        return Webhook(
            connector=connector_of(row),
            is_in_use=row["is_active"] and row["is_workspace_active"],
            url=row["url"],
            remote_id=row["remote_id"],
            created_at=row["made_at"],
            envelope=row["secret"],
        )

    def secret(self, webhook: Webhook) -> str:
        """What its deliveries are held against.

        Raises:
            ConfigurationError, CredentialsSealedError: it does not open with the keys at hand.
        """
        return self._sealing().open_key(webhook.envelope, _purpose(webhook.connector)).decode("utf-8")

    def remove(self, connector_id: uuid.UUID) -> bool:
        """Forget it; whether there was one."""
        with self._database.writing() as connection:
            statement = connector_webhooks.delete().where(connector_webhooks.c.connector_id == connector_id)
            return connection.execute(statement).rowcount == 1

    def count(self, connector: Connector, day: date, outcome: str, count: int) -> None:
        """Add to the count of a day and outcome."""
        table = webhook_counts
        statement = insert_into(self._database, table).values(
            workspace_id=connector.workspace_id, connector_id=connector.id, day=day, outcome=outcome, count=count
        )
        with self._database.writing() as connection:
            connection.execute(
                statement.on_conflict_do_update(
                    index_elements=[table.c.connector_id, table.c.day, table.c.outcome],
                    set_={"count": table.c.count + statement.excluded.count},
                )
            )

    def counts(self, workspace_id: uuid.UUID, since: date) -> list[DeliveryCount]:
        """By connector, day and outcome, of this day and later ones."""
        table = webhook_counts
        query = (
            sa.select(table.c.connector_id, table.c.day, table.c.outcome, table.c.count)
            .where(table.c.workspace_id == workspace_id, table.c.day >= since)
            .order_by(table.c.connector_id, table.c.day, table.c.outcome)
        )
        with self._database.reading() as connection:
            return [DeliveryCount(**row) for row in connection.execute(query).mappings()]


def _purpose(connector: Connector) -> str:
    """Names the row, so that a ciphertext copied to another one is refused."""
    return f"webhook secret of connector {connector.id} in workspace {connector.workspace_id}"
