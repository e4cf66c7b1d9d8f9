"""`headway theme`: what feedback is filed under."""

from datetime import date

import click

from headway_pipeline.cli.context import (
    changing,
    made_format_option,
    opened,
    record,
    verbose_option,
    workspace_option,
)
from headway_pipeline.cli.output import Column, format_option, say, show, show_made
from headway_pipeline.model.errors import InputError
from headway_pipeline.model.workspaces import Workspace

__all__ = ["command"]


@click.group(name="theme")
def command() -> None:
    """Add, list, edit and archive themes."""


@command.command()
@workspace_option
@click.option("--name", required=True, help="What people call it, e.g. 'Exports'.")
@click.option("--description", default="", help="One sentence that says what belongs there; matching reads it.")
@click.option("--color", help="For pages, e.g. '#6366F1'.")
@click.option("--icon", help="For pages, e.g. 'sparkles'.")
@made_format_option
@verbose_option
def add(
    workspace_ref: str,
    name: str,
    description: str,
    color: str | None,
    icon: str | None,
    output_format: str,
    verbose: bool,  # noqa: ARG001
) -> None:
    """Add a theme to a workspace."""
    with changing() as store:
        workspace = store.workspaces.find(workspace_ref)
        row = store.themes.add(workspace.id, name, description=description, color=color, icon=icon)
        record(store, workspace.id, "theme.add", f"theme {row.theme.id}")
        first_day = store.reading.first_day(workspace.id)
    made = {"id": row.theme.id, "name": row.theme.name, "workspace_id": workspace.id}
    show_made(made, output_format, f"theme {row.theme.name} ({row.theme.id}) in {workspace.slug}")
    _tell_refiling(workspace, first_day)


COLUMNS = (
    Column("name", lambda row: row["name"]),
    Column("description", lambda row: row["description"], ratio=1),
    Column("archived", lambda row: "yes" if row["archived_at"] else ""),
    Column("id", lambda row: str(row["id"])),
)


@command.command(name="list")
@workspace_option
@click.option("--archived", is_flag=True, help="Archived themes, too.")
@format_option
@verbose_option
def list_(workspace_ref: str, archived: bool, output_format: str, verbose: bool) -> None:  # noqa: ARG001
    """List a workspace's themes."""
    with opened() as store:
        workspace = store.workspaces.find(workspace_ref)
        rows = [
            {
                "id": row.theme.id,
                "name": row.theme.name,
                "description": row.theme.description,
                "color": row.color,
                "icon": row.icon,
                "sort_order": row.sort_order,
                "is_default": row.is_default,
                "created_at": row.created_at,
                "archived_at": row.archived_at,
            }
            for row in store.themes.list(workspace.id, include_archived=archived)
        ]
    empty = f"no themes yet: add one with `headway theme add --workspace-id {workspace.slug} --name NAME`"
    show(rows, COLUMNS, output_format, empty=empty)


@command.command()
@workspace_option
@click.argument("theme")
@click.option("--name", help="New name.")
@click.option("--description", help="New description.")
@click.option("--color", help="New colour.")
@click.option("--icon", help="New icon.")
@verbose_option
def edit(
    workspace_ref: str,
    theme: str,
    name: str | None,
    description: str | None,
    color: str | None,
    icon: str | None,
    verbose: bool,  # noqa: ARG001
) -> None:
    """Edit THEME (name or id); what is left out stays as it is."""
    if name is None and description is None and color is None and icon is None:
        raise InputError("nothing to change is named", "give --name, --description, --color or --icon")
    with changing() as store:
        workspace = store.workspaces.find(workspace_ref)
        row = store.themes.find(workspace.id, theme)
        changes = {"name": name, "description": description, "color": color, "icon": icon}
        edited = store.themes.edit(row.theme.id, **changes)
        changed = sorted(column for column, value in changes.items() if value is not None)
        record(store, workspace.id, "theme.edit", f"theme {row.theme.id}", changed=changed)
        first_day = store.reading.first_day(workspace.id)
    say(f"theme {edited.theme.name} edited")
    _tell_refiling(workspace, first_day)


@command.command(short_help="Archive THEME; its features go elsewhere.")
@workspace_option
@click.argument("theme")
@verbose_option
def archive(workspace_ref: str, theme: str, verbose: bool) -> None:  # noqa: ARG001
    """Archive THEME (name or id): an ingest over their days files its features elsewhere, or in the inbox."""
    with changing() as store:
        workspace = store.workspaces.find(workspace_ref)
        row = store.themes.find(workspace.id, theme)
        store.themes.archive(row.theme.id)
        record(store, workspace.id, "theme.archive", f"theme {row.theme.id}")
        first_day = store.reading.first_day(workspace.id)
    say(f"theme {row.theme.name} archived")
    _tell_refiling(workspace, first_day)


def _tell_refiling(workspace: Workspace, first_day: date | None) -> None:
    """An ingest files again the calls of its days only; this one reaches all there are."""
    if first_day is not None:
        say(f"file all calls again with `headway ingest --workspace-id {workspace.slug} --since {first_day}`")
