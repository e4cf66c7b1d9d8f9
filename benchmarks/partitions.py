"""What Dagster's pages cost over many partitions: `python -m benchmarks.partitions [--database postgresql]`.

50 workspaces over 365 days are fully materialized in all five assets, one run a workspace, and our code server and a
webserver run as processes. Printed: the seconds of the queries that the pages send, over HTTP, the first time, when
Dagster reads all events, and warm (the median of several), and the webserver's CPU seconds; the bound is 2 s warm.
What a tick of a sensor costs is measured by `python -m benchmarks.sensors`.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import requests
from dagster._core.events import StepMaterializationData
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable

from headway_pipeline.model.windows import days_between
from headway_pipeline.orchestration.assets import CHAIN
from headway_pipeline.orchestration.graph import build_defs
from headway_pipeline.orchestration.instance import opened_instance, process_environment
from headway_pipeline.orchestration.jobs import INGEST_JOB
from headway_pipeline.orchestration.partitions import WORKSPACE_PARTITIONS, partition_key, range_tags
from headway_pipeline.settings import Settings, current_settings
from headway_pipeline.store.configured import open_configured_store
from headway_pipeline_tests.databases import running_postgres
from headway_pipeline_tests.stack.processes import Processes, wait_for

BOUND_S = 2.0
#: About what a materialization of ours shows.
METADATA: dict[str, Any] = {
    **{f"count {number}": number for number in range(8)},
    "by source": dg.MetadataValue.json({"gong": {"listed": 3, "new": 1}}),
    "read them": dg.MetadataValue.md("`headway features --workspace-id team-17 --since 2026-02-03`"),
}
KEYS = "[" + ", ".join(f'{{path: ["{name}"]}}' for name in CHAIN) + "]"
#: What the asset graph's cards, an asset's page with its partitions, and the dialog of a backfill ask for.
PAGES = {
    "assets page: counts of all assets": (
        f"{{assetNodes(assetKeys: {KEYS}) {{partitionStats {{numMaterialized numFailed numPartitions}}}}}}"
    ),
    "assets page: latest materializations": (
        f"{{assetsLatestInfo(assetKeys: {KEYS}) {{unstartedRunIds inProgressRunIds "
        "latestMaterialization {timestamp runId} latestRun {status}}}"
    ),
    "asset: partitions by dimension": """{assetNodeOrError(assetKey: {path: ["theme_matched_features"]}) {
        ... on AssetNode {partitionKeysByDimension {name partitionKeys}
        assetPartitionStatuses {... on MultiPartitionStatuses {ranges {primaryDimStartKey primaryDimEndKey
        secondaryDim {... on DefaultPartitionStatuses {materializedPartitions failedPartitions}}}}}}}}""",
    "asset: one partition": """{assetNodeOrError(assetKey: {path: ["theme_matched_features"]}) {... on AssetNode {
        latestMaterializationByPartition(partitions: ["%s"]) {runId timestamp metadataEntries {label}}}}}""",
    "backfills": "{partitionBackfillsOrError(limit: 10) {... on PartitionBackfills {results {id status}}}}",
    "runs": "{runsOrError(limit: 25) {... on Runs {results {runId status tags {key value}}}}}",
}


def fill(instance: dg.DagsterInstance, slugs: Sequence[str], days: Sequence[date]) -> None:
    """Every key of every asset, written past Dagster's own slow way into the same table."""
    storage: Any = instance.event_log_storage
    job = build_defs().resolve_job_def(INGEST_JOB)
    instance.add_dynamic_partitions(WORKSPACE_PARTITIONS, list(slugs))
    for slug in slugs:
        tags = range_tags(slug, days[-1], days[-1], asked_by="a benchmark")
        run = instance.create_run_for_job(job, tags=tags, status=dg.DagsterRunStatus.SUCCESS)
        events = [_event(run.run_id, name, partition_key(slug, day)) for name in CHAIN for day in days]
        with storage.index_connection() as connection:
            rows = [storage._event_to_row(event) for event in events]
            connection.execute(SqlEventLogStorageTable.insert(), rows)
    for name in CHAIN:
        # The ordinary way once, for whatever else it keeps of an asset.
        instance.handle_new_event(_event(run.run_id, name, partition_key(slugs[-1], days[-1])))


def _event(run_id: str, asset: str, key: str) -> dg.EventLogEntry:
    materialization = dg.AssetMaterialization(asset, partition=key, metadata=METADATA)
    return dg.EventLogEntry(  # type: ignore[no-untyped-call]  # Dagster's own
        error_info=None,
        user_message="",
        level="debug",
        run_id=run_id,
        timestamp=time.time(),
        step_key=asset,
        job_name=INGEST_JOB,
        dagster_event=dg.DagsterEvent(
            dg.DagsterEventType.ASSET_MATERIALIZATION.value,
            INGEST_JOB,
            step_key=asset,
            event_specific_data=StepMaterializationData(materialization),
        ),
    )


@contextmanager
def served(settings: Settings, folder: Path) -> Iterator[Processes]:
    """Our code server and a webserver."""
    processes = Processes(folder, process_environment(settings))
    try:
        processes.start_code_server()
        wait_for("the code server", processes.is_serving_code)
        processes.start_webserver()
        wait_for("the webserver", lambda: _answers(processes.port))
        yield processes
    finally:
        processes.stop()


def _answers(port: int) -> bool:
    try:
        return _asked(port, "{workspaceOrError {... on Workspace {locationEntries {loadStatus}}}}") > 0
    except requests.RequestException:
        return False


def _asked(port: int, query: str) -> float:
    """Seconds until the whole answer is here."""
    started = time.perf_counter()
    answer = requests.post(f"http://127.0.0.1:{port}/graphql", json={"query": query}, timeout=300).json()
    if "errors" in answer:
        raise SystemExit(f"{query}: {answer['errors'][0]['message']}")
    return time.perf_counter() - started


def report(processes: Processes, key: str, times: int) -> float:
    """Ask, print, and return the longest warm time."""
    longest = 0.0
    for name, query in PAGES.items():
        asked = query.replace("%s", key)
        cold, before = _asked(processes.port, asked), processes.cpu_s("webserver")
        warm = statistics.median(_asked(processes.port, asked) for _ in range(times))
        cpu = (processes.cpu_s("webserver") - before) / times
        print(f"{name:<38}first {cold:6.2f} s   warm {warm:6.3f} s, {cpu:6.3f} CPU s")
        longest = max(longest, warm)
    return longest


def main() -> None:
    """Fill, ask, print; ends with status 1 where the bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workspaces", type=int, default=50)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--times", type=int, default=9)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    asked = parser.parse_args()
    today = datetime.now(tz=UTC).date()
    days = days_between(today - timedelta(days=asked.days - 1), today)
    slugs = [f"team-{number}" for number in range(asked.workspaces)]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        os.environ.update(HEADWAY_HOME=str(folder / "home"), HEADWAY_START_DATE=days[0].isoformat())
        if asked.database == "postgresql":
            os.environ["DATABASE_URL"] = stack.enter_context(running_postgres()).create()
        settings = current_settings()
        settings.prepare_home()
        open_configured_store(settings).close()
        with opened_instance(settings) as instance:
            fill(instance, slugs, days)
        processes = stack.enter_context(served(settings, folder))
        longest = report(processes, partition_key(slugs[0], days[0]), asked.times)
    print(f"{asked.workspaces * asked.days} keys; of the bound of {BOUND_S:.0f} s {longest / BOUND_S:6.0%}")
    if longest > BOUND_S:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
