"""What sources listed: pages into messages and sightings, and which days were listed to the end."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from headway_pipeline.model.calls import Call
from headway_pipeline.model.erasure import ErasureScope
from headway_pipeline.model.identity import derived_id
from headway_pipeline.model.ledger import MessageState, Reason, ReasonCode
from headway_pipeline.model.windows import day_start
from headway_pipeline.store.leases import Lease
from headway_pipeline.store.messages import ERASED_REASON, Ledger
from headway_pipeline.store.screening import NOBODY, Forgotten
from headway_pipeline.store.statements import insert_into
from headway_pipeline.store.tables import listings, messages, sightings, source_requests, workspace_connectors

__all__ = ["Change", "Listing", "Listings", "Recorded"]

Change = Literal["new", "changed", "unchanged", "private"]
PRIVATE_REASON = Reason(ReasonCode.MARKED_PRIVATE, "the source marks the call private; only its id and day are kept")


#: A call that is listed again after these, public again or back, starts over.
STARTS_OVER = (MessageState.PRIVATE, MessageState.DELETED)


@dataclass(frozen=True, slots=True)
class _Known:
    """What the ledger holds of a listed call."""

    id: uuid.UUID
    content_hash: str
    state: MessageState
    day: date
    is_erased: bool = False
    kept_without: frozenset[uuid.UUID] = frozenset()


@dataclass(frozen=True, slots=True)
class Recorded:
    """What listing one call did to the ledger."""

    external_id: str
    message_id: uuid.UUID
    day: date
    change: Change
    is_erased: bool = False


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
            forgotten = self._ledger.screen.forgotten(connection, lease.workspace_id)
            recorded = []
            for call in calls:
                standing = known.get((call.source, call.external_id))
                result = self._record(connection, lease, call, standing, forgotten)
                # The same call may stand twice on a page that shifted while it was made.
                state = MessageState.PRIVATE if call.is_private else MessageState.LISTED
                known[call.source, call.external_id] = _Known(
                    result.message_id, call.content_hash, state, result.day, result.is_erased
                )
                recorded.append(result)
            self._sight(connection, lease, connector_id, {row.message_id for row in recorded}, listed_at)
        return recorded

    def _known(self, connection: Connection, lease: Lease, calls: Sequence[Call]) -> dict[tuple[str, str], _Known]:
        query = sa.select(messages).where(
            messages.c.workspace_id == lease.workspace_id,
            messages.c.external_id.in_([call.external_id for call in calls]),
        )
        rows = connection.execute(query).all()
        kept_without = self._ledger.screen.kept_without(connection, [row.id for row in rows])
        return {
            (row.source, row.external_id): _Known(
                row.id,
                row.content_hash,
                MessageState(row.state),
                row.occurred_at.date(),
                is_erased=row.erased_at is not None,
                kept_without=kept_without.get(row.id, frozenset()),
            )
            for row in rows
        }

    def _record(
        self, connection: Connection, lease: Lease, call: Call, known: _Known | None, forgotten: Forgotten
    ) -> Recorded:
        day = call.occurred_at.date()
        if known is not None and known.is_erased:
            return Recorded(call.external_id, known.id, known.day, "unchanged", is_erased=True)
        people = forgotten.on(call, known.kept_without if known else ())
        if any(person.scope == ErasureScope.CALLS for person in people):
            return self._record_erased(connection, lease, call, known)
        if people:
            kept = self._record(connection, lease, forgotten.all_of(people).scrubbed_call(call), known, NOBODY)
            self._ledger.screen.attach(connection, lease.workspace_id, kept.message_id, people)
            return kept
        if known is None:
            key = derived_id("message", str(lease.workspace_id), call.source, call.external_id)
            connection.execute(messages.insert().values(**_new_row(lease.workspace_id, key, call)))
            return Recorded(call.external_id, key, day, "private" if call.is_private else "new")
        if call.is_private:
            if known.state != MessageState.PRIVATE:
                self._ledger.move(connection, lease, known.id, MessageState.PRIVATE, PRIVATE_REASON)
            # Its row keeps the day it had: of a private call nothing more is learned.
            return Recorded(call.external_id, known.id, known.day, "private")
        if known.content_hash == call.content_hash and known.state not in STARTS_OVER:
            return Recorded(call.external_id, known.id, known.day, "unchanged")
        was_unusable = known.state == MessageState.QUARANTINED and not known.content_hash
        if known.state in (*STARTS_OVER, MessageState.FORBIDDEN) or was_unusable:
            self._ledger.move(connection, lease, known.id, MessageState.LISTED)
        self._ledger.update(connection, lease, known.id, **_content(call))
        return Recorded(call.external_id, known.id, day, "changed")

    def _record_erased(self, connection: Connection, lease: Lease, call: Call, known: _Known | None) -> Recorded:
        """A call of somebody who was erased, and that the source lists late or with people it did not name before."""
        day = call.occurred_at.date()
        if known is not None:
            self._ledger.erase(connection, lease, known.id)
            return Recorded(call.external_id, known.id, known.day, "changed", is_erased=True)
        key = derived_id("message", str(lease.workspace_id), call.source, call.external_id)
        row = {
            "id": key,
            "workspace_id": lease.workspace_id,
            "source": call.source,
            "external_id": call.external_id,
            "occurred_at": day_start(day),
            "state": MessageState.DELETED.value,
            "reason": str(ERASED_REASON),
            "erased_at": self._ledger.now(),
        }
        connection.execute(messages.insert().values(**row))
        return Recorded(call.external_id, key, day, "new", is_erased=True)

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
        """A record without a usable form: in quarantine until the source lists it in a better one.

        Returns:
            The day it stands under: of a call that was usable before, its own.
        """
        key = derived_id("message", str(lease.workspace_id), source, external_id)
        with self._ledger.writing(lease) as connection:
            if self._ledger.screen.forgotten(connection, lease.workspace_id).are_named(raw):
                raw = {}
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
            query = sa.select(messages.c.occurred_at).where(messages.c.id == key)
            occurred_at: datetime = connection.execute(query).scalar_one()
            return occurred_at.date()

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

    def has_shown_calls(self, connector_id: uuid.UUID) -> bool:
        """Whether the connector ever listed a call."""
        query = sa.select(sa.exists().where(sightings.c.connector_id == connector_id))
        with self._ledger.database.reading() as connection:
            return bool(connection.execute(query).scalar())

    def requests_on(self, connector_id: uuid.UUID, day: date) -> int:
        """Requests a connector made on a UTC day."""
        query = sa.select(sa.func.coalesce(sa.func.sum(source_requests.c.count), 0)).where(
            source_requests.c.connector_id == connector_id, source_requests.c.day == day
        )
        with self._ledger.database.reading() as connection:
            return int(connection.execute(query).scalar_one())


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
