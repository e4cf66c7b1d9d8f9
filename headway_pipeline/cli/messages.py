"""`headway messages`: every call in the ledger, with its state and the reason for it."""

import click

from headway_pipeline.cli.context import opened, read_day, verbose_option, workspace_option
from headway_pipeline.cli.output import Column, format_option, show
from headway_pipeline.cli.reading import range_options
from headway_pipeline.model.ledger import MessageState

__all__ = ["command"]

COLUMNS = (
    Column("day", lambda row: f"{row['occurred_at']:%Y-%m-%d %H:%M}" if row["occurred_at"] else ""),
    Column("source", lambda row: row["source"]),
    Column("id", lambda row: row["external_id"]),
    Column("title", lambda row: row["title"] or "", ratio=1),
    Column("state", lambda row: str(row["state"])),
    Column("reason", lambda row: row["reason"] or "", ratio=1),
)


@click.command(name="messages")
@workspace_option
@click.option("--state", type=click.Choice([state.value for state in MessageState]), help="Only in this state.")
@click.option("--source", help="Only from this source, e.g. gong.")
@range_options
@format_option
@verbose_option
def command(
    workspace_ref: str,
    state: str | None,
    source: str | None,
    since: str | None,
    until: str | None,
    limit: int | None,
    output_format: str,
    verbose: bool,  # noqa: ARG001
) -> None:
    """List calls with their state in the ledger, newest first."""
    with opened() as store:
        workspace = store.workspaces.find(workspace_ref)
        rows = store.reading.messages(
            workspace.id,
            source=source,
            state=state,
            since=read_day(since, "--since"),
            until=read_day(until, "--until"),
            limit=limit,
        )
    show(rows, COLUMNS, output_format, empty=f"no calls: try `headway ingest --workspace-id {workspace.slug}`")
