"""Workspaces: operators make them and see all; whoever has a token sees its own."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StringConstraints

from headway_pipeline.api.access import AsAdmin, AsOperator, AsViewer, Role
from headway_pipeline.api.creating import Made, Once, created, making
from headway_pipeline.api.etags import EDITED, SHOWN, Guarded, Known, show
from headway_pipeline.api.fields import Name, StrictBody
from headway_pipeline.api.paging import Page
from headway_pipeline.api.problems import refusals
from headway_pipeline.api.wiring import Wired
from headway_pipeline.model.errors import NotPermittedError
from headway_pipeline.model.workspaces import Workspace

__all__ = ["router"]

router = APIRouter(prefix="/api/v1/workspaces", tags=["workspaces"])

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
Domain = Annotated[str, StringConstraints(pattern=r"^@?[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$")]


class NewWorkspace(StrictBody):
    """A team."""

    name: Name = Field(examples=["Acme"])
    slug: Slug | None = Field(
        default=None, description="Never changed later; made from the name when left out.", examples=["acme"]
    )
    vendor_domains: list[Domain] = Field(
        default_factory=list,
        max_length=100,
        description="E-mail domains of the team's own people, who are never quoted as customers.",
        examples=[["acme.example"]],
    )


class WorkspaceEdit(StrictBody):
    """What to change; what is left out stays."""

    name: Name | None = Field(default=None, examples=["Acme Products"])
    vendor_domains: list[Domain] | None = Field(default=None, max_length=100)
    is_active: StrictBool | None = Field(
        default=None, description="An inactive workspace is ingested no more; what it has stays. For operators."
    )


class WorkspaceView(BaseModel):
    """A team."""

    model_config = ConfigDict(extra="forbid")

    id: UUID
    slug: str = Field(examples=["acme"])
    name: str
    is_active: bool
    vendor_domains: list[str]


class WorkspacePage(Page[WorkspaceView]):
    """A part of the listing of workspaces."""


def view(workspace: Workspace) -> WorkspaceView:
    """What is shown of a workspace."""
    return WorkspaceView(
        id=workspace.id,
        slug=workspace.slug,
        name=workspace.name,
        is_active=workspace.is_active,
        vendor_domains=sorted(workspace.vendor_domains),
    )


@router.get("", response_model=WorkspacePage, responses=refusals(), summary="List workspaces")
def list_workspaces(
    operator: AsOperator,  # noqa: ARG001  # lets nobody else through
    wired: Wired,
    inactive: Annotated[bool, Query(description="Inactive ones, too.")] = False,
) -> WorkspacePage:
    """All of the installation, by slug."""
    found = wired.store.workspaces.list(include_inactive=inactive)
    return WorkspacePage(items=[view(workspace) for workspace in found], next=None)


@router.post(
    "",
    status_code=201,
    response_model=WorkspaceView,
    responses={
        **refusals(409),
        201: making(
            "workspace_id", "read_workspace", "edit_workspace", "add_connector", "add_theme", of_workspace=False
        ),
    },
    summary="Add a workspace",
)
def add_workspace(operator: AsOperator, wired: Wired, body: NewWorkspace, once: Once) -> Response:
    """Its slug is its partition in Dagster, which gets it within half a minute."""

    def make() -> Made:
        with wired.store.at_once():
            workspace = wired.store.workspaces.add(
                body.name, slug=body.slug, vendor_domains=frozenset(body.vendor_domains)
            )
            wired.store.audit_log.record(
                workspace.id,
                actor=operator.actor,
                action="workspace.add",
                subject=f"workspace {workspace.id}",
                details={"slug": workspace.slug},
            )
        return created(view(workspace), f"/api/v1/workspaces/{workspace.id}", workspace.updated_at)

    return once.answer(make)


@router.get(
    "/{workspace_id}", response_model=WorkspaceView, responses={**refusals(), **SHOWN}, summary="Read a workspace"
)
def read_workspace(tenant: AsViewer, known: Known = None) -> Response:
    """With its ETag."""
    return show(view(tenant.workspace), tenant.workspace.updated_at, known=known)


@router.patch(
    "/{workspace_id}",
    response_model=WorkspaceView,
    responses={**refusals(409, 412, 428), **EDITED},
    summary="Edit, deactivate or activate a workspace",
)
def edit_workspace(tenant: AsAdmin, body: WorkspaceEdit, guard: Guarded) -> Response:
    """Needs the ETag in If-Match."""
    if body.is_active is not None and tenant.caller.role is not Role.OPERATOR:
        raise NotPermittedError("only an operator may deactivate or activate a workspace", "ask one")
    changes = body.model_dump(exclude_none=True)
    seen_at = guard.hold(view(tenant.workspace), tenant.workspace.updated_at)
    with tenant.store.at_once():
        edited = tenant.store.workspaces.edit(
            tenant.workspace.id,
            name=body.name,
            vendor_domains=None if body.vendor_domains is None else frozenset(body.vendor_domains),
            is_active=body.is_active,
            seen_at=seen_at,
        )
        tenant.record("workspace.edit", f"workspace {edited.id}", {"changed": sorted(changes)})
    return show(view(edited), edited.updated_at)
