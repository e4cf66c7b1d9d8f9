"""Who may write a workspace's ledger: a leased lock row, so that several runs, the command line and the API may meet.

A holder renews its lease while it lives. One that was killed is taken over: at once by a process on the same machine,
which can see that it is dead, and by any other after `LEASE_S`. Every write checks the lease's token inside its own
transaction, so a holder that lost its lease without noticing (a suspended machine) cannot write any more.
"""

import logging
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from headway_pipeline.model.errors import StoreError, WorkspaceBusyError
from headway_pipeline.store.engine import Database
from headway_pipeline.store.holders import Holder, is_dead, this_process
from headway_pipeline.store.statements import insert_into
from headway_pipeline.store.tables import locks
from headway_pipeline.store.tables.columns import UtcDateTime

__all__ = ["HeldLease", "Lease", "Leases", "verify"]

logger = logging.getLogger(__name__)

LEASE_S = 90
RENEW_EVERY_S = 20
ASK_EVERY_S = 0.5
NOBODY = {"host": None, "machine": None, "pid": None, "process_started": None}


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to write one workspace's ledger, as long as `token` is the newest."""

    workspace_id: uuid.UUID
    owner: str
    token: int


@dataclass(frozen=True, slots=True)
class HeldLease:
    """Who writes a workspace's ledger now."""

    owner: str
    holder: Holder
    acquired_at: datetime


def verify(connection: Connection, lease: Lease) -> None:
    """Make sure, inside the writer's own transaction, that nobody took the lease over.

    Raises:
        WorkspaceBusyError: somebody did.
    """
    query = sa.select(locks.c.owner, locks.c.token).where(locks.c.workspace_id == lease.workspace_id)
    row = connection.execute(query.with_for_update(read=True)).first()
    if row is None or (row.owner, row.token) != (lease.owner, lease.token):
        raise WorkspaceBusyError(
            "another run took over this workspace's ledger", "nothing is lost; run again when the other one is done"
        )


class Leases:
    """Gives out leases, one a workspace."""

    def __init__(self, database: Database, now: Callable[[], datetime], sleep: Callable[[float], None]) -> None:
        self._database = database
        self._now = now
        self._sleep = sleep

    @contextmanager
    def hold(self, workspace_id: uuid.UUID, owner: str, *, patience_s: float = 0.0) -> Iterator[Lease]:
        """Hold the workspace's lease for the block.

        Args:
            owner: who holds it, e.g. a run id; the same owner may take its own lease again.
            patience_s: how long to wait for another holder.

        Raises:
            WorkspaceBusyError: another holder kept it for longer.
        """
        lease = self._acquire(workspace_id, owner, patience_s)
        stop = threading.Event()
        renewing = threading.Thread(target=self._renew, args=(lease, stop), name="lease-renewal", daemon=True)
        renewing.start()
        try:
            yield lease
        finally:
            stop.set()
            renewing.join()
            self._release(lease)

    def _acquire(self, workspace_id: uuid.UUID, owner: str, patience_s: float) -> Lease:
        waited_s = 0.0
        while True:
            taken = self._try(workspace_id, owner)
            if isinstance(taken, Lease):
                return taken
            if waited_s >= patience_s:
                raise taken
            self._sleep(ASK_EVERY_S)
            waited_s += ASK_EVERY_S

    def _try(self, workspace_id: uuid.UUID, owner: str) -> Lease | WorkspaceBusyError:
        now = self._now()
        with self._database.writing() as connection:
            query = sa.select(locks).where(locks.c.workspace_id == workspace_id)
            row = connection.execute(query.with_for_update()).first()
            if row is None:
                made = insert_into(self._database, locks).values(workspace_id=workspace_id)
                connection.execute(made.on_conflict_do_nothing())
                row = connection.execute(query.with_for_update()).one()
            held = _held(row)
            if held is not None and held.owner != owner and row.expires_at > now and not is_dead(held.holder):
                return _busy(held)
            if held is not None and held.owner != owner:
                logger.warning("the lease of run %s (%s) is taken over: it ended", held.owner, held.holder)
            lease = Lease(workspace_id, owner, row.token + 1)
            connection.execute(
                locks.update()
                .where(locks.c.workspace_id == workspace_id)
                .values(
                    owner=owner,
                    token=lease.token,
                    acquired_at=now,
                    expires_at=now + timedelta(seconds=LEASE_S),
                    **_columns(this_process()),
                )
            )
        return lease

    def holder(self, workspace_id: uuid.UUID) -> HeldLease | None:
        """Who writes the workspace's ledger now; None where nobody does, or only a process that ended."""
        query = sa.select(locks).where(locks.c.workspace_id == workspace_id)
        with self._database.reading() as connection:
            row = connection.execute(query).first()
        held = None if row is None else _held(row)
        if row is None or held is None or row.expires_at <= self._now() or is_dead(held.holder):
            return None
        return held

    def lapsed(self) -> dict[str, datetime]:
        """Owners all of whose leases ended without being given back, and when the last one did."""
        last = sa.func.max(locks.c.expires_at, type_=UtcDateTime())
        query = sa.select(locks.c.owner, last.label("ended_at")).where(locks.c.owner.is_not(None))
        query = query.group_by(locks.c.owner).having(last <= self._now())
        with self._database.reading() as connection:
            return {row.owner: row.ended_at for row in connection.execute(query)}

    def _renew(self, lease: Lease, stop: threading.Event) -> None:
        while not stop.wait(RENEW_EVERY_S):
            try:
                with self._database.writing() as connection:
                    connection.execute(_own(lease).values(expires_at=self._now() + timedelta(seconds=LEASE_S)))
            except StoreError as error:
                # The writer meets the same database; if the lease is lost meanwhile, `verify` stops it.
                logger.warning("a lease could not be renewed: %s", error)

    def _release(self, lease: Lease) -> None:
        try:
            with self._database.writing() as connection:
                connection.execute(_own(lease).values(owner=None, expires_at=None, **NOBODY))
        except StoreError as error:
            logger.warning("a lease could not be given back, it ends by itself in %s s: %s", LEASE_S, error)


def _own(lease: Lease) -> sa.Update:
    return locks.update().where(
        locks.c.workspace_id == lease.workspace_id, locks.c.owner == lease.owner, locks.c.token == lease.token
    )


def _held(row: Any) -> HeldLease | None:
    if row.owner is None:
        return None
    holder = Holder(row.host or "an unnamed host", row.machine, row.pid or 0, row.process_started)
    return HeldLease(row.owner, holder, row.acquired_at)


def _columns(holder: Holder) -> dict[str, Any]:
    return {
        "host": holder.host,
        "machine": holder.machine,
        "pid": holder.pid,
        "process_started": holder.started,
    }


def _busy(held: HeldLease) -> WorkspaceBusyError:
    return WorkspaceBusyError(
        f"another process writes this workspace since {held.acquired_at:%H:%M:%S} UTC "
        f"(run {held.owner}, {held.holder})",
        f"wait until it is done, then repeat; if its machine is gone, its lease ends by itself within {LEASE_S} "
        "seconds",
    )
