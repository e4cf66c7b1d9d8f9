"""Days on which a run could do something now, over all active workspaces: what failed, was awaited or left behind.

The conditions are those by which the stages choose their calls (`transcripts.awaiting` and its like), without naming
a workspace. Left out is what waits for a person or is another sensor's: a `--limit`, the budget of a run, a
connector that only a person can mend, missing themes, an answer that is being asked for.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from headway_pipeline.model.ledger import LEFT_OUT_REASONS, MessageState, ReasonCode
from headway_pipeline.store.engine import Database
from headway_pipeline.store.messages import is_due
from headway_pipeline.store.statements import day_of, has_no_reason_of, has_reason, may_be_asked
from headway_pipeline.store.tables import (
    listings,
    messages,
    sightings,
    transcripts,
    workspace_connectors,
    workspaces,
)
from headway_pipeline.store.transcripts import HYDRATED

__all__ = ["Hold", "Need", "Unfinished", "UnfinishedDay"]


class Need(StrEnum):
    """What the day lacks first."""

    LISTING = "listing"
    TRANSCRIPTS = "transcripts"
    READING = "reading"


class Hold(StrEnum):
    """What kept it from being done before."""

    #: Nothing, or a time that has come.
    NOTHING = "nothing"
    #: A source or a language model failed.
    FAILURE = "failure"
    #: The month's budget for language models was spent.
    BUDGET = "budget"


@dataclass(frozen=True, slots=True)
class UnfinishedDay:
    """A workspace's day (UTC) with something to do.

    Attributes:
        changed_at: when people last changed a connector it rests on; None where it rests on none.
    """

    slug: str
    day: date
    need: Need
    hold: Hold
    changed_at: datetime | None


class Unfinished:
    """Reads what is left to do."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    def days(self) -> list[UnfinishedDay]:
        """Each day once for each need and hold, by slug and day."""
        now = self._now()
        parts = (self._unlisted(now), self._awaited(now), self._out_of_date(now), self._unread(now))
        left = sa.union_all(*parts).subquery()
        changed = sa.func.max(left.c.changed_at).label("changed")
        query = (
            sa.select(workspaces.c.slug, left.c.day, left.c.need, left.c.hold, changed)
            .join(workspaces, workspaces.c.id == left.c.workspace_id)
            .where(workspaces.c.is_active)
            .group_by(workspaces.c.slug, left.c.day, left.c.need, left.c.hold)
            .order_by(workspaces.c.slug, left.c.day, left.c.need, left.c.hold)
        )
        with self._database.reading() as connection:
            return [
                UnfinishedDay(row.slug, row.day, Need(row.need), Hold(row.hold), row.changed)
                for row in connection.execute(query)
            ]

    def _part(
        self, need: Need, hold: sa.ColumnElement[str], *, day: sa.ColumnElement[date] | None = None
    ) -> sa.Select[Any]:
        """Columns every part of the union has; `day` is the call's where none is given."""
        changed_at = workspace_connectors.c.updated_at if need is not Need.READING else sa.null()
        table = listings if day is not None else messages
        return sa.select(
            table.c.workspace_id,
            (day_of(self._database, messages.c.occurred_at) if day is None else day).label("day"),
            sa.literal_column(f"'{need.value}'").label("need"),
            hold.label("hold"),
            changed_at.label("changed_at"),
        )

    def _unlisted(self, now: datetime) -> sa.Select[Any]:
        """Days whose last listing did not come to its end, of connectors that may be asked."""
        return (
            self._part(Need.LISTING, _word(Hold.FAILURE), day=listings.c.day)
            .join(workspace_connectors, workspace_connectors.c.id == listings.c.connector_id)
            .where(listings.c.completed_at.is_(None), may_be_asked(now))
        )

    def _awaited(self, now: datetime) -> sa.Select[Any]:
        """Calls without a transcript whose time has come."""
        table = messages.c
        welcome = sa.and_(table.state == MessageState.NO_TRANSCRIPT.value, table.next_attempt_at <= now)
        return _through_connectors(self._part(Need.TRANSCRIPTS, _hold())).where(
            may_be_asked(now),
            sa.or_(is_due(now, MessageState.LISTED, MessageState.AWAITING_TRANSCRIPT), welcome),
            has_no_reason_of(*LEFT_OUT_REASONS),
        )

    def _out_of_date(self, now: datetime) -> sa.Select[Any]:
        """Calls that changed after their transcript was fetched: such a transcript has a time."""
        return (
            _through_connectors(self._part(Need.TRANSCRIPTS, _word(Hold.NOTHING)))
            .join(transcripts, transcripts.c.message_id == messages.c.id)
            .where(
                may_be_asked(now),
                transcripts.c.next_attempt_at <= now,
                transcripts.c.content_hash != messages.c.content_hash,
                messages.c.state.in_([state.value for state in HYDRATED]),
            )
        )

    def _unread(self, now: datetime) -> sa.Select[Any]:
        """Calls an analyst was not asked about though nothing is in the way, or whose time has come."""
        table = messages.c
        transcribed = sa.and_(
            table.state == MessageState.TRANSCRIBED.value,
            sa.or_(table.next_attempt_at.is_(None), table.next_attempt_at <= now),
            has_no_reason_of(*LEFT_OUT_REASONS, ReasonCode.NO_THEMES, ReasonCode.ANSWER_PENDING),
        )
        read = [state.value for state in (MessageState.TRANSCRIBED, MessageState.NOT_RELEVANT, MessageState.ANALYSED)]
        set_aside = sa.and_(
            table.state == MessageState.QUARANTINED.value,
            table.resume_state.in_(read),
            table.next_attempt_at <= now,
        )
        # As the index `ix_messages_unfiled` is written.
        unfiled = sa.and_(
            table.state == sa.literal_column("'analysed'"),
            table.reason.is_not(None),
            has_no_reason_of(*LEFT_OUT_REASONS, ReasonCode.ANSWER_PENDING),
        )
        return self._part(Need.READING, _hold()).where(sa.or_(transcribed, set_aside, unfiled))


def _through_connectors(query: sa.Select[Any]) -> sa.Select[Any]:
    return query.join(sightings, sightings.c.message_id == messages.c.id).join(
        workspace_connectors, workspace_connectors.c.id == sightings.c.connector_id
    )


def _word(hold: Hold) -> sa.ColumnElement[str]:
    return sa.literal_column(f"'{hold.value}'")


def _hold() -> sa.ColumnElement[str]:
    """What the call's reason says; a call that was set aside has a time of its own."""
    failed = (
        *(ReasonCode.SOURCE_FAILED, ReasonCode.SOURCE_PAUSED),
        *(ReasonCode.MODEL_FAILED, ReasonCode.MODEL_PAUSED),
    )
    return sa.case(
        (messages.c.state == MessageState.QUARANTINED.value, _word(Hold.NOTHING)),
        (has_reason(*failed), _word(Hold.FAILURE)),
        (has_reason(ReasonCode.BUDGET), _word(Hold.BUDGET)),
        else_=_word(Hold.NOTHING),
    )
