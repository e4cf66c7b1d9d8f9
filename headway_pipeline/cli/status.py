"""`headway status`: where every call stands, how the connectors are, and how far behind it all is."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import click

from headway_pipeline.cli.budget import price_words
from headway_pipeline.cli.context import opened, read_day, verbose_option, workspace_option
from headway_pipeline.cli.output import Column, format_option, say, show, show_json, tell
from headway_pipeline.model.errors import InputError
from headway_pipeline.model.windows import days_between

__all__ = ["command"]

COUNTS_A_DAY = ("listed", "held", "difference", "waiting", "done")
#: What most days have none of: a table for people leaves out what no day has.
RARE_COUNTS = ("private", "forbidden", "set_aside", "deleted", "missing", "elsewhere", "outside")


DAY_FIELDS = ("day", "connector", *COUNTS_A_DAY, *RARE_COUNTS, "completed_at", "error")


def _count(name: str) -> Column:
    return Column(name.replace("_", " "), lambda row: str(row[name]))


def _moment(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M}" if at else ""


def _words(of: str) -> Column:
    return Column(of, lambda row: str(row[of]).replace("_", " "))


LEDGER_COLUMNS = (_words("source"), _words("state"), _count("calls"))
CONNECTOR_COLUMNS = (
    Column("connector", lambda row: row["name"]),
    Column("health", lambda row: row["health_words"]),
    Column("last ok", lambda row: f"{row['last_ok_at']:%Y-%m-%d %H:%M}" if row["last_ok_at"] else "never"),
    Column("last listing", lambda row: _moment(row["last_complete_listing_at"])),
    Column("oldest awaited", lambda row: _moment(row["oldest_awaiting_at"])),
    Column("missing", lambda row: f"{row['missing']}" + (f" ({row['held']} held)" if row["held"] else "")),
    Column("what to know", lambda row: row["last_error"] or row["advice"] or "", ratio=1),
)
REASON_COLUMNS = (
    *LEDGER_COLUMNS,
    _words("reason"),
    Column("for example", lambda row: row["example"], ratio=1),
)


def _day_columns(counts: Iterable[str]) -> tuple[Column, ...]:
    return (
        Column("day", lambda row: str(row["day"])),
        Column("connector", lambda row: row["connector"]),
        *map(_count, counts),
        Column("listed at", lambda row: _moment(row["completed_at"])),
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
    """Show where calls stand and why, the connectors' health and completeness, the lag, and what models cost.

    With --days or --since also what each connector listed of each day against what the ledger holds of it. As CSV,
    only that, or else only the counts of the ledger.
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
        show_json({"workspace": workspace.slug, **status}, indent=2)
        return
    if output_format == "csv":
        every_day = _day_columns((*COUNTS_A_DAY, *RARE_COUNTS))
        rows, columns = (status["ledger"], LEDGER_COLUMNS) if shown is None else (status["days"], every_day)
        show(rows, columns, output_format, empty="")
        return
    _show_tables(status, workspace.slug)
    _say_sums(status, workspace.slug)
    if held:
        say(f"written now by run {held.owner}, {held.holder}, since {held.acquired_at:%H:%M:%S}")


def _show_tables(status: Mapping[str, Any], slug: str) -> None:
    connect = f"`headway connector add --workspace-id {slug} --type SOURCE`"
    reasons = [line for counted in status["reasons"] for line in _example_lines(counted)]
    tables = [
        (status["ledger"], LEDGER_COLUMNS, "no call was listed yet"),
        (reasons, REASON_COLUMNS, ""),
        (status["connectors"], CONNECTOR_COLUMNS, f"no connectors: add one with {connect}"),
    ]
    if "days" in status:
        rare = [name for name in RARE_COUNTS if any(row[name] for row in status["days"])]
        tables.append((status["days"], _day_columns((*COUNTS_A_DAY, *rare)), "none of these days was listed yet"))
    is_first = True
    for rows, columns, empty in tables:
        if rows and not is_first:
            tell()
        if rows or empty:
            show(rows, columns, "table", empty=empty)
        is_first = is_first and not rows


def _example_lines(counted: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """A line an example; what they share stands in the first one."""
    shared = counted
    for example in counted["examples"]:
        yield {**shared, "example": example}
        shared = dict.fromkeys(counted, "")


def _say_sums(status: Mapping[str, Any], slug: str) -> None:
    if status["reasons"]:
        say(f"which calls: headway messages --workspace-id {slug} --reason {status['reasons'][0]['reason']}")
    model = status["model"]
    unpriced = f", and {model['unpriced']} answers of unknown price" if model["unpriced"] else ""
    say(
        f"language models: {model['answers']} answers, {model['input_tokens']:,} tokens in, "
        f"{model['output_tokens']:,} out, {price_words(model['cost_usd'])}{unpriced}"
        if model["answers"]
        else "no language model was asked"
    )
    newest = status["lag"]["newest_call_at"]
    calls = sum(row["calls"] for row in status["ledger"])
    say(f"{calls:,} calls, the newest of {newest:%Y-%m-%d %H:%M}; all times are UTC" if newest else "no call yet")


def _shown_days(days: int | None, since: date | None) -> list[date] | None:
    """The days asked for, up to today; None where none were."""
    today = datetime.now(tz=UTC).date()
    if days is not None and since is not None:
        raise InputError("--days and --since say the same in two ways", "give one of them")
    first = today - timedelta(days=days - 1) if days is not None else since
    return None if first is None else days_between(first, today)


def _day_row(found: Any) -> dict[str, Any]:
    named = {name: getattr(found, name) for name in DAY_FIELDS}
    return named | {"moved": found.moved}
