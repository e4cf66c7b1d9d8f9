"""`headway status`: where every call stands, how the connectors are, and how far behind it all is."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import click

from headway_pipeline.cli.budget import price_words
from headway_pipeline.cli.context import opened, read_day, verbose_option, workspace_option
from headway_pipeline.cli.output import Column, format_option, say, show, show_json, tell
from headway_pipeline.model.errors import InputError
from headway_pipeline.model.windows import days_between

__all__ = ["command"]

COUNTS_A_DAY = (
    *("listed", "held", "difference", "waiting", "done", "private", "forbidden", "set_aside"),
    *("deleted", "missing", "elsewhere", "outside"),
)


def _count(name: str) -> Column:
    return Column(name.replace("_", " "), lambda row: str(row[name]))


def _moment(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M}" if at else ""


LEDGER_COLUMNS = (
    Column("source", lambda row: row["source"]),
    Column("state", lambda row: str(row["state"]).replace("_", " ")),
    Column("calls", lambda row: str(row["calls"])),
)
CONNECTOR_COLUMNS = (
    Column("connector", lambda row: row["name"]),
    Column("health", lambda row: row["health_words"]),
    Column("last ok", lambda row: f"{row['last_ok_at']:%Y-%m-%d %H:%M}" if row["last_ok_at"] else "never"),
    Column("last listing", lambda row: _moment(row["last_complete_listing_at"])),
    Column("oldest awaited", lambda row: _moment(row["oldest_awaiting_at"])),
    Column("missing", lambda row: f"{row['missing']}" + (f" ({row['held']} held)" if row["held"] else "")),
    Column("what to know", lambda row: row["last_error"] or row["advice"] or "", ratio=1),
)
WAITING_COLUMNS = (
    Column("source", lambda row: row["source"]),
    Column("state", lambda row: str(row["state"]).replace("_", " ")),
    Column("calls", lambda row: str(row["calls"])),
    Column("why", lambda row: row["reason"], ratio=1),
)


DAY_COLUMNS = (
    Column("day", lambda row: str(row["day"])),
    Column("connector", lambda row: row["connector"]),
    *map(_count, COUNTS_A_DAY),
    Column("listed at", lambda row: f"{row['completed_at']:%Y-%m-%d %H:%M}" if row["completed_at"] else ""),
    Column("error", lambda row: row["error"] or "", ratio=1),
)


@click.command(name="status")
@workspace_option
@click.option(
    "--days", type=click.IntRange(1, 3650), help="What was listed and is held on each of the last DAYS days."
)
@click.option("--since", metavar="DAY", help="The same from this UTC day on, YYYY-MM-DD.")
@format_option
@verbose_option
def command(
    workspace_ref: str,
    days: int | None,
    since: str | None,
    output_format: str,
    verbose: bool,  # noqa: ARG001
) -> None:
    """Show the ledger by source and state, the connectors' health and completeness, the lag, and what models cost.

    With --days or --since also what each connector listed of each day against what the ledger holds of it.
    """
    shown = _shown_days(days, read_day(since, "--since"))
    with opened() as store:
        workspace = store.workspaces.find(workspace_ref)
        status: dict[str, Any] = store.reading.status(workspace.id)
        balances = [] if shown is None else store.balances.by_day(workspace.id, shown)
        held = store.leases.holder(workspace.id)
    if shown is not None:
        status["days"] = [_day_row(found) for found in balances]
    status["writer"] = held and {
        "run": held.owner,
        "host": held.holder.host,
        "pid": held.holder.pid,
        "since": held.acquired_at,
    }
    if output_format == "json":
        show_json({"workspace": workspace.slug, **status}, default=str, indent=2)
        return
    if output_format == "csv":
        rows, columns = (status["ledger"], LEDGER_COLUMNS) if shown is None else (status["days"], DAY_COLUMNS)
        show(rows, columns, output_format, empty="")
        return
    tables: list[tuple[str, tuple[Column, ...], str]] = [
        ("ledger", LEDGER_COLUMNS, "no call was listed yet"),
        ("waiting", WAITING_COLUMNS, "no call waits for anything"),
        (
            "connectors",
            CONNECTOR_COLUMNS,
            f"no connectors: add one with `headway connector add --workspace-id {workspace.slug} --type SOURCE`",
        ),
        *([] if shown is None else [("days", DAY_COLUMNS, "none of these days was listed yet")]),
    ]
    has_shown = False
    for name, shown_columns, empty in tables:
        if has_shown and status[name]:
            tell()
        show(status[name], shown_columns, output_format, empty=empty)
        has_shown = has_shown or bool(status[name])
    model = status["model"]
    unpriced = f", and {model['unpriced']} answers of unknown price" if model["unpriced"] else ""
    say(
        f"language models: {model['answers']} answers, {model['input_tokens']:,} tokens in, "
        f"{model['output_tokens']:,} out, {price_words(model['cost_usd'])}{unpriced}"
    )
    newest = status["lag"]["newest_call_at"]
    say(f"newest call: {newest:%Y-%m-%d %H:%M} UTC" if newest else "no call yet")
    if held:
        say(f"written now by run {held.owner}, {held.holder}, since {held.acquired_at:%H:%M:%S} UTC")


def _shown_days(days: int | None, since: date | None) -> list[date] | None:
    """The days asked for, up to today; None where none were."""
    today = datetime.now(tz=UTC).date()
    if days is not None and since is not None:
        raise InputError("--days and --since say the same in two ways", "give one of them")
    first = today - timedelta(days=days - 1) if days is not None else since
    return None if first is None else days_between(first, today)


def _day_row(found: Any) -> dict[str, Any]:
    named = {name: getattr(found, name) for name in ("day", "connector", *COUNTS_A_DAY, "completed_at", "error")}
    return named | {"moved": found.moved}
