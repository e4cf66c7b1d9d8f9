"""Credentials at rest: sealed with keys the database never sees, bound to the row they belong to.

Fernet (https://cryptography.io/en/latest/fernet/) has no associated data, so the row's identity is part of the
sealed plaintext: a ciphertext copied to another row opens, but names the wrong row, and is refused.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from headway_pipeline.model.errors import ConfigurationError, CredentialsSealedError
from headway_pipeline.model.workspaces import Credentials

__all__ = ["KEY_HELP", "CredentialSealer", "keys_of"]

ENVELOPE_VERSION = 1
REMEDY = (
    "give HEADWAY_SECRET_KEY every key that was in use (newest first), "
    "or the connector its credentials again: `headway connector edit`"
)
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
            opening = [Fernet(key) for key in keys]
            self._fernet = MultiFernet(opening)
        except ValueError:
            # The key itself must not be shown, nor kept in a chained exception.
            raise ConfigurationError(f"{named} holds something that is no Fernet key", KEY_HELP) from None
        self._newest = opening[0]

    def __repr__(self) -> str:
        return "CredentialSealer(keys hidden)"

    def seal(self, credentials: Credentials, workspace_id: UUID, connector_id: UUID) -> dict[str, Any]:
        """What the column `credentials` holds."""
        bound = {"workspace": str(workspace_id), "connector": str(connector_id), "values": dict(credentials)}
        sealed = self._fernet.encrypt(json.dumps(bound).encode("utf-8"))
        return {"v": ENVELOPE_VERSION, "sealed": sealed.decode("ascii")}

    def open(self, envelope: Mapping[str, Any], workspace_id: UUID, connector_id: UUID) -> Credentials:
        """The credentials sealed for exactly this row.

        Raises:
            CredentialsSealedError: no key opens the envelope, or it was sealed for another row.
        """
        from cryptography.fernet import InvalidToken

        try:
            bound = json.loads(self._fernet.decrypt(_sealed(envelope)))
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
            bound = json.loads(self._fernet.decrypt(_sealed(envelope)))
        except InvalidToken as error:
            raise CredentialsSealedError(f"the {purpose} does not open with the keys at hand", KEY_REMEDY) from error
        if bound.get("purpose") != purpose:
            raise CredentialsSealedError(f"what is stored as {purpose} was sealed for something else", KEY_REMEDY)
        return bytes.fromhex(bound["key"])

    def is_newest(self, envelope: Mapping[str, Any]) -> bool:
        """Whether the newest key alone opens it, whatever it is."""
        from cryptography.fernet import InvalidToken

        try:
            self._newest.decrypt(_sealed(envelope))
        except InvalidToken:
            return False
        return True

    def reseal(self, envelope: Mapping[str, Any]) -> dict[str, Any]:
        """The same content, with what it is bound to, sealed with the newest key.

        Raises:
            CredentialsSealedError: no key opens it.
        """
        from cryptography.fernet import InvalidToken

        try:
            sealed = self._fernet.rotate(_sealed(envelope))
        except InvalidToken as error:
            raise CredentialsSealedError("it does not open with the keys at hand", KEY_REMEDY) from error
        return {"v": ENVELOPE_VERSION, "sealed": sealed.decode("ascii")}


def _sealed(envelope: Mapping[str, Any]) -> bytes:
    return str(envelope.get("sealed", "")).encode("ascii", "replace")


def keys_of(named: str) -> list[str]:
    """The keys in HEADWAY_SECRET_KEY, newest first."""
    return [key.strip() for key in named.split(",") if key.strip()]
