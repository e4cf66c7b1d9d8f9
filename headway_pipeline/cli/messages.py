"""`headway messages`: every call in the ledger, with its state and the reason for it."""

import click

from headway_pipeline.cli.context import opened
from headway_pipeline.cli.output import Column, show
from headway_pipeline.cli.reading import call_filters, listing, nothing_found
from headway_pipeline.model.filters import CallFilter, MessageFilter
from headway_pipeline.model.ledger import MessageState, ReasonCode

__all__ = ["command"]

SHOWN = ("source", "external_id", "title", "occurred_at", "state", "reason")
COLUMNS = (
    Column("day", lambda row: f"{row['occurred_at']:%Y-%m-%d %H:%M}" if row["occurred_at"] else ""),
    Column("source", lambda row: row["source"]),
    Column("id", lambda row: row["external_id"]),
    Column("title", lambda row: row["title"] or "", ratio=1),
    Column("state", lambda row: str(row["state"])),
    Column("reason", lambda row: row["reason"] or "", ratio=1),
)


@click.command(name="messages")
@listing
@click.option("--state", multiple=True, type=click.Choice([word.value for word in MessageState]), help="Only in it.")
@click.option(
    "--reason", multiple=True, type=click.Choice([word.value for word in ReasonCode]), help="Only for this reason."
)
@call_filters
@click.option("--text", help="What the title or the account holds, in any case.")
def command(
    workspace_ref: str,
    state: tuple[str, ...],
    reason: tuple[str, ...],
    calls: CallFilter,
    text: str | None,
    limit: int | None,
    output_format: str,
) -> None:
    """List calls with their state in the ledger, newest first."""
    where = MessageFilter(calls, tuple(map(MessageState, state)), tuple(map(ReasonCode, reason)), text)
    with opened() as store:
        workspace = store.workspaces.find(workspace_ref)
        found = store.reading.messages(workspace.id, where, limit=limit)
    rows = [{name: row[name] for name in SHOWN} for row in found]
    remedy = f"try `headway ingest --workspace-id {workspace.slug}`"
    show(rows, COLUMNS, output_format, empty=nothing_found("calls", where, remedy))
