"""`headway backfill`: the main job over a range of days, for one workspace or all; in batches where it may wait."""

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import click

from headway_pipeline.cli.budget import budget_option
from headway_pipeline.cli.context import made_format_option, opened, read_day, ready_settings, verbose_option
from headway_pipeline.cli.output import say, show_json
from headway_pipeline.model.errors import InputError
from headway_pipeline.model.workspaces import Workspace

if TYPE_CHECKING:
    from headway_pipeline.cli.ingest_report import IngestReport
    from headway_pipeline.store.batches import Batch

__all__ = ["command"]

#: How long `--wait` rests between two looks at the provider.
LOOK_EVERY_S = 30.0


@click.command(name="backfill")
@click.option("--workspace-id", "workspace_ref", metavar="ID|SLUG", help="One workspace; all active ones without it.")
@click.option("--since", required=True, metavar="DAY", help="First UTC day, YYYY-MM-DD.")
@click.option("--until", metavar="DAY", help="Last UTC day, YYYY-MM-DD; today when left out.")
@click.option("--batch", is_flag=True, help="Hand questions in as batches, at half the price and within a day each.")
@click.option("--wait", is_flag=True, help="With --batch: stay until every answer has come and every call is filed.")
@click.option(
    "--look-every", type=click.FloatRange(0.01), default=LOOK_EVERY_S, show_default=True, help="Seconds, with --wait."
)
@budget_option
@made_format_option
@verbose_option
def command(
    workspace_ref: str | None,
    since: str,
    until: str | None,
    batch: bool,
    wait: bool,
    look_every: float,
    budget_usd: float | None,
    output_format: str,
    verbose: bool,
) -> int:
    """Pull, read and file the calls of a range of days.

    With --batch, answers come within a day: `headway up` has them landed and goes on by itself; or repeat the
    command. What was answered before, at once or in a batch, is not paid for again.
    """
    first, last = _days(read_day(since, "--since"), read_day(until, "--until"))
    if wait and not batch:
        raise InputError("--wait is for batches", "give --batch, too, or leave it out")
    workspaces = _workspaces(workspace_ref)
    bounds: dict[str, Any] = {"budget_usd": budget_usd, "is_batch": batch, "verbose": verbose}
    if batch:
        _land()
    reports = [_ingested(workspace, first, last, **bounds) for workspace in workspaces]
    if wait:
        reports = _until_filed(workspaces, first, last, look_every, reports, **bounds)
    _show(reports, _still_open(workspaces), output_format)
    return max(report.exit_code for report in reports)


def _days(since: date | None, until: date | None) -> tuple[date, date]:
    last = until or datetime.now(tz=UTC).date()
    if since is None or since > last:
        raise InputError(f"the range from {since} to {last} is reversed", "name its first day in --since")
    return since, last


def _workspaces(named: str | None) -> list[Workspace]:
    with opened() as store:
        found = [store.workspaces.find(named)] if named is not None else store.workspaces.list()
    if not found:
        raise InputError("there is no workspace", "add one with `headway workspace add NAME`")
    return list(found)


def _ingested(workspace: Workspace, since: date, until: date, **bounds: Any) -> "IngestReport":
    from headway_pipeline.cli.ingest import ingest_workspace

    return ingest_workspace(workspace, since, until, **bounds)


def _land() -> bool:
    """Ask after every open batch once; says whether one came to its end."""
    from headway_pipeline.ingestion.batches import advance_batches
    from headway_pipeline.ingestion.run import Effects
    from headway_pipeline.llm.discovery import connect

    environment = ready_settings().environment
    with opened() as store:
        advanced = advance_batches(store, lambda name: connect(name, environment), Effects())
    for one in advanced:
        if one.has_ended or one.words:
            free = f", {one.unanswered} questions are asked again" if one.unanswered else ""
            words = f" ({one.words})" if one.words else ""
            say(f"batch of {one.batch.slug}: {one.state}, {one.answered} answers landed{free}{words}")
    return any(one.has_ended for one in advanced)


def _until_filed(
    workspaces: Sequence[Workspace],
    since: date,
    until: date,
    look_every_s: float,
    reports: list["IngestReport"],
    **bounds: Any,
) -> list["IngestReport"]:
    """Look at the provider and read on until no batch of these workspaces is open."""
    from headway_pipeline.orchestration.jobs import READING

    while True:
        still = _still_open(workspaces)
        if not still:
            return reports
        say(f"{sum(one.request_count for one in still)} questions are in {len(still)} batches; Ctrl-C loses nothing")
        while not _land():
            time.sleep(look_every_s)
        reports = [_ingested(workspace, since, until, assets=READING, **bounds) for workspace in workspaces]


def _still_open(workspaces: Sequence[Workspace]) -> list["Batch"]:
    slugs = {workspace.slug for workspace in workspaces}
    with opened() as store:
        return [one for one in store.batches.open() if one.slug in slugs]


def _show(reports: Sequence["IngestReport"], waiting: Sequence["Batch"], output_format: str) -> None:
    if output_format == "json":
        batches = [{"id": str(one.id), "workspace": one.slug, **_asked(one)} for one in waiting]
        answer = {"workspaces": [report.answer for report in reports], "batches": batches}
        show_json(answer, default=str)
    for report in reports:
        if output_format == "text":
            report.show_data()
        report.show_words()
    for line in _lines(waiting):
        say(line)


def _asked(batch: "Batch") -> dict[str, Any]:
    return {"provider": batch.provider, "model": batch.model, "requests": batch.request_count}


def _lines(waiting: Sequence["Batch"]) -> Iterator[str]:
    for one in waiting:
        yield f"{one.request_count} questions of {one.slug} are in a batch of {one.provider}:{one.model}"
    if waiting:
        yield "their calls wait; `headway up` goes on when the answers have come, or repeat this command"
