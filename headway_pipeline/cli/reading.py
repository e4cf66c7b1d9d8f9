"""The reads behind `headway messages`, `features` and `inbox`: filters, rows and columns."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import wraps
from typing import Any, TypeVar

import click

from headway_pipeline.cli.context import quiet_verbose_option, read_day, refuse_reversed, workspace_option
from headway_pipeline.cli.output import MOST_ROWS, Column, clock, format_option, show
from headway_pipeline.model.features import FeatureType, Sentiment, Urgency
from headway_pipeline.model.filters import CallFilter, Decided, FeatureFilter

__all__ = [
    "FEATURE_COLUMNS",
    "FEATURE_CSV",
    "call_filters",
    "feature_filters",
    "feature_row",
    "listing",
    "nothing_found",
    "show_features",
]

Command = TypeVar("Command", bound=Callable[..., Any])


def listing(command: Callable[..., None]) -> Callable[..., None]:
    """The options of every listing: whose, how many, in which form."""
    limit = click.option("--limit", type=click.IntRange(1, MOST_ROWS), help="At most this many rows, newest first.")
    return workspace_option(limit(format_option(quiet_verbose_option(command))))


def call_filters(command: Callable[..., None]) -> Callable[..., None]:
    """What calls can be narrowed by; the command is given a `CallFilter` as `calls`."""

    @wraps(command)
    def filtered(
        *, source: tuple[str, ...], account: str | None, since: str | None, until: str | None, **given: Any
    ) -> None:
        first, last = read_day(since, "--since"), read_day(until, "--until")
        if first is not None and last is not None:
            refuse_reversed(first, last)
        command(calls=CallFilter(sources=source, account=account, since=first, until=last), **given)

    return _with_options(
        filtered,
        click.option("--source", multiple=True, help="Only from this source, e.g. gong; may be repeated."),
        click.option("--account", help="Only calls with this customer, exactly as the source names it."),
        click.option("--since", metavar="DAY", help="Calls from this UTC day on, YYYY-MM-DD."),
        click.option("--until", metavar="DAY", help="Calls up to this UTC day, YYYY-MM-DD."),
    )


def feature_filters(command: Callable[..., None]) -> Callable[..., None]:
    """What features and inbox can be narrowed by; the command is given a `FeatureFilter` as `where`."""

    @wraps(command)
    def filtered(
        *,
        calls: CallFilter,
        types: tuple[str, ...],
        urgency: tuple[str, ...],
        sentiment: tuple[str, ...],
        confidence: float | None,
        text: str | None,
        decided: str | None,
        **given: Any,
    ) -> None:
        where = FeatureFilter(
            call=calls,
            types=tuple(map(FeatureType, types)),
            urgencies=tuple(map(Urgency, urgency)),
            sentiments=tuple(map(Sentiment, sentiment)),
            least_confidence=confidence,
            text=text,
            decided=Decided(decided) if decided else None,
        )
        command(where=where, **given)

    named = _with_options(
        filtered,
        click.option("--type", "types", multiple=True, type=_words(FeatureType), help="Only this kind; repeatable."),
        click.option("--urgency", multiple=True, type=_words(Urgency), help="Only of this urgency; repeatable."),
        click.option("--sentiment", multiple=True, type=_words(Sentiment), help="Only of this tone; repeatable."),
        click.option("--confidence", type=click.FloatRange(0, 1), help="The analyst was at least so sure, 0 to 1."),
        click.option("--text", help="What title, description or a quote holds, in any case."),
        click.option(
            "--decided", type=_words(Decided), help="What people decided about it. Default: all but dismissed ones."
        ),
    )
    return call_filters(named)


def _words(words: Any) -> click.Choice[str]:
    return click.Choice([word.value for word in words])


def _with_options(command: Command, *options: Callable[[Command], Command]) -> Command:
    """The command with these options, listed in this order in its help."""
    for option in reversed(options):
        command = option(command)
    return command


def nothing_found(what: str, where: object, remedy: str) -> str:
    """Why a listing is empty: nothing fits what was asked for, or there is nothing at all.

    Args:
        where: the filter that was given; a new one of its type asks for everything.
        remedy: what to do where there is nothing at all.
    """
    return f"no {what} yet: {remedy}" if where == type(where)() else f"no {what} of that kind: leave a filter out"


def feature_row(found: Any, link: Callable[[str, str | None, int | None], str | None]) -> dict[str, Any]:
    """One feature or inbox item in the form that programs read.

    Args:
        found: a row of the store's reading.
        link: from source, call address and milliseconds to the address of that moment, or None.
    """
    message = found.message
    return {
        "id": found.id,
        "type": found.type,
        "title": found.title,
        "description": found.description,
        "theme": found.theme,
        "urgency": found.urgency,
        "urgency_reason": found.urgency_reason,
        "sentiment": found.sentiment,
        "sentiment_score": found.sentiment_score,
        "confidence": found.confidence,
        "origin": found.origin,
        "decisions": [
            {
                "kind": decision.kind.value,
                "theme": decision.theme,
                "decided_by": decision.decided_by,
                "decided_at": decision.decided_at,
                "note": decision.note,
            }
            for decision in found.decisions
        ],
        "message": {
            "source": message.source,
            "external_id": message.external_id,
            "title": message.title,
            "url": message.url,
            "occurred_at": message.occurred_at,
            "account": message.account,
        },
        "evidence": [
            {
                "segment_index": evidence.segment_index,
                "char_start": evidence.char_start,
                "char_end": evidence.char_end,
                "quote": evidence.quote,
                "speaker": evidence.speaker,
                "side": evidence.side,
                "start_ms": evidence.start_ms,
                "url": link(message.source, message.url, evidence.start_ms),
            }
            for evidence in found.evidence
        ],
    }


def _first(row: Mapping[str, Any]) -> Mapping[str, Any]:
    evidence: Sequence[Mapping[str, Any]] = row["evidence"]
    return evidence[0] if evidence else {"quote": "", "speaker": "", "start_ms": None, "url": ""}


def _said_by(row: Mapping[str, Any]) -> str:
    first = _first(row)
    return f"{first['speaker'] or 'somebody'} at {clock(first['start_ms'])}".removesuffix(" at ")


FEATURE_COLUMNS = (
    Column("theme", lambda row: row["theme"] or "(inbox)"),
    Column("type", lambda row: str(row["type"]).replace("_", " ")),
    Column("urgency", lambda row: str(row["urgency"])),
    Column("title", lambda row: row["title"], ratio=3),
    Column("quote", lambda row: f"“{_first(row)['quote']}”", ratio=4),
    Column("said by", _said_by, ratio=1),
    Column("call", lambda row: f"{row['message']['title'] or row['message']['external_id']}", ratio=2),
    Column("day", lambda row: f"{row['message']['occurred_at']:%Y-%m-%d}"),
    # Enough of it for `headway decide`.
    Column("id", lambda row: str(row["id"])[:8]),
)


def _own(name: str) -> Column:
    return Column(name, lambda row: row[name])


#: As the API exports them: a spreadsheet has room for what a terminal has not.
FEATURE_CSV = (
    *map(_own, ("id", "type", "title", "description", "theme", "urgency", "urgency_reason")),
    *map(_own, ("sentiment", "sentiment_score", "confidence")),
    Column("decided", lambda row: ", ".join(decision["kind"] for decision in row["decisions"])),
    Column("quote", lambda row: _first(row)["quote"]),
    Column("speaker", lambda row: _first(row)["speaker"]),
    Column("heard_at", lambda row: _first(row)["url"]),
    Column("quotes", lambda row: len(row["evidence"])),
    Column("account", lambda row: row["message"]["account"]),
    Column("call", lambda row: row["message"]["title"]),
    Column("occurred_at", lambda row: row["message"]["occurred_at"].isoformat()),
    Column("source", lambda row: row["message"]["source"]),
)


def show_features(
    found: Iterable[Any],
    columns: Sequence[Column],
    output_format: str,
    *,
    what: str,
    where: FeatureFilter,
    slug: str,
) -> None:
    """Write features of the workspace `slug` to standard output.

    Args:
        found: `headway_pipeline.store.FoundFeature`s.
        columns: of a table.
        what: what people call them.
        where: the filter they were looked for with.
    """
    from headway_pipeline.sources.discovery import link_to

    empty = nothing_found(what, where, f"`headway status --workspace-id {slug}` says where the calls stand")
    rows = [feature_row(row, link_to) for row in found]
    show(rows, columns, output_format, empty=empty, csv_columns=FEATURE_CSV)
