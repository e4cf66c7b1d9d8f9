"""How many deliveries came to what, counted here and written seldom: whoever forges them fills no disk."""

import logging
import threading
from collections import Counter
from collections.abc import Callable
from datetime import date, datetime, timedelta

from headway_pipeline.ingestion.webhooks import Outcome, Taken
from headway_pipeline.model.errors import StoreError
from headway_pipeline.model.workspaces import Connector
from headway_pipeline.store import Store

__all__ = ["DeliveryCounts"]

logger = logging.getLogger(__name__)

WRITTEN_EVERY = timedelta(seconds=10)


class DeliveryCounts:
    """Counts of one process. Its memory is bounded by connectors, days and outcomes: only known ones are counted."""

    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now
        self._lock = threading.Lock()
        self._connectors: dict[object, Connector] = {}
        self._counts: Counter[tuple[object, date, str]] = Counter()
        self._unknown = 0
        self._written_at = now()

    def add(self, taken: Taken) -> None:
        """Count one, and write what came meanwhile where that is due."""
        now = self._now()
        with self._lock:
            if taken.connector is None:
                self._unknown += 1
            else:
                self._connectors[taken.connector.id] = taken.connector
                self._counts[taken.connector.id, now.date(), taken.outcome] += 1
            is_due = now - self._written_at >= WRITTEN_EVERY
            if is_due:
                self._written_at = now
        if is_due:
            self.write()

    def write(self) -> None:
        """Write what is counted and not written. What a database that is down does not take is kept."""
        with self._lock:
            counts, self._counts = self._counts, Counter()
            unknown, self._unknown = self._unknown, 0
            connectors = dict(self._connectors)
        if unknown:
            logger.warning("%d deliveries came for no webhook of any connector (%s)", unknown, Outcome.UNKNOWN)
        for (connector_id, _, outcome), count in counts.items():
            if outcome == Outcome.UNUSABLE:
                logger.error(
                    "%d deliveries to connector %s could not be verified: see `headway doctor --security`",
                    count,
                    connector_id,
                )
        try:
            for key, count in list(counts.items()):
                connector_id, day, outcome = key
                connector = connectors[connector_id]
                self._store.within(connector.workspace_id).webhooks.count(connector, day, outcome, count)
                del counts[key]
        except StoreError:
            with self._lock:
                self._counts.update(counts)
