"""The store: one object that holds everything the database can be asked."""

import time
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime

import sqlalchemy as sa

from headway_pipeline.store.answers import Answers
from headway_pipeline.store.api_tokens import ApiTokens
from headway_pipeline.store.audit import Audit
from headway_pipeline.store.audit_log import AuditLog
from headway_pipeline.store.balances import Balances
from headway_pipeline.store.batches import Batches
from headway_pipeline.store.compaction import compact
from headway_pipeline.store.connectors import Connectors
from headway_pipeline.store.decisions import Decisions
from headway_pipeline.store.engine import Database
from headway_pipeline.store.erasure import Erasures
from headway_pipeline.store.extractions import Extractions
from headway_pipeline.store.filings import Filings
from headway_pipeline.store.hardening import Hardening
from headway_pipeline.store.hints import Hints
from headway_pipeline.store.idempotency import Idempotency
from headway_pipeline.store.ingest_requests import IngestRequests
from headway_pipeline.store.leases import Leases
from headway_pipeline.store.listings import Listings
from headway_pipeline.store.messages import Ledger, Messages
from headway_pipeline.store.missing import MissingCalls
from headway_pipeline.store.quotas import Quotas
from headway_pipeline.store.reading import Reading
from headway_pipeline.store.relevance import RelevanceScores
from headway_pipeline.store.rereading import Rereading
from headway_pipeline.store.schema import HEAD, ensure_schema
from headway_pipeline.store.screening import Screen
from headway_pipeline.store.sealing import CredentialSealer
from headway_pipeline.store.seals import Seals
from headway_pipeline.store.standings import Standings
from headway_pipeline.store.tables import METADATA
from headway_pipeline.store.tracing import Traces
from headway_pipeline.store.transcripts import Transcripts
from headway_pipeline.store.trends import Trends
from headway_pipeline.store.unfinished import Unfinished
from headway_pipeline.store.watch import Watch
from headway_pipeline.store.webhooks import Webhooks
from headway_pipeline.store.workspaces import Themes, Workspaces

__all__ = ["Store", "open_store"]


def utc_now() -> datetime:
    """The present, aware."""
    return datetime.now(tz=UTC)


class Store:
    """Everything the database can be asked, by subject. Ledger writes need a lease; see `leases`."""

    def __init__(
        self,
        database: Database,
        sealing: Callable[[], CredentialSealer],
        now: Callable[[], datetime],
        sleep: Callable[[float], None],
    ) -> None:
        self.database = database
        self._parts = (sealing, now, sleep)
        screen = Screen(database, sealing)
        ledger = Ledger(database, now, screen)
        self.workspaces = Workspaces(database, now)
        self.connectors = Connectors(database, sealing, now)
        self.themes = Themes(database, now)
        self.leases = Leases(database, now, sleep)
        self.listings = Listings(ledger)
        self.quotas = Quotas(database, now)
        self.messages = Messages(ledger)
        self.missing = MissingCalls(ledger)
        self.transcripts = Transcripts(ledger)
        self.relevance_scores = RelevanceScores(ledger)
        self.extractions = Extractions(ledger)
        self.filings = Filings(ledger)
        self.decisions = Decisions(database, now)
        self.balances = Balances(database)
        self.answers = Answers(database, now)
        self.batches = Batches(database, now)
        self.rereading = Rereading(ledger, self.answers)
        self.reading = Reading(database, self.messages, self.connectors, self.balances)
        self.audit = Audit(database, self.balances)
        self.standings = Standings(database)
        self.trends = Trends(database)
        self.hints = Hints(database, now)
        self.webhooks = Webhooks(database, sealing)
        self.seals = Seals(database, sealing)
        self.hardening = Hardening(database)
        self.traces = Traces(database)
        self.erasures = Erasures(ledger)
        self.api_tokens = ApiTokens(database, now)
        self.audit_log = AuditLog(database, now)
        self.idempotency = Idempotency(database, now)
        self.ingest_requests = IngestRequests(database, now)
        self.watch = Watch(database)
        self.unfinished = Unfinished(database, now)

    def ping(self) -> None:
        """Ask the database for nothing.

        Raises:
            DatabaseUnavailableError: it does not answer.
        """
        with self.database.reading() as connection:
            connection.execute(sa.text("SELECT 1"))

    def within(self, workspace_id: uuid.UUID) -> "Store":
        """The same store with one workspace in it: what is another's is neither read nor written, whatever is asked.

        The database itself sees to that (`isolation/`). It shares this store's connections, and needs no closing.

        Raises:
            OutsideWorkspaceError: this store is within another workspace already.
        """
        return Store(self.database.within(workspace_id), *self._parts)

    def at_once(self) -> AbstractContextManager[None]:
        """All that this thread asks of this store in the block, in one transaction: a change and what tells of it.

        No network belongs inside.
        """
        return self.database.at_once()

    def describe(self) -> str:
        """What database this is, without a password."""
        with self.database.reading() as connection:
            if self.database.is_sqlite:
                version = connection.execute(sa.text("SELECT sqlite_version()")).scalar_one()
                mode = connection.execute(sa.text("PRAGMA journal_mode")).scalar_one()
                return f"SQLite {version} ({mode}) at {self.database.place}, tables at revision {HEAD}"
            version = connection.execute(sa.text("SHOW server_version")).scalar_one()
            return f"PostgreSQL {version} at {self.database.place}, tables at revision {HEAD}"

    def compact(self) -> str:
        """Make the database let go of removed rows; returns what may still hold them, in words.

        Raises:
            StoreError: it could not.
        """
        return compact(self.database, sorted(METADATA.tables))

    def close(self) -> None:
        """Give every connection back."""
        self.database.close()


def open_store(
    database_url: str,
    *,
    sealing: Callable[[], CredentialSealer],
    now: Callable[[], datetime] = utc_now,
    sleep: Callable[[float], None] = time.sleep,
) -> Store:
    """Open a database; an empty one is set up first.

    Args:
        database_url: `sqlite:///path` or `postgresql://...`.
        sealing: makes the sealer of credentials when one is needed, not before.

    Raises:
        DatabaseUnavailableError: it cannot be reached.
        SchemaOutdatedError: its tables are of another version.
    """
    database = Database(database_url)
    try:
        ensure_schema(database)
    except BaseException:
        database.close()
        raise
    return Store(database, sealing, now, sleep)
