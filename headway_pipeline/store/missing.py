"""Known calls that their source no longer lists, until they are listed again or found to be gone."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from headway_pipeline.model.ledger import MessageState, Presence, Reason
from headway_pipeline.store.leases import Lease
from headway_pipeline.store.messages import Ledger
from headway_pipeline.store.statements import insert_into, on_days
from headway_pipeline.store.tables import messages, missing_calls, sightings, workspace_connectors

__all__ = ["UNIDENTIFIED", "Missing", "MissingCalls", "Sight"]

#: What the id of a listed record without an id of its own begins with. Nothing can be said of its whereabouts.
UNIDENTIFIED = "unidentified-"


@dataclass(frozen=True, slots=True)
class Sight:
    """How many calls a connector knew on some days, and how many it listed again.

    Attributes:
        missing: calls that no connector listed and that this one listed last.
    """

    known: int
    listed: int
    missing: int


@dataclass(frozen=True, slots=True)
class Missing:
    """A known call that is no longer listed.

    Attributes:
        connector: name of the connector that listed it last.
        missing_since: when the first, and `missed_at` when the last of the listings began that missed it.
        held_at: set while its connector lost sight of too much at once to believe it.
        presence: what the last second look found; None before the first.
    """

    id: uuid.UUID
    source: str
    external_id: str
    title: str | None
    occurred_at: datetime
    duration_s: int | None
    connector_id: uuid.UUID
    connector: str
    missing_since: datetime
    missed_at: datetime
    held_at: datetime | None
    presence: Presence | None
    looks: int


class MissingCalls:
    """Writes and reads which calls are missing."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def note(
        self,
        lease: Lease,
        source: str,
        days: Collection[date],
        connector_ids: Collection[uuid.UUID],
        *,
        began_at: datetime,
        until: datetime,
    ) -> None:
        """Write down the calls of `days` that none of `connector_ids` listed since `began_at`.

        Args:
            connector_ids: every active connector of `source`; each has listed all of `days`.
            until: the listings' upper bound; what was first seen after it could not be in them.
        """
        with self._ledger.writing(lease) as connection:
            last_seen_by: dict[uuid.UUID, uuid.UUID] = {}
            for row in connection.execute(_unlisted(lease, source, days, connector_ids, began_at, until)):
                last_seen_by.setdefault(row.id, row.connector_id)
            rows = [
                {
                    "workspace_id": lease.workspace_id,
                    "message_id": message_id,
                    "connector_id": connector_id,
                    "missing_since": began_at,
                    "missed_at": began_at,
                }
                for message_id, connector_id in last_seen_by.items()
            ]
            if rows:
                statement = insert_into(self._ledger.database, missing_calls)
                connection.execute(
                    statement.on_conflict_do_update(
                        index_elements=["message_id"],
                        set_={name: statement.excluded[name] for name in ("missed_at", "connector_id")},
                    ),
                    rows,
                )

    def sights(
        self, workspace_id: uuid.UUID, source: str, days: Collection[date], *, began_at: datetime
    ) -> dict[uuid.UUID, Sight]:
        """What each connector knew of `days`, listed since `began_at`, and is the last to have seen."""
        last_seen = sa.and_(
            missing_calls.c.message_id == sightings.c.message_id,
            missing_calls.c.connector_id == sightings.c.connector_id,
        )
        query = (
            sa.select(
                sightings.c.connector_id,
                sa.func.count(),
                sa.func.sum(sa.case((sightings.c.last_listed_at >= began_at, 1), else_=0)),
                sa.func.count(missing_calls.c.message_id),
            )
            .join(messages, messages.c.id == sightings.c.message_id)
            .outerjoin(missing_calls, last_seen)
            .where(
                messages.c.workspace_id == workspace_id,
                messages.c.source == source,
                on_days(list(days)),
                messages.c.state != MessageState.DELETED.value,
            )
            .group_by(sightings.c.connector_id)
        )
        with self._ledger.database.reading() as connection:
            return {connector_id: Sight(*counts) for connector_id, *counts in connection.execute(query)}

    def hold(
        self, lease: Lease, source: str, days: Collection[date], connector_ids: Collection[uuid.UUID], now: datetime
    ) -> None:
        """Keep what these connectors lost sight of on `days` from being deleted; let go what others did."""
        of_days = sa.select(messages.c.id).where(
            messages.c.workspace_id == lease.workspace_id, messages.c.source == source, on_days(list(days))
        )
        is_held = missing_calls.c.connector_id.in_(list(connector_ids))
        with self._ledger.writing(lease) as connection:
            connection.execute(
                missing_calls.update()
                .where(missing_calls.c.workspace_id == lease.workspace_id, missing_calls.c.message_id.in_(of_days))
                .values(held_at=sa.case((is_held, sa.func.coalesce(missing_calls.c.held_at, now)), else_=None))
            )

    def list(
        self,
        workspace_id: uuid.UUID,
        days: Sequence[date] | None = None,
        *,
        source: str | None = None,
        connector_id: uuid.UUID | None = None,
        held: bool | None = None,
        due_at: datetime | None = None,
        limit: int | None = None,
    ) -> "list[Missing]":
        """Missing calls, longest missing first.

        Args:
            connector_id: only those that this connector listed last.
            held: only those that are held back, or only those that are not.
            due_at: only those whose next second look is due.
        """
        table = missing_calls.c
        query = (
            sa.select(*_columns())
            .select_from(missing_calls)
            .join(messages, messages.c.id == table.message_id)
            .join(workspace_connectors, workspace_connectors.c.id == table.connector_id)
            .where(table.workspace_id == workspace_id, on_days(days))
            .order_by(table.missing_since, messages.c.occurred_at, table.message_id)
            .limit(limit)
        )
        if source is not None:
            query = query.where(messages.c.source == source)
        if connector_id is not None:
            query = query.where(table.connector_id == connector_id)
        if held is not None:
            query = query.where(table.held_at.is_not(None) if held else table.held_at.is_(None))
        if due_at is not None:
            query = query.where(sa.or_(table.next_look_at.is_(None), table.next_look_at <= due_at))
        with self._ledger.database.reading() as connection:
            return [_missing(row) for row in connection.execute(query).mappings()]

    def seen_by(self, message_id: uuid.UUID) -> set[uuid.UUID]:
        """The connectors that ever listed a call."""
        query = sa.select(sightings.c.connector_id).where(sightings.c.message_id == message_id)
        with self._ledger.database.reading() as connection:
            return set(connection.execute(query).scalars())

    def record_look(self, lease: Lease, message_id: uuid.UUID, presence: Presence, *, next_look_at: datetime) -> None:
        """What a second look found, and when to look again."""
        with self._ledger.writing(lease) as connection:
            connection.execute(
                missing_calls.update()
                .where(missing_calls.c.workspace_id == lease.workspace_id, missing_calls.c.message_id == message_id)
                .values(presence=presence.value, looks=missing_calls.c.looks + 1, next_look_at=next_look_at)
            )

    def delete(self, lease: Lease, message_id: uuid.UUID, reason: Reason) -> bool:
        """Leave a tombstone of a missing call and purge what is derived from it; no if it is missing no more."""
        with self._ledger.writing(lease) as connection:
            gone = connection.execute(
                missing_calls.delete().where(
                    missing_calls.c.workspace_id == lease.workspace_id, missing_calls.c.message_id == message_id
                )
            )
            if gone.rowcount == 0:
                return False
            self._ledger.move(connection, lease, message_id, MessageState.DELETED, reason)
        return True


