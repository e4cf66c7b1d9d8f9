"""`headway missing`: known calls that sources no longer list, and a person's word that they are gone."""

from datetime import UTC, datetime
from typing import Any

import click

from headway_pipeline.cli.context import opened, record, verbose_option, workspace_option
from headway_pipeline.cli.output import Column, format_option, say, show
from headway_pipeline.model.ledger import Presence
from headway_pipeline.model.workspaces import Workspace

__all__ = ["command"]

OWNER = "headway missing"
COLUMNS = (
    Column("day", lambda row: f"{row['occurred_at']:%Y-%m-%d}"),
    Column("source", lambda row: row["source"]),
    Column("id", lambda row: row["external_id"]),
    Column("title", lambda row: row["title"] or "", ratio=1),
    Column("connector", lambda row: row["connector"]),
    Column("missing since", lambda row: f"{row['missing_since']:%Y-%m-%d %H:%M}"),
    Column("standing", lambda row: row["standing"], ratio=1),
)


@click.command(name="missing")
@workspace_option
@click.option("--connector", "connector_ref", metavar="ID|NAME", help="Only calls that this connector listed last.")
@click.option("--confirm", is_flag=True, help="They are gone: delete the calls that are held back.")
@format_option
@verbose_option
def command(
    workspace_ref: str,
    connector_ref: str | None,
    confirm: bool,
    output_format: str,
    verbose: bool,  # noqa: ARG001
) -> None:
    """List known calls that no connector of their source lists any more.

    Most need nobody: a second look decides. Where a connector lost sight of too many at once, they are held back
    until it sees them again, or until --confirm deletes them with everything derived from them.
    """
    with opened() as store:
        workspace = store.workspaces.find(workspace_ref)
        connector = None if connector_ref is None else store.connectors.find(workspace.id, connector_ref)
        connector_id = None if connector is None else connector.id
        deleted = _confirm(store, workspace, connector_id) if confirm else None
        if deleted:
            record(store, workspace.id, "missing.confirm", f"workspace {workspace.id}", deleted=deleted)
        rows = [_row(found) for found in store.missing.list(workspace.id, connector_id=connector_id)]
    if deleted is not None:
        say(f"deleted {deleted} calls; their ids and days are kept")
    show(rows, COLUMNS, output_format, empty="no call is missing")


def _confirm(store: Any, workspace: Workspace, connector_id: Any) -> int:
    from headway_pipeline.ingestion.sweep import confirm_missing

    with store.leases.hold(workspace.id, OWNER) as lease:
        return confirm_missing(store, lease, connector_id=connector_id, now=datetime.now(tz=UTC))


def _row(found: Any) -> dict[str, Any]:
    return {
        "source": found.source,
        "external_id": found.external_id,
        "title": found.title,
        "occurred_at": found.occurred_at,
        "connector": found.connector,
        "missing_since": found.missing_since,
        "standing": _standing(found),
    }


def _standing(found: Any) -> str:
    if found.presence is Presence.PRESENT:
        return "there, but not listed: stays"
    if found.held_at is not None:
        return "held back: its connector lost sight of too many calls at once"
    if found.presence is Presence.UNKNOWN:
        return "gone if a listing a day later misses it too"
    return "waits for a second look"
