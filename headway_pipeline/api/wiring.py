"""What every route works with, put into the application when it is built."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request

from headway_pipeline.api.launching import Launcher
from headway_pipeline.settings import Settings
from headway_pipeline.store import Store

__all__ = ["Wired", "Wiring"]


@dataclass(frozen=True, slots=True)
class Wiring:
    """The effects of the API.

    Attributes:
        store: of all workspaces; routes of one workspace take `Tenant.store` instead.
        launcher: how Dagster is asked for a run.
    """

    store: Store
    settings: Settings
    launcher: Launcher
    now: Callable[[], datetime]


def _wiring(request: Request) -> Wiring:
    wiring: Wiring = request.app.state.wiring
    return wiring


#: For routes that belong to no workspace: `def route(wired: Wired)`.
Wired = Annotated[Wiring, Depends(_wiring)]
