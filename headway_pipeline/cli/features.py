"""`headway features`: what customers want, filed under themes, in their own words."""

from dataclasses import replace

import click

from headway_pipeline.cli.context import opened
from headway_pipeline.cli.reading import FEATURE_COLUMNS, feature_filters, listing, show_features
from headway_pipeline.model.filters import FeatureFilter

__all__ = ["command"]


@click.command(name="features")
@listing
@click.option("--theme", multiple=True, help="Only this theme, by name or id; may be repeated.")
@feature_filters
def command(
    workspace_ref: str, theme: tuple[str, ...], where: FeatureFilter, limit: int | None, output_format: str
) -> None:
    """List features filed under themes, with their quotes, newest call first."""
    with opened() as store:
        workspace = store.workspaces.find(workspace_ref)
        themes = tuple(store.themes.find(workspace.id, named).theme.id for named in theme)
        where = replace(where, theme_ids=themes)
        found = store.reading.features(workspace.id, where, limit=limit)
    show_features(found, FEATURE_COLUMNS, output_format, what="features", where=where, slug=workspace.slug)
