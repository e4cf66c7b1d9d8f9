"""`headway status`: where every call stands, how the connectors are, and how far behind it all is."""

import json
from typing import Any

import click

from headway_pipeline.cli.context import opened, verbose_option, workspace_option
from headway_pipeline.cli.output import Column, format_option, say, show

__all__ = ["command"]

LEDGER_COLUMNS = (
    Column("source", lambda row: row["source"]),
    Column("state", lambda row: str(row["state"]).replace("_", " ")),
    Column("calls", lambda row: str(row["calls"])),
)
CONNECTOR_COLUMNS = (
    Column("connector", lambda row: row["name"]),
    Column("health", lambda row: str(row["health"]).replace("_", " ")),
    Column("last ok", lambda row: f"{row['last_ok_at']:%Y-%m-%d %H:%M}" if row["last_ok_at"] else "never"),
    Column("last error", lambda row: row["last_error"] or "", ratio=1),
)
WAITING_COLUMNS = (
    Column("source", lambda row: row["source"]),
    Column("state", lambda row: str(row["state"]).replace("_", " ")),
    Column("calls", lambda row: str(row["calls"])),
    Column("why", lambda row: row["reason"], ratio=1),
)


@click.command(name="status")
@workspace_option
@format_option
@verbose_option
def command(workspace_ref: str, output_format: str, verbose: bool) -> None:  # noqa: ARG001
    """Show the ledger by source and state, the connectors' health, and the lag."""
    with opened() as store:
        workspace = store.workspaces.find(workspace_ref)
        status: dict[str, Any] = store.reading.status(workspace.id)
        held = store.leases.holder(workspace.id)
    status["writer"] = held and {
        "run": held.owner,
        "host": held.holder.host,
        "pid": held.holder.pid,
        "since": held.acquired_at,
    }
    if output_format == "json":
        click.echo(json.dumps({"workspace": workspace.slug, **status}, ensure_ascii=False, default=str, indent=2))
        return
    show(status["ledger"], LEDGER_COLUMNS, output_format, empty="no call was listed yet")
    if output_format == "csv":
        return
    click.echo()
    show(status["waiting"], WAITING_COLUMNS, output_format, empty="no call waits for anything")
    click.echo()
    show(status["connectors"], CONNECTOR_COLUMNS, output_format, empty="no connectors: see `headway connector add`")
    newest = status["lag"]["newest_call_at"]
    say(f"newest call: {newest:%Y-%m-%d %H:%M} UTC" if newest else "no call yet")
    if held:
        say(f"written now by run {held.owner}, {held.holder}, since {held.acquired_at:%H:%M:%S} UTC")
