"""Partitions: workspace x UTC day on which the call started.

Concept: https://docs.dagster.io/guides/build/partitions-and-backfills/partitioning-assets
A key reads `2026-11-20|acme`: Dagster sorts dimensions by name.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import groupby

import dagster as dg

from headway_pipeline.store.workspaces import is_slug

__all__ = [
    "ASKED_BY",
    "RANGE_TAGS",
    "WORKSPACE_PARTITIONS",
    "WorkspaceDays",
    "build_partitions",
    "missing_partitions",
    "odd_slugs",
    "partition_key",
    "range_tags",
    "workspace_days",
    "workspace_partitions",
    "workspaces_of",
]

#: Name of the dynamic dimension in Dagster's instance; its keys are the slugs of active workspaces.
WORKSPACE_PARTITIONS = "workspace"
#: The tag of a run that says who asked for it.
ASKED_BY = "asked_by"
#: Tags by which Dagster names the ends of a run's range.
RANGE_TAGS = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")


def workspace_partitions() -> dg.DynamicPartitionsDefinition:
    """One key a workspace."""
    return dg.DynamicPartitionsDefinition(name=WORKSPACE_PARTITIONS)


def missing_partitions(instance: dg.DagsterInstance, slugs: Iterable[str]) -> list[dg.AddDynamicPartitionsRequest]:
    """What gives workspaces their keys, where Dagster does not know them yet."""
    missing = sorted(set(slugs) - set(instance.get_dynamic_partitions(WORKSPACE_PARTITIONS)))
    return [workspace_partitions().build_add_request(missing)] if missing else []


def odd_slugs(slugs: Iterable[str]) -> str | None:
    """What to tell of slugs that are no partition key, for SQL may write anything; None where all are one."""
    odd = sorted({slug for slug in slugs if not is_slug(slug)})
    named = ", ".join(map(repr, odd))
    return f"no slug for a partition: {named}; use a-z, 0-9 and dashes in workspaces.slug" if odd else None


def build_partitions(start: date) -> dg.MultiPartitionsDefinition:
    """The partitions every asset of the chain shares; today is a key, too."""
    return dg.MultiPartitionsDefinition(
        {
            "workspace": workspace_partitions(),
            "date": dg.DailyPartitionsDefinition(start_date=start.isoformat(), end_offset=1),
        }
    )


def partition_key(slug: str, day: date) -> str:
    """The key of one workspace and day."""
    return f"{day.isoformat()}|{slug}"


def range_tags(slug: str, since: date, until: date, *, asked_by: str) -> dict[str, str]:
    """The tags that make a run one over the days of a workspace, both ends included, and that people look for it by.

    Args:
        asked_by: who launches it, e.g. "schedule hourly".
    """
    ends = (partition_key(slug, since), partition_key(slug, until))
    return {**dict(zip(RANGE_TAGS, ends, strict=True)), "workspace": slug, ASKED_BY: asked_by}


def workspaces_of(tags: Mapping[str, str]) -> frozenset[str]:
    """The workspaces that a run's tags name, whoever launched it; of a wider rectangle those at its ends."""
    named = {tags.get("workspace"), tags.get(f"dagster/partition/{WORKSPACE_PARTITIONS}")}
    named |= {tags[end].partition("|")[2] for end in RANGE_TAGS if end in tags}
    return frozenset(slug for slug in named if slug)


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
