"""Themes: what feedback is filed under."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StringConstraints

from headway_pipeline.api.access import AsEditor, AsViewer, Tenant
from headway_pipeline.api.creating import Made, Once, created, making
from headway_pipeline.api.etags import EDITED, SHOWN, Guarded, Known, show
from headway_pipeline.api.fields import LongText, Name, StrictBody, Whole
from headway_pipeline.api.paging import Page
from headway_pipeline.api.problems import refusals
from headway_pipeline.store.workspaces import ThemeRow

__all__ = ["router"]

router = APIRouter(prefix="/api/v1/workspaces/{workspace_id}/themes", tags=["themes"])

#: Pages put these into their markup.
Color = Annotated[str, StringConstraints(pattern=r"^#([0-9A-Fa-f]{3}|[0-9A-Fa-f]{6})$")]
Icon = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,60}$")]
ThemeId = Annotated[UUID, Path(description="The theme.")]


class NewTheme(StrictBody):
    """What feedback is filed under."""

    name: Name = Field(examples=["AI Features"])
    description: LongText = Field(
        default="",
        description="One sentence that says what belongs there; matching reads it.",
        examples=["AI-powered features and capabilities"],
    )
    color: Color | None = Field(default=None, examples=["#6366F1"])
    icon: Icon | None = Field(default=None, examples=["sparkles"])
    sort_order: Whole | None = Field(default=None, description="Its place in listings; last when left out.")
    is_default: StrictBool = Field(default=False, description="Kept for other programs; filing does not read it.")


class ThemeEdit(StrictBody):
    """What to change; what is left out stays."""

    name: Name | None = Field(default=None, examples=["Assistants"])
    description: LongText | None = None
    color: Color | None = None
    icon: Icon | None = None
    sort_order: Whole | None = None
    is_default: StrictBool | None = None
    is_archived: StrictBool | None = Field(
        default=None, description="Under an archived theme nothing is filed; what was there moves with the next run."
    )


class ThemeView(BaseModel):
    """What feedback is filed under."""

    model_config = ConfigDict(extra="forbid")

    id: UUID
    name: str
    description: str
    color: str | None
    icon: str | None
    sort_order: int
    is_default: bool
    created_at: datetime
    archived_at: datetime | None


class ThemePage(Page[ThemeView]):
    """A part of the listing of themes."""


def view(row: ThemeRow) -> ThemeView:
    """What is shown of a theme."""
    return ThemeView(
        id=row.theme.id,
        name=row.theme.name,
        description=row.theme.description,
        color=row.color,
        icon=row.icon,
        sort_order=row.sort_order,
        is_default=row.is_default,
        created_at=row.created_at,
        archived_at=row.archived_at,
    )


@router.get("", response_model=ThemePage, responses=refusals(), summary="List themes")
def list_themes(
    tenant: AsViewer, archived: Annotated[bool, Query(description="Archived ones, too.")] = False
) -> ThemePage:
    """In the order people gave them."""
    found = tenant.store.themes.list(tenant.workspace.id, include_archived=archived)
    return ThemePage(items=[view(row) for row in found], next=None)


@router.post(
    "",
    status_code=201,
    response_model=ThemeView,
    responses={**refusals(409), 201: making("theme_id", "read_theme", "edit_theme")},
    summary="Add a theme",
)
def add_theme(tenant: AsEditor, body: NewTheme, once: Once) -> Response:
    """Calls are filed again under the workspace's themes by the next run over their days."""

    def make() -> Made:
        with tenant.store.at_once():
            row = tenant.store.themes.add(tenant.workspace.id, **body.model_dump())
            tenant.record("theme.add", f"theme {row.theme.id}")
        return created(view(row), f"{_place(tenant)}/{row.theme.id}", row.updated_at)

    return once.answer(make)


@router.get("/{theme_id}", response_model=ThemeView, responses={**refusals(), **SHOWN}, summary="Read a theme")
def read_theme(tenant: AsViewer, theme_id: ThemeId, known: Known = None) -> Response:
    """With its ETag."""
    row = tenant.store.themes.find(tenant.workspace.id, str(theme_id))
    return show(view(row), row.updated_at, known=known)


@router.patch(
    "/{theme_id}",
    response_model=ThemeView,
    responses={**refusals(409, 412, 428), **EDITED},
    summary="Edit, archive or bring back a theme",
)
def edit_theme(tenant: AsEditor, theme_id: ThemeId, body: ThemeEdit, guard: Guarded) -> Response:
    """Needs the ETag in If-Match."""
    row = tenant.store.themes.find(tenant.workspace.id, str(theme_id))
    changes = body.model_dump(exclude_none=True)
    seen_at = guard.hold(view(row), row.updated_at)
    with tenant.store.at_once():
        edited = tenant.store.themes.edit(theme_id, seen_at=seen_at, **changes)
        tenant.record("theme.edit", f"theme {theme_id}", {"changed": sorted(changes)})
    return show(view(edited), edited.updated_at)


def _place(tenant: Tenant) -> str:
    return f"/api/v1/workspaces/{tenant.workspace.id}/themes"
