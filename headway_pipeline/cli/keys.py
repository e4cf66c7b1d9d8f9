"""`headway keys`: the keys that seal credentials, webhook secrets and this project's own keys."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from headway_pipeline.cli.context import made_format_option, opened, ready_settings, record, verbose_option
from headway_pipeline.cli.output import say, show_made

if TYPE_CHECKING:
    from headway_pipeline.store.rotation import Rotation

__all__ = ["command"]


@click.group(name="keys")
def command() -> None:
    """Change the keys that seal what is secret in the database."""


@command.command()
@click.option(
    "--drop-old",
    is_flag=True,
    help="Make no key: seal with the newest one there is and take the older ones out of the key file.",
)
@made_format_option
@verbose_option
def rotate(drop_old: bool, output_format: str, verbose: bool) -> int:  # noqa: ARG001
    """Seal everything with a new key. Interrupted, it goes on when it is run again.

    The key file gets its new key here. HEADWAY_SECRET_KEY gets it from you, before the old one, and whatever runs is
    restarted first.
    """
    from headway_pipeline.store.rotation import rotate_keys

    done = rotate_keys(ready_settings(), drop_old=drop_old)
    with opened() as store:
        record(store, None, "keys.rotate", "sealing keys", resealed=done.resealed, dropped=done.dropped)
    show_made(asdict(done), output_format, _words(done))
    for name in done.unopened:
        say(f"warning: no key at hand opens {name}: give its key back, or the secret anew")
    if not done.unopened and done.kept:
        say(_what_next(done))
    return 1 if done.unopened else 0


def _words(done: "Rotation") -> str:
    made = "a new key was made; " if done.is_new_key else ""
    dropped = f"; older keys taken out: {done.dropped}" if done.dropped else ""
    return f"{made}{done.sealed} values are sealed with the newest key, {done.resealed} of them by this run{dropped}"


def _what_next(done: "Rotation") -> str:
    if done.has_key_file:
        return (
            "the older key still stands in the key file: a minute later `headway keys rotate --drop-old` takes it out"
        )
    return "nothing needs the older keys any more: take them out of HEADWAY_SECRET_KEY and restart what runs"
