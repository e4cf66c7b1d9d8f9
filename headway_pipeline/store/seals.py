"""Everything sealed in the database, whichever table holds it: how it is sealed, and sealing it with the newest key.

A value is sealed anew in a transaction of its own, and opens with the keys at hand before and after: a rotation that
is interrupted anywhere goes on when it is run again.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from headway_pipeline.model.errors import CredentialsSealedError
from headway_pipeline.store.connectors import FINGERPRINT_SETTING
from headway_pipeline.store.engine import Database
from headway_pipeline.store.sealing import CredentialSealer
from headway_pipeline.store.tables import connector_webhooks, settings, workspace_connectors, workspaces

__all__ = ["Seal", "Sealed", "Seals"]


class Seal(StrEnum):
    """How a value is sealed."""

    NEWEST = "newest key"
    OLDER = "older key"
    UNKNOWN = "no key at hand"
    #: Somebody wrote it there in the clear.
    NONE = "not sealed"


@dataclass(frozen=True, slots=True)
class Sealed:
    """One sealed value, without it.

    Attributes:
        name: what it is, in words: of which connector in which workspace.
    """

    name: str
    seal: Seal


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a sealed value stands."""

    name: str
    column: sa.Column[Any]
    is_row: sa.ColumnElement[bool]


class Seals:
    """Every sealed value of the database, of all workspaces."""

    def __init__(self, database: Database, sealing: Callable[[], CredentialSealer]) -> None:
        self._database = database
        self._sealing = sealing

    def examine(self) -> list[Sealed]:
        """How each value is sealed.

        Raises:
            ConfigurationError: there is a sealed value, but no key.
        """
        with self._database.reading() as connection:
            return [Sealed(place.name, self._seal(self._envelope(connection, place))) for place in self._places()]

    def reseal(self) -> int:
        """Seal with the newest key what is sealed with an older one; returns how many values were.

        What no key opens stays as it is, but for the key of quota owners' fingerprints: it is forgotten, and another
        one is made when it is needed.
        """
        return sum(self._reseal(place) for place in self._places())

    def _reseal(self, place: _Place) -> bool:
        with self._database.writing() as connection:
            # A renewed access token is sealed under the same lock.
            query = sa.select(place.column).where(place.is_row).with_for_update()
            envelope = connection.execute(query).scalar_one_or_none()
            seal = self._seal(envelope)
            if seal is Seal.UNKNOWN and place.name == FINGERPRINT_SETTING:
                connection.execute(settings.delete().where(place.is_row))
            if seal is not Seal.OLDER or not isinstance(envelope, Mapping):
                return False
            values = {place.column.name: self._sealing().reseal(envelope)}
            connection.execute(sa.update(place.column.table).where(place.is_row).values(values))
            return True

    def _seal(self, envelope: object) -> Seal:
        if not isinstance(envelope, Mapping):
            # It went meanwhile.
            return Seal.NEWEST
        if "sealed" not in envelope:
            return Seal.NONE
        sealing = self._sealing()
        if sealing.is_newest(envelope):
            return Seal.NEWEST
        try:
            sealing.reseal(envelope)
        except CredentialsSealedError:
            return Seal.UNKNOWN
        return Seal.OLDER

    def _envelope(self, connection: sa.Connection, place: _Place) -> object:
        return connection.execute(sa.select(place.column).where(place.is_row)).scalar_one_or_none()

    def _places(self) -> list[_Place]:
        connectors, hooks = workspace_connectors.c, connector_webhooks.c
        named = sa.select(connectors.id, connectors.name, workspaces.c.slug).join(
            workspaces, workspaces.c.id == connectors.workspace_id
        )
        with_credentials = named.where(connectors.credentials.is_not(None)).order_by(connectors.id)
        with_webhook = named.join(connector_webhooks, hooks.connector_id == connectors.id).order_by(connectors.id)
        with self._database.reading() as connection:
            places = [
                _Place(f"credentials of {row.name} in {row.slug}", connectors.credentials, connectors.id == row.id)
                for row in connection.execute(with_credentials)
            ]
            places += [
                _Place(f"webhook secret of {row.name} in {row.slug}", hooks.secret, hooks.connector_id == row.id)
                for row in connection.execute(with_webhook)
            ]
            places += [
                _Place(row.key, settings.c.value, settings.c.key == row.key)
                for row in connection.execute(sa.select(settings).order_by(settings.c.key))
                if isinstance(row.value, Mapping) and "sealed" in row.value
            ]
        return places
