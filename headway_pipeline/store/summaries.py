"""Extracted features counted, and the accounts they come from."""

import uuid
from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from headway_pipeline.model.filters import FeatureFilter
from headway_pipeline.store.engine import Database
from headway_pipeline.store.feature_rows import filtered_items
from headway_pipeline.store.tables import extracted_features, features, messages, themes

__all__ = ["AccountCounts", "FeatureSummary", "ThemeCount", "accounts_of", "summary_of"]


@dataclass(frozen=True, slots=True)
class ThemeCount:
    """How many stand under a theme; `theme_id` None is the inbox."""

    theme_id: uuid.UUID | None
    theme: str | None
    features: int


@dataclass(frozen=True, slots=True)
class FeatureSummary:
    """Counts over a filter.

    Attributes:
        calls: how many calls they come from; `accounts` how many accounts, as far as sources name them.
        by_theme: most first, the inbox last.
        by_week: by the Monday (UTC) of the week of the call, oldest first; weeks without any are left out.
    """

    features: int
    calls: int
    accounts: int
    by_theme: tuple[ThemeCount, ...]
    by_type: dict[str, int]
    by_urgency: dict[str, int]
    by_sentiment: dict[str, int]
    by_week: dict[date, int]


@dataclass(frozen=True, slots=True)
class AccountCounts:
    """A customer's company, with its calls and what they hold."""

    account: str
    calls: int
    features: int
    last_call_at: datetime


def summary_of(database: Database, workspace_id: uuid.UUID, where: FeatureFilter) -> FeatureSummary:
    """What a listing of `where` holds, counted by the database."""
    items = extracted_features.c
    week = _week(database)
    kinds = (features.c.theme_id, items.type, items.urgency, items.sentiment)
    number = sa.func.count()
    by_kind = filtered_items(sa.select(*kinds, number), workspace_id, where).group_by(*kinds)
    by_week = filtered_items(sa.select(week, number), workspace_id, where).group_by(week).order_by(week)
    distinct: Any = sa.select(
        sa.func.count(items.message_id.distinct()), sa.func.count(messages.c.account.distinct())
    )
    with database.reading() as connection:
        counted = connection.execute(by_kind).all()
        weeks = connection.execute(by_week).all()
        calls, accounts = connection.execute(filtered_items(distinct, workspace_id, where)).one()
        named = connection.execute(sa.select(themes.c.id, themes.c.name).where(themes.c.workspace_id == workspace_id))
        names: dict[uuid.UUID | None, str] = {row.id: row.name for row in named}
    by = [Counter[Any]() for _ in kinds]
    for *words, count in counted:
        for counts, word in zip(by, words, strict=True):
            counts[word] += count
    ranked = sorted(by[0].items(), key=lambda found: (found[0] is None, -found[1], names.get(found[0], "")))
    return FeatureSummary(
        features=sum(by[1].values()),
        calls=calls,
        accounts=accounts,
        by_theme=tuple(ThemeCount(key, names.get(key), count) for key, count in ranked),
        by_type=dict(sorted(by[1].items())),
        by_urgency=dict(sorted(by[2].items())),
        by_sentiment=dict(sorted(by[3].items())),
        by_week={date.fromisoformat(str(monday)[:10]): count for monday, count in weeks},
    )


def _week(database: Database) -> sa.ColumnElement[Any]:
    """The Monday of the call's week, in UTC."""
    if database.is_sqlite:
        # The next Sunday, or today if it is one, less six days.
        return sa.func.date(messages.c.occurred_at, "weekday 0", "-6 days", type_=sa.Text)
    return sa.cast(sa.func.date_trunc("week", sa.func.timezone("UTC", messages.c.occurred_at)), sa.Date)


def accounts_of(
    database: Database, workspace_id: uuid.UUID, where: FeatureFilter, *, limit: int
) -> list[AccountCounts]:
    """The accounts whose calls hold most of what `where` asks for; calls without an account are left out."""
    number = sa.func.count()
    query = (
        filtered_items(
            sa.select(
                messages.c.account,
                sa.func.count(messages.c.id.distinct()).label("calls"),
                number.label("features"),
                sa.func.max(messages.c.occurred_at).label("last_call_at"),
            ),
            workspace_id,
            where,
        )
        .where(messages.c.account.is_not(None))
        .group_by(messages.c.account)
        .order_by(number.desc(), messages.c.account)
        .limit(limit)
    )
    with database.reading() as connection:
        return [AccountCounts(**row) for row in connection.execute(query).mappings()]
