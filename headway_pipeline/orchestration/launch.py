"""How the command line and the API start Dagster work. Imported only when used: Dagster costs CPU seconds.

The job is the one Dagster runs, with the same partitions, in this process.
"""

import logging
import uuid
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg

from headway_pipeline.ingestion.run import Progress
from headway_pipeline.model.errors import InputError
from headway_pipeline.model.usage import Usage
from headway_pipeline.model.windows import days_between
from headway_pipeline.orchestration.abandoned import end_abandoned_runs
from headway_pipeline.orchestration.assets import CHAIN
from headway_pipeline.orchestration.graph import build_defs
from headway_pipeline.orchestration.instance import dagster_home, opened_instance
from headway_pipeline.orchestration.jobs import INGEST_JOB
from headway_pipeline.orchestration.metadata import BY_SOURCE, MODEL
from headway_pipeline.orchestration.partitions import (
    WORKSPACE_PARTITIONS,
    build_partitions,
    partition_key,
    range_tags,
    workspace_days,
)
from headway_pipeline.orchestration.process_names import process_tags
from headway_pipeline.orchestration.resources import scope_config
from headway_pipeline.orchestration.verdicts import BAD_KEYS
from headway_pipeline.settings import Settings

__all__ = [
    "IngestOutcome",
    "IngestRequest",
    "days_to_do",
    "ingest",
    "prepare_instance",
    "refuse_early_days",
]


@dataclass(frozen=True, slots=True)
class IngestRequest:
    """One workspace, a range of days (both included), and what bounds it.

    Attributes:
        budget_usd: the most that language models may cost, or None.
        assets: only these of the chain; all where none is named.
        is_batch: hand questions to language models in as batches.
        model: who reads, in place of what the environment says.
    """

    slug: str
    since: date
    until: date
    limit: int | None = None
    connector_type: str | None = None
    verbose: bool = False
    budget_usd: float | None = None
    assets: tuple[str, ...] = ()
    is_batch: bool = False
    model: str | None = None


@dataclass(frozen=True, slots=True)
class IngestOutcome:
    """What a run did.

    Attributes:
        counts: by source and what, summed over the days and assets.
        usage: what the analyst's answers cost.
        failures: what went wrong, in words for people; empty where the run succeeded.
        failed_checks: checks that did not pass, with their words.
        warnings: the same of checks that only warn.
        incomplete: the days that the last asset of the request did not record; a later run must do them again.
        is_incomplete_only: nothing broke; the run is red because some days could not be completed.
        is_interrupted: somebody stopped it.
    """

    run_id: str
    has_succeeded: bool
    counts: Mapping[str, Mapping[str, int]]
    usage: Usage
    failures: tuple[str, ...]
    failed_checks: Mapping[str, str]
    warnings: Mapping[str, str] = field(default_factory=dict)
    incomplete: tuple[date, ...] = ()
    is_incomplete_only: bool = False
    is_interrupted: bool = False


class _ShownProgress:
    """The command line's progress in place of the silent resource."""

    def __init__(self, shown: Progress) -> None:
        self._shown = shown

    def progress(self) -> Progress:
        return self._shown


def prepare_instance(settings: Settings, slugs: Sequence[str]) -> Path:
    """Make the instance ready and give every workspace its partition; returns its folder."""
    with opened_instance(settings) as instance:
        end_abandoned_runs(instance)
        instance.add_dynamic_partitions(WORKSPACE_PARTITIONS, list(slugs))
    return dagster_home(settings)


def ingest(
    settings: Settings,
    request: IngestRequest,
    progress: Progress,
    overrides: Mapping[str, Any] | None = None,
) -> IngestOutcome:
    """Run the job `ingest` in this process over the request's days.

    Args:
        progress: told how far each stage is.
        overrides: resources in place of the configured ones.

    Raises:
        InputError: the days lie before the start of the partitions.
    """
    refuse_early_days(settings, request.since)
    defs = build_defs({"progress": _ShownProgress(progress), **(overrides or {})})
    run_id = str(uuid.uuid4())
    with opened_instance(settings) as instance, _quiet(verbose=request.verbose):
        end_abandoned_runs(instance)
        instance.add_dynamic_partitions(WORKSPACE_PARTITIONS, [request.slug])
        result = defs.resolve_job_def(INGEST_JOB).execute_in_process(
            instance=instance,
            run_id=run_id,
            run_config=_run_config(request),
            tags={
                **range_tags(request.slug, request.since, request.until, asked_by="command line"),
                **process_tags(run_id),
            },
            raise_on_error=False,
            asset_selection=[dg.AssetKey(name) for name in request.assets] or None,
        )
    return _outcome(result, request)


def refuse_early_days(settings: Settings, since: date) -> None:
    """Refuse days that no partition stands for.

    Raises:
        InputError: `since` lies before the start of the partitions.
    """
    if since < settings.start_date:
        raise InputError(
            f"{since} is before {settings.start_date}, the first day of this installation",
            f"ask for days from {settings.start_date} on; HEADWAY_START_DATE sets it before the first run",
        )


