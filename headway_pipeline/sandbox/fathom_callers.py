"""Who asks the local Fathom: a key is a user's."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from headway_pipeline.sandbox.fathom_shapes import created_at, recording_id
from headway_pipeline.sandbox.fathom_views import FathomView
from headway_pipeline.sandbox.keys import FathomUser
from headway_pipeline.sandbox.timeline import Timeline
from headway_pipeline.sandbox.world import Company, World

__all__ = ["FathomCaller", "FathomCalls", "callers_by_key"]


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


def callers_by_key(world: World) -> Mapping[str, FathomCaller]:
    """Every key of a world."""
    found: dict[str, FathomCaller] = {}
    for company in world.companies:
        calls = FathomCalls(company)
        for user in (company.fathom_admin, *company.fathom_users):
            found[user.api_token] = FathomCaller(calls, user, f"fathom/{company.name}/{user.email}")
    return found
