"""`headway features`: what customers want, filed under themes, in their own words."""

import click

from headway_pipeline.cli.context import opened, read_day, verbose_option, workspace_option
from headway_pipeline.cli.output import format_option, show
from headway_pipeline.cli.reading import FEATURE_COLUMNS, feature_filters, feature_row

__all__ = ["command"]


@click.command(name="features")
@workspace_option
@click.option("--theme", help="Only this theme, by name or id.")
@feature_filters
@format_option
@verbose_option
def command(
    workspace_ref: str,
    theme: str | None,
    since: str | None,
    until: str | None,
    source: str | None,
    feature_type: str | None,
    limit: int | None,
    output_format: str,
    verbose: bool,  # noqa: ARG001
) -> None:
    """List features filed under themes, with their quotes."""
    from headway_pipeline.sources.discovery import link_to

    with opened() as store:
        workspace = store.workspaces.find(workspace_ref)
        found = store.reading.features(
            workspace.id,
            theme_id=store.themes.find(workspace.id, theme).theme.id if theme else None,
            type=feature_type,
            source=source,
            since=read_day(since, "--since"),
            until=read_day(until, "--until"),
            limit=limit,
        )
    rows = [feature_row(row, link_to) for row in found]
    empty = f"no features (yet): `headway status --workspace-id {workspace.slug}` says where the calls stand"
    show(rows, FEATURE_COLUMNS, output_format, empty=empty)
