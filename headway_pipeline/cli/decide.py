"""`headway decide`: what people think of what was found; every run respects it."""

import getpass
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import click

from headway_pipeline.cli.context import opened, quiet_verbose_option, record, workspace_option
from headway_pipeline.cli.output import plain, say
from headway_pipeline.model.decisions import Aspect, DecisionKind
from headway_pipeline.model.errors import InputError

__all__ = ["command"]

DONE = {DecisionKind.ACCEPT: "accepted", DecisionKind.DISMISS: "dismissed", DecisionKind.MOVE: "moved"}


@click.group(name="decide")
def command() -> None:
    """Accept, dismiss and move features; no run overwrites it. IDs may be cut short, to eight digits."""


def _about_features(decide: Callable[..., None]) -> Callable[..., None]:
    """Which features, and in which workspace."""
    features = click.argument("features", nargs=-1, required=True, metavar="ID...")
    return workspace_option(features(quiet_verbose_option(decide)))


note_option = click.option("--note", help="Why; shown with the decision.")


@command.command()
@_about_features
@note_option
def accept(workspace_ref: str, features: Sequence[str], note: str | None) -> None:
    """Say that features are real and stand where they belong."""
    _each(
        workspace_ref,
        features,
        "accept",
        lambda store, of, key, who: store.decisions.accept(of, key, decided_by=who, note=note),
    )


@command.command()
@_about_features
@note_option
def dismiss(workspace_ref: str, features: Sequence[str], note: str | None) -> None:
    """Take features out of listings and counts."""
    _each(
        workspace_ref,
        features,
        "dismiss",
        lambda store, of, key, who: store.decisions.dismiss(of, key, decided_by=who, note=note),
    )


@command.command()
@_about_features
@click.option("--theme", help="Under this theme, by name or id.")
@click.option("--inbox", is_flag=True, help="Under none: into the inbox.")
@note_option
def move(workspace_ref: str, features: Sequence[str], theme: str | None, inbox: bool, note: str | None) -> None:
    """Put features under another theme, and keep them there."""
    if (theme is None) != inbox:
        raise InputError("it is not clear where to", "give --theme NAME, or --inbox")

    def move_one(store: Any, of: UUID, key: UUID, who: str) -> UUID:
        theme_id = None if theme is None else store.themes.find(of, theme).theme.id
        moved: UUID = store.decisions.move(of, key, theme_id, decided_by=who, note=note)
        return moved

    _each(workspace_ref, features, "move", move_one)


@command.command()
@_about_features
@click.option("--move", "is_move", is_flag=True, help="Take a move back, not a verdict.")
def undo(workspace_ref: str, features: Sequence[str], is_move: bool) -> None:
    """Take a verdict back, or with --move a move."""
    aspect = Aspect.THEME if is_move else Aspect.VERDICT
    action = "undo_move" if is_move else "undo_verdict"
    _each(workspace_ref, features, action, lambda store, of, key, _: store.decisions.undo(of, key, aspect))


def _each(
    workspace_ref: str,
    features: Sequence[str],
    action: str,
    decide: Callable[[Any, UUID, UUID, str], UUID],
) -> None:
    """Decide about each feature, and say where it stands now. All are found before anything is decided."""
    who = _user()
    with opened() as store:
        workspace = store.workspaces.find(workspace_ref)
        keys = [store.reading.feature_id(workspace.id, named) for named in features]
        for key in keys:
            with store.at_once():
                call_id = decide(store, workspace.id, key, who)
                # Under the call, so that the entry goes when the call is erased.
                record(store, workspace.id, f"feature.{action}", f"message {call_id}", feature_id=str(key))
            found = store.reading.feature(workspace.id, key)
            decided = " and ".join(DONE[decision.kind] for decision in found.decisions) or "nothing decided"
            where = f"under {found.theme}" if found.theme else "in the inbox"
            say(plain(f"{str(key)[:8]} {found.title}: {decided}, {where}"))


def _user() -> str:
    """The operating system's user."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "command line"
