"""`headway db`: the database's tables."""

import click

from headway_pipeline.cli.context import ready_settings, verbose_option
from headway_pipeline.cli.output import say, tell
from headway_pipeline.model.errors import InputError

__all__ = ["command"]


@click.group(name="db")
def command() -> None:
    """Bring the database's tables up to date, and name the roles it needs."""


@command.command()
@verbose_option
def upgrade(verbose: bool) -> None:  # noqa: ARG001
    """Apply the migrations that are missing; safe to repeat."""
    from headway_pipeline.store.schema import upgrade_database

    before, after = upgrade_database(ready_settings().database_url)
    say(f"the tables are at revision {after}" + ("" if before == after else f" (were at {before or 'none'})"))


@command.command(short_help="Print the SQL that gives a login its roles.")
@click.option("--login", metavar="NAME", help="The login that is to work; the one of DATABASE_URL when left out.")
@verbose_option
def roles(login: str | None, verbose: bool) -> None:  # noqa: ARG001
    """Print the SQL by which an administrator of PostgreSQL gives a login the roles that keep workspaces apart.

    Needed where the login may not make roles itself, and for every further login. Nothing is changed.
    """
    from headway_pipeline.store.engine import database_url
    from headway_pipeline.store.isolation.postgresql import roles_sql

    url = database_url(ready_settings().database_url)
    if url.get_backend_name() == "sqlite":
        raise InputError("SQLite has no roles", "there is nothing to do; workspaces are kept apart without any")
    named = login or url.username
    if named is None:
        raise InputError("DATABASE_URL names no login", "name one with --login")
    tell(roles_sql(named).rstrip())
