"""What sources listed: which connector saw which calls and when, and which days were listed to the end."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from headway_pipeline.model.calls import Call
from headway_pipeline.model.identity import derived_id
from headway_pipeline.model.ledger import MessageState, Reason, ReasonCode
from headway_pipeline.model.windows import day_start
from headway_pipeline.store.leases import Lease
from headway_pipeline.store.listed_pages import ListedPage, Recorded
from headway_pipeline.store.messages import Ledger
from headway_pipeline.store.statements import insert_into
from headway_pipeline.store.tables import (
    listings,
    messages,
    missing_calls,
    sightings,
)

__all__ = ["Listing", "Listings"]

LISTING_VALUES = ("run_id", "listed_count", "moved_count", "started_at", "completed_at", "error")


@dataclass(frozen=True, slots=True)
class Listing:
    """The last attempt of one connector to list one day; `error` is None where it reached the end.

    Attributes:
        moved_count: how many more of its calls have left the day since than have come to it.
    """

    connector_id: uuid.UUID
    day: date
    run_id: str
    listed_count: int
    moved_count: int
    started_at: datetime
    completed_at: datetime | None
    error: str | None


class Listings:
    """Writes what sources list."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def record_page(
        self, lease: Lease, connector_id: uuid.UUID, calls: Sequence[Call], listed_at: datetime
    ) -> list[Recorded]:
        """One page, in one transaction. An unchanged call changes no row but its sighting."""
        with self._ledger.writing(lease) as connection:
            recorded = ListedPage(self._ledger, connection, lease, calls, listed_at).record()
            self._sight(connection, lease, connector_id, {row.message_id: row.day for row in recorded}, listed_at)
        return recorded

    def _sight(
        self,
        connection: Connection,
        lease: Lease,
        connector_id: uuid.UUID,
        days: Mapping[uuid.UUID, date],
        listed_at: datetime,
    ) -> None:
        """The connector listed these messages now; each with the day it stands under."""
        if not days:
            return
        rows = [
            {
                "workspace_id": lease.workspace_id,
                "message_id": message_id,
                "connector_id": connector_id,
                "first_listed_at": listed_at,
                "last_listed_at": listed_at,
            }
            for message_id in sorted(days)
        ]
        returned = _returned(connection, connector_id, days)
        if returned:
            connection.execute(
                sightings.update()
                .where(sightings.c.connector_id == connector_id, sightings.c.message_id.in_(returned))
                .values(first_listed_at=listed_at)
            )
        statement = insert_into(self._ledger.database, sightings)
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["message_id", "connector_id"],
                set_={"last_listed_at": statement.excluded.last_listed_at},
            ),
            rows,
        )
        found_again = missing_calls.c.message_id.in_([row["message_id"] for row in rows])
        connection.execute(
            missing_calls.delete().where(missing_calls.c.workspace_id == lease.workspace_id, found_again)
        )

    def record_bad_record(
        self,
        lease: Lease,
        connector_id: uuid.UUID,
        source: str,
        external_id: str,
        day: date,
        problem: str,
        raw: Mapping[str, Any],
        listed_at: datetime,
    ) -> date:
        """A record without a usable form: in quarantine until the source lists it in a better one.

        Returns:
            The day it stands under: of a call that was usable before, its own.
        """
        key = derived_id("message", str(lease.workspace_id), source, external_id)
        with self._ledger.writing(lease) as connection:
            if self._ledger.screen.forgotten(connection, lease.workspace_id).are_named(raw):
                raw = {}
            before = connection.execute(
                sa.select(messages.c.state, messages.c.occurred_at, messages.c.erased_at).where(messages.c.id == key)
            ).first()
            quarantined = {
                "state": MessageState.QUARANTINED.value,
                "resume_state": MessageState.LISTED.value,
                "reason": str(Reason(ReasonCode.BAD_RECORD, problem)),
                # It waits for the source, not for a time.
                "next_attempt_at": datetime.max.replace(tzinfo=listed_at.tzinfo),
            }
            if before is None:
                named = {"source": source, "external_id": external_id, "occurred_at": day_start(day)}
                row = {"id": key, "workspace_id": lease.workspace_id, "raw": dict(raw), **named, **quarantined}
                connection.execute(messages.insert().values(**row))
            elif before.state == MessageState.DELETED.value and before.erased_at is None:
                self._ledger.move(connection, lease, key, MessageState.LISTED)
                self._ledger.update(connection, lease, key, raw=dict(raw), **quarantined)
            stands_under = day if before is None else before.occurred_at.date()
            self._sight(connection, lease, connector_id, {key: stands_under}, listed_at)
        return stands_under

    def record(
        self,
        lease: Lease,
        connector_id: uuid.UUID,
        listed_counts: Mapping[date, int],
        *,
        run_id: str,
        started_at: datetime,
        ended_at: datetime,
        errors: Mapping[date, str],
    ) -> None:
        """How far a connector's listing of some days got.

        Args:
            listed_counts: for each of the days.
            ended_at: by the clock that also says when calls were listed.
            errors: why a day was not listed to its end, for those that were not.
        """
        rows = [
            {
                "workspace_id": lease.workspace_id,
                "connector_id": connector_id,
                "day": day,
                "run_id": run_id,
                "listed_count": listed_count,
                "moved_count": 0,
                "started_at": started_at,
                "completed_at": None if day in errors else ended_at,
                "error": errors.get(day),
            }
            for day, listed_count in sorted(listed_counts.items())
        ]
        with self._ledger.writing(lease) as connection:
            statement = insert_into(self._ledger.database, listings)
            values = {name: statement.excluded[name] for name in LISTING_VALUES}
            connection.execute(
                statement.on_conflict_do_update(index_elements=["connector_id", "day"], set_=values), rows
            )

    def of_days(self, workspace_id: uuid.UUID, days: Sequence[date] | None) -> list[Listing]:
        """The last attempts for `days` (all, for None), oldest day first."""
        query = sa.select(listings).where(listings.c.workspace_id == workspace_id)
        if days is not None:
            query = query.where(listings.c.day.in_(days))
        with self._ledger.database.reading() as connection:
            found = connection.execute(query.order_by(listings.c.day, listings.c.connector_id)).mappings()
            return [Listing(**{name: row[name] for name in Listing.__slots__}) for row in found]

    def has_shown_calls(self, connector_id: uuid.UUID) -> bool:
        """Whether the connector ever listed a call."""
        query = sa.select(sa.exists().where(sightings.c.connector_id == connector_id))
        with self._ledger.database.reading() as connection:
            return bool(connection.execute(query).scalar())


def _returned(connection: Connection, connector_id: uuid.UUID, days: Mapping[uuid.UUID, date]) -> list[uuid.UUID]:
    """Those of the messages that the connector's last complete listing of their day did not bring any more."""
    listed = sa.select(listings.c.day, listings.c.started_at).where(
        listings.c.connector_id == connector_id,
        listings.c.day.in_(set(days.values())),
        listings.c.completed_at.is_not(None),
    )
    started_at = {row.day: row.started_at for row in connection.execute(listed)}
    if not started_at:
        return []
    seen = sa.select(sightings.c.message_id, sightings.c.last_listed_at).where(
        sightings.c.connector_id == connector_id, sightings.c.message_id.in_(list(days))
    )
    return [
        row.message_id
        for row in connection.execute(seen)
        if days[row.message_id] in started_at and row.last_listed_at < started_at[days[row.message_id]]
    ]
