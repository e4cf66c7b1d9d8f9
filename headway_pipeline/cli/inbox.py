"""`headway inbox`: what was extracted but fits no theme."""

import click

from headway_pipeline.cli.context import opened, read_day, verbose_option, workspace_option
from headway_pipeline.cli.output import format_option, show
from headway_pipeline.cli.reading import FEATURE_COLUMNS, feature_filters, feature_row

__all__ = ["command"]


@click.command(name="inbox")
@workspace_option
@feature_filters
@format_option
@verbose_option
def command(
    workspace_ref: str,
    since: str | None,
    until: str | None,
    source: str | None,
    feature_type: str | None,
    limit: int | None,
    output_format: str,
    verbose: bool,  # noqa: ARG001
) -> None:
    """List what was extracted but fits no theme."""
    from headway_pipeline.sources.discovery import link_to

    with opened() as store:
        workspace = store.workspaces.find(workspace_ref)
        found = store.reading.inbox(
            workspace.id,
            type=feature_type,
            source=source,
            since=read_day(since, "--since"),
            until=read_day(until, "--until"),
            limit=limit,
        )
    rows = [feature_row(row, link_to) for row in found]
    show(rows, FEATURE_COLUMNS[1:], output_format, empty="the inbox is empty: everything found has a theme")
