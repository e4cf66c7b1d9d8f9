"""The reads behind `headway messages`, `features` and `inbox`: filters, rows and columns."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import click

from headway_pipeline.cli.output import MOST_ROWS, Column, clock
from headway_pipeline.model.features import FeatureType

__all__ = ["FEATURE_COLUMNS", "feature_filters", "feature_row", "range_options"]

Command = TypeVar("Command", bound=Callable[..., Any])


def range_options(command: Command) -> Command:
    """`--since`, `--until` (both included) and `--limit`."""
    command = click.option("--limit", type=click.IntRange(1, MOST_ROWS), help="At most this many rows.")(command)
    command = click.option("--until", metavar="DAY", help="Calls up to this UTC day, YYYY-MM-DD.")(command)
    return click.option("--since", metavar="DAY", help="Calls from this UTC day on, YYYY-MM-DD.")(command)


def feature_filters(command: Command) -> Command:
    """What features and inbox can be narrowed by."""
    types = click.Choice([kind.value for kind in FeatureType])
    command = click.option("--type", "feature_type", type=types, help="Only this kind.")(command)
    command = click.option("--source", help="Only from this source, e.g. gong.")(command)
    return range_options(command)


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
)
