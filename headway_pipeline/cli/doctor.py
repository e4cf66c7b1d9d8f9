"""`headway doctor`: is this installation fit to work, and if not, what to do."""

import json
from collections.abc import Callable
from dataclasses import dataclass

import click

from headway_pipeline.cli.context import ready_settings, verbose_option
from headway_pipeline.model.errors import HeadwayError
from headway_pipeline.settings import Settings

__all__ = ["command"]


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
@verbose_option
def command(output_format: str, verbose: bool) -> int:  # noqa: ARG001
    """Check the folder, the database, the keys and Dagster's definitions; exits 1 where something is to be mended."""
    settings = ready_settings()
    findings = [_examine(name, look, settings) for name, look in EXAMINATIONS]
    if output_format == "json":
        shown = [{"name": found.name, "ok": found.is_good, "words": found.words} for found in findings]
        click.echo(json.dumps(shown, ensure_ascii=False))
    else:
        for found in findings:
            click.echo(f"{'ok  ' if found.is_good else 'MEND'}  {found.name}: {found.words}")
    return 0 if all(found.is_good for found in findings) else 1


def _examine(name: str, look: Callable[[Settings], str], settings: Settings) -> Finding:
    try:
        return Finding(name, True, look(settings))
    except HeadwayError as error:
        return Finding(name, False, str(error))


def _home(settings: Settings) -> str:
    return f"{settings.home}, partitions start on {settings.start_date}"


def _database(settings: Settings) -> str:
    from headway_pipeline.store.configured import open_configured_store

    store = open_configured_store(settings)
    try:
        return store.describe()
    finally:
        store.close()


def _credentials(settings: Settings) -> str:
    """Whether every stored credential opens with the keys at hand."""
    from headway_pipeline.store.configured import open_configured_store

    store = open_configured_store(settings)
    try:
        opened = 0
        for workspace in store.workspaces.list():
            for connector in store.connectors.list(workspace.id):
                if not connector.uses_environment:
                    store.connectors.credentials(connector)
                    opened += 1
        return f"{opened} connectors' credentials open"
    finally:
        store.close()


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
