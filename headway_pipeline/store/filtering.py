"""Filters and pages as SQL. Rows are in one order everywhere: the newest call first, then by id."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import sqlalchemy as sa

from headway_pipeline.model.decisions import DecisionKind
from headway_pipeline.model.filters import CallFilter, Decided, FeatureFilter, MessageFilter, PageKey, Place
from headway_pipeline.model.windows import day_end, day_start
from headway_pipeline.store.placing import has_decision, is_decision, is_dismissed
from headway_pipeline.store.searching import folded
from headway_pipeline.store.statements import has_reason, newest_first
from headway_pipeline.store.tables import decisions, extracted_features, features, messages, sightings

__all__ = ["feature_conditions", "message_conditions", "on_page", "page_of"]

Condition = sa.ColumnElement[bool]
#: Beside the outer join, for the question whether there is any.
_FILED = features.alias("filed")


def message_conditions(workspace_id: uuid.UUID, where: MessageFilter) -> Iterator[Condition]:
    """What `messages` must fulfil."""
    table = messages.c
    yield from _call_conditions(workspace_id, where.call)
    if where.states:
        yield table.state.in_([state.value for state in where.states])
    if where.reasons:
        yield has_reason(*where.reasons)
    if where.text:
        yield sa.or_(*(column.icontains(where.text, autoescape=True) for column in (table.title, table.account)))


def _call_conditions(workspace_id: uuid.UUID, where: CallFilter) -> Iterator[Condition]:
    table = messages.c
    yield table.workspace_id == workspace_id
    yield from _day_conditions(where.since, where.until)
    if where.sources:
        yield table.source.in_(where.sources)
    if where.account is not None:
        yield table.account == where.account
    if where.connector_id is not None:
        yield sa.exists().where(
            sightings.c.message_id == table.id,
            sightings.c.connector_id == where.connector_id,
            sightings.c.workspace_id == workspace_id,
        )


def _day_conditions(since: date | None, until: date | None) -> Iterator[Condition]:
    if since is not None:
        yield messages.c.occurred_at >= day_start(since)
    # The calendar's last day has no next one, and nothing lies beyond it.
    if until is not None and until < date.max:
        yield messages.c.occurred_at < day_end(until)


def feature_conditions(workspace_id: uuid.UUID, where: FeatureFilter) -> Iterator[Condition]:
    """What `extracted_features`, with `messages` and an outer join of `features`, must fulfil."""
    items = extracted_features.c
    yield items.workspace_id == workspace_id
    yield from _call_conditions(workspace_id, where.call)
    for column, words in (
        (items.type, where.types),
        (items.urgency, where.urgencies),
        (items.sentiment, where.sentiments),
    ):
        if words:
            yield column.in_([word.value for word in words])
    if where.message_id is not None:
        yield items.message_id == where.message_id
    if where.least_confidence is not None:
        yield items.confidence >= where.least_confidence
    if where.text:
        # As a number: under row-level security PostgreSQL keeps its statistics from LIKE, takes any word for a rare
        # one, and reads and sorts all that holds it, where the newest rows would do.
        yield sa.case((items.search_text.contains(folded(where.text), autoescape=True), 1), else_=0) > 0
    yield from _place_conditions(where)
    yield from _decision_conditions(where.decided)


def _place_conditions(where: FeatureFilter) -> Iterator[Condition]:
    theme_id: sa.ColumnElement[Any] = features.c.theme_id
    is_filed: Condition = sa.exists().where(_FILED.c.extracted_feature_id == extracted_features.c.id)
    if where.decided in (Decided.DISMISS, Decided.ANY):
        # What was dismissed stands nowhere; it is shown where it would stand.
        theme_id = sa.case((features.c.id.is_not(None), theme_id), else_=_place_without_dismissal())
        is_filed = theme_id.is_not(None)
    if where.theme_ids:
        yield theme_id.in_(where.theme_ids)
    match where.place:
        case Place.THEME:
            yield theme_id.is_not(None)
        case Place.INBOX:
            # Asked as "there is none": PostgreSQL expects next to no rows of an outer join that found nothing.
            yield sa.not_(is_filed)
        case None:
            pass


def _place_without_dismissal() -> sa.ColumnElement[Any]:
    moved = is_decision(DecisionKind.MOVE)
    moved_to = sa.select(decisions.c.theme_id).where(moved).scalar_subquery()
    return sa.case((has_decision(DecisionKind.MOVE), moved_to), else_=extracted_features.c.matched_theme_id)


def _decision_conditions(decided: Decided | None) -> Iterator[Condition]:
    match decided:
        case None:
            yield sa.not_(is_dismissed())
        case Decided.NONE:
            yield sa.not_(has_decision())
        case Decided.ANY:
            yield has_decision()
        case Decided.MOVE:
            yield has_decision(DecisionKind.MOVE)
            yield sa.not_(is_dismissed())
        case Decided.ACCEPT:
            yield has_decision(DecisionKind.ACCEPT)
        case Decided.DISMISS:
            yield is_dismissed()


def on_page(query: sa.Select[Any], key: sa.Column[uuid.UUID], after: PageKey | None, limit: int) -> sa.Select[Any]:
    """At most `limit` rows from after the last page's last row on, and one more, which tells whether there are more.

    Args:
        key: the row's id.
    """
    return newest_first(query, messages.c.occurred_at, key, after).limit(limit + 1)


def page_of(rows: Sequence[Mapping[Any, Any]], limit: int) -> tuple[Sequence[Mapping[Any, Any]], PageKey | None]:
    """The rows of the page, and its last row's key where there are more."""
    shown = rows[:limit]
    return shown, PageKey(shown[-1]["occurred_at"], shown[-1]["id"]) if len(rows) > limit else None
