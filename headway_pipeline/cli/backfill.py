"""`headway backfill`: the main job over a range of days, for one workspace or all; in batches where it may wait."""

import time
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import click

from headway_pipeline.cli.backfill_plan import Piece, plan_pieces
from headway_pipeline.cli.batches import as_data, land_answers, open_batches, words_on
from headway_pipeline.cli.budget import budget_option
from headway_pipeline.cli.context import (
    made_format_option,
    opened,
    read_range,
    ready_settings,
    refuse_inactive,
    verbose_option,
)
from headway_pipeline.cli.output import say, show_json
from headway_pipeline.model.errors import HeadwayError, InputError
from headway_pipeline.model.windows import days_between
from headway_pipeline.model.workspaces import Workspace

if TYPE_CHECKING:
    from headway_pipeline.cli.backfill_report import Filled
    from headway_pipeline.store.batches import Batch

__all__ = ["command"]

#: How long `--wait` rests between two looks at the provider.
LOOK_EVERY_S = 30.0


@click.command(name="backfill")
@click.option("--workspace-id", "workspace_ref", metavar="ID|SLUG", help="One workspace; all active ones without it.")
@click.option("--since", required=True, metavar="DAY", help="First UTC day, YYYY-MM-DD.")
@click.option("--until", metavar="DAY", help="Last UTC day, YYYY-MM-DD; today when left out.")
@click.option("--missing", "is_missing_only", is_flag=True, help="Only days that failed or were never done.")
@click.option("--newest-first", is_flag=True, help="Month by month from the last day back, each for all workspaces.")
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
    is_missing_only: bool,
    newest_first: bool,
    batch: bool,
    wait: bool,
    look_every: float,
    budget_usd: float | None,
    output_format: str,
    verbose: bool,
) -> int:
    """Pull, read and file the calls of a range of days: one run a workspace.

    Stopped, it is repeated: a day that was done before costs its share of a listing and no question, with --missing
    not even that. A day or a workspace that fails does not keep the others; the last lines name what is not complete.

    With --batch, answers come within a day: `headway up` has them landed and goes on by itself; or repeat the
    command. What was answered before, at once or in a batch, is not paid for again.
    """
    from headway_pipeline.orchestration.launch import refuse_early_days

    first, last = read_range(since, until)
    refuse_early_days(ready_settings(), first)
    if wait and not batch:
        raise InputError("--wait is for batches", "give --batch, too, or leave it out")
    workspaces = _workspaces(workspace_ref)
    pieces = _pieces(workspaces, first, last, is_missing_only=is_missing_only, newest_first=newest_first)
    bounds: dict[str, Any] = {
        "output_format": output_format,
        "budget_usd": budget_usd,
        "is_batch": batch,
        "verbose": verbose,
    }
    if batch:
        land_answers()
    if not pieces:
        say("every one of these days was done before")
    filled = _fill(pieces, **bounds)
    if wait:
        filled = _until_filed(workspaces, pieces, look_every, filled, **bounds)
    return _sum_up(filled, open_batches(workspaces), output_format)


def _workspaces(named: str | None) -> list[Workspace]:
    with opened() as store:
        found = [store.workspaces.find(named)] if named is not None else store.workspaces.list()
    if not found:
        raise InputError("there is no active workspace", "add one with `headway workspace add NAME`")
    for workspace in found:
        refuse_inactive(workspace)
    return list(found)


def _pieces(
    workspaces: Sequence[Workspace], since: date, until: date, *, is_missing_only: bool, newest_first: bool
) -> list[Piece]:
    from headway_pipeline.orchestration.launch import days_to_do

    settings, every_day = ready_settings(), days_between(since, until)
    days = {
        workspace.slug: days_to_do(settings, workspace.slug, since, until) if is_missing_only else every_day
        for workspace in workspaces
    }
    return plan_pieces(workspaces, days, newest_first=newest_first)


def _fill(pieces: Sequence[Piece], *, output_format: str, budget_usd: float | None, **bounds: Any) -> list["Filled"]:
    """Run every piece, whatever becomes of the others, reporting it as it ends; a budget is a workspace's for all."""
    filled: list[Filled] = []
    for piece in pieces:
        slug = piece.workspace.slug
        spent = sum(one.cost_usd for one in filled if one.piece.workspace.slug == slug)
        left = None if budget_usd is None else max(budget_usd - spent, 0.0)
        filled.append(_filled(piece, budget_usd=left, **bounds))
        filled[-1].show(output_format)
    return filled


def _filled(piece: Piece, **bounds: Any) -> "Filled":
    from headway_pipeline.cli.backfill_report import Filled
    from headway_pipeline.cli.ingest import ingest_workspace

    try:
        return Filled(piece, ingest_workspace(piece.workspace, piece.since, piece.until, **bounds))
    except HeadwayError as error:
        return Filled(piece, None, str(error))


def _until_filed(
    workspaces: Sequence[Workspace],
    pieces: Sequence[Piece],
    look_every_s: float,
    filled: list["Filled"],
    **bounds: Any,
) -> list["Filled"]:
    """Look at the provider and read on until no batch of these workspaces is open."""
    from headway_pipeline.orchestration.jobs import READING

    while still := open_batches(workspaces):
        say(f"{sum(one.request_count for one in still)} questions are in {len(still)} batches; Ctrl-C loses nothing")
        while not land_answers():
            time.sleep(look_every_s)
        filled = _fill(pieces, assets=READING, **bounds)
    return filled


def _sum_up(filled: Sequence["Filled"], waiting: Sequence["Batch"], output_format: str) -> int:
    from headway_pipeline.cli.backfill_report import exit_code, left_over

    if output_format == "json":
        answer = {"workspaces": [one.answer for one in filled], "batches": [as_data(one) for one in waiting]}
        show_json(answer, default=str)
    for line in (*words_on(waiting), *left_over(filled)):
        say(line)
    return exit_code(filled)
