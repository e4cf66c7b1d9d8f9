"""Who asks the local Gong."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from headway_pipeline.sandbox.gong.answers import GongCalls
from headway_pipeline.sandbox.keys import GONG_SCOPES, GongKey, OAuthApp
from headway_pipeline.sandbox.world import NEVER, World

__all__ = ["GongCaller", "GongCallers", "basic_pair", "bearer_token", "gong_callers_of"]


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


@dataclass(frozen=True, slots=True)
class GongCallers:
    """Everybody a world knows.

    Attributes:
        by_pair: keys by `access key:secret key`.
        by_client: apps by their client id.
        apps: the apps themselves, by `client id:client secret`.
    """

    by_pair: Mapping[str, GongCaller]
    by_client: Mapping[str, GongCaller]
    apps: Mapping[str, OAuthApp]


def gong_callers_of(world: World) -> GongCallers:
    """Everybody of a world's companies."""
    by_pair: dict[str, GongCaller] = {}
    by_client: dict[str, GongCaller] = {}
    apps: dict[str, OAuthApp] = {}
    for company in world.companies:
        calls = GongCalls(company)
        first = GongKey(company.access_key, company.secret_key)
        for number, key in enumerate((first, *company.gong_keys), start=1):
            label = f"gong/{company.name}/key {number}"
            caller = GongCaller(calls, label, key.scopes, key.sees_calls, key.expires_at or NEVER)
            by_pair[f"{key.access_key}:{key.secret_key}"] = caller
        if company.oauth is not None:
            app = company.oauth
            by_client[app.client_id] = GongCaller(calls, f"gong/{company.name}/app", app.scopes)
            apps[f"{app.client_id}:{app.client_secret}"] = app
    return GongCallers(by_pair, by_client, apps)


def basic_pair(header: str) -> str:
    """`user:password` of a Basic authorization header, or ""."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(encoded, validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return ""


def bearer_token(header: str) -> str:
    """The token of a Bearer authorization header, or ""."""
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
