"""Deliveries of webhooks as the API takes them: who may still try, what came of each, and how many."""

import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from headway_pipeline.ingestion.delivery_counts import DeliveryCounts
from headway_pipeline.ingestion.webhooks import ACCEPTED, Outcome, Taken, take_delivery
from headway_pipeline.model.errors import TooManyRequestsError
from headway_pipeline.sources.contract import Source
from headway_pipeline.sources.webhooks import WebhookDelivery
from headway_pipeline.store import Store
from headway_pipeline.store.workspaces import as_uuid

__all__ = ["Deliveries"]

#: Whoever is refused this often within the span is not even looked at until the span is over. A source is refused
#: only where its webhook was removed here and not there.
MOST_REFUSED = 30
SPAN = timedelta(minutes=1)
#: Beyond so many the ones longest unheard of are forgotten.
MOST_REMEMBERED = 10_000


class Deliveries:
    """What the route of webhooks works with; shared by its threads."""

    def __init__(self, store: Store, sources: Mapping[str, type[Source]], now: Callable[[], datetime]) -> None:
        self._store = store
        self._sources = sources
        self._now = now
        self._refused = _Refused(now)
        self.counts = DeliveryCounts(store, now)

    def take(self, source: str, reference: str, sender: str, delivery: WebhookDelivery) -> Taken:
        """Verify and keep a delivery.

        Args:
            reference: what stands for the connector's id in the address.
            sender: the address it came from.

        Raises:
            TooManyRequestsError: the sender was refused too often at this address of ours.
            StoreError: the database cannot be used; the source is to deliver again.
        """
        connector_id = as_uuid(reference)
        # Not by what stands in the address: that is as long as its sender likes, and is remembered.
        who = (sender, connector_id)
        self._refused.require_few(who)
        taken = take_delivery(self._store, self._sources, source, connector_id, delivery, self._now())
        if taken.outcome not in ACCEPTED and taken.outcome != Outcome.UNUSABLE:
            self._refused.note(who)
        return taken

    def close(self) -> None:
        """Write what is counted and not yet written."""
        self.counts.write()


#: A sender, and the connector it named; None where it was no id.
Who = tuple[str, uuid.UUID | None]


class _Refused:
    """How often each sender was refused lately at one address of ours, so that others' deliveries pass meanwhile."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._spans: OrderedDict[Who, tuple[datetime, int]] = OrderedDict()

    def require_few(self, who: Who) -> None:
        with self._lock:
            began, count = self._spans.get(who, (self._now(), 0))
        left = began + SPAN - self._now()
        if count >= MOST_REFUSED and left > timedelta(0):
            raise TooManyRequestsError(
                "too many deliveries were refused", "wait", retry_after_s=int(left.total_seconds()) + 1
            )

    def note(self, who: Who) -> None:
        now = self._now()
        with self._lock:
            began, count = self._spans.pop(who, (now, 0))
            self._spans[who] = (now, 1) if now - began >= SPAN else (began, count + 1)
            if len(self._spans) > MOST_REMEMBERED:
                self._spans.popitem(last=False)
