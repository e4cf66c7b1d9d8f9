"""How far every active connector of every active workspace is, in one query; what a watch over them all reads."""

from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa

from headway_pipeline.model.workspaces import Connector
from headway_pipeline.store.connectors import connector_of
from headway_pipeline.store.engine import Database
from headway_pipeline.store.tables import listings, workspace_connectors, workspaces

__all__ = ["Standing", "Standings"]


@dataclass(frozen=True, slots=True)
class Standing:
    """An active connector as it is now.

    Attributes:
        slug: of its workspace.
        created_at: when it was made.
        newest_day: the latest UTC day whose listing was tried, or None before the first.
    """

    slug: str
    connector: Connector
    created_at: datetime
    newest_day: date | None


class Standings:
    """All workspaces at once: for operators, not for tenants."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of_connectors(self) -> list[Standing]:
        """Every active connector of an active workspace, by workspace and name."""
        newest = (
            sa.select(listings.c.connector_id, sa.func.max(listings.c.day).label("newest_day"))
            .group_by(listings.c.connector_id)
            .subquery()
        )
        connectors = workspace_connectors
        query = (
            sa.select(connectors, workspaces.c.slug, newest.c.newest_day)
            .join(workspaces, workspaces.c.id == connectors.c.workspace_id)
            .outerjoin(newest, newest.c.connector_id == connectors.c.id)
            .where(workspaces.c.is_active, connectors.c.is_active)
            .order_by(workspaces.c.slug, connectors.c.name)
        )
        with self._database.reading() as connection:
            return [
                Standing(row["slug"], connector_of(row), row["created_at"], row["newest_day"])
                for row in connection.execute(query).mappings()
            ]
