"""Which days are not complete after a run, and why, in words for people."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from headway_pipeline.ingestion.run import Part, Run
from headway_pipeline.ingestion.sessions import active_connectors
from headway_pipeline.model.ledger import INCOMPLETE_REASONS
from headway_pipeline.store import HYDRATED, Flaw

__all__ = ["Incomplete", "incomplete_days", "listing_troubles"]


@dataclass(frozen=True, slots=True)
class Incomplete:
    """A day that a later run must do again.

    Attributes:
        reasons: each a sentence with its remedy.
    """

    day: date
    reasons: tuple[str, ...]


def listing_troubles(run: Run, part: Part, days: list[date] | None) -> list[Flaw]:
    """Connectors in the run's scope whose last listing of a day (of any day, for None) failed."""
    return [Flaw(day, words) for day, words in _failed_listings(run, part, days)]


def _failed_listings(run: Run, part: Part, days: list[date] | None) -> Iterator[tuple[date, str]]:
    names = {connector.id: connector.name for connector in active_connectors(run, part.workspace)}
    for listing in run.store.listings.of_days(part.workspace.id, days):
        if listing.error is not None and listing.connector_id in names:
            yield listing.day, f"connector {names[listing.connector_id]}: {listing.error}"


def incomplete_days(run: Run, part: Part) -> list[Incomplete]:
    """The days of `part` that some connector could not list to the end, or whose calls wait for a person or source.

    Calls left out by `--limit` do not count: the run is complete for what was asked.
    """
    found: dict[date, dict[str, None]] = {}
    for day, words in _failed_listings(run, part, part.days):
        found.setdefault(day, {})[words] = None
    connectors = {connector.id: connector for connector in active_connectors(run, part.workspace)}
    # A call that only a disabled connector listed can wait for ever; nobody asked for it in this run.
    for waiting in run.store.messages.waiting(
        part.workspace.id, part.days, seen_by=connectors, codes=INCOMPLETE_REASONS
    ):
        found.setdefault(waiting.day, {})[waiting.reason.words] = None
    for due in run.store.transcripts.awaiting(part.workspace.id, part.days, run.effects.now()):
        # A call that changed keeps its state until its new words come: what stands in the way is its connector.
        error = connectors[due.connector_id].last_error if due.connector_id in connectors else None
        if due.state in HYDRATED and error is not None:
            found.setdefault(due.occurred_at.date(), {})[error] = None
    return [Incomplete(day, tuple(reasons)) for day, reasons in sorted(found.items())]
