"""What sensors look at: one query each, over all active workspaces at once. Nothing here remembers the last look.

Each answer says how things stand, not what happened: a tick that was missed costs nothing but time.
"""

import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from headway_pipeline.model.features import Theme, themes_hash
from headway_pipeline.model.identity import content_hash
from headway_pipeline.model.ledger import MessageState, ReasonCode
from headway_pipeline.store.engine import Database
from headway_pipeline.store.statements import has_reason
from headway_pipeline.store.tables import (
    listings,
    messages,
    relevance_scores,
    themes,
    workspace_connectors,
    workspaces,
)

__all__ = ["ListedDays", "SetUp", "Standing", "Watch"]

#: What makes a connector another one than before: never its secrets, and never its health.
CONNECTOR_SET_UP = (
    *("id", "connector_type", "name", "base_url", "uses_environment", "is_active", "settings"),
    *("created_at", "updated_at"),
)
THEME = ("id", "name", "description")


@dataclass(frozen=True, slots=True)
class SetUp:
    """What people set up in a workspace.

    Attributes:
        connectors: how many active ones, by the name of their source.
        connectors_hash: changes with anything people change of a connector, new credentials among it.
        themes: how many feedback is filed under.
        themes_hash: as `model.features.themes_hash`.
    """

    slug: str
    connectors: Mapping[str, int]
    connectors_hash: str
    themes: int
    themes_hash: str


