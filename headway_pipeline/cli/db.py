"""`headway db`: the database's tables."""

import click

from headway_pipeline.cli.context import ready_settings, verbose_option
from headway_pipeline.cli.output import say

__all__ = ["command"]


@click.group(name="db")
def command() -> None:
    """Bring the database's tables up to date."""


@command.command()
@verbose_option
def upgrade(verbose: bool) -> None:  # noqa: ARG001
    """Apply the migrations that are missing; safe to repeat."""
    from headway_pipeline.store.schema import upgrade_database

    before, after = upgrade_database(ready_settings().database_url)
    say(f"the tables are at revision {after}" + ("" if before == after else f" (were at {before or 'none'})"))
