"""The audit log: who changed what."""

from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from headway_pipeline.api.access import AsAdmin
from headway_pipeline.api.paging import Cursor, Limit, Page, cut, place_of
from headway_pipeline.api.problems import refusals

__all__ = ["router"]

router = APIRouter(prefix="/api/v1/workspaces/{workspace_id}/audit-log", tags=["audit log"])


class AuditEntryView(BaseModel):
    """One change."""

    model_config = ConfigDict(extra="forbid")

    id: UUID
    actor: str = Field(description="Who: a token, or the command line.", examples=["token ci (0f3c…)"])
    action: str = Field(examples=["theme.add"])
    subject: str = Field(examples=["theme 6a1b…"])
    details: dict[str, Any] = Field(description="Names of what was changed, counts, choices; never a secret.")
    created_at: datetime


class AuditEntryPage(Page[AuditEntryView]):
    """A part of the listing of the audit log."""


@router.get("", responses=refusals(), summary="Read the audit log")
def list_audit_log(tenant: AsAdmin, limit: Limit = 50, cursor: Cursor = None) -> AuditEntryPage:
    """Newest first."""
    found = tenant.store.audit_log.list(tenant.workspace.id, before=place_of(cursor), limit=limit + 1)
    shown, following = cut(found, limit)
    views = [
        AuditEntryView(
            id=entry.id,
            actor=entry.actor,
            action=entry.action,
            subject=entry.subject,
            details=dict(entry.details),
            created_at=entry.created_at,
        )
        for entry in shown
    ]
    return AuditEntryPage(items=views, next=following)
