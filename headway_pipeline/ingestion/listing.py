"""Stage 1: list every active connector's calls, page by page, into the ledger.

A page is committed as it arrives. Page tokens live only inside one walk of one window; an expired token starts
the window again. A day counts as listed by a connector only when every window covering it was walked to its end.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from headway_pipeline.ingestion.run import Part, Run, StageReport
from headway_pipeline.ingestion.sessions import (
    CONNECTOR_ERRORS,
    Session,
    active_connectors,
    open_session,
    record_trouble,
)
from headway_pipeline.ingestion.sweep import Covered, sweep_missing
from headway_pipeline.model.errors import CursorExpiredError, Failing, HeadwayError, SourceContractError
from headway_pipeline.model.identity import content_hash
from headway_pipeline.model.windows import TimeWindow, day_end, windows_of
from headway_pipeline.model.workspaces import Connector
from headway_pipeline.sources.contract import Page
from headway_pipeline.store import UNIDENTIFIED, Lease

__all__ = ["list_calls"]

MAX_RESTARTS = 3


@dataclass(slots=True)
class Walked:
    """How far one connector's listing got."""

    started_at: datetime
    covered: list[TimeWindow] = field(default_factory=list)
    ids_by_day: dict[date, set[str]] = field(default_factory=dict)

    def has_covered(self, day: date, margin: timedelta, until: datetime) -> bool:
        """Whether everything the source could list for `day` was asked for."""
        end = min(day_end(day) + margin, until)
        start = day_end(day) - timedelta(days=1)
        return start >= until or any(window.start <= start and self._reaches(window, end) for window in self.covered)

    def _reaches(self, window: TimeWindow, end: datetime) -> bool:
        """Whether `window` and those that follow it without a gap reach `end`."""
        reached = window.end
        for other in sorted(self.covered, key=lambda covered: covered.start):
            if other.start <= reached:
                reached = max(reached, other.end)
        return reached >= end


def list_calls(run: Run, part: Part, lease: Lease) -> StageReport:
    """List `part.days` from each of the workspace's connectors; a failing one does not stop the others.

    What the connectors knew of the days and list no more is looked for afterwards: see `sweep.py`.

    Returns:
        Counts `listed`, `new`, `changed`, `unchanged`, `private`, `outside`, `bad_records`, `missing`, `deleted` by
        day and source, and `requests` on the first of the days; the connectors that failed.
    """
    report = StageReport()
    covered = [
        _list_from(run, part, lease, connector, report) for connector in active_connectors(run, part.workspace)
    ]
    sweep_missing(run, part, lease, covered, report)
    return report


def _list_from(run: Run, part: Part, lease: Lease, connector: Connector, report: StageReport) -> Covered:
    """List the days from one connector; where it fails, its trouble is in the report."""
    walked = Walked(started_at=run.effects.now())
    error: HeadwayError | None = None
    session: Session | None = None
    try:
        session = open_session(run, part.workspace, connector)
        try:
            _list_connector(run, part, lease, session, walked, report)
        finally:
            report.count(min(part.days), connector.connector_type, "requests", session.requests)
        session.succeeded(sees_calls=any(walked.ids_by_day.values()))
    except CONNECTOR_ERRORS as raised:
        error = raised
        report.troubles.append(record_trouble(run, part.workspace, connector, raised))
    days = _record_listings(run, part, lease, connector, walked, error)
    return Covered(connector.id, connector.connector_type, session, walked.started_at, days)


def _list_connector(
    run: Run, part: Part, lease: Lease, session: Session, walked: Walked, report: StageReport
) -> None:
    longest = timedelta(days=session.tuning.longest_window_days)
    margin = session.source.listing_margin
    listed = 0
    for window in windows_of(part.days, longest=longest, until=run.until, margin=margin):
        for page in _walk(session, window):
            _record_page(run, part, lease, session.connector, page, walked, report)
            listed += len(page.calls)
            run.progress("listing", part.workspace.slug, listed, None)
        walked.covered.append(window)


def _walk(session: Session, window: TimeWindow) -> Iterator[Page]:
    """Every page of a window, from the first again where its token expires.

    Raises:
        SourceContractError: the source hands out a token twice, or pages with nothing but known calls.
    """
    for restart in range(MAX_RESTARTS + 1):
        try:
            yield from _pages(session, window)
        except CursorExpiredError:
            if restart == MAX_RESTARTS:
                raise
        else:
            return


def _pages(session: Session, window: TimeWindow) -> Iterator[Page]:
    tokens: set[str] = set()
    known: set[str] = set()
    token: str | None = None
    while True:
        page = session.list(window, token)
        ids = {call.external_id for call in page.calls}
        # A last page may repeat a call that moved to it while the walk went on; it ends the walk all the same.
        if page.next_token is not None and token is not None and ids and ids <= known:
            raise _endless(session, "a page holds only calls of earlier pages")
        known |= ids
        yield page
        if page.next_token is None:
            return
        if page.next_token in tokens:
            raise _endless(session, "a page token came twice")
        tokens.add(page.next_token)
        token = page.next_token


def _endless(session: Session, what: str) -> SourceContractError:
    source = session.connector.connector_type
    return SourceContractError(
        f"{source}: the listing does not end ({what})",
        "run again; if it stays so, the source's API has changed",
        at=Failing(source, "list"),
    )


def _record_page(
    run: Run, part: Part, lease: Lease, connector: Connector, page: Page, walked: Walked, report: StageReport
) -> None:
    source = connector.connector_type
    days = set(part.days)
    now = run.effects.now()
    for recorded in run.store.listings.record_page(lease, connector.id, page.calls, now):
        seen = walked.ids_by_day.setdefault(recorded.day, set())
        if recorded.external_id in seen:
            continue
        seen.add(recorded.external_id)
        if recorded.day in days:
            report.count(recorded.day, source, "listed")
            report.count(recorded.day, source, recorded.change)
        else:
            report.count(min(days), source, "outside")
    for bad in page.bad_records:
        # Without an id of its own a record goes by its content: it, too, stands in the ledger.
        external_id = bad.external_id or f"{UNIDENTIFIED}{content_hash(bad.raw)[:32]}"
        day = run.store.listings.record_bad_record(
            lease, connector.id, source, external_id, min(days), bad.problem, bad.raw, now
        )
        walked.ids_by_day.setdefault(day, set()).add(external_id)
        report.count(day, source, "bad_records")


def _record_listings(
    run: Run, part: Part, lease: Lease, connector: Connector, walked: Walked, error: HeadwayError | None
) -> frozenset[date]:
    """Write down how far the listing got; returns the days it covered."""
    source_type = run.sources.get(connector.connector_type)
    margin = source_type.listing_margin if source_type else timedelta(0)
    covered = frozenset(day for day in part.days if error is None or walked.has_covered(day, margin, run.until))
    run.store.listings.record(
        lease,
        connector.id,
        {day: len(walked.ids_by_day.get(day, ())) for day in part.days},
        run_id=run.id,
        started_at=walked.started_at,
        ended_at=run.effects.now(),
        errors={day: str(error) for day in part.days if day not in covered},
    )
    return covered
