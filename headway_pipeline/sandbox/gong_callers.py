"""Who asks the local Gong."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from headway_pipeline.sandbox.gong_answers import GongCalls
from headway_pipeline.sandbox.keys import GONG_SCOPES, GongKey
from headway_pipeline.sandbox.world import NEVER, World

__all__ = ["GongCaller", "basic_pair", "callers_by_pair"]


@dataclass(frozen=True, slots=True)
class GongCaller:
    """Whose request it is.

    Attributes:
        calls: of the company whose key it is.
        label: names the key without telling it.
    """

    calls: GongCalls = field(repr=False)
    label: str
    scopes: frozenset[str] = field(default=GONG_SCOPES, repr=False)
    sees_calls: bool = True
    expires_at: datetime = NEVER

    @property
    def quota_owner(self) -> str:
        """Who shares the caller's limits: everybody of the company."""
        return f"gong/{self.calls.company.name}"


def callers_by_pair(world: World) -> Mapping[str, GongCaller]:
    """Every key of a world, by `access key:secret key`."""
    found: dict[str, GongCaller] = {}
    for company in world.companies:
        calls = GongCalls(company)
        first = GongKey(company.access_key, company.secret_key)
        for number, key in enumerate((first, *company.gong_keys), start=1):
            label = f"gong/{company.name}/key {number}"
            caller = GongCaller(calls, label, key.scopes, key.sees_calls, key.expires_at or NEVER)
            found[f"{key.access_key}:{key.secret_key}"] = caller
    return found


def basic_pair(header: str) -> str:
    """`user:password` of a Basic authorization header, or ""."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(encoded, validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return ""
