"""From what is wrong to the result of a check: which keys, how many, how bad, and what stands from earlier runs.

A check has one state in Dagster, that of its last execution, whatever days or workspace that was over: a run of one
workspace would cover up what is wrong in another. So a check looks again at the keys that it last found bad, and
stays red until they are mended. Partitioned checks would store their result without a partition in range runs.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import dagster as dg

# Dagster names it nowhere else; without it a check that is planned would stand for one that was carried out.
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

from headway_pipeline.ingestion.run import Part, Run
from headway_pipeline.orchestration.partitions import partition_key, workspace_days
from headway_pipeline.orchestration.stages import run_of
from headway_pipeline.store import EvidenceAudit, Flaw

__all__ = [
    "BAD_KEYS",
    "Finder",
    "Found",
    "Scoped",
    "bad_keys",
    "first_of",
    "is_hidden",
    "last_evaluation",
    "scope_of",
    "verdict",
]

#: The entry that says how much is wrong by key: `day|workspace`, or a workspace where no day is concerned.
BAD_KEYS = "bad keys"
#: How many bad things, and how many bad keys a check lists; it always counts them all.
MOST_SHOWN, MOST_KEYS = 20, 200
JUDGED = {AssetCheckExecutionRecordStatus.SUCCEEDED, AssetCheckExecutionRecordStatus.FAILED}


@dataclass(slots=True)
class Scoped:
    """One workspace a check looks at; `days` is None for all of them."""

    run: Run
    part: Part
    days: list[date] | None
    _evidence: EvidenceAudit | None = field(default=None, repr=False)

    @property
    def slug(self) -> str:
        """The workspace's."""
        return self.part.workspace.slug

    @property
    def evidence(self) -> EvidenceAudit:
        """Stored evidence against its transcripts; they are read once, whatever asks."""
        if self._evidence is None:
            self._evidence = self.run.store.audit.evidence(self.part.workspace.id, self.days)
        return self._evidence


#: Finds what is wrong; a flaw without a day concerns the workspace.
Finder = Callable[[Scoped], Sequence[Flaw | str]]


@dataclass(frozen=True, slots=True)
class Found:
    """One thing that is wrong, under the key it belongs to."""

    key: str
    words: str

    @property
    def sentence(self) -> str:
        """The same for people."""
        day, _, slug = self.key.rpartition("|")
        return f"{slug}, {day}: {self.words}" if day else f"{slug}: {self.words}"


def scope_of(context: dg.AssetCheckExecutionContext) -> list[Scoped]:
    """The workspaces and days of the run; everything, where the check is executed on its own."""
    run = run_of(context.resources)
    if context.has_partition_key or context.has_partition_key_range:
        return [_scoped(run, keys.slug, list(keys.keys)) for keys in workspace_days(context.partition_keys)]
    return [Scoped(run, Part(workspace, []), None) for workspace in run.store.workspaces.list()]


def _scoped(run: Run, slug: str, days: list[date]) -> Scoped:
    return Scoped(run, Part(run.store.workspaces.find(slug), days), days)


def found_in(scopes: Iterable[Scoped], find: Finder) -> list[Found]:
    """What is wrong in any of the scopes."""
    return [
        Found(partition_key(scoped.slug, flaw.day), flaw.words)
        if isinstance(flaw, Flaw)
        else Found(scoped.slug, flaw)
        for scoped in scopes
        for flaw in find(scoped)
    ]


def last_evaluation(instance: dg.DagsterInstance, key: dg.AssetCheckKey) -> dg.AssetCheckEvaluation | None:
    """The last result of a check, leaving out executions that are planned and not done."""
    records = instance.event_log_storage.get_asset_check_execution_history(key, limit=1, status=JUDGED)
    event = records[0].event if records else None
    if event is None or event.dagster_event is None:
        return None
    found: dg.AssetCheckEvaluation = event.dagster_event.asset_check_evaluation_data
    return found


