"""Dagster's instance: its folder, its `dagster.yaml`, and the environment its processes need.

Concept: https://docs.dagster.io/deployment/oss/oss-instance-configuration
The file is generated, and brought up to date as long as nobody edited it: its first line holds the hash of the rest.
No secret is ever written into it; the address of a PostgreSQL comes from the environment.
"""

import hashlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path

import dagster as dg

from headway_pipeline.model.errors import ConfigurationError
from headway_pipeline.settings import Settings
from headway_pipeline.store.dagster_records import prepare_records, records_url

__all__ = [
    "CONFIG_FILE",
    "DAGSTER_DATABASE_URL",
    "FileState",
    "dagster_home",
    "file_state",
    "generated_config",
    "opened_instance",
    "process_environment",
]

CONFIG_FILE = "dagster.yaml"
DAGSTER_DATABASE_URL = "DAGSTER_DATABASE_URL"
#: Events that are written to PostgreSQL in one statement; without it each planned materialization is one of its own.
EVENT_BATCH_SIZE = "100"

MARK = "# Made by headway, which keeps it up to date until somebody edits it. sha256: "
#: Generated texts from before the mark, by the hash of the whole.
UNMARKED_FORMS = frozenset({"0949128cae2084ff", "70918bfdeb0976d5"})

SQLITE_STORAGE = """\
# Dagster's own records (runs, events, ticks) are SQLite files in this folder, beside the embedded database.
"""
POSTGRES_STORAGE = """\
# Dagster's own records (runs, events, ticks), in a schema or database of their own. The URL must begin with
# postgresql+psycopg2:// and is never written here.
storage:
  postgres:
    postgres_url:
      env: DAGSTER_DATABASE_URL
"""
SHARED = """\
# Telemetry would name this project's assets to somebody else; the first visit would open with an invitation.
telemetry:
  enabled: false
nux:
  enabled: false
# What a run prints goes to the terminal or journal of the code server. A copy here would know no retention, and the
# event log holds every line of ours already.
compute_logs:
  module: dagster._core.storage.noop_compute_log_manager
  class: NoOpComputeLogManager
# Lines and failures, not every event: a month of one workspace is some hundred of those, and the pages have them.
python_logs:
  python_log_level: INFO
# One run of a workspace at a time: two would wait for the same lease on its ledger. Runs from the UI over several
# workspaces have no such tag; the lease keeps them right.
concurrency:
  runs:
    max_concurrent_runs: {max_concurrent_runs}
    tag_concurrency_limits:
      - key: workspace
        value:
          applyLimitPerUniqueValue: true
        limit: 1
run_queue:
  dequeue_interval_seconds: 1
  dequeue_use_threads: true
  dequeue_num_workers: 2
run_monitoring:
  enabled: true
  start_timeout_seconds: 180
  # A year of a busy workspace, read by a model, takes hours; a hung run must not hold its workspace for ever.
  max_runtime_seconds: 43200
  free_slots_after_run_end_seconds: 60
# Only a run whose process died is started again. What failed by an error of ours was retried where it makes sense, or
# is for a person (orchestration/failures.py).
run_retries:
  enabled: true
  max_retries: 2
  retry_on_asset_or_op_failure: false
schedules:
  use_threads: true
  num_workers: 2
sensors:
  use_threads: true
  num_workers: 4
backfills:
  use_threads: true
  num_workers: 2
# Ticks. The events of runs are thinned out by the job purge_event_log.
retention:
  schedule:
    purge_after_days: 90
  sensor:
    purge_after_days:
      skipped: 2
      failure: 30
      success: 30
"""
#: An embedded installation is one person's machine; a run takes some 150 MB.
MOST_RUNS = {"sqlite": 2, "postgresql": 4}


class FileState(StrEnum):
    """What stands in the instance folder."""

    MISSING = "missing"
    CURRENT = "current"
    OUTDATED = "outdated"
    EDITED = "edited"


def generated_config(*, on_postgresql: bool) -> str:
    """The whole text of `dagster.yaml`."""
    storage = POSTGRES_STORAGE if on_postgresql else SQLITE_STORAGE
    most = MOST_RUNS["postgresql" if on_postgresql else "sqlite"]
    body = storage + SHARED.replace("{max_concurrent_runs}", str(most))
    return f"{MARK}{_digest(body)}\n{body}"


def file_state(found: str | None, wanted: str) -> FileState:
    """What is to be done with a `dagster.yaml`: an edited one is a person's and stays."""
    if found is None:
        return FileState.MISSING
    if found == wanted:
        return FileState.CURRENT
    first, _, body = found.partition("\n")
    is_untouched = first == f"{MARK}{_digest(body)}" or _digest(found) in UNMARKED_FORMS
    return FileState.OUTDATED if is_untouched else FileState.EDITED


def dagster_home(settings: Settings) -> Path:
    """The instance folder: DAGSTER_HOME where it is set, else that in HEADWAY_HOME with its file brought up to date.

    An operator's DAGSTER_HOME is theirs: nothing is written into it here, and `headway doctor` says what it lacks.

    Raises:
        ConfigurationError: DAGSTER_HOME names no folder.
    """
    named = os.environ.get("DAGSTER_HOME")
    if named and Path(named) != settings.dagster_home:
        if not Path(named).is_dir():
            raise ConfigurationError(
                f"DAGSTER_HOME names {named}, which is no folder", "make it, or unset DAGSTER_HOME"
            )
        return Path(named)
    settings.prepare_home()
    home = settings.dagster_home
    wanted = generated_config(on_postgresql=records_url(settings) is not None)
    config = home / CONFIG_FILE
    found = config.read_text(encoding="utf-8") if config.exists() else None
    if file_state(found, wanted) in (FileState.MISSING, FileState.OUTDATED):
        _write_whole(config, wanted)
    return home


def process_environment(settings: Settings) -> dict[str, str]:
    """The variables every process of Dagster needs beside those of this one; the records' database is made ready.

    Raises:
        ConfigurationError: the folder or the address of the records is not usable.
        StoreError: the database of the records cannot be reached.
    """
    needed = {
        "DAGSTER_HOME": str(dagster_home(settings)),
        "DAGSTER_DISABLE_TELEMETRY": "1",
        "DAGSTER_EVENT_BATCH_SIZE": os.environ.get("DAGSTER_EVENT_BATCH_SIZE", EVENT_BATCH_SIZE),
    }
    url = records_url(settings)
    if url is not None:
        prepare_records(url)
        needed[DAGSTER_DATABASE_URL] = url
    return needed


@contextmanager
def opened_instance(settings: Settings) -> Iterator[dg.DagsterInstance]:
    """The instance of this installation, in this process.

    Raises:
        ConfigurationError: the folder, its file or the address of the records is not usable.
        StoreError: the database of the records cannot be reached.
    """
    with _environment(process_environment(settings)), dg.DagsterInstance.get() as instance:
        yield instance


@contextmanager
def _environment(needed: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in needed}
    os.environ.update(needed)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _write_whole(path: Path, text: str) -> None:
    """Another process that reads meanwhile sees the old file or the new one."""
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, delete=False) as made:
        made.write(text)
    Path(made.name).replace(path)
