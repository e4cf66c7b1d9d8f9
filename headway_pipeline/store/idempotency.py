"""Answers to creations, kept under the key their caller gave, so that a repeated request makes nothing again."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from headway_pipeline.model.errors import ConflictingRequestError, InputError
from headway_pipeline.store.engine import Database
from headway_pipeline.store.tables import idempotency_keys

__all__ = ["Idempotency", "KeptAnswer", "OnceKey"]

#: How long one may be at it before another may try: longer than any creation takes. One that asks Dagster for a run
#: waits for it up to two minutes.
CLAIM = timedelta(minutes=3)
#: How long an answer is kept.
KEPT = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class OnceKey:
    """What makes two requests the same one.

    Attributes:
        route: method and path.
        key_hash: SHA-256 of what the caller gave.
        request_hash: of the body, keyed with a secret that is not in the database.
    """

    token_id: uuid.UUID
    route: str
    key_hash: str
    request_hash: str


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """A response as it was given."""

    status: int
    headers: Mapping[str, str]
    body: Mapping[str, Any]


class Idempotency:
    """Of concurrent requests with one key, one makes the thing and the others are told to wait."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    def claim(self, key: OnceKey) -> KeptAnswer | None:
        """The answer given before; None where the caller is now the one to make it.

        Raises:
            InputError: the key was used for something else.
            ConflictingRequestError: somebody is at it.
        """
        now = self._now()
        table = idempotency_keys
        values = {
            "token_id": key.token_id,
            "route": key.route,
            "key_hash": key.key_hash,
            "request_hash": key.request_hash,
            "claimed_until": now + CLAIM,
            "created_at": now,
        }
        with self._database.writing() as connection:
            connection.execute(table.delete().where(table.c.created_at < now - KEPT))
            insert = (sqlite if self._database.is_sqlite else postgresql).insert(table).values(**values)
            if connection.execute(insert.on_conflict_do_nothing()).rowcount == 1:
                return None
            row = connection.execute(sa.select(table).where(_is(key)).with_for_update()).mappings().one()
            if row["request_hash"] != key.request_hash:
                raise InputError(
                    "this Idempotency-Key was used for another request", "take a new key for a new request"
                )
            if row["status"] is not None:
                return KeptAnswer(row["status"], row["headers"], row["body"])
            if row["claimed_until"] > now:
                raise ConflictingRequestError(
                    "a request with this Idempotency-Key is being carried out", "repeat it in a moment"
                )
            connection.execute(table.update().where(_is(key)).values(claimed_until=now + CLAIM))
        return None

    def keep(self, key: OnceKey, answer: KeptAnswer) -> None:
        """Keep what was answered."""
        values = {"status": answer.status, "headers": dict(answer.headers), "body": dict(answer.body)}
        with self._database.writing() as connection:
            connection.execute(idempotency_keys.update().where(_is(key)).values(**values))

    def release(self, key: OnceKey) -> None:
        """Nothing was made: the same request may be tried again."""
        table = idempotency_keys
        with self._database.writing() as connection:
            connection.execute(table.delete().where(_is(key), table.c.status.is_(None)))


def _is(key: OnceKey) -> sa.ColumnElement[bool]:
    table = idempotency_keys
    return sa.and_(table.c.token_id == key.token_id, table.c.route == key.route, table.c.key_hash == key.key_hash)
