"""Whether the API works: for load balancers, which have no token."""

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from headway_pipeline.api.access import OPEN
from headway_pipeline.api.problems import refusals
from headway_pipeline.api.wiring import Wired

__all__ = ["router"]

router = APIRouter(tags=["health"])


class Health(BaseModel):
    """The API answers and reaches its database."""

    model_config = ConfigDict(extra="forbid")

    status: Literal["ok"] = Field(description="Always this; a database out of reach is a problem with status 503.")


@router.get("/health", dependencies=[OPEN], responses=refusals(is_open=True), summary="Whether the API works")
def read_health(wired: Wired) -> Health:
    """Answers 503 where the database cannot be reached."""
    wired.store.ping()
    return Health(status="ok")
