"""`headway workspace`: add and list workspaces."""

import click

from headway_pipeline.cli.context import made_format_option, opened, verbose_option
from headway_pipeline.cli.output import Column, format_option, show, show_made

__all__ = ["command"]


@click.group(name="workspace")
def command() -> None:
    """Add and list workspaces."""


@command.command()
@click.argument("name")
@click.option("--slug", help="Short name in [a-z0-9-], never changed later; made from NAME when left out.")
@click.option(
    "--vendor-domain",
    "vendor_domains",
    multiple=True,
    metavar="DOMAIN",
    help="E-mail domain of your own people; who writes from there is never quoted as a customer. Repeatable.",
)
@made_format_option
@verbose_option
def add(name: str, slug: str | None, vendor_domains: tuple[str, ...], output_format: str, verbose: bool) -> None:  # noqa: ARG001
    """Add a workspace called NAME."""
    with opened() as store:
        workspace = store.workspaces.add(name, slug=slug, vendor_domains=frozenset(vendor_domains))
    made = {"id": workspace.id, "slug": workspace.slug, "name": workspace.name}
    show_made(made, output_format, f"workspace {workspace.slug} ({workspace.id})")


COLUMNS = (
    Column("slug", lambda row: row["slug"]),
    Column("name", lambda row: row["name"], ratio=1),
    Column("id", lambda row: str(row["id"])),
    Column("vendor domains", lambda row: ", ".join(row["vendor_domains"])),
)


@command.command(name="list")
@format_option
@verbose_option
def list_(output_format: str, verbose: bool) -> None:  # noqa: ARG001
    """List the active workspaces."""
    with opened() as store:
        rows = [
            {
                "id": workspace.id,
                "slug": workspace.slug,
                "name": workspace.name,
                "vendor_domains": sorted(workspace.vendor_domains),
            }
            for workspace in store.workspaces.list()
        ]
    show(rows, COLUMNS, output_format, empty="no workspaces yet: make one with `headway workspace add NAME`")
