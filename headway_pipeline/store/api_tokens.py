"""Bearer tokens of the API. Only their SHA-256 is kept: who reads the table cannot use one.

A plain hash is right here, unlike for passwords: a token is 256 random bits, so there is nothing to guess from a
list, and a slow hash would only make every request slow.
"""

import hashlib
import hmac
import secrets
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from headway_pipeline.model.access import Caller, Role, Token
from headway_pipeline.model.errors import InputError, UnknownThingError
from headway_pipeline.store.engine import Database
from headway_pipeline.store.tables import api_tokens
from headway_pipeline.store.workspaces import as_uuid

__all__ = ["TOKEN_PREFIX", "ApiTokens"]

#: What every token begins with, so that people and scanners of repositories know one when they see it.
TOKEN_PREFIX = "headway_"  # noqa: S105  # a mark, no secret
SECRET_BYTES = 32
#: `last_used_at` is for people; writing it at every request would make every read a write.
USE_IS_NOTED_EVERY = timedelta(minutes=1)


class ApiTokens:
    """Who may ask the API, of all workspaces: it is asked before anybody knows which workspace is meant."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    def create(
        self, name: str, role: Role, *, workspace_id: uuid.UUID | None = None, expires_at: datetime | None = None
    ) -> tuple[Token, str]:
        """Make a token; returns it and its secret, which is nowhere else and shown once.

        Raises:
            InputError: the name is empty, or a role without its workspace (or an operator with one).
        """
        clean = name.strip()
        if not clean:
            raise InputError("a token needs a name", "name who or what will use it")
        if (role is Role.OPERATOR) != (workspace_id is None):
            raise InputError(
                "an operator's token is for no workspace, any other for exactly one",
                "name a workspace, or take the role operator",
            )
        secret = TOKEN_PREFIX + secrets.token_urlsafe(SECRET_BYTES)
        token = Token(uuid.uuid4(), workspace_id, clean, role, self._now(), expires_at)
        values = {
            "id": token.id,
            "workspace_id": workspace_id,
            "name": clean,
            "role": role.value,
            "token_hash": hash_of(secret),
            "created_at": token.created_at,
            "expires_at": expires_at,
        }
        with self._database.writing() as connection:
            connection.execute(api_tokens.insert().values(**values))
        return token, secret

    def caller(self, secret: str) -> Caller | None:
        """Whose token this is; None for an unknown, revoked or expired one."""
        digest = hash_of(secret)
        query = sa.select(api_tokens).where(api_tokens.c.token_hash == digest)
        with self._database.reading() as connection:
            row = connection.execute(query).mappings().first()
        # The index was asked by a hash, of which an attacker cannot choose the first half; this compares the whole.
        if row is None or not hmac.compare_digest(row["token_hash"], digest):
            return None
        token = _token(row)
        now = self._now()
        if token.revoked_at is not None or (token.expires_at is not None and token.expires_at <= now):
            return None
        if token.last_used_at is None or now - token.last_used_at >= USE_IS_NOTED_EVERY:
            self._note_use(token.id, now)
        return Caller(token.id, token.name, token.role, token.workspace_id)

    def list(self, workspace_id: uuid.UUID | None = None) -> "list[Token]":
        """The tokens of a workspace, or all of them, oldest first."""
        query = sa.select(api_tokens).order_by(api_tokens.c.created_at, api_tokens.c.id)
        if workspace_id is not None:
            query = query.where(api_tokens.c.workspace_id == workspace_id)
        with self._database.reading() as connection:
            return [_token(row) for row in connection.execute(query).mappings()]

    def revoke(self, named: str) -> Token:
        """Let a token, by its id, open nothing any more. Revoking it again changes nothing.

        Raises:
            UnknownThingError: there is none of that id.
        """
        key = as_uuid(named)
        table = api_tokens
        with self._database.writing() as connection:
            statement = table.update().where(table.c.id == key, table.c.revoked_at.is_(None))
            connection.execute(statement.values(revoked_at=self._now()))
            row = connection.execute(sa.select(table).where(table.c.id == key)).mappings().first()
        if row is None:
            raise UnknownThingError("there is no token of that id", "`headway token list` shows those there are")
        return _token(row)

    def _note_use(self, token_id: uuid.UUID, now: datetime) -> None:
        table = api_tokens
        is_due = sa.or_(table.c.last_used_at.is_(None), table.c.last_used_at <= now - USE_IS_NOTED_EVERY)
        with self._database.writing() as connection:
            connection.execute(table.update().where(table.c.id == token_id, is_due).values(last_used_at=now))


def hash_of(secret: str) -> str:
    """What is stored of a token."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _token(row: Mapping[Any, Any]) -> Token:
    return Token(
        id=row["id"],
        workspace_id=row["workspace_id"],
        name=row["name"],
        role=Role(row["role"]),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        last_used_at=row["last_used_at"],
        revoked_at=row["revoked_at"],
    )
