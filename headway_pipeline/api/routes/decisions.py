"""Decisions about features: a verdict and a move. Setting one again changes nothing; the last word counts."""

from typing import Literal
from uuid import UUID

from fastapi import APIRouter
from pydantic import Field

from headway_pipeline.api.access import AsEditor, Tenant
from headway_pipeline.api.feature_views import FeatureView, feature_view
from headway_pipeline.api.fields import StrictBody
from headway_pipeline.api.problems import refusals
from headway_pipeline.api.routes.features import FeatureId
from headway_pipeline.model.decisions import Aspect

__all__ = ["router"]

router = APIRouter(prefix="/api/v1/workspaces/{workspace_id}/features/{feature_id}", tags=["decisions"])

Note = Field(default=None, max_length=2000, pattern=r"^[^\x00]*$", description="Why; shown with the decision.")


class NewVerdict(StrictBody):
    """Whether it is a real ask that is filed rightly, or nothing anybody wants to see."""

    verdict: Literal["accept", "dismiss"]
    note: str | None = Note


class NewPlace(StrictBody):
    """Where it belongs."""

    theme_id: UUID | None = Field(description="A current theme; null for the inbox.")
    note: str | None = Note


@router.put("/verdict", responses=refusals(), summary="Accept or dismiss")
def set_verdict(tenant: AsEditor, feature_id: FeatureId, body: NewVerdict) -> FeatureView:
    """A dismissed one leaves features, inbox and counts, and no run brings it back."""
    decide = tenant.store.decisions.accept if body.verdict == "accept" else tenant.store.decisions.dismiss
    with tenant.store.at_once():
        call_id = decide(tenant.workspace.id, feature_id, decided_by=tenant.caller.name, note=body.note)
        _record(tenant, f"feature.{body.verdict}", feature_id, call_id)
    return _view(tenant, feature_id)


@router.delete("/verdict", responses=refusals(), summary="Take a verdict back")
def undo_verdict(tenant: AsEditor, feature_id: FeatureId) -> FeatureView:
    """Changes nothing where there is none."""
    _undo(tenant, feature_id, Aspect.VERDICT, "feature.undo_verdict")
    return _view(tenant, feature_id)


@router.put("/theme", responses=refusals(), summary="Move to a theme, or to the inbox")
def set_theme(tenant: AsEditor, feature_id: FeatureId, body: NewPlace) -> FeatureView:
    """It stays there whatever the analyst says, while the theme is current."""
    with tenant.store.at_once():
        call_id = tenant.store.decisions.move(
            tenant.workspace.id, feature_id, body.theme_id, decided_by=tenant.caller.name, note=body.note
        )
        _record(tenant, "feature.move", feature_id, call_id, theme_id=str(body.theme_id))
    return _view(tenant, feature_id)


@router.delete("/theme", responses=refusals(), summary="Take a move back")
def undo_move(tenant: AsEditor, feature_id: FeatureId) -> FeatureView:
    """It stands where the analyst files it again; changes nothing where it was not moved."""
    _undo(tenant, feature_id, Aspect.THEME, "feature.undo_move")
    return _view(tenant, feature_id)


def _undo(tenant: Tenant, feature_id: UUID, aspect: Aspect, action: str) -> None:
    with tenant.store.at_once():
        call_id = tenant.store.decisions.undo(tenant.workspace.id, feature_id, aspect)
        _record(tenant, action, feature_id, call_id)


def _record(tenant: Tenant, action: str, feature_id: UUID, call_id: UUID, **details: str) -> None:
    # Under the call, so that the entry goes when the call is erased.
    tenant.record(action, f"message {call_id}", {"feature_id": str(feature_id), **details})


def _view(tenant: Tenant, feature_id: UUID) -> FeatureView:
    return feature_view(tenant.store.reading.feature(tenant.workspace.id, feature_id))