def is_hidden(instance: dg.DagsterInstance, key: dg.AssetCheckKey) -> bool:
    """Whether the pages say "not evaluated" of a check that has a result.

    They do where a later run planned it and ended without one, and where the asset was materialized since, by a run
    that does not evaluate it (`AssetCheckExecutionRecord.targets_latest_materialization`).
    """
    records = instance.event_log_storage.get_asset_check_execution_history(key, limit=1)
    if not records:
        return False
    (last,) = records
    if last.status is AssetCheckExecutionRecordStatus.PLANNED:
        run = instance.get_run_by_id(last.run_id)
        return run is None or run.is_finished
    materialized = instance.fetch_materializations(key.asset_key, limit=1).records
    if not materialized or materialized[0].run_id == last.run_id:
        return False
    target = None if last.evaluation is None else last.evaluation.target_materialization_data
    if target is None:
        return materialized[0].timestamp >= last.create_timestamp
    return target.storage_id != materialized[0].storage_id


def verdict(
    context: dg.AssetCheckExecutionContext,
    key: dg.AssetCheckKey,
    scopes: Sequence[Scoped],
    find: Finder,
    *,
    severity: dg.AssetCheckSeverity,
    also: Mapping[str, Any],
) -> dg.AssetCheckResult:
    """The result of a check over `scopes`, and over the keys it found bad before.

    What only stands from earlier runs is a warning, so that it neither stops this run nor is forgotten.
    """
    here = found_in(scopes, find)
    elsewhere = found_in(_still_open(context.instance, key, scopes), find)
    everything = [*here, *elsewhere]
    return dg.AssetCheckResult(
        check_name=key.name,
        asset_key=key.asset_key,
        passed=not everything,
        severity=severity if here or not elsewhere else dg.AssetCheckSeverity.WARN,
        description=_sentence(here, elsewhere),
        metadata={**_shown(everything), "of earlier runs": len(elsewhere), **also},
    )


def _shown(found: Sequence[Found]) -> dict[str, Any]:
    counts = Counter(thing.key for thing in found)
    return {
        "found": len(found),
        "number of bad keys": len(counts),
        **bad_keys(counts),
        **({"what": _table(found[:MOST_SHOWN])} if found else {}),
    }


def _table(found: Iterable[Found]) -> dg.TableMetadataValue:
    return dg.MetadataValue.table([dg.TableRecord({"key": thing.key, "what": thing.words}) for thing in found])


def bad_keys(counts: Mapping[str, int]) -> dict[str, dg.JsonMetadataValue]:
    """The entry that says how much is wrong in which keys, the worst first; none where nothing is."""
    worst_first = Counter(counts).most_common(MOST_KEYS)
    return {BAD_KEYS: dg.MetadataValue.json(dict(worst_first))} if worst_first else {}


def _sentence(here: Sequence[Found], elsewhere: Sequence[Found]) -> str:
    if here:
        return first_of([found.sentence for found in here])
    if elsewhere:
        open_still = first_of([found.sentence for found in elsewhere])
        return f"Nothing to mend in this run; still open from an earlier one: {open_still}"
    return first_of([])


def first_of(sentences: Sequence[str]) -> str:
    """The first thing to mend, and how many there are besides: Dagster shows one line of a check."""
    if not sentences:
        return "Nothing to mend."
    return f"{sentences[0]} (and {len(sentences) - 1} more)" if len(sentences) > 1 else sentences[0]


def _still_open(instance: dg.DagsterInstance, key: dg.AssetCheckKey, scopes: Sequence[Scoped]) -> Iterator[Scoped]:
    """The keys that the last execution found bad and that this one does not look at."""
    covered = {scoped.slug: scoped.days for scoped in scopes}
    last = None if not scopes or None in covered.values() else last_evaluation(instance, key)
    if last is None or last.passed:
        return
    run = scopes[0].run
    active = {workspace.slug: workspace for workspace in run.store.workspaces.list()}
    open_days: dict[str, set[date]] = {}
    for bad in _bad_keys(last):
        day, _, slug = bad.rpartition("|")
        if slug in active and (not day or date.fromisoformat(day) not in (covered.get(slug) or ())):
            open_days.setdefault(slug, set()).update([date.fromisoformat(day)] if day else [])
    for slug, days in open_days.items():
        if days:
            yield Scoped(run, Part(active[slug], sorted(days)), sorted(days))
        elif slug not in covered:
            yield Scoped(run, Part(active[slug], []), None)


def _bad_keys(evaluation: dg.AssetCheckEvaluation) -> Iterable[str]:
    value = evaluation.metadata.get(BAD_KEYS)
    return value.value if isinstance(value, dg.JsonMetadataValue) and isinstance(value.value, dict) else ()
