"""What hints ask for: the days to list again. A hint is never the truth; the listing of its day is."""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from headway_pipeline.model.windows import consecutive_runs
from headway_pipeline.model.workspaces import Connector
from headway_pipeline.sources.contract import Source
from headway_pipeline.sources.webhooks import WebhookDelivery, WebhookTrust
from headway_pipeline.store import Store
from headway_pipeline.store.hints import DueHint

__all__ = ["HintedDays", "hinted_days", "receive_webhook", "settled_hints"]


@dataclass(frozen=True, slots=True)
class HintedDays:
    """Days of one workspace to run over, both ends included, and the hints that are settled by it."""

    workspace_id: uuid.UUID
    first: date
    last: date
    hint_ids: frozenset[uuid.UUID]


def receive_webhook(
    store: Store,
    source: type[Source],
    connector: Connector,
    delivery: WebhookDelivery,
    trust: WebhookTrust,
    now: datetime,
) -> bool:
    """Verify a delivery and keep what it hints at.

    Returns:
        Whether it is news.

    Raises:
        WebhookRefusedError: it is not the source's; nothing is kept.
        ConfigurationError: `trust` is unusable.
    """
    hint = source.verify_webhook(delivery, trust, now)
    return store.hints.record(
        connector,
        hint.delivery_id,
        external_id=hint.external_id,
        occurred_at=hint.occurred_at,
        received_at=now,
        is_test=hint.is_test,
    )


def hinted_days(hints: Iterable[DueHint], *, start: date, today: date) -> Iterator[HintedDays]:
    """The stretches of days that `hints` ask for, by workspace, oldest first.

    Args:
        hints: any number about any calls; many about one day are one request.
        start: the first day there is a partition for; a hint about an earlier one is settled with that day.
        today: the last one (UTC); a source's clock may be ahead.
    """
    by_day: dict[uuid.UUID, dict[date, set[uuid.UUID]]] = defaultdict(lambda: defaultdict(set))
    for hint in hints:
        for day in _days_of(hint, start, today):
            by_day[hint.workspace_id][day].add(hint.id)
    for workspace_id, days in sorted(by_day.items()):
        for first, last in consecutive_runs(list(days)):
            settled = frozenset().union(*(ids for day, ids in days.items() if first <= day <= last))
            yield HintedDays(workspace_id, first, last, settled)


def settled_hints(hints: Iterable[DueHint], *, start: date, today: date) -> frozenset[uuid.UUID]:
    """The hints whose days their connector listed to the end after they came, whoever asked for that."""
    return frozenset(hint.id for hint in hints if _days_of(hint, start, today) <= hint.listed_since)


def _days_of(hint: DueHint, start: date, today: date) -> set[date]:
    """The day its call started on, else the day it came and the one before; moved to where there are partitions."""
    if hint.occurred_at is not None:
        days = {hint.occurred_at.date()}
    else:
        came = hint.received_at.date()
        days = {came, came - timedelta(days=1)}
    return {min(max(day, start), today) for day in days}