def days_to_do(settings: Settings, slug: str, since: date, until: date) -> list[date]:
    """The days whose last asset failed or is missing in Dagster's records, as its pages say it.

    Days that a run holds at present count, too: the run may have been killed, and where it lives it is not disturbed,
    for it holds the workspace's lease.
    """
    keys = {partition_key(slug, day): day for day in days_between(since, until)}
    with opened_instance(settings) as instance:
        instance.add_dynamic_partitions(WORKSPACE_PARTITIONS, [slug])
        standing = instance.get_status_by_partition(
            dg.AssetKey(CHAIN[-1]), list(keys), build_partitions(settings.start_date)
        )
    done = {key for key, status in (standing or {}).items() if status is not None and status.value == "MATERIALIZED"}
    return [day for key, day in keys.items() if key not in done]


@contextmanager
def _quiet(*, verbose: bool) -> Iterator[None]:
    """Keep Dagster's own log and warnings off the terminal, and ours short, unless they were asked for."""
    logger, ours = logging.getLogger("dagster"), logging.getLogger("headway_pipeline")
    level, our_level = logger.level, ours.level
    shown = logging.StreamHandler()
    with warnings.catch_warnings():
        if not verbose:
            warnings.simplefilter("ignore")
            logger.setLevel(logging.CRITICAL + 1)
        else:
            ours.setLevel(logging.DEBUG)
            ours.addHandler(shown)
        try:
            yield
        finally:
            logger.setLevel(level)
            ours.setLevel(our_level)
            ours.removeHandler(shown)


def _run_config(request: IngestRequest) -> dict[str, Any]:
    scope = scope_config(
        limit=request.limit,
        connector_type=request.connector_type,
        budget_usd=request.budget_usd,
        batch=request.is_batch or None,
    )
    level = "DEBUG" if request.verbose else "CRITICAL"
    return {
        "resources": {
            **scope["resources"],
            "analyst": {"config": {} if request.model is None else {"model": request.model}},
            # A person waits for the answer: say soon that another run is at work.
            "ledger": {"config": {"lease_patience_s": 5.0}},
        },
        "loggers": {"console": {"config": {"log_level": level}}},
    }


def _outcome(result: dg.ExecuteInProcessResult, request: IngestRequest) -> IngestOutcome:
    counts: dict[str, dict[str, int]] = {}
    usage = Usage()
    for metadata in _last_metadata(result):
        usage += Usage(**_json(metadata.get(MODEL)))
        for source, numbers in _json(metadata.get(BY_SOURCE)).items():
            for what, number in numbers.items():
                kept = counts.setdefault(source, {})
                kept[what] = kept.get(what, 0) + number
    checks: dict[dg.AssetCheckSeverity, dict[str, str]] = {severity: {} for severity in dg.AssetCheckSeverity}
    for evaluation in result.get_asset_check_evaluations():
        if not evaluation.passed and _is_about(evaluation, request.slug):
            checks[evaluation.severity][evaluation.check_name] = evaluation.description or ""
    failed_steps = {event.step_key for event in result.all_events if event.is_step_failure}
    errors = {
        event.step_failure_data.error.cls_name
        for event in result.all_events
        if event.is_step_failure and event.step_failure_data.error
    }
    return IngestOutcome(
        result.run_id,
        result.success,
        counts,
        usage,
        _failures(result),
        checks[dg.AssetCheckSeverity.ERROR],
        checks[dg.AssetCheckSeverity.WARN],
        _incomplete(result, request),
        is_incomplete_only=failed_steps <= {"theme_matched_features"},
        is_interrupted="DagsterExecutionInterruptedError" in errors,
    )


def _last_metadata(result: dg.ExecuteInProcessResult) -> Iterable[Mapping[str, Any]]:
    """Of each asset and key what its last materialization shows: the newest key's is recorded twice."""
    found: dict[tuple[object, object], Mapping[str, Any]] = {}
    for event in result.all_events:
        if event.is_step_materialization:
            made = event.step_materialization_data.materialization
            found[made.asset_key, made.partition] = made.metadata
    return found.values()


def _is_about(evaluation: dg.AssetCheckEvaluation, slug: str) -> bool:
    """Whether a check failed for this workspace; it may stand red for another one still."""
    bad = _json(evaluation.metadata.get(BAD_KEYS))
    return not bad or any(key.rpartition("|")[2] == slug for key in bad)


def _incomplete(result: dg.ExecuteInProcessResult, request: IngestRequest) -> tuple[date, ...]:
    last = dg.AssetKey((request.assets or CHAIN)[-1])
    recorded = [
        event.partition
        for event in result.all_events
        if event.is_step_materialization and event.asset_key == last and event.partition is not None
    ]
    done = {day for part in workspace_days(recorded) for day in part.keys}
    return tuple(day for day in days_between(request.since, request.until) if day not in done)


def _json(shown: object) -> dict[str, Any]:
    value: Any = shown.value if isinstance(shown, dg.JsonMetadataValue) else {}
    found: dict[str, Any] = value
    return found


def _failures(result: dg.ExecuteInProcessResult) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for event in result.all_events:
        if not event.is_step_failure:
            continue
        data = event.step_failure_data
        described = data.user_failure_data.description if data.user_failure_data else None
        error = data.error.message.strip() if data.error else "the step failed"
        found[described or f"{event.step_key}: {error}"] = None
    return tuple(found)
