"""`headway reanalyse`: read calls again with the model and the instructions of now; says its price first."""

from datetime import date
from uuid import uuid4

import click

from headway_pipeline.cli.budget import budget_option, estimate_words, reader_name, reading_run
from headway_pipeline.cli.context import (
    made_format_option,
    opened,
    read_range,
    ready_settings,
    refuse_inactive,
    verbose_option,
    workspace_option,
)
from headway_pipeline.cli.output import say, show_made
from headway_pipeline.model.windows import days_between
from headway_pipeline.model.workspaces import Workspace
from headway_pipeline.store import Store

__all__ = ["command"]

LEASE_PATIENCE_S = 5.0


@click.command(name="reanalyse")
@workspace_option
@click.option("--since", required=True, metavar="DAY", help="First UTC day, YYYY-MM-DD.")
@click.option("--until", metavar="DAY", help="Last UTC day, YYYY-MM-DD; today when left out.")
@budget_option
@click.option("--yes", is_flag=True, help="Do not ask before spending.")
@made_format_option
@verbose_option
def command(
    workspace_ref: str,
    since: str,
    until: str | None,
    budget_usd: float | None,
    yes: bool,
    output_format: str,
    verbose: bool,
) -> int:
    """Read calls again that another model or older instructions read, or that could not be read.

    Calls that were read by the model and the instructions of now stay as they are. Features found again keep their
    ids, and what was decided about them. What was found before stands until a call is read.
    """
    first, last = read_range(since, until)
    # No run reads earlier days; found out after the price was agreed to, that would be an error too late.
    first = max(first, ready_settings().start_date)
    with opened() as store:
        workspace = store.workspaces.find(workspace_ref)
        refuse_inactive(workspace)
        nothing = _reopen(store, workspace, days_between(first, last), is_agreed=yes)
    if nothing is not None:
        show_made({"workspace": workspace.slug, "reopened": 0}, output_format, nothing)
        return 0
    from headway_pipeline.cli.ingest import ingest_workspace
    from headway_pipeline.orchestration.jobs import READING

    report = ingest_workspace(workspace, first, last, budget_usd=budget_usd, assets=READING, verbose=verbose)
    report.show(output_format)
    return report.exit_code


def _reopen(store: Store, workspace: Workspace, days: list[date], *, is_agreed: bool) -> str | None:
    """Make the calls due again that others read, once the price is agreed to; says so where there are none."""
    from headway_pipeline.ingestion.estimates import estimate_rereading
    from headway_pipeline.ingestion.rereading import calls_to_reread, reopen_calls

    run = reading_run(store, ready_settings())
    calls = calls_to_reread(run, workspace, days)
    reader = reader_name(run, workspace)
    if not calls:
        return f"every call of these days was read by {reader} as it reads now"
    say(estimate_words(estimate_rereading(run, workspace, calls), reader))
    if not is_agreed:
        click.confirm("Read them again?", abort=True, err=True)
    with store.leases.hold(workspace.id, f"reanalyse {uuid4()}", patience_s=LEASE_PATIENCE_S) as lease:
        reopen_calls(run, lease, calls)
    return None
