"""Column types that mean the same on SQLite and PostgreSQL, and the metadata every table belongs to."""

import uuid
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, UUID
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

__all__ = [
    "JSON_TYPE",
    "METADATA",
    "DashedUuid",
    "UtcDateTime",
    "created_at",
    "one_of",
    "partial_index",
    "updated_at",
    "workspace_id",
]

METADATA = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

#: Opaque on SQLite, whose JSONB functions are newer than many installed libraries.
JSON_TYPE = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


class DashedUuid(TypeDecorator[uuid.UUID]):
    """A UUID: native on PostgreSQL, 36 dashed characters on SQLite, so that hand-written SQL matches on both."""

    impl = sa.CHAR(36)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The native type where there is one."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(UUID(as_uuid=True))
        return dialect.type_descriptor(sa.CHAR(36))

    def process_bind_param(self, value: uuid.UUID | None, dialect: Dialect) -> Any:
        """To the database."""
        if value is None or dialect.name == "postgresql":
            return value
        return str(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> uuid.UUID | None:  # noqa: ARG002
        """From the database."""
        return value if value is None or isinstance(value, uuid.UUID) else uuid.UUID(value)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC time. SQLite keeps it as ISO text, which sorts as time."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To the database; a naive time is a defect of the caller."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive time cannot be stored: give it a time zone")
        at = value.astimezone(UTC)
        return at.replace(tzinfo=None) if dialect.name == "sqlite" else at

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """From the database."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def one_of(column: str, words: type[StrEnum], *, name: str | None = None) -> sa.CheckConstraint:
    """The column holds one of the enumeration's words."""
    listed = ", ".join(f"'{word.value}'" for word in words)
    return sa.CheckConstraint(f"{column} IN ({listed})", name=name or column)


def partial_index(name: str, *columns: str, where: str) -> sa.Index:
    """An index of the rows that meet a condition, which either database writes alike."""
    return sa.Index(name, *columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def workspace_id(*, primary_key: bool = False) -> sa.Column[uuid.UUID]:
    """The tenant a row belongs to; every tenant table has it."""
    return sa.Column(
        "workspace_id", DashedUuid(), sa.ForeignKey("workspaces.id"), nullable=False, primary_key=primary_key
    )


def created_at() -> sa.Column[datetime]:
    """Set by the database, so that a plain INSERT needs not name it."""
    return sa.Column("created_at", UtcDateTime(), nullable=False, server_default=sa.func.now())


def updated_at() -> sa.Column[datetime]:
    """Set by the database at first, by the store afterwards."""
    return sa.Column("updated_at", UtcDateTime(), nullable=False, server_default=sa.func.now())
