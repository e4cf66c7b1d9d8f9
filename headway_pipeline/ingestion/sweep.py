"""What became of known calls that a complete listing did not bring: a second look, and then a tombstone.

Neither Gong nor Fathom tells of deletions, nor of calls that are no longer shared. A call that none of its source's
connectors lists any more is missing. A second look confirms it: each connector that ever listed the call is asked
for it, and where a source cannot tell, a second complete listing must miss it at least a day later. Then the call is
deleted: everything derived is purged, its id and day stay.

A key that lost sight of its calls looks the same. Where a connector misses too many of the calls it knew, or lists
none of them, nothing is deleted until it sees more again, or until a person confirms the loss.
See docs/decisions/0009-deletions-need-a-second-look.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from headway_pipeline.ingestion.run import Part, Run, StageReport
from headway_pipeline.ingestion.sessions import CONNECTOR_ERRORS, Session, record_trouble
from headway_pipeline.model.ledger import Presence, Reason, ReasonCode
from headway_pipeline.sources.contract import CallRef
from headway_pipeline.store import Lease, Missing, Sight, Store

__all__ = ["ALWAYS_BELIEVED", "MOST_LOOKS", "Covered", "confirm_missing", "is_doubtful", "losses", "sweep_missing"]

#: Second looks a source and run. What is left over follows in later runs.
MOST_LOOKS = 25
#: So many missing calls of one connector are believed whatever their share, as long as it lists others.
ALWAYS_BELIEVED = 3
#: More than this share of the calls a connector knew is doubted.
MOST_MISSING = 0.2
#: Between the two listings that must miss a call of a source that cannot tell.
SECOND_LISTING_AFTER = timedelta(hours=24)
#: A call that is there though it is not listed is looked for again after a day, two, four, and then every week.
LOOK_AGAIN_AFTER = timedelta(days=1)
LONGEST_BETWEEN_LOOKS = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Covered:
    """One active connector's listing in this run.

    Attributes:
        session: None where it could not even be asked.
        days: those it listed to the end.
    """

    connector_id: UUID
    source: str
    session: Session | None
    started_at: datetime
    days: frozenset[date]


def sweep_missing(run: Run, part: Part, lease: Lease, covered: Sequence[Covered], report: StageReport) -> None:
    """Look for the known calls of completely listed days that were not listed; counts `missing` and `deleted`.

    Args:
        covered: every active connector of the sources in this run.
    """
    for source in sorted({listing.source for listing in covered}):
        own = [listing for listing in covered if listing.source == source]
        days = frozenset.intersection(*(listing.days for listing in own))
        if days:
            _Sweep(run, part, lease, source, own, sorted(days)).sweep(report)


def is_doubtful(sight: Sight) -> bool:
    """Whether a connector misses so much that it more likely lost its sight than its calls were deleted."""
    if sight.missing == 0:
        return False
    return sight.listed == 0 or (sight.missing > ALWAYS_BELIEVED and sight.missing > MOST_MISSING * sight.known)


class _Sweep:
    """One source's days."""

    def __init__(
        self, run: Run, part: Part, lease: Lease, source: str, covered: Sequence[Covered], days: list[date]
    ) -> None:
        self.run = run
        self.part = part
        self.lease = lease
        self.source = source
        self.sessions: Mapping[UUID, Session] = {
            listing.connector_id: listing.session for listing in covered if listing.session is not None
        }
        #: Connectors that failed at a second look; what they listed has to wait for a later run.
        self.failed: set[UUID] = set()
        self.days = days
        self.began_at = min(listing.started_at for listing in covered)
        self.missing = run.store.missing

    def sweep(self, report: StageReport) -> None:
        """Note what is missing, hold back what is not to be believed, look for the rest."""
        self.missing.note(
            self.lease, self.source, self.days, self.sessions, began_at=self.began_at, until=self.run.until
        )
        sights = self.missing.sights(self.part.workspace.id, self.source, self.days, began_at=self.began_at)
        doubted = {connector_id for connector_id, sight in sights.items() if is_doubtful(sight)}
        now = self.run.effects.now()
        self.missing.hold(self.lease, self.source, self.days, doubted, now)
        requests = {connector_id: session.requests for connector_id, session in self.sessions.items()}
        due = self.missing.list(
            self.part.workspace.id, self.days, source=self.source, held=False, due_at=now, limit=MOST_LOOKS
        )
        for call in due:
            if self._has_gone(call, report):
                report.count(call.occurred_at.date(), self.source, "deleted")
        for connector_id, session in self.sessions.items():
            report.count(min(self.part.days), self.source, "requests", session.requests - requests[connector_id])
        for call in self.missing.list(self.part.workspace.id, self.days, source=self.source):
            report.count(call.occurred_at.date(), self.source, "missing")

    def _has_gone(self, call: Missing, report: StageReport) -> bool:
        """Look for the call; where it is gone, leave a tombstone."""
        presence = self._look(call, report)
        is_gone = presence is Presence.GONE or (
            presence is Presence.UNKNOWN and call.missed_at - call.missing_since >= SECOND_LISTING_AFTER
        )
        now = self.run.effects.now()
        if is_gone:
            found = "a second look did not find it" if presence is Presence.GONE else "nor did a listing a day later"
            words = f"since {call.missing_since:%Y-%m-%d} no connector lists the call, and {found}"
            return self.missing.delete(self.lease, call.id, Reason(ReasonCode.GONE, words))
        if presence is not None:
            wait = min(LOOK_AGAIN_AFTER * 2 ** min(call.looks, 3), LONGEST_BETWEEN_LOOKS)
            second = call.missing_since + SECOND_LISTING_AFTER
            next_look_at = second if presence is Presence.UNKNOWN else now + wait
            self.missing.record_look(self.lease, call.id, presence, next_look_at=next_look_at)
        return False

    def _look(self, call: Missing, report: StageReport) -> Presence | None:
        """What the connectors that ever listed the call say now; None where one could not be asked."""
        ref = CallRef(call.external_id, call.occurred_at, call.duration_s, {})
        found = Presence.GONE
        listed_by = self.missing.seen_by(call.id) & set(self.sessions)
        if listed_by & self.failed:
            return None
        for connector_id in sorted(listed_by):
            session = self.sessions[connector_id]
            try:
                presence = session.ask(lambda: session.source.look_up(ref))  # noqa: B023  # asked at once, not later
            except CONNECTOR_ERRORS as error:
                report.troubles.append(record_trouble(self.run, self.part.workspace, session.connector, error))
                self.failed.add(connector_id)
                return None
            if presence is Presence.PRESENT:
                return presence
            if presence is Presence.UNKNOWN:
                found = presence
        return found


def losses(store: Store, workspace_id: UUID, days: Sequence[date] | None) -> Mapping[str, int]:
    """How many calls each connector lost sight of that are held back from deletion, by the connector's name."""
    found: dict[str, int] = {}
    for call in store.missing.list(workspace_id, days, held=True):
        found[call.connector] = found.get(call.connector, 0) + 1
    return found


def confirm_missing(store: Store, lease: Lease, *, connector_id: UUID | None, now: datetime) -> int:
    """Delete what is held back, on a person's word; returns how many calls that were."""
    words = f"no connector lists the call any more; a person confirmed the loss on {now:%Y-%m-%d}"
    held = store.missing.list(lease.workspace_id, connector_id=connector_id, held=True)
    return sum(
        store.missing.delete(lease, call.id, Reason(ReasonCode.GONE, words))
        for call in held
        if call.presence is not Presence.PRESENT
    )
