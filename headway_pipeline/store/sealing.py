"""Credentials at rest: sealed with keys the database never sees, bound to the row they belong to.

Fernet (https://cryptography.io/en/latest/fernet/) has no associated data, so the row's identity is part of the
sealed plaintext: a ciphertext copied to another row opens, but names the wrong row, and is refused.
"""

import contextlib
import hashlib
import hmac
import json
import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from headway_pipeline.model.errors import ConfigurationError, CredentialsSealedError
from headway_pipeline.model.workspaces import Credentials

__all__ = ["CredentialSealer", "keys_of", "load_or_make_key_file"]

ENVELOPE_VERSION = 1
REMEDY = "give HEADWAY_SECRET_KEY every key that was in use (newest first), or add the connector again"
KEY_REMEDY = "give HEADWAY_SECRET_KEY every key that was in use (newest first)"
KEY_HELP = 'make one with `python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"`'


class CredentialSealer:
    """Seals with the first key, opens with any."""

    def __init__(self, keys: Sequence[str], *, named: str = "HEADWAY_SECRET_KEY") -> None:
        """Checks the keys.

        Args:
            keys: newest first.
            named: where they come from, for errors.

        Raises:
            ConfigurationError: one is no key.
        """
        # Imported here: listings never seal or open anything.
        from cryptography.fernet import Fernet, MultiFernet

        try:
            self._fernet = MultiFernet([Fernet(key) for key in keys])
        except ValueError:
            # The key itself must not be shown, nor kept in a chained exception.
            raise ConfigurationError(f"{named} holds something that is no Fernet key", KEY_HELP) from None
        # By the oldest key, so that a new one in front of it changes no fingerprint until the old one is retired.
        self._fingerprinting = hashlib.sha256(b"fingerprint" + keys[-1].encode("ascii")).digest() if keys else b""

    def __repr__(self) -> str:
        return "CredentialSealer(keys hidden)"

    def seal(self, credentials: Credentials, workspace_id: UUID, connector_id: UUID) -> dict[str, Any]:
        """What the column `credentials` holds."""
        bound = {"workspace": str(workspace_id), "connector": str(connector_id), "values": dict(credentials)}
        sealed = self._fernet.encrypt(json.dumps(bound).encode("utf-8"))
        return {"v": ENVELOPE_VERSION, "sealed": sealed.decode("ascii")}

    def fingerprint(self, words: str) -> str:
        """64 hexadecimal digits that are the same for the same words, and tell nothing of them without the key."""
        return hmac.new(self._fingerprinting, words.encode("utf-8"), hashlib.sha256).hexdigest()

    def open(self, envelope: Mapping[str, Any], workspace_id: UUID, connector_id: UUID) -> Credentials:
        """The credentials sealed for exactly this row.

        Raises:
            CredentialsSealedError: no key opens the envelope, or it was sealed for another row.
        """
        from cryptography.fernet import InvalidToken

        try:
            bound = json.loads(self._fernet.decrypt(str(envelope.get("sealed", "")).encode("ascii", "replace")))
        except InvalidToken as error:
            raise CredentialsSealedError(
                "the stored credentials do not open with the keys at hand", REMEDY
            ) from error
        if bound["workspace"] != str(workspace_id) or bound["connector"] != str(connector_id):
            raise CredentialsSealedError(
                "the stored credentials belong to another connector", "give it its own with `headway connector edit`"
            )
        return Credentials(bound["values"])

    def seal_key(self, key: bytes, purpose: str) -> dict[str, Any]:
        """What the table `settings` holds of a key of this project's own."""
        sealed = self._fernet.encrypt(json.dumps({"purpose": purpose, "key": key.hex()}).encode("ascii"))
        return {"v": ENVELOPE_VERSION, "sealed": sealed.decode("ascii")}

    def open_key(self, envelope: Mapping[str, Any], purpose: str) -> bytes:
        """The key sealed for exactly this purpose.

        Raises:
            CredentialsSealedError: it does not open with the keys at hand, or was sealed for something else.
        """
        from cryptography.fernet import InvalidToken

        try:
            bound = json.loads(self._fernet.decrypt(str(envelope.get("sealed", "")).encode("ascii", "replace")))
        except InvalidToken as error:
            raise CredentialsSealedError(f"the {purpose} does not open with the keys at hand", KEY_REMEDY) from error
        if bound.get("purpose") != purpose:
            raise CredentialsSealedError(f"what is stored as {purpose} was sealed for something else", KEY_REMEDY)
        return bytes.fromhex(bound["key"])


def keys_of(named: str) -> list[str]:
    """The keys in HEADWAY_SECRET_KEY, newest first."""
    return [key.strip() for key in named.split(",") if key.strip()]


def load_or_make_key_file(path: Path) -> list[str]:
    """The keys in the file, one a line, newest first; a missing file is made with one key, for its owner only.

    Raises:
        ConfigurationError: others may read the file, or it cannot be read or made.
    """
    try:
        if not path.exists():
            _make_key_file(path)
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            raise ConfigurationError(
                f"the key file {path} can be read by others (mode {mode:04o})", f"run `chmod 600 {path}`"
            )
        keys = path.read_text(encoding="ascii", errors="replace").split()
    except OSError as error:
        raise ConfigurationError(
            f"the key file {path} cannot be read or made ({error.strerror})", "see to the folder's permissions"
        ) from error
    if not keys:
        raise ConfigurationError(
            f"the key file {path} is empty", "restore it from a copy, or remove it for a new key"
        )
    return keys


def _make_key_file(path: Path) -> None:
    """Write to a file of our own, then link it: of two processes at once, one key wins and both read it."""
    from cryptography.fernet import Fernet

    own = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(own, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(f"{Fernet.generate_key().decode('ascii')}\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        with contextlib.suppress(FileExistsError):
            os.link(own, path)
    finally:
        own.unlink()
