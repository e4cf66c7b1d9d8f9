"""Connectors with their sealed credentials and their health."""

import hmac
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from headway_pipeline.model.errors import AlreadyExistsError, CredentialsSealedError, UnknownThingError
from headway_pipeline.model.identity import derived_id
from headway_pipeline.model.workspaces import Connector, ConnectorHealth, Credentials, Drift
from headway_pipeline.store.edits import write_edit
from headway_pipeline.store.engine import Database
from headway_pipeline.store.own_keys import OwnKey
from headway_pipeline.store.sealing import CredentialSealer
from headway_pipeline.store.tables import workspace_connectors
from headway_pipeline.store.workspaces import as_uuid

__all__ = ["FINGERPRINT_SETTING", "Connectors", "connector_of"]

FINGERPRINT_SETTING = "fingerprint_key"
FINGERPRINT_PURPOSE = "key of quota owners' fingerprints"


class Connectors:
    """Workspaces' access to sources."""

    def __init__(
        self, database: Database, sealing: Callable[[], CredentialSealer], now: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._sealing = sealing
        self._now = now
        self._fingerprint_key = OwnKey(database, sealing, setting=FINGERPRINT_SETTING, purpose=FINGERPRINT_PURPOSE)

    def add(
        self,
        workspace_id: uuid.UUID,
        connector_type: str,
        *,
        name: str | None = None,
        base_url: str | None = None,
        credentials: Credentials | None = None,
        uses_environment: bool = False,
        settings: Mapping[str, Sequence[str]] | None = None,
    ) -> Connector:
        """Add one, its credentials sealed.

        Raises:
            AlreadyExistsError: the workspace has a connector of that name.
        """
        chosen = name or connector_type
        table = workspace_connectors
        key = derived_id("connector", str(workspace_id), chosen)
        with self._database.writing() as connection:
            same = sa.select(table.c.id).where(table.c.workspace_id == workspace_id, table.c.name == chosen)
            if connection.execute(same).first():
                raise AlreadyExistsError(
                    f"there is a connector {chosen!r} already",
                    "choose another name for a second one, or edit that one",
                )
            if connection.execute(sa.select(table.c.id).where(table.c.id == key)).first():
                # A connector that was renamed keeps the id its first name gave it.
                key = uuid.uuid4()
            sealed = None if credentials is None else self._sealing().seal(credentials, workspace_id, key)
            connection.execute(
                workspace_connectors.insert().values(
                    id=key,
                    workspace_id=workspace_id,
                    connector_type=connector_type,
                    name=chosen,
                    base_url=base_url,
                    credentials=sealed,
                    uses_environment=uses_environment,
                    settings=dict(settings or {}),
                )
            )
        return self.find(workspace_id, chosen)

    def readdress(
        self,
        connector_id: uuid.UUID,
        *,
        base_url: str | None,
        credentials: Credentials | None = None,
        uses_environment: bool = False,
        settings: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        """Give a connector another address, other credentials or other choices, and a fresh start; it is active then.

        Another address needs the credentials again: the caller sees to it.

        Args:
            credentials: None keeps those it has, unless it `uses_environment` from now on.
            settings: None keeps those it has.
        """
        self.edit(
            connector_id,
            {"base_url": base_url, "is_active": True},
            credentials=credentials,
            uses_environment=uses_environment,
            settings=settings,
        )

    def edit(
        self,
        connector_id: uuid.UUID,
        changes: Mapping[str, Any],
        *,
        credentials: Credentials | None = None,
        uses_environment: bool = False,
        settings: Mapping[str, Sequence[str]] | None = None,
        seen_at: datetime | None = None,
    ) -> None:
        """Change what is given; another address, credentials or choices give it a fresh start.

        Another address needs the credentials again: the caller sees to it.

        Args:
            changes: of name, base_url, is_active.
            credentials: None keeps those it has, unless it `uses_environment` from now on.
            settings: None keeps those it has.

        Raises:
            AlreadyExistsError: the new name is taken.
            StaleEditError: it was written since `seen_at`.
        """
        table = workspace_connectors
        values = dict(changes)
        if settings is not None:
            values["settings"] = dict(settings)
        if uses_environment:
            values |= {"credentials": None, "uses_environment": True}
        if credentials is not None or uses_environment or settings is not None or "base_url" in changes:
            values |= {"health": ConnectorHealth.UNTRIED.value, "last_error": None, "resume_at": None}
        is_meant = table.c.id == connector_id
        with self._database.writing() as connection:
            if credentials is not None:
                row = connection.execute(sa.select(table.c.workspace_id).where(is_meant)).one()
                sealed = self._sealing().seal(credentials, row.workspace_id, connector_id)
                values |= {"credentials": sealed, "uses_environment": False}
            try:
                write_edit(connection, table, is_meant, values, now=self._now(), seen_at=seen_at)
            except IntegrityError as error:
                raise AlreadyExistsError(
                    f"there is a connector {values.get('name')!r} already", "choose another name"
                ) from error

    def list(
        self, workspace_id: uuid.UUID, *, active_only: bool = True, connector_type: str | None = None
    ) -> "list[Connector]":
        """The workspace's connectors, by name."""
        table = workspace_connectors
        query = sa.select(table).where(table.c.workspace_id == workspace_id).order_by(table.c.name)
        if active_only:
            query = query.where(table.c.is_active)
        if connector_type is not None:
            query = query.where(table.c.connector_type == connector_type)
        with self._database.reading() as connection:
            return [connector_of(row) for row in connection.execute(query).mappings()]

    def find(self, workspace_id: uuid.UUID, named: str) -> Connector:
        """By id or name.

        Raises:
            UnknownThingError: there is none; the words name those there are.
        """
        table = workspace_connectors
        key = as_uuid(named)
        condition = table.c.name == named if key is None else table.c.id == key
        query = sa.select(table).where(table.c.workspace_id == workspace_id, condition)
        with self._database.reading() as connection:
            row = connection.execute(query).mappings().first()
        if row is None:
            known = ", ".join(found.name for found in self.list(workspace_id, active_only=False)) or "none yet"
            raise UnknownThingError(f"there is no connector {named!r}", f"the workspace has these: {known}")
        return connector_of(row)

    def credentials(self, connector: Connector) -> Credentials:
        """The connector's secrets.

        Raises:
            CredentialsSealedError: they are missing or do not open.
        """
        table = workspace_connectors
        with self._database.reading() as connection:
            envelope = connection.execute(
                sa.select(table.c.credentials).where(table.c.id == connector.id)
            ).scalar_one_or_none()
        if not isinstance(envelope, Mapping):
            raise CredentialsSealedError(
                f"connector {connector.name} has no stored credentials", "give it some with `headway connector edit`"
            )
        return self._sealing().open(envelope, connector.workspace_id, connector.id)

    def fingerprint(self, words: str) -> str:
        """64 hexadecimal digits that are the same for equal credentials, and tell nothing of them without the key.

        Raises:
            ConfigurationError, CredentialsSealedError: there is no key to make it with, or it does not open.
        """
        return hmac.digest(self._fingerprint_key.ready(), words.encode("utf-8"), "sha256").hex()

    def start_renewing(self, connector_id: uuid.UUID, owner: str, now: datetime, until: datetime) -> bool:
        """Take the right to renew the connector's access token until `until`; False while another one has it."""
        table = workspace_connectors
        is_free = sa.or_(table.c.renewing_until.is_(None), table.c.renewing_until <= now)
        with self._database.writing() as connection:
            taken = connection.execute(
                table.update()
                .where(table.c.id == connector_id, is_free)
                .values(renewing_by=owner, renewing_until=until)
            )
        return taken.rowcount == 1

    def stop_renewing(self, connector_id: uuid.UUID, owner: str) -> None:
        """Give the right back, where `owner` still has it."""
        table = workspace_connectors
        with self._database.writing() as connection:
            connection.execute(
                table.update()
                .where(table.c.id == connector_id, table.c.renewing_by == owner)
                .values(renewing_by=None, renewing_until=None)
            )

    def store_renewed(
        self, connector: Connector, spent: Credentials, renewed: Credentials, *, base_url: str | None
    ) -> bool:
        """Seal a renewed pair in place of the spent one.

        Args:
            base_url: the address to use from now on; None for the present one.

        Returns:
            False where the store holds another pair than the spent one, or none: somebody gave the connector others.
        """
        table = workspace_connectors
        sealing = self._sealing()
        values: dict[str, Any] = {"credentials": sealing.seal(renewed, connector.workspace_id, connector.id)}
        if base_url is not None:
            values["base_url"] = base_url
        with self._database.writing() as connection:
            query = sa.select(table.c.credentials).where(table.c.id == connector.id).with_for_update()
            envelope = connection.execute(query).scalar_one()
            if not isinstance(envelope, Mapping):
                return False
            held = sealing.open(envelope, connector.workspace_id, connector.id)
            if dict(held) != dict(spent):
                return False
            connection.execute(table.update().where(table.c.id == connector.id).values(**values))
        return True

    def record_drift(self, connector_id: uuid.UUID, drift: Drift) -> None:
        """Keep how far the last complete listing was from what the parser knows."""
        stored = {
            "records": drift.records,
            "bad_records": drift.bad_records,
            "unknown_fields": dict(drift.unknown_fields),
        }
        self._update(connector_id, drift=stored)

    def disable(self, connector_id: uuid.UUID) -> None:
        """Use it no more; what it brought stays."""
        self._update(connector_id, is_active=False, updated_at=self._now())

    def record_health(
        self,
        connector_id: uuid.UUID,
        health: ConnectorHealth,
        *,
        last_error: str | None = None,
        ok: bool = False,
        resume_at: datetime | None = None,
    ) -> None:
        """Write how it is; `ok` also notes the time."""
        values: dict[str, Any] = {"health": health.value, "last_error": last_error, "resume_at": resume_at}
        if ok:
            values["last_ok_at"] = self._now()
        self._update(connector_id, **values)

    def _update(self, connector_id: uuid.UUID, **values: Any) -> None:
        table = workspace_connectors
        with self._database.writing() as connection:
            connection.execute(table.update().where(table.c.id == connector_id).values(**values))


def connector_of(row: Mapping[Any, Any]) -> Connector:
    """The connector that a row of `workspace_connectors` holds."""
    return Connector(
        id=row["id"],
        workspace_id=row["workspace_id"],
        connector_type=row["connector_type"],
        name=row["name"],
        base_url=row["base_url"],
        is_active=row["is_active"],
        uses_environment=row["uses_environment"],
        health=ConnectorHealth(row["health"]),
        last_error=row["last_error"],
        last_ok_at=row["last_ok_at"],
        resume_at=row["resume_at"],
        settings=row["settings"],
        drift=Drift.of(row["drift"]),
        updated_at=row["updated_at"],
    )
