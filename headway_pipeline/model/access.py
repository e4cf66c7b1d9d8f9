"""Who may do what: roles, and whoever asks with a token."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

__all__ = ["Caller", "Role", "Token"]


class Role(StrEnum):
    """What a token may do. Each may what those before it may; only `operator` reaches beyond one workspace."""

    VIEWER = "viewer"
    EDITOR = "editor"
    ADMIN = "admin"
    OPERATOR = "operator"

    def includes(self, needed: "Role") -> bool:
        """Whether this role may do what needs `needed`."""
        roles = list(Role)
        return roles.index(self) >= roles.index(needed)


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token as the store knows it: never its secret.

    Attributes:
        workspace_id: the workspace it is for; None for an operator's.
        last_used_at: written at most once a minute.
    """

    id: uuid.UUID
    workspace_id: uuid.UUID | None
    name: str
    role: Role
    created_at: datetime
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever asks the API.

    Attributes:
        workspace_id: the only workspace there is for this caller; None for an operator.
    """

    token_id: uuid.UUID
    name: str
    role: Role
    workspace_id: uuid.UUID | None

    @property
    def actor(self) -> str:
        """How the audit log names the caller."""
        return f"token {self.name} ({self.token_id})"
