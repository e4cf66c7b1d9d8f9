"""Workspaces and their connectors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

__all__ = ["FOR_A_PERSON", "Connector", "ConnectorHealth", "Credentials", "Drift", "ReadingSettings", "Workspace"]


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


#: Only a person can mend these; every other trouble may pass by itself.
FOR_A_PERSON = frozenset(
    {ConnectorHealth.WRONG_HOST, ConnectorHealth.BAD_CREDENTIALS, ConnectorHealth.MISSING_PERMISSION}
)


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
class ReadingSettings:
    """How a workspace's calls are read, where that differs from the installation.

    Attributes:
        model: `provider:model`, "offline" for the rules, or None for the installation's.
        stage_models: the same for single stages ("relevance", "extraction", "matching").
        monthly_budget_usd: the most that answers may cost in a calendar month (UTC), or None for the installation's.
        is_redacting: whether personal data is taken out of what a model is shown.
    """

    model: str | None = None
    stage_models: Mapping[str, str] = field(default_factory=dict)
    monthly_budget_usd: float | None = None
    is_redacting: bool = True

    def to_json(self) -> dict[str, Any]:
        """The form stored in `workspaces.settings`; only what differs."""
        stored: dict[str, Any] = {"model": self.model, "monthly_budget_usd": self.monthly_budget_usd}
        stored = {name: value for name, value in stored.items() if value is not None}
        if self.stage_models:
            stored["stage_models"] = dict(self.stage_models)
        if not self.is_redacting:
            stored["is_redacting"] = False
        return stored

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "ReadingSettings":
        """The inverse of `to_json`."""
        return cls(
            model=stored.get("model"),
            stage_models=dict(stored.get("stage_models", {})),
            monthly_budget_usd=stored.get("monthly_budget_usd"),
            is_redacting=stored.get("is_redacting", True),
        )


@dataclass(frozen=True, slots=True)
class Workspace:
    """A team.

    Attributes:
        slug: `[a-z0-9-]`, immutable; the Dagster partition key.
        vendor_domains: e-mail domains of the team's own people; who writes from there is the vendor.
        updated_at: of the row; what an edit is held against.
    """

    id: UUID
    slug: str
    name: str
    is_active: bool = True
    vendor_domains: frozenset[str] = frozenset()
    reading: ReadingSettings = field(default_factory=ReadingSettings)
    updated_at: datetime | None = None


#: Fewer bad records than this are accidents of theirs; from this share of all on, the source has changed.
MOST_BAD_RECORDS, MOST_BAD_SHARE = 2, 0.05
#: Sources add a field now and then; more new ones than this at once, and what is known of their records is old.
MOST_NEW_FIELDS = 12


@dataclass(frozen=True, slots=True)
class Drift:
    """How far a listing was from what the parser knows.

    Attributes:
        records: how many were listed.
        bad_records: how many of them could not be used.
        unknown_fields: dotted paths the parser does not know, with how often they came.
    """

    records: int = 0
    bad_records: int = 0
    unknown_fields: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "Drift":
        """As it was stored."""
        return cls(stored.get("records", 0), stored.get("bad_records", 0), stored.get("unknown_fields", {}))

    @property
    def is_beyond_bounds(self) -> bool:
        """Whether a person should look at it."""
        many_bad = self.bad_records > MOST_BAD_RECORDS and self.bad_records > MOST_BAD_SHARE * self.records
        return many_bad or len(self.unknown_fields) > MOST_NEW_FIELDS

    @property
    def words(self) -> str:
        """In a sentence, without values of records."""
        return (
            f"{self.bad_records} of {self.records} listed records could not be used, and {len(self.unknown_fields)} "
            "of their fields are unknown to this version: see whether a newer one knows them"
        )


@dataclass(frozen=True, slots=True)
class Connector:
    """A workspace's access to one source, without its credentials.

    Attributes:
        connector_type: name of the source, e.g. "gong".
        base_url: the API address, or None for the source's own default.
        uses_environment: the operator made it with `--credentials env`.
        resume_at: no request before this time, or None.
        settings: its choices, by the source's names for them.
        drift: of its last complete listing.
        updated_at: of the row; what an edit is held against.
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
    drift: Drift = field(default_factory=Drift)
    updated_at: datetime | None = None

    @property
    def health_words(self) -> str:
        """How it is, in words a person understands."""
        match self.health:
            case ConnectorHealth.PAUSED_UNTIL if self.resume_at is not None:
                return f"paused until {self.resume_at:%Y-%m-%d %H:%M} UTC"
            case ConnectorHealth.PAUSED_UNTIL:
                return "paused"
            case ConnectorHealth.WRONG_HOST:
                return "wrong host?"
            case _:
                return self.health.value.replace("_", " ")

    @property
    def advice(self) -> str | None:
        """What is worth a look though nothing failed, with what to do; None where nothing is."""
        match self.health:
            case ConnectorHealth.SEES_NOTHING:
                return (
                    "the credentials work, but have never shown a call: see at the source what their owner may see, "
                    "and that calls are recorded there"
                )
            case ConnectorHealth.DRIFTING if self.last_error is None:
                return self.drift.words
            case _:
                return None
