"""Gong's page cursors: signed tokens that count pages and expire an hour after the first page of a walk."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

__all__ = ["LIFETIME", "Cursor", "CursorError", "read_cursor", "sign_cursor"]

#: Counted from the first page on: a later page does not prolong it.
LIFETIME = timedelta(hours=1)
SIGNING_KEY = b"the sandbox signs for nobody but itself"


class CursorError(Exception):
    """A cursor that is expired or not ours; its text is what the API answers."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a walk stands.

    Attributes:
        page_number: of the page it leads to, from 0.
        expires_at: epoch seconds.
    """

    page_number: int
    page_size: int
    total: int
    expires_at: int


def sign_cursor(cursor: Cursor) -> str:
    """The token of a cursor, a JSON Web Token (RFC 7519) signed with HS256."""
    claims = {
        "pageSize": cursor.page_size,
        "total": cursor.total,
        "pageNumber": cursor.page_number,
        "exp": cursor.expires_at,
    }
    signed = f"{_encode({'alg': 'HS256'})}.{_encode(claims)}"
    return f"{signed}.{_signature(signed)}"


def read_cursor(token: str, now: datetime) -> Cursor:
    """The cursor of a token.

    Raises:
        CursorError: it is not ours, or its hour is over.
    """
    signed, _, signature = token.rpartition(".")
    if not hmac.compare_digest(_signature(signed).encode(), signature.encode("utf-8", "replace")):
        raise CursorError("cursor is not valid")
    encoded = signed.partition(".")[2]
    claims = json.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    if claims["exp"] <= now.timestamp():
        raise CursorError("cursor has expired")
    return Cursor(claims["pageNumber"], claims["pageSize"], claims["total"], claims["exp"])


def _encode(claims: Mapping[str, object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(claims, separators=(",", ":")).encode()).rstrip(b"=").decode()


def _signature(signed: str) -> str:
    digest = hmac.digest(SIGNING_KEY, signed.encode("utf-8", "replace"), hashlib.sha256)
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
