"""`headway doctor`: is this installation fit to work, and if not, what to do."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from headway_pipeline.cli.context import opened, ready_settings, verbose_option
from headway_pipeline.cli.output import show_json, tell
from headway_pipeline.model.errors import CredentialsSealedError, HeadwayError
from headway_pipeline.settings import Settings

if TYPE_CHECKING:
    from headway_pipeline.orchestration.examination import Examined

__all__ = ["command"]


#: One examination: words where all is well, or what was found with its faults.
Look = Callable[[Settings], "str | Examined"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    name: str
    is_good: bool
    words: str


@click.command(name="doctor")
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How to answer.",
)
@click.option("--security", "for_security", is_flag=True, help="Look at who could read or forge what, instead.")
@verbose_option
def command(output_format: str, for_security: bool, verbose: bool) -> int:  # noqa: ARG001
    """Check the folder, the database, the keys and Dagster with its daemons; exits 1 where something is to be mended.

    Every fault is a line of its own that says what to do.
    """
    settings = ready_settings()
    looks = _looks_for_security() if for_security else _looks()
    findings = [finding for name, look in looks for finding in _examine(name, look, settings)]
    if output_format == "json":
        shown = [{"name": found.name, "ok": found.is_good, "words": found.words} for found in findings]
        show_json(shown)
    else:
        for found in findings:
            tell(f"{'ok  ' if found.is_good else 'MEND'}  {found.name}: {found.words}")
    return 0 if all(found.is_good for found in findings) else 1


def _looks() -> "tuple[tuple[str, Look], ...]":
    from headway_pipeline.orchestration import examination

    return (*EXAMINATIONS, *examination.EXAMINATIONS)


def _looks_for_security() -> "tuple[tuple[str, Look], ...]":
    from headway_pipeline.cli.security import SECURITY_EXAMINATIONS

    return SECURITY_EXAMINATIONS


def _examine(name: str, look: "Look", settings: Settings) -> Iterator[Finding]:
    try:
        seen = look(settings)
    except HeadwayError as error:
        yield Finding(name, False, str(error))
        return
    if isinstance(seen, str):
        yield Finding(name, True, seen)
        return
    for fault in seen.faults:
        yield Finding(name, False, str(fault))
    if not seen.faults:
        yield Finding(name, True, seen.words)


def _home(settings: Settings) -> str:
    return f"{settings.home}, partitions start on {settings.start_date}"


def _database(settings: Settings) -> str:
    with opened(settings) as store:
        words: str = store.describe()
    return words


def _credentials(settings: Settings) -> str:
    """Whether everything sealed opens with the keys at hand."""
    from headway_pipeline.store.seals import Seal

    with opened(settings) as store:
        found = store.seals.examine()
    closed = [value.name for value in found if value.seal in (Seal.UNKNOWN, Seal.NONE)]
    if closed:
        raise CredentialsSealedError(
            f"no key at hand opens {', '.join(closed)}", "give its key back in HEADWAY_SECRET_KEY, or the secret anew"
        )
    return f"{len(found)} sealed values open"


def _sources(_settings: Settings) -> str:
    from headway_pipeline.sources.discovery import discover

    return ", ".join(sorted(discover()))


def _analyst(settings: Settings) -> str:
    """Who reads the calls; a model must have its key, and is not asked."""
    from headway_pipeline.ingestion.analysts import model_settings
    from headway_pipeline.llm.discovery import connect

    chosen = model_settings(settings.environment)
    for choice in (chosen.model, *chosen.stage_models.values()):
        if choice is not None:
            connect(choice.provider, settings.environment)
    if chosen.model is None:
        return "offline rules: deterministic, no key, no cost; they miss what is only implied"
    stages = "".join(f", {stage.value} by {choice or 'the rules'}" for stage, choice in chosen.stage_models.items())
    budget = "no budget" if settings.budget_usd is None else f"{settings.budget_usd:g} USD a month and workspace"
    return f"{chosen.model}{stages}; {settings.calls_at_once} calls at once; {budget}"


def _dagster(settings: Settings) -> str:
    from headway_pipeline.orchestration.graph import build_defs
    from headway_pipeline.orchestration.instance import dagster_home

    graph = build_defs().resolve_asset_graph()
    return f"{len(graph.get_all_asset_keys())} assets load; its records are in {dagster_home(settings)}"


EXAMINATIONS: tuple[tuple[str, Callable[[Settings], str]], ...] = (
    ("home", _home),
    ("database", _database),
    ("credentials", _credentials),
    ("sources", _sources),
    ("analyst", _analyst),
    ("dagster", _dagster),
)
