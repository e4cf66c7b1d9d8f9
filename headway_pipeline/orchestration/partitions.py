"""Partitions: workspace x UTC day on which the call started.

Concept: https://docs.dagster.io/guides/build/partitions-and-backfills/partitioning-assets
A key reads `2026-11-20|acme`: Dagster sorts dimensions by name.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import groupby

import dagster as dg

__all__ = [
    "WORKSPACE_PARTITIONS",
    "WorkspaceDays",
    "build_partitions",
    "partition_key",
    "range_tags",
    "workspace_days",
    "workspaces_of_run",
]

#: Name of the dynamic dimension in Dagster's instance; its keys are the slugs of active workspaces.
WORKSPACE_PARTITIONS = "workspace"
RANGE_TAGS = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")


def build_partitions(start: date) -> dg.MultiPartitionsDefinition:
    """The partitions every asset of the chain shares; today is a key, too."""
    return dg.MultiPartitionsDefinition(
        {
            "workspace": dg.DynamicPartitionsDefinition(name=WORKSPACE_PARTITIONS),
            "date": dg.DailyPartitionsDefinition(start_date=start.isoformat(), end_offset=1),
        }
    )


def partition_key(slug: str, day: date) -> str:
    """The key of one workspace and day."""
    return f"{day.isoformat()}|{slug}"


def range_tags(slug: str, since: date, until: date) -> dict[str, str]:
    """The tags that make a run one over the days of a workspace, both ends included, and that name the workspace."""
    return {
        "dagster/asset_partition_range_start": partition_key(slug, since),
        "dagster/asset_partition_range_end": partition_key(slug, until),
        "workspace": slug,
    }


def workspaces_of_run(tags: Mapping[str, str]) -> tuple[str, ...]:
    """The slugs a run's tags name, sorted: a run of ours, of a single key or of a backfill.

    Of a rectangle of several workspaces its tags name the first and the last.
    """
    keys = [tags[name] for name in RANGE_TAGS if name in tags]
    named = [tags[name] for name in ("workspace", "dagster/partition/workspace") if name in tags]
    return tuple(sorted({*named, *(key.rpartition("|")[2] for key in keys)}))


@dataclass(frozen=True, slots=True)
class WorkspaceDays:
    """The part of a run's rectangle that belongs to one workspace."""

    slug: str
    keys: dict[date, str]


def workspace_days(keys: Iterable[str]) -> Iterator[WorkspaceDays]:
    """Group partition keys of any rectangle by workspace, days in order.

    A backfill may put several workspaces in one run: it groups by whichever dimension has fewer keys.
    """
    split = sorted((slug, date.fromisoformat(day), key) for key in keys for day, slug in [str(key).split("|", 1)])
    for slug, group in groupby(split, key=lambda part: part[0]):
        yield WorkspaceDays(slug, {day: key for _, day, key in group})
