"""What a tick of each sensor costs over many workspaces: `python -m benchmarks.sensors [--postgres URL]`.

50 workspaces with two connectors and ten themes each, listed on 365 days, five calls a day, all read and filed: the
quiet state in which ticks mostly happen. Printed: the median wall and CPU time of a tick as Dagster's code server
evaluates it (the store is opened for each, on an instance with two days of hourly runs), and of its query alone. Then
the same with every workspace's themes changed, the worst tick of `refilings`. The bound is 0.5 s a tick. On a machine
with other work the CPU time is the one to compare; what PostgreSQL itself spends is in the wall time only.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import NamedTuple

import dagster as dg
import sqlalchemy as sa

from headway_pipeline.model.features import themes_hash
from headway_pipeline.model.identity import derived_id
from headway_pipeline.model.workspaces import Credentials
from headway_pipeline.orchestration.graph import build_defs
from headway_pipeline.orchestration.jobs import INGEST_JOB
from headway_pipeline.orchestration.partitions import WORKSPACE_PARTITIONS, range_tags
from headway_pipeline.orchestration.resources import LedgerResource
from headway_pipeline.settings import current_settings
from headway_pipeline.store import Store
from headway_pipeline.store.configured import open_configured_store
from headway_pipeline.store.tables import listings, messages, relevance_scores, sightings, transcripts

SENSORS = (
    *("workspace_mirror", "first_ingests", "refilings", "reruns"),
    *("webhook_hints", "model_batches", "landed_answers"),
)
BOUND_S = 0.5
NOW = datetime.now(tz=UTC)
#: What a call's raw JSON weighs at Gong, about.
RAW = {"metaData": "x" * 3_000}


def fill(store: Store, workspaces: int, days: int, calls_a_day: int) -> list[str]:
    """Workspaces whose year is listed, read and filed; returns their slugs."""
    slugs = []
    for number in range(workspaces):
        workspace = store.workspaces.add(f"Team {number}")
        slugs.append(workspace.slug)
        for name in ("gong", "fathom"):
            store.connectors.add(workspace.id, name, credentials=Credentials({"access_key": "a", "api_token": "t"}))
        for theme in range(10):
            store.themes.add(workspace.id, f"Theme {theme}", description="What customers say about it")
        _fill_year(store, workspace.slug, days, calls_a_day)
    with store.database.outside_transactions() as connection:
        connection.execute(sa.text("ANALYZE" if store.database.is_sqlite else "VACUUM ANALYZE"))
    return slugs


def _fill_year(store: Store, slug: str, days: int, calls_a_day: int) -> None:
    workspace = store.workspaces.find(slug)
    gong, *others = sorted(store.connectors.list(workspace.id), key=lambda found: found.name, reverse=True)
    current = themes_hash(store.themes.current(workspace.id))
    own = {"workspace_id": workspace.id}
    rows: dict[sa.Table, list[dict[str, object]]] = {
        table: [] for table in (messages, sightings, listings, transcripts, relevance_scores)
    }
    for back in range(days):
        at = NOW - timedelta(days=back)
        for connector in (gong, *others):
            listed = {"connector_id": connector.id, "day": at.date(), "run_id": "r", "listed_count": calls_a_day}
            rows[listings].append(own | listed | {"started_at": at, "completed_at": at})
        for call in range(calls_a_day):
            external_id = f"{back}-{call}"
            key = derived_id("message", str(workspace.id), "gong", external_id)
            is_relevant = call % 3 != 0
            ended = {"state": "analysed", "reason": None, "filed_themes_hash": current}
            if not is_relevant:
                ended = {"state": "not_relevant", "reason": "off_topic: small talk", "filed_themes_hash": None}
            named = {"id": key, "source": "gong", "external_id": external_id, "occurred_at": at, "raw": RAW}
            rows[messages].append(own | named | ended | {"content_hash": "h"})
            seen = {"message_id": key, "connector_id": gong.id, "first_listed_at": at, "last_listed_at": at}
            rows[sightings].append(own | seen)
            words = {"segments": [], "text_hash": "t", "content_hash": "h", "speech_chars": 900, "fetched_at": at}
            rows[transcripts].append(own | {"message_id": key} | words)
            judged = {"is_relevant": is_relevant, "confidence": 0.9, "reason": "r", "best": [], "text_hash": "t"}
            by = {"themes_hash": current, "analyst": "offline", "analyst_version": "1"}
            rows[relevance_scores].append(own | {"message_id": key} | judged | by)
    with store.database.writing() as connection:
        for table, values in rows.items():
            if values:
                connection.execute(table.insert(), values)


def remember_runs(instance: dg.DagsterInstance, slugs: list[str], hours: int) -> None:
    """Runs of the hourly schedule, as they lie in Dagster's records."""
    job = build_defs().resolve_job_def(INGEST_JOB)
    day = NOW.date()
    for slug in slugs:
        for _ in range(hours):
            tags = range_tags(slug, day, day, asked_by="schedule hourly")
            instance.create_run_for_job(job, tags=tags, status=dg.DagsterRunStatus.SUCCESS)


