"""What sources listed: pages into messages and sightings, and which days were listed to the end."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from headway_pipeline.model.calls import Call, Participant
from headway_pipeline.model.erasure import ErasureScope
from headway_pipeline.model.identity import derived_id
from headway_pipeline.model.ledger import MessageState, Reason, ReasonCode
from headway_pipeline.model.windows import day_start
from headway_pipeline.store.leases import Lease
from headway_pipeline.store.messages import ERASED_REASON, Ledger
from headway_pipeline.store.screening import Forgotten, ForgottenPerson
from headway_pipeline.store.statements import insert_into
from headway_pipeline.store.tables import (
    listings,
    messages,
    missing_calls,
    sightings,
    transcripts,
)

__all__ = ["Change", "Listing", "Listings", "Recorded"]

Change = Literal["new", "changed", "unchanged", "private"]
PRIVATE_REASON = Reason(ReasonCode.MARKED_PRIVATE, "the source marks the call private; only its id and day are kept")
CHANGED_REASON = Reason(ReasonCode.NOT_READY, "the call changed at the source, which may have its transcript now")
LISTING_VALUES = ("run_id", "listed_count", "moved_count", "started_at", "completed_at", "error")

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
class _Page:
    """A page on its way into the ledger.

    Attributes:
        known: what the ledger holds of its calls, by source and external id.
        new: rows to insert, by message.
        kept_without: erased people whose turns the calls are kept without, by message.
    """

    connection: Connection
    lease: Lease
    known: dict[tuple[str, str], _Known]
    forgotten: Forgotten
    new: dict[uuid.UUID, dict[str, Any]] = field(default_factory=dict)
    kept_without: dict[uuid.UUID, list[ForgottenPerson]] = field(default_factory=dict)

    def met(self, call: Call, recorded: Recorded) -> None:
        """The page may hold the call once more."""
        state = MessageState.PRIVATE if call.is_private else MessageState.LISTED
        self.known[call.source, call.external_id] = _Known(
            recorded.message_id, call.content_hash, state, recorded.day, recorded.is_erased
        )


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
            forgotten = self._ledger.screen.forgotten(connection, lease.workspace_id)
            page = _Page(connection, lease, self._known(connection, lease, calls), forgotten)
            recorded = [self._record(page, call) for call in calls]
            if page.new:
                connection.execute(messages.insert(), [*page.new.values()])
            for message_id, people in page.kept_without.items():
                self._ledger.screen.attach(connection, lease.workspace_id, message_id, people)
            self._sight(connection, lease, connector_id, {row.message_id: row.day for row in recorded}, listed_at)
        return recorded

    def _known(self, connection: Connection, lease: Lease, calls: Sequence[Call]) -> dict[tuple[str, str], _Known]:
        # Not the whole rows: the raw JSON of a page is larger than all the rest of it.
        table = messages.c
        query = sa.select(
            table.source,
            table.external_id,
            table.id,
            table.content_hash,
            table.state,
            table.occurred_at,
            table.erased_at,
        ).where(
            table.workspace_id == lease.workspace_id,
            table.external_id.in_([call.external_id for call in calls]),
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

    def _record(self, page: _Page, call: Call) -> Recorded:
        """One call of a page; new ones are only noted, and inserted with the page."""
        known = page.known.get((call.source, call.external_id))
        if known is not None and known.is_erased:
            return Recorded(call.external_id, known.id, known.day, "unchanged", is_erased=True)
        people = page.forgotten.on(call, known.kept_without if known else ())
        if any(person.scope == ErasureScope.CALLS for person in people):
            result = self._record_erased(page, call, known)
        else:
            kept = page.forgotten.all_of(people).scrubbed_call(call) if people else call
            result = self._record_kept(page, kept, known)
            if people:
                page.kept_without[result.message_id] = people
        page.met(call, result)
        return result

    def _record_kept(self, page: _Page, call: Call, known: _Known | None) -> Recorded:
        workspace_id = page.lease.workspace_id
        if known is None or (known.id in page.new and call.is_private):
            result = _new(workspace_id, call)
            page.new[result.message_id] = _new_row(workspace_id, result.message_id, call)
            return result
        if known.id in page.new:
            # The same call may stand twice on a page that shifted while it was made; the first counts.
            return Recorded(call.external_id, known.id, known.day, "unchanged")
        return self._record_known(page.connection, page.lease, call, known)

    def _record_known(self, connection: Connection, lease: Lease, call: Call, known: _Known) -> Recorded:
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
        elif known.state == MessageState.NO_TRANSCRIPT:
            # Something happened to it at the source: its transcript may have come as well.
            self._ledger.move(connection, lease, known.id, MessageState.AWAITING_TRANSCRIPT, CHANGED_REASON)
        day = call.occurred_at.date()
        if day != known.day:
            self._note_move(connection, known.id, known.day, day)
        self._ledger.update(connection, lease, known.id, **_content(call))
        # Its words are out of date now, whatever time they were to be asked for before.
        asked_at = transcripts.update().where(transcripts.c.message_id == known.id)
        connection.execute(asked_at.values(next_attempt_at=self._ledger.now()))
        return Recorded(call.external_id, known.id, day, "changed")

    def _note_move(self, connection: Connection, message_id: uuid.UUID, before: date, after: date) -> None:
        """Keep the counts of complete listings true where a call they met moves to another day."""
        was_met = sa.exists().where(
            sightings.c.message_id == message_id,
            sightings.c.connector_id == listings.c.connector_id,
            sightings.c.last_listed_at >= listings.c.started_at,
            sightings.c.first_listed_at <= listings.c.completed_at,
        )
        for day, step in ((before, 1), (after, -1)):
            connection.execute(
                listings.update()
                .where(listings.c.day == day, was_met)
                .values(moved_count=listings.c.moved_count + step)
            )

    def _record_erased(self, page: _Page, call: Call, known: _Known | None) -> Recorded:
        """A call of somebody who was erased, and that the source lists late or with people it did not name before."""
        if known is not None and known.id not in page.new:
            self._ledger.erase(page.connection, page.lease, known.id)
            return Recorded(call.external_id, known.id, known.day, "changed", is_erased=True)
        nothing = Call(call.source, call.external_id, day_start(call.occurred_at.date()))
        result = replace(_new(page.lease.workspace_id, nothing), is_erased=True)
        page.new[result.message_id] = _new_row(page.lease.workspace_id, result.message_id, nothing) | {
            "state": MessageState.DELETED.value,
            "reason": str(ERASED_REASON),
            "erased_at": self._ledger.now(),
        }
        return result

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


def _new(workspace_id: uuid.UUID, call: Call) -> Recorded:
    key = derived_id("message", str(workspace_id), call.source, call.external_id)
    return Recorded(call.external_id, key, call.occurred_at.date(), "private" if call.is_private else "new")


def _new_row(workspace_id: uuid.UUID, key: uuid.UUID, call: Call) -> dict[str, Any]:
    """A row of `messages`; every one names the same columns, so that a page is inserted at once."""
    row = {"id": key, "workspace_id": workspace_id, "source": call.source, "external_id": call.external_id}
    if not call.is_private:
        return row | _content(call) | {"state": MessageState.LISTED.value, "reason": None, "erased_at": None}
    nothing = Call(call.source, call.external_id, day_start(call.occurred_at.date()))
    held = {"state": MessageState.PRIVATE.value, "reason": str(PRIVATE_REASON), "erased_at": None}
    return row | _content(nothing) | held


def _content(call: Call) -> dict[str, Any]:
    return {
        "title": call.title,
        "metadata": dict(call.metadata),
        "occurred_at": call.occurred_at,
        "duration_s": call.duration_s,
        "url": call.url,
        "language": call.language,
        "account": call.account,
        "participants": [_person(participant) for participant in call.participants],
        "raw": dict(call.raw),
        "content_hash": call.content_hash,
    }


def _person(participant: Participant) -> dict[str, Any]:
    return {
        "name": participant.name,
        "email": participant.email,
        "side": participant.side,
        "speaker_key": participant.speaker_key,
    }
