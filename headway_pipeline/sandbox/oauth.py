"""Access tokens for single-use refresh tokens, as Gong and Fathom issue them."""

import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from headway_pipeline.sandbox.keys import OAuthApp

__all__ = ["Issued", "TokenDesk"]


@dataclass(frozen=True, slots=True)
class Issued:
    """A new pair of tokens; the refresh token that brought it is used up."""

    app: OAuthApp
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    life: timedelta

    @property
    def answer(self) -> dict[str, object]:
        """What both APIs answer."""
        return {
            "access_token": self.access_token,
            "refresh_token": self.refresh_token,
            "token_type": "bearer",
            "expires_in": int(self.life.total_seconds()),
        }


class TokenDesk:
    """Remembers what it issued, whatever world is served meanwhile."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._refresh_tokens: dict[str, str] = {}
        self._access_tokens: dict[str, tuple[str, datetime]] = {}

    def exchange(self, app: OAuthApp, parameters: Mapping[str, str], now: datetime, life: timedelta) -> Issued | None:
        """A new pair for an app's present refresh token; None for a used or unknown one, or another grant."""
        given = parameters.get("refresh_token", "")
        if parameters.get("grant_type") != "refresh_token":
            return None
        with self._lock:
            if not secrets.compare_digest(
                self._refresh_tokens.get(app.client_id, app.refresh_token).encode(), given.encode()
            ):
                return None
            issued = Issued(app, f"access-{secrets.token_urlsafe(24)}", f"refresh-{secrets.token_urlsafe(24)}", life)
            self._refresh_tokens[app.client_id] = issued.refresh_token
            self._access_tokens[issued.access_token] = app.client_id, now + life
        return issued

    def client_of(self, access_token: str, now: datetime) -> str | None:
        """The client id of the app a token was issued to; None: unknown, or its time is over."""
        with self._lock:
            client_id, expires_at = self._access_tokens.get(access_token, ("", now))
        return client_id if now < expires_at else None
