"""Workspaces and their connectors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

__all__ = ["Connector", "ConnectorHealth", "Credentials", "Workspace"]


class ConnectorHealth(StrEnum):
    """A connector's state in words a person understands."""

    UNTRIED = "untried"
    OK = "ok"
    SEES_NOTHING = "sees_nothing"
    WRONG_HOST = "wrong_host"
    BAD_CREDENTIALS = "bad_credentials"
    MISSING_PERMISSION = "missing_permission"
    PAUSED_UNTIL = "paused_until"
    DRIFTING = "drifting"
    UNREACHABLE = "unreachable"


class Credentials(Mapping[str, str]):
    """A connector's secrets. Behaves as a read-only mapping and never shows a value by itself."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = dict(values)

    def __getitem__(self, name: str) -> str:
        return self._values[name]

    def __iter__(self):  # type: ignore[no-untyped-def]  # Iterator[str]; spelled out in the ABC
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Credentials({', '.join(sorted(self._values))}: hidden)"


@dataclass(frozen=True, slots=True)
class Workspace:
    """A team.

    Attributes:
        slug: `[a-z0-9-]`, immutable; the Dagster partition key.
        vendor_domains: e-mail domains of the team's own people; who writes from there is the vendor.
    """

    id: UUID
    slug: str
    name: str
    is_active: bool = True
    vendor_domains: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Connector:
    """A workspace's access to one source, without its credentials.

    Attributes:
        connector_type: name of the source, e.g. "gong".
        base_url: the API address, or None for the source's own default.
        uses_environment: the operator made it with `--credentials env`.
        resume_at: no request before this time, or None.
        settings: its choices, by the source's names for them.
    """

    id: UUID
    workspace_id: UUID
    connector_type: str
    name: str
    base_url: str | None = None
    is_active: bool = True
    uses_environment: bool = False
    health: ConnectorHealth = ConnectorHealth.UNTRIED
    last_error: str | None = None
    last_ok_at: datetime | None = None
    resume_at: datetime | None = None
    settings: Mapping[str, Sequence[str]] = field(default_factory=dict)