def _unlisted(
    lease: Lease,
    source: str,
    days: Collection[date],
    connector_ids: Collection[uuid.UUID],
    began_at: datetime,
    until: datetime,
) -> sa.Select[Any]:
    """Known calls that nobody listed since `began_at`, with who listed them; the last one first."""
    again = sightings.alias()
    return (
        sa.select(messages.c.id, sightings.c.connector_id)
        .join(sightings, sightings.c.message_id == messages.c.id)
        .where(
            messages.c.workspace_id == lease.workspace_id,
            messages.c.source == source,
            on_days(list(days)),
            messages.c.state != MessageState.DELETED.value,
            sa.not_(messages.c.external_id.startswith(UNIDENTIFIED, autoescape=True)),
            sightings.c.connector_id.in_(list(connector_ids)),
            sightings.c.first_listed_at < until,
            sa.not_(sa.exists().where(again.c.message_id == messages.c.id, again.c.last_listed_at >= began_at)),
        )
        .order_by(messages.c.id, sightings.c.last_listed_at.desc(), sightings.c.connector_id)
    )


def _columns() -> list[sa.ColumnElement[Any]]:
    call, table = messages.c, missing_calls.c
    return [
        *(call.id, call.source, call.external_id, call.title, call.occurred_at, call.duration_s),
        *(table.connector_id, workspace_connectors.c.name.label("connector")),
        *(table.missing_since, table.missed_at, table.held_at, table.presence, table.looks),
    ]


def _missing(row: Mapping[Any, Any]) -> Missing:
    values = {name: row[name] for name in Missing.__slots__}
    presence = None if values["presence"] is None else Presence(values["presence"])
    return Missing(**values | {"presence": presence})
