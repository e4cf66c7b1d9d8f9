"""Where everything stands: the ledger, the reasons in it, connectors, the lag, and what models cost."""

from datetime import datetime

from fastapi import APIRouter
from pydantic import Field

from headway_pipeline.api.access import AsViewer
from headway_pipeline.api.feature_views import View
from headway_pipeline.api.problems import refusals
from headway_pipeline.model.ledger import MessageState, ReasonCode
from headway_pipeline.model.workspaces import ConnectorHealth

__all__ = ["router"]

router = APIRouter(prefix="/api/v1/workspaces/{workspace_id}/status", tags=["status"])


class LedgerCount(View):
    """Calls of a source in a state."""

    source: str
    state: MessageState
    calls: int


class ReasonCount(LedgerCount):
    """Calls that wait, ended or were set aside for the same reason."""

    reason: ReasonCode
    examples: list[str] = Field(description="What is said of some of them, at most three; `messages` has it of each.")


class ConnectorStatus(View):
    """How a connector is, and how complete what it brought is."""

    name: str
    connector_type: str
    health: ConnectorHealth
    health_words: str
    advice: str | None
    last_error: str | None
    last_ok_at: datetime | None
    resume_at: datetime | None
    last_complete_listing_at: datetime | None
    oldest_awaiting_at: datetime | None
    missing: int = Field(description="Calls it listed last and that nobody lists any more.")
    held: int = Field(description="Of those, what only a person may delete.")


class Lag(View):
    """How far behind it is."""

    newest_call_at: datetime | None
    last_ok_at: datetime | None = Field(description="When the connector that is longest behind last worked.")


class ModelCost(View):
    """What language models answered, and what it cost."""

    answers: int
    input_tokens: int
    output_tokens: int
    cost_usd: float
    unpriced: int = Field(description="Answers of which nobody knows the price; it is missing in the sum.")


class StatusView(View):
    """A workspace's state."""

    ledger: list[LedgerCount]
    reasons: list[ReasonCount]
    connectors: list[ConnectorStatus]
    lag: Lag
    model: ModelCost


@router.get("", responses=refusals(), summary="Read the status")
def read_status(tenant: AsViewer) -> StatusView:
    """Every call is counted once in the ledger."""
    return StatusView.model_validate(tenant.store.reading.status(tenant.workspace.id))
