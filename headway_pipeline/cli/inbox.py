"""`headway inbox`: what was extracted but fits no theme."""

import click

from headway_pipeline.cli.context import opened
from headway_pipeline.cli.output import show
from headway_pipeline.cli.reading import (
    FEATURE_COLUMNS,
    FEATURE_CSV,
    feature_filters,
    feature_row,
    listing,
    nothing_found,
)
from headway_pipeline.model.filters import FeatureFilter

__all__ = ["command"]


@click.command(name="inbox")
@listing
@feature_filters
def command(workspace_ref: str, where: FeatureFilter, limit: int | None, output_format: str) -> None:
    """List what was extracted but fits no theme, newest call first."""
    from headway_pipeline.sources.discovery import link_to

    with opened() as store:
        workspace = store.workspaces.find(workspace_ref)
        found = store.reading.inbox(workspace.id, where, limit=limit)
    rows = [feature_row(row, link_to) for row in found]
    remedy = f"`headway status --workspace-id {workspace.slug}` says where the calls stand"
    show(
        rows,
        FEATURE_COLUMNS[1:],
        output_format,
        empty=nothing_found("features in the inbox", where, remedy),
        csv_columns=FEATURE_CSV,
    )
