"""The credentials a company's Gong and Fathom know, beside its first ones. They open nothing but a sandbox."""

from dataclasses import dataclass, field
from datetime import datetime

__all__ = ["GONG_SCOPES", "FathomUser", "GongKey", "OAuthApp"]

#: What a key of Gong's may be let do.
GONG_SCOPES = frozenset(
    {
        "api:calls:read:basic",
        "api:calls:read:extensive",
        "api:calls:read:transcript",
        "api:users:read",
        "api:workspaces:read",
    }
)


@dataclass(frozen=True, slots=True)
class GongKey:
    """A further key of a company's Gong.

    Attributes:
        scopes: what it may do.
        sees_calls: False for a key whose owner sees no call: it is valid, and every listing is empty.
        expires_at: when it stops being valid; None: never.
    """

    access_key: str
    secret_key: str = field(repr=False)
    scopes: frozenset[str] = GONG_SCOPES
    sees_calls: bool = True
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class FathomUser:
    """A user of a company's Fathom; a key of Fathom's is a user's.

    Attributes:
        team: the team they are in; meetings shared with it are theirs to see.
        is_admin: sees every meeting that is shared with anybody.
        deactivated_at: from when on the key is refused.
    """

    email: str
    api_token: str = field(repr=False)
    name: str = ""
    team: str | None = None
    is_admin: bool = False
    deactivated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class OAuthApp:
    """An app that somebody of the company has connected.

    Attributes:
        refresh_token: the first one; it is used up when it was used once, and each answer brings the next.
        scopes: what its access tokens may do in Gong.
        user: e-mail of the Fathom user who connected it; None: the holder of the company's own key.
    """

    client_id: str
    client_secret: str = field(repr=False)
    refresh_token: str = field(repr=False)
    scopes: frozenset[str] = GONG_SCOPES
    user: str | None = None
