"""Who asks the local Fathom: a key is a user's."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from headway_pipeline.sandbox.fathom.shapes import created_at, recording_id
from headway_pipeline.sandbox.fathom.views import FathomView
from headway_pipeline.sandbox.keys import FathomUser, OAuthApp
from headway_pipeline.sandbox.timeline import Timeline
from headway_pipeline.sandbox.world import Company, World

__all__ = ["FathomCaller", "FathomCallers", "FathomCalls", "fathom_callers_of"]


class FathomCalls:
    """One company's meetings, ready to be asked for.

    Attributes:
        company: without its calls.
    """

    def __init__(self, company: Company) -> None:
        self.company = replace(company, calls=())
        self.all = company.calls_in("fathom")
        self.by_creation = Timeline(self.all, created_at, is_reversed=True)
        self.by_number = {str(recording_id(call)): call for call in self.all}


@dataclass(frozen=True, slots=True)
class FathomCaller:
    """Whose request it is.

    Attributes:
        label: names the key without telling it.
        is_app: it comes with an OAuth token.
    """

    calls: FathomCalls = field(repr=False)
    user: FathomUser
    label: str
    is_app: bool = False

    @property
    def quota_owner(self) -> str:
        """Who shares the caller's limits: nobody but the key itself."""
        return self.label

    @property
    def view(self) -> FathomView:
        """What the caller sees."""
        return FathomView(self.calls.company, self.user)


@dataclass(frozen=True, slots=True)
class FathomCallers:
    """Everybody a world knows.

    Attributes:
        by_key: users by their API key.
        by_client: apps by their client id.
        apps: the apps themselves, by client id.
    """

    by_key: Mapping[str, FathomCaller]
    by_client: Mapping[str, FathomCaller]
    apps: Mapping[str, OAuthApp]


def fathom_callers_of(world: World) -> FathomCallers:
    """Everybody of a world's companies."""
    by_key: dict[str, FathomCaller] = {}
    by_client: dict[str, FathomCaller] = {}
    apps: dict[str, OAuthApp] = {}
    for company in world.companies:
        calls = FathomCalls(company)
        users = (company.fathom_admin, *company.fathom_users)
        for user in users:
            by_key[user.api_token] = FathomCaller(calls, user, f"fathom/{company.name}/{user.email}")
        if company.oauth is not None:
            app = company.oauth
            user = next((user for user in users if user.email == app.user), company.fathom_admin)
            by_client[app.client_id] = FathomCaller(calls, user, f"fathom/{company.name}/app", is_app=True)
            apps[app.client_id] = app
    return FathomCallers(by_key, by_client, apps)
