"""How a workspace's features and its cost went week by week; counted by the database, one row a theme."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import sqlalchemy as sa

from headway_pipeline.model.windows import day_start
from headway_pipeline.store.engine import Database
from headway_pipeline.store.placing import is_dismissed
from headway_pipeline.store.tables import extracted_features, features, messages, model_answers, themes

__all__ = ["Trends", "WeeklyCost"]

WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class WeeklyCost:
    """What language models cost, by week.

    Attributes:
        usd: of the answers whose price is known.
        answers: how many were paid for.
        unpriced: how many of these nobody knows the price of.
    """

    usd: tuple[float, ...]
    answers: int
    unpriced: int


class Trends:
    """Weeks are named by their first day (UTC) and count seven."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def features(self, workspace_id: uuid.UUID, weeks: Sequence[date]) -> Mapping[str | None, tuple[int, ...]]:
        """How many features of each theme (None: the inbox) calls of each week brought, without dismissed ones."""
        counts = [sa.func.count().filter(_within(messages.c.occurred_at, week)) for week in weeks]
        query = (
            sa.select(themes.c.name, *counts)
            .select_from(extracted_features)
            .join(messages, messages.c.id == extracted_features.c.message_id)
            .outerjoin(features, features.c.extracted_feature_id == extracted_features.c.id)
            .outerjoin(themes, themes.c.id == features.c.theme_id)
            .where(messages.c.workspace_id == workspace_id, _over(messages.c.occurred_at, weeks), ~is_dismissed())
            .group_by(themes.c.name)
        )
        with self._database.reading() as connection:
            return {name: tuple(numbers) for name, *numbers in connection.execute(query)}

    def cost(self, workspace_id: uuid.UUID, weeks: Sequence[date]) -> WeeklyCost:
        """What answers that came in each week cost."""
        table = model_answers.c
        sums = [
            sa.func.coalesce(sa.func.sum(table.cost_usd).filter(_within(table.answered_at, week)), 0.0)
            for week in weeks
        ]
        query = sa.select(
            sa.func.coalesce(sa.func.sum(table.attempts), 0),
            sa.func.count().filter(table.cost_usd.is_(None)),
            *sums,
        ).where(table.workspace_id == workspace_id, table.attempts > 0, _over(table.answered_at, weeks))
        with self._database.reading() as connection:
            answers, unpriced, *usd = connection.execute(query).one()
        return WeeklyCost(tuple(map(float, usd)), answers, unpriced)


def _within(moment: sa.ColumnElement[object], week: date) -> sa.ColumnElement[bool]:
    return sa.and_(moment >= day_start(week), moment < day_start(week + WEEK))


def _over(moment: sa.ColumnElement[object], weeks: Sequence[date]) -> sa.ColumnElement[bool]:
    return sa.and_(moment >= day_start(weeks[0]), moment < day_start(weeks[-1] + WEEK))
