"""What commands share: settings, the open store, and options that mean the same everywhere."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from functools import wraps
from typing import Any, TypeVar
from uuid import UUID

import click

from headway_pipeline.cli.output import say
from headway_pipeline.model.errors import InputError
from headway_pipeline.model.workspaces import Workspace
from headway_pipeline.settings import Settings, current_settings

__all__ = [
    "COMMAND_LINE",
    "changing",
    "made_format_option",
    "opened",
    "quiet_verbose_option",
    "read_day",
    "read_range",
    "ready_settings",
    "record",
    "refuse_inactive",
    "refuse_reversed",
    "refuse_unusable_range",
    "verbose_option",
    "workspace_option",
]

Command = TypeVar("Command", bound=Callable[..., Any])

#: How the audit log names whoever is at the keyboard of this machine.
COMMAND_LINE = "command line"
#: Far from the ends of the calendar, where adding a day would fail.
FIRST_YEAR, LAST_YEAR = 1970, 2999

workspace_option = click.option(
    "--workspace-id", "workspace_ref", required=True, metavar="ID|SLUG", help="The workspace, by id or slug."
)
verbose_option = click.option("--verbose", is_flag=True, help="Show what happens inside, and the trace of an error.")


def quiet_verbose_option(command: Callable[..., None]) -> Callable[..., None]:
    """`--verbose` for a command that does not look at it: it is read where an error is explained."""

    @wraps(command)
    def without_verbose(*, verbose: bool, **given: Any) -> None:  # noqa: ARG001
        command(**given)

    return verbose_option(without_verbose)


made_format_option = click.option(
    "--format",
    "output_format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How to answer on standard output.",
)


def ready_settings() -> Settings:
    """The environment's settings, with HEADWAY_HOME made; says so when it was made now."""
    settings = current_settings()
    if settings.prepare_home():
        say(f"made {settings.home}")
    # Child processes and Dagster's code must find the same folder from wherever they run.
    os.environ["HEADWAY_HOME"] = str(settings.home)
    return settings


@contextmanager
def opened(settings: Settings | None = None) -> Iterator[Any]:
    """The store of this environment, or of `settings`, closed at the end. Yields a `headway_pipeline.store.Store`."""
    from headway_pipeline.store.configured import open_configured_store

    store = open_configured_store(settings or ready_settings())
    try:
        yield store
    finally:
        store.close()


@contextmanager
def changing() -> Iterator[Any]:
    """The same for one change: all of it and what `record` tells of it is stored, or nothing. No network inside."""
    with opened() as store, store.at_once():
        yield store


def record(store: Any, workspace_id: UUID | None, action: str, subject: str, **details: Any) -> None:
    """Put a change made at the keyboard into the audit log, within its transaction: no secret, no speech."""
    store.audit_log.record(workspace_id, actor=COMMAND_LINE, action=action, subject=subject, details=details)


def read_day(given: str | None, option: str) -> date | None:
    """A day given as YYYY-MM-DD.

    Raises:
        InputError: it is no such day.
    """
    if given is None:
        return None
    try:
        day = date.fromisoformat(given)
    except ValueError as error:
        raise InputError(f"{option} {given!r} is no day", "write it as YYYY-MM-DD") from error
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise InputError(f"{option} {given} is out of reach", f"name a day from {FIRST_YEAR} to {LAST_YEAR}")
    return day


def read_range(since: str, until: str | None) -> tuple[date, date]:
    """The days from `--since`, which must be given, to `--until`, today (UTC) where it is not; both ends included.

    Raises:
        InputError: one is no day, or no run can do them.
    """
    today = datetime.now(tz=UTC).date()
    last = read_day(until, "--until") or today
    first = read_day(since, "--since") or last
    refuse_unusable_range(first, last, today)
    return first, last


def refuse_unusable_range(first: date, last: date, today: date) -> None:
    """Refuse days that no run can do.

    Raises:
        InputError: a day is in the future, or the range is reversed.
    """
    for day, option in ((last, "--until"), (first, "--since")):
        if day > today:
            raise InputError(f"{day} is in the future", f"name a day up to {today} (UTC) in {option}")
    refuse_reversed(first, last)


def refuse_reversed(first: date, last: date) -> None:
    """Refuse a range that ends before it begins.

    Raises:
        InputError: it does.
    """
    if first > last:
        raise InputError(f"the range from {first} to {last} is reversed", "name its first day in --since")


def refuse_inactive(workspace: Workspace) -> None:
    """Refuse to ingest a workspace that was deactivated.

    Raises:
        InputError: it was.
    """
    if not workspace.is_active:
        raise InputError(
            f"the workspace {workspace.slug} is inactive",
            f"take it up again with `headway workspace edit --workspace-id {workspace.slug} --active`",
        )
