"""Keys of this project's own: made at random at their first use, and kept sealed in `settings`.

What is keyed with one of them means the same whatever becomes of the keys that seal it.
"""

import secrets
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from headway_pipeline.store.engine import Database
from headway_pipeline.store.sealing import CredentialSealer
from headway_pipeline.store.statements import insert_into
from headway_pipeline.store.tables import settings

__all__ = ["OwnKey"]

KEY_BYTES = 32


class OwnKey:
    """One such key. Once opened it is kept: it never changes."""

    def __init__(
        self, database: Database, sealing: Callable[[], CredentialSealer], *, setting: str, purpose: str
    ) -> None:
        """Prepares; nothing is read.

        Args:
            setting: its row in `settings`.
            purpose: what it is for, in words for errors; it is sealed for exactly this.
        """
        self._database = database
        self._sealing = sealing
        self._setting = setting
        self._purpose = purpose
        self._key: bytes | None = None

    def opened(self, connection: Connection) -> bytes:
        """The key, which was made before.

        Raises:
            ConfigurationError, CredentialsSealedError: it does not open with the keys at hand.
        """
        if self._key is None:
            self._key = self._sealing().open_key(connection.execute(self._stored).scalar_one(), self._purpose)
        return self._key

    def ready(self) -> bytes:
        """The key, made now if there was none.

        Raises:
            ConfigurationError, CredentialsSealedError: there is no key to seal it with, or it does not open.
        """
        if self._key is not None:
            return self._key
        with self._database.reading() as connection:
            is_made = connection.execute(self._stored).first() is not None
        if not is_made:
            self._make()
        with self._database.reading() as connection:
            return self.opened(connection)

    def _make(self) -> None:
        sealed = self._sealing().seal_key(secrets.token_bytes(KEY_BYTES), self._purpose)
        made = insert_into(self._database, settings).values(key=self._setting, value=sealed)
        with self._database.writing() as connection:
            # Of two processes at once one key wins, and both read it.
            connection.execute(made.on_conflict_do_nothing())

    @property
    def _stored(self) -> sa.Select[Any]:
        return sa.select(settings.c.value).where(settings.c.key == self._setting)
