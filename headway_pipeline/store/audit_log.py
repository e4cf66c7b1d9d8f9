"""What people and programs changed: who, what, on which subject. Never a secret, never speech."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from headway_pipeline.store.engine import Database
from headway_pipeline.store.statements import newest_first
from headway_pipeline.store.tables import audit_log

__all__ = ["AuditEntry", "AuditLog"]


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One change.

    Attributes:
        workspace_id: None for a change to the installation.
        actor: who, e.g. "token ci (…)" or "command line".
        action: what, as `subject.verb`, e.g. "connector.add".
        subject: on which, e.g. "connector 3f0c…".
        details: names of what was changed, counts, choices.
    """

    id: uuid.UUID
    workspace_id: uuid.UUID | None
    actor: str
    action: str
    subject: str
    details: Mapping[str, Any]
    created_at: datetime


class AuditLog:
    """Appended to, never changed but by an erasure."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    def record(
        self,
        workspace_id: uuid.UUID | None,
        *,
        actor: str,
        action: str,
        subject: str,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        """Append one entry; the caller sees to it that no secret is in it."""
        with self._database.writing() as connection:
            connection.execute(
                audit_log.insert().values(
                    id=uuid.uuid4(),
                    workspace_id=workspace_id,
                    actor=actor,
                    action=action,
                    subject=subject,
                    details=dict(details or {}),
                    created_at=self._now(),
                )
            )

    def list(
        self, workspace_id: uuid.UUID, *, before: tuple[datetime, uuid.UUID] | None = None, limit: int = 100
    ) -> "list[AuditEntry]":
        """The workspace's entries, newest first.

        Args:
            before: only those after this one in that order: the time and id of the last one seen.
        """
        table = audit_log
        query = sa.select(table).where(table.c.workspace_id == workspace_id)
        query = newest_first(query, table.c.created_at, table.c.id, before).limit(limit)
        with self._database.reading() as connection:
            return [AuditEntry(**row) for row in connection.execute(query).mappings()]
