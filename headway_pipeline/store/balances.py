"""What sources list against what the ledger holds, by connector and day, with the differences explained."""

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from headway_pipeline.model.ledger import MessageState
from headway_pipeline.store.engine import Database
from headway_pipeline.store.statements import IN_PIECES, on_days
from headway_pipeline.store.tables import listings, messages, missing_calls, sightings, workspace_connectors

__all__ = ["Balances", "ConnectorBalance", "DayBalance"]

#: What a held call is counted under.
STANDING = {
    MessageState.LISTED: "waiting",
    MessageState.AWAITING_TRANSCRIPT: "waiting",
    MessageState.TRANSCRIBED: "waiting",
    MessageState.NOT_RELEVANT: "done",
    MessageState.ANALYSED: "done",
    MessageState.TOO_SHORT: "done",
    MessageState.NO_TRANSCRIPT: "done",
    MessageState.PRIVATE: "private",
    MessageState.FORBIDDEN: "forbidden",
    MessageState.DELETED: "deleted",
    MessageState.QUARANTINED: "set_aside",
}


@dataclass(frozen=True, slots=True)
class DayBalance:
    """One connector's last listing of one day, and the calls of that day it ever listed.

    Attributes:
        listed: calls in the last listing; not all of them where it has an `error`.
        moved: how many more of these have left the day since than have come to it.
        held: those of them that stand in the ledger; `waiting` to `set_aside` say how.
        deleted: tombstones, of calls that were listed before.
        missing: known calls that no connector lists any more, and of which nobody knows yet whether they are gone.
        elsewhere: known calls that only other connectors list now.
        outside: calls that only a later listing of other days came upon.
    """

    connector: str
    connector_id: uuid.UUID
    day: date
    listed: int
    moved: int
    held: int
    waiting: int
    done: int
    private: int
    forbidden: int
    set_aside: int
    deleted: int
    missing: int
    elsewhere: int
    outside: int
    completed_at: datetime | None
    error: str | None

    @property
    def difference(self) -> int:
        """Calls the source listed that the ledger does not hold; 0 unless something is wrong."""
        return 0 if self.completed_at is None else self.listed - self.moved - self.held


@dataclass(frozen=True, slots=True)
class ConnectorBalance:
    """How complete what one connector brought is.

    Attributes:
        last_complete_listing_at: when a day was last listed to its end, or None.
        oldest_awaiting_at: start of the oldest call whose transcript has not come, or None.
        missing: calls it listed last and that no connector lists any more; `held` of them only a person may delete.
    """

    last_complete_listing_at: datetime | None
    oldest_awaiting_at: datetime | None
    missing: int
    held: int


class Balances:
    """Counts that must agree. Rows are counted one by one: no day is too large."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def by_day(self, workspace_id: uuid.UUID, days: Sequence[date] | None) -> list[DayBalance]:
        """Every day (of `days`, or of all for None) that a connector listed, oldest first."""
        query = (
            sa.select(listings, workspace_connectors.c.name)
            .join(workspace_connectors, workspace_connectors.c.id == listings.c.connector_id)
            .where(listings.c.workspace_id == workspace_id)
            .order_by(listings.c.day, workspace_connectors.c.name)
        )
        if days is not None:
            query = query.where(listings.c.day.in_(days))
        with self._database.reading() as connection:
            rows = connection.execute(query).mappings().all()
            counts: dict[tuple[uuid.UUID, date], Counter[str]] = {
                (row["connector_id"], row["day"]): Counter() for row in rows
            }
            listed = {(row["connector_id"], row["day"]): row for row in rows}
            for seen in connection.execute(_sighted(workspace_id, days), execution_options=IN_PIECES):
                key = (seen.connector_id, seen.occurred_at.date())
                if key in listed:
                    counts[key].update(_standing(seen, listed[key]))
        return [_balance(row, counts[row["connector_id"], row["day"]]) for row in rows]

    def of_connectors(self, workspace_id: uuid.UUID) -> dict[uuid.UUID, ConnectorBalance]:
        """How complete what each connector brought is, by connector; those that never did anything are left out."""
        waiting = (
            sa.select(sightings.c.connector_id, sa.func.min(messages.c.occurred_at))
            .join(messages, messages.c.id == sightings.c.message_id)
            .where(
                messages.c.workspace_id == workspace_id,
                messages.c.state.in_([MessageState.LISTED.value, MessageState.AWAITING_TRANSCRIPT.value]),
            )
            .group_by(sightings.c.connector_id)
        )
        completed = (
            sa.select(listings.c.connector_id, sa.func.max(listings.c.completed_at))
            .where(listings.c.workspace_id == workspace_id)
            .group_by(listings.c.connector_id)
        )
        table = missing_calls.c
        lost = (
            sa.select(table.connector_id, sa.func.count(), sa.func.count(table.held_at))
            .where(table.workspace_id == workspace_id)
            .group_by(table.connector_id)
        )
        with self._database.reading() as connection:
            oldest = {row[0]: row[1] for row in connection.execute(waiting)}
            newest = {row[0]: row[1] for row in connection.execute(completed)}
            counts = {row[0]: (row[1], row[2]) for row in connection.execute(lost)}
        return {
            key: ConnectorBalance(newest.get(key), oldest.get(key), *counts.get(key, (0, 0)))
            for key in {*oldest, *newest, *counts}
        }


def _sighted(workspace_id: uuid.UUID, days: Sequence[date] | None) -> sa.Select[Any]:
    return (
        sa.select(
            sightings.c.connector_id,
            sightings.c.first_listed_at,
            sightings.c.last_listed_at,
            messages.c.occurred_at,
            messages.c.state,
            missing_calls.c.message_id.is_not(None).label("is_missing"),
        )
        .join(messages, messages.c.id == sightings.c.message_id)
        .outerjoin(missing_calls, missing_calls.c.message_id == messages.c.id)
        .where(messages.c.workspace_id == workspace_id, on_days(days))
    )


def _standing(seen: Any, listing: Mapping[Any, Any]) -> tuple[str, ...]:
    """What a call that the connector once listed counts as, beside its last listing of the day."""
    completed_at = listing["completed_at"]
    # A later listing of other days may come upon more of this day's calls; they are not this listing's.
    is_later = completed_at is not None and seen.first_listed_at > completed_at
    if seen.last_listed_at >= listing["started_at"] and not is_later:
        return "held", STANDING[MessageState(seen.state)]
    if seen.state == MessageState.DELETED:
        return ("deleted",)
    if seen.is_missing:
        return ("missing",)
    return ("outside",) if is_later else ("elsewhere",)


def _balance(row: Mapping[Any, Any], counts: Counter[str]) -> DayBalance:
    names = (
        *("held", "waiting", "done", "private", "forbidden", "set_aside"),
        *("deleted", "missing", "elsewhere", "outside"),
    )
    return DayBalance(
        connector=row["name"],
        connector_id=row["connector_id"],
        day=row["day"],
        listed=row["listed_count"],
        moved=row["moved_count"],
        completed_at=row["completed_at"],
        error=row["error"],
        **{name: counts[name] for name in names},
    )
