"""`headway inbox`: what was extracted but fits no theme."""

import click

from headway_pipeline.cli.context import opened
from headway_pipeline.cli.reading import FEATURE_COLUMNS, feature_filters, listing, show_features
from headway_pipeline.model.filters import FeatureFilter

__all__ = ["command"]


@click.command(name="inbox")
@listing
@feature_filters
def command(workspace_ref: str, where: FeatureFilter, limit: int | None, output_format: str) -> None:
    """List what was extracted but fits no theme, newest call first."""
    with opened() as store:
        workspace = store.workspaces.find(workspace_ref)
        found = store.reading.inbox(workspace.id, where, limit=limit)
    show_features(
        found, FEATURE_COLUMNS[1:], output_format, what="features in the inbox", where=where, slug=workspace.slug
    )
