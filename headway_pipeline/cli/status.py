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
    Column("health", lambda row: row["health_words"]),
    Column("last ok", lambda row: f"{row['last_ok_at']:%Y-%m-%d %H:%M}" if row["last_ok_at"] else "never"),
    Column("what to know", lambda row: row["last_error"] or row["advice"] or "", ratio=1),
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