class Cost(NamedTuple):
    """Median seconds."""

    wall_s: float
    cpu_s: float


def cost(work: Callable[[], object], times: int) -> Cost:
    """What `work` costs, after one time to warm up."""
    work()
    wall, cpu = [], []
    for _ in range(times):
        started, spent = time.perf_counter(), time.process_time()
        work()
        wall.append(time.perf_counter() - started)
        cpu.append(time.process_time() - spent)
    return Cost(statistics.median(wall), statistics.median(cpu))


def ticks(instance: dg.DagsterInstance, times: int) -> dict[str, Cost]:
    """What a tick costs, by sensor."""
    repository = build_defs().get_repository_def()
    cursors: dict[str, str | None] = {}

    def tick(name: str) -> None:
        with dg.build_sensor_context(
            instance=instance,
            cursor=cursors.get(name),
            repository_def=repository,
            resources={"ledger": LedgerResource()},
        ) as context:
            cursors[name] = repository.get_sensor_def(name).evaluate_tick(context).cursor

    return {name: cost(partial(tick, name), times) for name in SENSORS}


def queries(store: Store, times: int) -> dict[str, Cost]:
    """What the query alone costs, by sensor."""
    looks: dict[str, Callable[[], object]] = {
        "workspace_mirror": store.watch.set_ups,
        "first_ingests": store.watch.listed_days,
        "refilings": store.watch.standings,
        "reruns": store.unfinished.days,
        "webhook_hints": store.hints.due,
        "landed_answers": store.batches.ready_to_go_on,
    }
    return {name: cost(look, times) for name, look in looks.items()}


def report(title: str, ticked: dict[str, Cost], asked: dict[str, Cost]) -> None:
    """Print the figures in milliseconds, and the slowest beside the bound."""
    print(f"\n{title:<22}{'tick, wall':>12}{'CPU':>8}{'query, wall':>13}{'CPU':>8}")
    for name, found in ticked.items():
        query = asked.get(name)
        alone = f"{query.wall_s * 1e3:>13.0f}{query.cpu_s * 1e3:>8.0f}" if query else ""
        print(f"{name:<22}{found.wall_s * 1e3:>12.0f}{found.cpu_s * 1e3:>8.0f}{alone}")
    wall, cpu = (max(getattr(found, kind) for found in ticked.values()) for kind in Cost._fields)
    print(f"slowest: {wall:.3f} s, {wall / BOUND_S:.2f} of the bound of {BOUND_S} s; {cpu:.3f} CPU s")


def main() -> None:
    """Fill, measure, change every workspace's themes, measure again."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workspaces", type=int, default=50)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--calls-a-day", type=int, default=5)
    parser.add_argument("--runs", type=int, default=48, help="runs a workspace in Dagster's records")
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--postgres", metavar="URL", help="an empty database; SQLite without it")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["HEADWAY_HOME"] = str(Path(folder) / "home")
        os.environ["HEADWAY_START_DATE"] = (NOW - timedelta(days=asked.days)).date().isoformat()
        if asked.postgres:
            os.environ["DATABASE_URL"] = asked.postgres
            os.environ.setdefault("HEADWAY_SECRET_KEY", "bWVhc3VyaW5nLW9ubHktbWVhc3VyaW5nLW9ubHktISE=")
        store = open_configured_store(current_settings())
        slugs = fill(store, asked.workspaces, asked.days, asked.calls_a_day)
        with dg.instance_for_test() as instance:
            instance.add_dynamic_partitions(WORKSPACE_PARTITIONS, slugs)
            remember_runs(instance, slugs, asked.runs)
            calls = asked.workspaces * asked.days * asked.calls_a_day
            print(f"{store.describe()}; {calls:,} calls, {len(slugs) * asked.runs:,} runs")
            report("quiet", ticks(instance, asked.times), queries(store, asked.times))
            for slug in slugs:
                store.themes.add(store.workspaces.find(slug).id, "One more")
            report("all themes changed", ticks(instance, asked.times), queries(store, asked.times))
        store.close()


if __name__ == "__main__":
    main()