@dataclass(frozen=True, slots=True)
class ListedDays:
    """How much of its calendar an active connector was ever asked to list, whatever came of it.

    Attributes:
        added_on: UTC day on which it was added.
        changed_at: when people last changed it.
        stretches: unbroken runs of days as (first, last), oldest first; empty for a new connector.
    """

    slug: str
    connector_id: uuid.UUID
    added_on: date
    changed_at: datetime
    stretches: tuple[tuple[date, date], ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """What a workspace's calls were filed and judged at, beside its present themes.

    Attributes:
        themes_hash: of the present themes.
        filed_at: hashes of themes that analysed calls are filed at; None for calls that were never filed. Those
            that wait and say why are left out.
        judged_at: hashes of themes at which calls were found not relevant.
        awaits_themes: whether calls wait because there were no themes.
        first, last: UTC days of its oldest and newest call; None without calls.
    """

    slug: str
    themes: int
    themes_hash: str
    filed_at: frozenset[str | None]
    judged_at: frozenset[str | None]
    awaits_themes: bool
    first: date | None
    last: date | None


class Watch:
    """Reads what sensors decide from."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def set_ups(self) -> list[SetUp]:
        """Connectors and themes of every active workspace, by slug."""
        connector = [workspace_connectors.c[name].label(f"connector_{name}") for name in CONNECTOR_SET_UP]
        # Every connector beside every theme: some dozens of rows a workspace, in one query.
        query = (
            _beside_themes(sa.select(workspaces.c.slug, *connector, *_theme_columns()))
            .outerjoin(workspace_connectors, workspace_connectors.c.workspace_id == workspaces.c.id)
            .order_by(workspaces.c.slug)
        )
        return [_set_up(slug, rows) for slug, rows in self._by_slug(query).items()]

    def listed_days(self) -> list[ListedDays]:
        """The calendar of every active connector, by slug."""
        table = workspace_connectors.c
        connector = (workspaces.c.slug, table.id, table.created_at, table.updated_at)
        neighbours = [
            to(listings.c.day, type_=sa.Date)
            .over(partition_by=listings.c.connector_id, order_by=listings.c.day)
            .label(name)
            for name, to in (("before", sa.func.lag), ("after", sa.func.lead))
        ]
        days = sa.select(listings.c.connector_id, listings.c.day, *neighbours).subquery()
        # Only the days at which a stretch begins or ends: of a year without a gap two of 365.
        is_edge = sa.or_(
            days.c.before.is_(None),
            days.c.after.is_(None),
            days.c.before != self._moved(days.c.day, -1),
            days.c.after != self._moved(days.c.day, 1),
        )
        edges = sa.select(days).where(is_edge).subquery()
        query = (
            sa.select(*connector, edges.c.day, edges.c.before, edges.c.after)
            .join(workspaces, workspaces.c.id == table.workspace_id)
            .outerjoin(edges, edges.c.connector_id == table.id)
            .where(workspaces.c.is_active, table.is_active)
            .order_by(workspaces.c.slug, table.id, edges.c.day)
        )
        found: dict[uuid.UUID, list[Any]] = defaultdict(list)
        with self._database.reading() as connection:
            for row in connection.execute(query):
                found[row.id].append(row)
        return [
            ListedDays(rows[0].slug, key, rows[0].created_at.date(), rows[0].updated_at, tuple(_stretches(rows)))
            for key, rows in found.items()
        ]

    def standings(self) -> list[Standing]:
        """What the calls of every active workspace are filed and judged at, by slug."""
        standing = sa.union_all(_filed(), _judged(), _awaiting_themes()).subquery()
        first, last = (
            sa.select(of(messages.c.occurred_at))
            .where(messages.c.workspace_id == workspaces.c.id)
            .scalar_subquery()
            .label(name)
            for name, of in (("first", sa.func.min), ("last", sa.func.max))
        )
        own = (workspaces.c.slug, first, last, standing.c.what, standing.c.at)
        query = (
            _beside_themes(sa.select(*own, *_theme_columns()))
            .outerjoin(standing, standing.c.workspace_id == workspaces.c.id)
            .order_by(workspaces.c.slug)
        )
        return [_standing(slug, rows) for slug, rows in self._by_slug(query).items()]

    def _by_slug(self, query: sa.Select[Any]) -> dict[str, list[Mapping[Any, Any]]]:
        found: dict[str, list[Mapping[Any, Any]]] = defaultdict(list)
        with self._database.reading() as connection:
            for row in connection.execute(query).mappings():
                found[row["slug"]].append(row)
        return found

    def _moved(self, day: sa.ColumnElement[date], days: int) -> sa.ColumnElement[date]:
        """So many days later."""
        if self._database.is_sqlite:
            return sa.func.date(day, f"{days:+d} days")
        return day + sa.cast(sa.literal(days), sa.Integer)


def _theme_columns() -> list[sa.Label[Any]]:
    return [themes.c[name].label(f"theme_{name}") for name in THEME]


def _beside_themes(query: sa.Select[Any]) -> sa.Select[Any]:
    """Active workspaces, each beside every theme it files under, or beside none."""
    is_current = sa.and_(themes.c.workspace_id == workspaces.c.id, themes.c.archived_at.is_(None))
    return query.select_from(workspaces).outerjoin(themes, is_current).where(workspaces.c.is_active)


def _themes_of(rows: Iterable[Mapping[Any, Any]]) -> tuple[Theme, ...]:
    return tuple(
        {
            row["theme_id"]: Theme(row["theme_id"], row["theme_name"], row["theme_description"] or "")
            for row in rows
            if row["theme_id"] is not None
        }.values()
    )


def _set_up(slug: str, rows: Sequence[Mapping[Any, Any]]) -> SetUp:
    connectors = {
        str(row["connector_id"]): {name: row[f"connector_{name}"] for name in CONNECTOR_SET_UP}
        for row in rows
        if row["connector_id"] is not None
    }
    current = _themes_of(rows)
    return SetUp(
        slug=slug,
        connectors=Counter(found["connector_type"] for found in connectors.values() if found["is_active"]),
        connectors_hash=content_hash(connectors),
        themes=len(current),
        themes_hash=themes_hash(current),
    )


def _stretches(edges: Sequence[Any]) -> Iterable[tuple[date, date]]:
    """Unbroken runs of days from the days at which they begin or end."""
    one_day = timedelta(days=1)
    first: date | None = None
    for edge in edges:
        if edge.day is None:
            return
        if edge.before is None or edge.before != edge.day - one_day:
            first = edge.day
        if first is not None and (edge.after is None or edge.after != edge.day + one_day):
            yield first, edge.day


def _filed() -> sa.Select[Any]:
    """Written as the index `ix_messages_filed` is, whose entries are all it reads."""
    table = messages.c
    return (
        sa.select(table.workspace_id, sa.literal_column("'filed'").label("what"), table.filed_themes_hash.label("at"))
        .where(table.state == sa.literal_column("'analysed'"), table.reason.is_(None))
        .group_by(table.workspace_id, table.filed_themes_hash)
    )


def _judged() -> sa.Select[Any]:
    """A call that was set aside is another sensor's."""
    table = relevance_scores.c
    set_aside = sa.select(messages.c.id).where(messages.c.state == MessageState.QUARANTINED.value)
    return (
        sa.select(table.workspace_id, sa.literal_column("'judged'"), table.themes_hash)
        .where(sa.not_(table.is_relevant), table.message_id.not_in(set_aside))
        .group_by(table.workspace_id, table.themes_hash)
    )


def _awaiting_themes() -> sa.Select[Any]:
    table = messages.c
    return (
        sa.select(table.workspace_id, sa.literal_column("'awaiting'"), sa.null())
        .where(
            table.state == MessageState.TRANSCRIBED.value,
            has_reason(ReasonCode.NO_THEMES),
        )
        .group_by(table.workspace_id)
    )


def _standing(slug: str, rows: Sequence[Mapping[Any, Any]]) -> Standing:
    found: dict[str | None, set[str | None]] = defaultdict(set)
    for row in rows:
        found[row["what"]].add(row["at"])
    current = _themes_of(rows)
    first, last = rows[0]["first"], rows[0]["last"]
    return Standing(
        slug=slug,
        themes=len(current),
        themes_hash=themes_hash(current),
        filed_at=frozenset(found["filed"]),
        judged_at=frozenset(found["judged"]),
        awaits_themes="awaiting" in found,
        first=first.date() if first else None,
        last=last.date() if last else None,
    )
