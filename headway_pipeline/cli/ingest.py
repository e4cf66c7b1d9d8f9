"""`headway ingest`: the main job, in this process, over one workspace and a range of days."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from headway_pipeline.cli.budget import (
    budget_option,
    estimate_words,
    reader_name,
    reading_run,
    shown_estimate,
)
from headway_pipeline.cli.context import (
    opened,
    read_day,
    ready_settings,
    refuse_inactive,
    refuse_unusable_range,
    verbose_option,
    workspace_option,
)
from headway_pipeline.cli.output import MOST_ROWS, say, show_made
from headway_pipeline.model.errors import InputError
from headway_pipeline.model.windows import days_between
from headway_pipeline.model.workspaces import Workspace

if TYPE_CHECKING:
    from headway_pipeline.cli.ingest_report import IngestReport
    from headway_pipeline.ingestion.run import Progress

__all__ = ["command", "ingest_workspace"]

DEFAULT_DAYS_BACK = 7
MOST_DAYS_BACK = 3650


@click.command(name="ingest")
@workspace_option
@click.option("--connector-type", metavar="SOURCE", help="Only connectors of this source, e.g. gong.")
@click.option(
    "--limit", type=click.IntRange(1, MOST_ROWS), help="Transcribe and analyse at most these, newest first."
)
@click.option(
    "--days-back", type=click.IntRange(0, MOST_DAYS_BACK), help=f"This many days back [default: {DEFAULT_DAYS_BACK}]."
)
@click.option("--since", metavar="DAY", help="First UTC day, YYYY-MM-DD.")
@click.option("--until", metavar="DAY", help="Last UTC day, YYYY-MM-DD; today when left out.")
@budget_option
@click.option(
    "--estimate", is_flag=True, help="List and transcribe only, then say what reading would cost; no model is asked."
)
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How to report on standard output.",
)
@verbose_option
def command(
    workspace_ref: str,
    connector_type: str | None,
    limit: int | None,
    days_back: int | None,
    since: str | None,
    until: str | None,
    budget_usd: float | None,
    estimate: bool,
    output_format: str,
    verbose: bool,
) -> int:
    """Pull a workspace's calls, read them, and file what customers said under themes.

    Runs the same Dagster job as the UI. Calls that did not change cost their share of a listing and nothing else.
    """
    first, last = _days(days_back, read_day(since, "--since"), read_day(until, "--until"))
    with opened() as store:
        workspace = store.workspaces.find(workspace_ref)
        types = {connector.connector_type for connector in store.connectors.list(workspace.id)}
    refuse_inactive(workspace)
    if connector_type is not None:
        connector_type = _connected(connector_type, workspace, types)
    bounds: dict[str, Any] = {"limit": limit, "connector_type": connector_type, "budget_usd": budget_usd}
    if estimate:
        return _estimate(workspace, first, last, output_format, verbose=verbose, **bounds)
    report = ingest_workspace(workspace, first, last, verbose=verbose, **bounds)
    report.show(output_format)
    return report.exit_code


def _connected(named: str, workspace: Workspace, types: set[str]) -> str:
    """The source that is named.

    Raises:
        InputError: there is no such source, or the workspace has no active connector to it.
    """
    from headway_pipeline.sources.discovery import find_source

    source = find_source(named)
    if source.name not in types:
        others = ", ".join(sorted(types)) or "none"
        raise InputError(
            f"{workspace.slug} has no active connector to {source.label} (it has: {others})",
            f"add one with `headway connector add --workspace-id {workspace.slug} --type {source.name}`",
        )
    return source.name


def _estimate(workspace: Workspace, since: date, until: date, output_format: str, **bounds: Any) -> int:
    """Fetch, and say what reading what is there would cost."""
    from headway_pipeline.ingestion.estimates import Estimate, estimate_reading
    from headway_pipeline.ingestion.run import Part
    from headway_pipeline.orchestration.jobs import FETCHING

    report = ingest_workspace(workspace, since, until, assets=FETCHING, **bounds)
    with opened() as store:
        run = reading_run(store, ready_settings())
        found = estimate_reading(run, Part(workspace, days_between(since, until)))
        reader = reader_name(run, workspace)
    total = sum(found.values(), start=Estimate())
    for failure in report.failures:
        say(f"error: {failure}")
    made = {
        "workspace": workspace.slug,
        "since": since.isoformat(),
        "until": until.isoformat(),
        "estimate": shown_estimate(total, reader),
    }
    show_made(made, output_format, estimate_words(total, reader))
    return report.exit_code


def _days(days_back: int | None, since: date | None, until: date | None) -> tuple[date, date]:
    """The range asked for, both ends included."""
    today = datetime.now(tz=UTC).date()
    if days_back is not None and since is not None:
        raise InputError("--days-back and --since say the same in two ways", "give one of them")
    last = until or today
    first = since or last - timedelta(days=DEFAULT_DAYS_BACK if days_back is None else days_back)
    refuse_unusable_range(first, last, today)
    return first, last


def ingest_workspace(
    workspace: Workspace,
    since: date,
    until: date,
    *,
    limit: int | None = None,
    connector_type: str | None = None,
    budget_usd: float | None = None,
    assets: tuple[str, ...] = (),
    is_batch: bool = False,
    model: str | None = None,
    verbose: bool = False,
) -> "IngestReport":
    """Run the job, or only some of its assets, and gather what it did."""
    from headway_pipeline.cli.ingest_report import build_report
    from headway_pipeline.orchestration.launch import IngestRequest, ingest

    settings = ready_settings()
    request = IngestRequest(
        slug=workspace.slug,
        since=since,
        until=until,
        limit=limit,
        connector_type=connector_type,
        verbose=verbose,
        budget_usd=budget_usd,
        assets=assets,
        is_batch=is_batch,
        model=model,
    )
    started = time.monotonic()
    with _progress_bars() as progress:
        outcome = ingest(settings, request, progress)
    if outcome.is_interrupted:
        raise click.Abort
    with opened() as store:
        reader = reader_name(reading_run(store, settings, model=model), workspace)
        is_chosen = bool(model or settings.environment.get("HEADWAY_MODEL"))
        seconds = time.monotonic() - started
        return build_report(store, workspace, request, outcome, seconds=seconds, reader=reader, is_chosen=is_chosen)


@contextmanager
def _progress_bars() -> "Iterator[Progress]":
    """One bar a stage, on a terminal only."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns: tuple[Any, ...] = (
        TextColumn("{task.description:<12}"),
        BarColumn(bar_width=40),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:
        tasks: dict[str, Any] = {}

        def show(stage: str, _workspace: str, done: int, total: int | None) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total)
            bars.update(tasks[stage], completed=done, total=total if total is not None else done)

        if console.is_terminal:
            say("starting Dagster ...")
        yield show
