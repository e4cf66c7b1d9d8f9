"""What sources listed: pages into messages and sightings, and which days were listed to the end."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from headway_pipeline.model.calls import Call
from headway_pipeline.model.identity import derived_id
from headway_pipeline.model.ledger import MessageState, Reason, ReasonCode
from headway_pipeline.model.windows import day_start
from headway_pipeline.store.leases import Lease
from headway_pipeline.store.messages import Ledger
from headway_pipeline.store.statements import insert_into
from headway_pipeline.store.tables import listings, messages, sightings, source_requests, workspace_connectors

__all__ = ["Change", "Listing", "Listings", "Recorded"]

Change = Literal["new", "changed", "unchanged", "private"]
PRIVATE_REASON = Reason(ReasonCode.MARKED_PRIVATE, "the source marks the call private; only its id and day are kept")


@dataclass(frozen=True, slots=True)
class Recorded:
    """What listing one call did to the ledger."""

    external_id: str
    message_id: uuid.UUID
    day: date
    change: Change


@dataclass(frozen=True, slots=True)
class Listing:
    """The last attempt of one connector to list one day; `error` is None where it reached the end."""

    connector_id: uuid.UUID
    day: date
    run_id: str
    listed_count: int
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
            known = self._known(connection, lease, calls)
            recorded = []
            for call in calls:
                result = self._record(connection, lease, call, known.get((call.source, call.external_id)))
                # The same call may stand twice on a page that shifted while it was made.
                known[call.source, call.external_id] = (result.message_id, call.content_hash, _state_after(call))
                recorded.append(result)
            self._sight(connection, lease, connector_id, {row.message_id for row in recorded}, listed_at)
        return recorded

    def _known(
        self, connection: Connection, lease: Lease, calls: Sequence[Call]
    ) -> dict[tuple[str, str], tuple[uuid.UUID, str, str | None]]:
        table = messages.c
        query = sa.select(table.source, table.external_id, table.id, table.content_hash, table.state).where(
            table.workspace_id == lease.workspace_id,
            table.external_id.in_([call.external_id for call in calls]),
        )
        return {
            (row.source, row.external_id): (row.id, row.content_hash, row.state) for row in connection.execute(query)
        }

    def _record(
        self,
        connection: Connection,
        lease: Lease,
        call: Call,
        known: tuple[uuid.UUID, str, str | None] | None,
    ) -> Recorded:
        day = call.occurred_at.date()
        if known is None:
            key = derived_id("message", str(lease.workspace_id), call.source, call.external_id)
            connection.execute(messages.insert().values(**_new_row(lease.workspace_id, key, call)))
            return Recorded(call.external_id, key, day, "private" if call.is_private else "new")
        key, content_hash, state = known
        was_private = state == MessageState.PRIVATE.value
        if call.is_private:
            if not was_private:
                self._ledger.move(connection, lease, key, MessageState.PRIVATE, PRIVATE_REASON)
            return Recorded(call.external_id, key, day, "private")
        if content_hash == call.content_hash and not was_private:
            return Recorded(call.external_id, key, day, "unchanged")
        if state in (MessageState.PRIVATE.value, MessageState.DELETED.value, MessageState.FORBIDDEN.value):
            # Public again, or back: it starts over.
            self._ledger.move(connection, lease, key, MessageState.LISTED)
        elif state == MessageState.QUARANTINED.value and not content_hash:
            self._ledger.move(connection, lease, key, MessageState.LISTED)
        self._ledger.update(connection, lease, key, **_content(call))
        return Recorded(call.external_id, key, day, "changed")

    def _sight(
        self,
        connection: Connection,
        lease: Lease,
        connector_id: uuid.UUID,
        message_ids: Iterable[uuid.UUID],
        listed_at: datetime,
    ) -> None:
        rows = [
            {
                "workspace_id": lease.workspace_id,
                "message_id": message_id,
                "connector_id": connector_id,
                "first_listed_at": listed_at,
                "last_listed_at": listed_at,
            }
            for message_id in sorted(message_ids)
        ]
        if rows:
            statement = insert_into(self._ledger.database, sightings)
            connection.execute(
                statement.on_conflict_do_update(
                    index_elements=["message_id", "connector_id"], set_={"last_listed_at": listed_at}
                ),
                rows,
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
        """A record that has an id but no usable form: in quarantine until the source lists it in a better one.

        Returns:
            The day it stands on in the ledger: `day`, or that of an earlier listing.
        """
        key = derived_id("message", str(lease.workspace_id), source, external_id)
        with self._ledger.writing(lease) as connection:
            statement = insert_into(self._ledger.database, messages).values(
                id=key,
                workspace_id=lease.workspace_id,
                source=source,
                external_id=external_id,
                occurred_at=day_start(day),
                raw=dict(raw),
                state=MessageState.QUARANTINED.value,
                resume_state=MessageState.LISTED.value,
                reason=str(Reason(ReasonCode.BAD_RECORD, problem)),
                # It waits for the source, not for a time.
                next_attempt_at=datetime.max.replace(tzinfo=listed_at.tzinfo),
            )
            connection.execute(statement.on_conflict_do_nothing())
            self._sight(connection, lease, connector_id, [key], listed_at)
            found = connection.execute(sa.select(messages.c.occurred_at).where(messages.c.id == key)).scalar_one()
            kept_on: date = found.date()
            return kept_on

    def record(
        self,
        lease: Lease,
        connector_id: uuid.UUID,
        day: date,
        *,
        run_id: str,
        listed_count: int,
        started_at: datetime,
        error: str | None,
    ) -> None:
        """How far a connector's listing of a day got."""
        values = {
            "run_id": run_id,
            "listed_count": listed_count,
            "started_at": started_at,
            "completed_at": None if error else self._ledger.now(),
            "error": error,
        }
        with self._ledger.writing(lease) as connection:
            statement = insert_into(self._ledger.database, listings).values(
                workspace_id=lease.workspace_id, connector_id=connector_id, day=day, **values
            )
            connection.execute(statement.on_conflict_do_update(index_elements=["connector_id", "day"], set_=values))

    def of_days(self, workspace_id: uuid.UUID, days: Sequence[date] | None) -> list[Listing]:
        """The last attempts for `days` (all, for None), oldest day first."""
        query = sa.select(listings).where(listings.c.workspace_id == workspace_id)
        if days is not None:
            query = query.where(listings.c.day.in_(days))
        with self._ledger.database.reading() as connection:
            found = connection.execute(query.order_by(listings.c.day, listings.c.connector_id)).mappings()
            return [Listing(**{name: row[name] for name in Listing.__slots__}) for row in found]

    def add_requests(self, connector_id: uuid.UUID, day: date, counts: Mapping[tuple[str, int], int]) -> None:
        """Add to the number of requests made, by (endpoint, HTTP status; 0 for no answer)."""
        owner = sa.select(workspace_connectors.c.workspace_id).where(workspace_connectors.c.id == connector_id)
        with self._ledger.database.writing() as connection:
            workspace_id = connection.execute(owner).scalar_one()
            statement = insert_into(self._ledger.database, source_requests)
            statement = statement.on_conflict_do_update(
                index_elements=["connector_id", "day", "endpoint", "status"],
                set_={"count": source_requests.c.count + statement.excluded.count},
            )
            rows = [
                {
                    "workspace_id": workspace_id,
                    "connector_id": connector_id,
                    "day": day,
                    "endpoint": endpoint,
                    "status": status,
                    "count": count,
                }
                for (endpoint, status), count in sorted(counts.items())
            ]
            connection.execute(statement, rows)

    def requests_on(self, connector_id: uuid.UUID, day: date) -> int:
        """Requests a connector made on a UTC day."""
        query = sa.select(sa.func.coalesce(sa.func.sum(source_requests.c.count), 0)).where(
            source_requests.c.connector_id == connector_id, source_requests.c.day == day
        )
        with self._ledger.database.reading() as connection:
            return int(connection.execute(query).scalar_one())


def _state_after(call: Call) -> str | None:
    return MessageState.PRIVATE.value if call.is_private else None


def _new_row(workspace_id: uuid.UUID, key: uuid.UUID, call: Call) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": key,
        "workspace_id": workspace_id,
        "source": call.source,
        "external_id": call.external_id,
    }
    if call.is_private:
        return row | {
            "occurred_at": day_start(call.occurred_at.date()),
            "state": MessageState.PRIVATE.value,
            "reason": str(PRIVATE_REASON),
        }
    return row | _content(call) | {"state": MessageState.LISTED.value}


def _content(call: Call) -> dict[str, Any]:
    return {
        "title": call.title,
        "metadata": dict(call.metadata),
        "occurred_at": call.occurred_at,
        "duration_s": call.duration_s,
        "url": call.url,
        "language": call.language,
        "account": call.account,
        "participants": [asdict(participant) for participant in call.participants],
        "raw": dict(call.raw),
        "content_hash": call.content_hash,
    }
