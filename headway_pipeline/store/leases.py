"""Who may write a workspace's ledger: a leased lock row, so that several runs, the command line and the API may meet.

A holder renews its lease while it lives. One that was killed stops renewing, and the next one takes over after
`LEASE_S`. Every write checks the lease's token inside its own transaction, so a holder that lost its lease without
noticing (a suspended machine) cannot write any more.
"""

import logging
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from headway_pipeline.model.errors import StoreError, WorkspaceBusyError
from headway_pipeline.store.engine import Database
from headway_pipeline.store.statements import insert_into
from headway_pipeline.store.tables import locks

__all__ = ["Lease", "Leases", "verify"]

logger = logging.getLogger(__name__)

LEASE_S = 90
RENEW_EVERY_S = 20
ASK_EVERY_S = 0.5


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to write one workspace's ledger, as long as `token` is the newest."""

    workspace_id: uuid.UUID
    owner: str
    token: int


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
            is_free = row.owner is None or row.owner == owner or row.expires_at <= now
            if not is_free:
                return WorkspaceBusyError(
                    f"another process writes this workspace since {row.acquired_at:%H:%M:%S} UTC (run {row.owner})",
                    "wait until it is done, then repeat; if it was killed, its lease ends by itself within "
                    f"{LEASE_S} seconds",
                )
            lease = Lease(workspace_id, owner, row.token + 1)
            connection.execute(
                locks.update()
                .where(locks.c.workspace_id == workspace_id)
                .values(owner=owner, token=lease.token, acquired_at=now, expires_at=now + timedelta(seconds=LEASE_S))
            )
        return lease

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
                connection.execute(_own(lease).values(owner=None, expires_at=None))
        except StoreError as error:
            logger.warning("a lease could not be given back, it ends by itself in %s s: %s", LEASE_S, error)


def _own(lease: Lease) -> sa.Update:
    return locks.update().where(
        locks.c.workspace_id == lease.workspace_id, locks.c.owner == lease.owner, locks.c.token == lease.token
    )
