"""What `headway doctor` looks at in Dagster: versions, the instance's file and records, daemons, automation, pools.

Each examination answers with words, or with faults that say what to do. None of them starts or changes anything.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

import dagster as dg
import yaml
from packaging.requirements import Requirement

from headway_pipeline.model.errors import ConfigurationError, HeadwayError
from headway_pipeline.orchestration.graph import build_defs
from headway_pipeline.orchestration.instance import (
    CONFIG_FILE,
    DAGSTER_DATABASE_URL,
    FileState,
    dagster_home,
    file_state,
    generated_config,
    opened_instance,
)
from headway_pipeline.settings import Settings
from headway_pipeline.store.dagster_records import records_url

__all__ = ["EXAMINATIONS", "Examined"]

PACKAGE = "headway_pipeline"
INSTALL = "install the project again: pip install --constraint constraints.txt --editable ."
#: SQLAlchemy 2.1 takes a bare postgresql:// for another driver than Dagster's.
DRIVER = "postgresql+psycopg2"
#: They are released together, and work together only so.
IN_STEP = (("dagster", "dagster-graphql"), ("dagster-postgres", "dagster-celery"))


@dataclass(frozen=True, slots=True)
class Examined:
    """What was found: words for the good case, or faults, each with its remedy."""

    words: str
    faults: Sequence[HeadwayError] = ()


def examine_versions(_settings: Settings) -> Examined:
    """Whether what is installed is what the project was tested with."""
    required = [Requirement(written) for written in metadata.requires(PACKAGE) or () if "extra ==" not in written]
    wrong = [
        f"{needed.name} {found} is installed, {needed.name}{needed.specifier} is needed"
        for needed in required
        if (found := _version(needed.name)) not in needed.specifier
    ]
    for leader, follower in IN_STEP:
        if _is_installed(follower) and _version(follower) != _version(leader):
            wrong.append(f"{follower} {_version(follower)} does not go with {leader} {_version(leader)}")
    return Examined(f"dagster {_version('dagster')}", [ConfigurationError(words, INSTALL) for words in wrong])


def _version(name: str) -> str:
    return metadata.version(name)


def _is_installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def examine_config(settings: Settings) -> Examined:
    """Whether the `dagster.yaml` in force has what matters, and where it differs from the generated one."""
    config = dagster_home(settings) / CONFIG_FILE
    wanted = generated_config(on_postgresql=records_url(settings) is not None)
    found = config.read_text(encoding="utf-8") if config.exists() else None
    state = file_state(found, wanted)
    if found is None:
        return Examined("", [ConfigurationError(f"{config} is missing", "copy deploy/dagster.yaml there")])
    try:
        read = yaml.safe_load(found) or {}
    except yaml.YAMLError as error:
        return Examined(
            "", [ConfigurationError(f"{config} is no YAML ({type(error).__name__})", "mend or delete it")]
        )
    if not isinstance(read, dict):
        return Examined("", [ConfigurationError(f"{config} holds no settings", "mend or delete it")])
    faults = [fault for rule in RULES if (fault := rule(read, settings)) is not None]
    if state is not FileState.EDITED:
        return Examined(f"{config} is as headway makes it", faults)
    differing = ", ".join(_differences(yaml.safe_load(wanted), read)) or "comments only"
    return Examined(f"{config} was edited by hand and is left alone; it differs in {differing}", faults)


def _differences(wanted: Mapping[str, Any], found: Mapping[str, Any], path: str = "") -> list[str]:
    """Dotted names of the settings that differ; values are not shown, for one may be a password."""
    differing = []
    for name in sorted({*wanted, *found}):
        ours, theirs = wanted.get(name), found.get(name)
        if isinstance(ours, dict) and isinstance(theirs, dict):
            differing += _differences(ours, theirs, f"{path}{name}.")
        elif ours != theirs:
            differing.append(f"{path}{name}")
    return differing


Rule = Callable[[Mapping[str, Any], Settings], ConfigurationError | None]


def _at(read: Mapping[str, Any], *path: str) -> Any:
    value: Any = read
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _telemetry(read: Mapping[str, Any], _settings: Settings) -> ConfigurationError | None:
    if _at(read, "telemetry", "enabled") is False:
        return None
    return ConfigurationError("Dagster's telemetry is on", "set telemetry: {enabled: false} in dagster.yaml")


def _monitoring(read: Mapping[str, Any], _settings: Settings) -> ConfigurationError | None:
    if _at(read, "run_monitoring", "enabled") is True and _at(read, "run_monitoring", "max_runtime_seconds"):
        return None
    return ConfigurationError(
        "a run that hangs or whose process died may hold its workspace for ever",
        "set run_monitoring: {enabled: true, start_timeout_seconds: 180, max_runtime_seconds: 43200} in dagster.yaml",
    )


def _retries(read: Mapping[str, Any], _settings: Settings) -> ConfigurationError | None:
    is_on = _at(read, "run_retries", "enabled") is True
    if not is_on or _at(read, "run_retries", "retry_on_asset_or_op_failure") is False:
        return None
    return ConfigurationError(
        "Dagster repeats runs that failed for a reason only a person can mend",
        "set retry_on_asset_or_op_failure: false under run_retries in dagster.yaml",
    )


def _one_run_a_workspace(read: Mapping[str, Any], _settings: Settings) -> ConfigurationError | None:
    limits = _at(read, "concurrency", "runs", "tag_concurrency_limits") or _at(
        read, "run_queue", "tag_concurrency_limits"
    )
    for limit in limits or ():
        is_each = _at(limit, "value", "applyLimitPerUniqueValue") is True
        if _at(limit, "key") == "workspace" and is_each and _at(limit, "limit") == 1:
            return None
    return ConfigurationError(
        "several runs of one workspace may start at once, and all but one wait for its ledger",
        "set the limit of the tag `workspace` as deploy/dagster.yaml does",
    )


def _retention(read: Mapping[str, Any], _settings: Settings) -> ConfigurationError | None:
    if _at(read, "retention", "sensor", "purge_after_days"):
        return None
    return ConfigurationError("the ticks of sensors are kept for ever", "set retention as deploy/dagster.yaml does")


def _kind_of_storage(read: Mapping[str, Any], settings: Settings) -> ConfigurationError | None:
    if records_url(settings) is None or _at(read, "storage"):
        return None
    return ConfigurationError(
        "the calls are on PostgreSQL and Dagster's records in SQLite files of one machine",
        f"delete {CONFIG_FILE}, or set storage as deploy/dagster.yaml does",
    )


def _scheme(read: Mapping[str, Any], settings: Settings) -> ConfigurationError | None:
    named = _at(read, "storage", "postgres")
    if named is None:
        return None
    url = _at(named, "postgres_url")
    if isinstance(url, dict) and url.get("env") == DAGSTER_DATABASE_URL:
        # The processes that headway starts are given it with its driver; others take it as it is set.
        url = settings.dagster_database_url or records_url(settings)
    elif isinstance(url, dict):
        url = settings.environment.get(str(url.get("env")), "")
    scheme = str(url).partition("://")[0] if url else _at(named, "postgres_db", "scheme")
    if scheme == DRIVER:
        return None
    return ConfigurationError(
        f"the address of Dagster's records begins with {scheme or 'postgresql'}://, which means another driver",
        f"let it begin with {DRIVER}://",
    )


def _no_password(read: Mapping[str, Any], _settings: Settings) -> ConfigurationError | None:
    named = _at(read, "storage", "postgres")
    url, password = _at(named, "postgres_url"), _at(named, "postgres_db", "password")
    if not isinstance(password, str) and not (isinstance(url, str) and "@" in url):
        return None
    return ConfigurationError(
        "a password of the database stands in dagster.yaml", "write {env: NAME} there, and set the variable"
    )


RULES: tuple[Rule, ...] = (
    _telemetry,
    _monitoring,
    _retries,
    _one_run_a_workspace,
    _retention,
    _kind_of_storage,
    _scheme,
    _no_password,
)


def examine_records(settings: Settings) -> Examined:
    """Whether Dagster's records can be reached and are of this Dagster's version."""
    with _instance(settings) as instance:
        storage: Any = instance.event_log_storage
        kind = "PostgreSQL" if hasattr(storage, "postgres_url") else "SQLite files"
        runs: Any = instance.run_storage
        versions = runs.alembic_version()
        words = f"{kind}, {instance.get_runs_count()} runs"
        if versions is None or versions[0] == versions[1]:
            return Examined(words)
        return Examined(
            "",
            [
                ConfigurationError(
                    f"the tables of Dagster's records are of another version ({versions[0]})",
                    "stop everything, then run `dagster instance migrate`",
                )
            ],
        )


def examine_daemons(settings: Settings) -> Examined:
    """Whether the daemons give signs of life, if they ever did."""
    with _instance(settings) as instance:
        statuses = [status for status in instance.get_daemon_statuses().values() if status.required]
    beats = [status.last_heartbeat for status in statuses if status.last_heartbeat is not None]
    if not beats:
        return Examined("none has run yet; `headway up` starts them")
    silent = sorted(status.daemon_type.lower() for status in statuses if not status.healthy)
    erring = sorted(beat.daemon_type.lower() for beat in beats if beat.errors)
    newest = datetime.fromtimestamp(max(beat.timestamp for beat in beats), tz=UTC)
    if len(silent) == len(statuses):
        words = f"all silent since {newest:%Y-%m-%d %H:%M} UTC: no schedule, sensor or queued run starts"
        if records_url(settings) is None:
            return Examined(f"{words} until `headway up` runs")
        return Examined("", [ConfigurationError(words, "start `headway up`, or the daemon of deploy/")])
    faults = [
        ConfigurationError(f"the daemon {name} is silent while others run", "see its words, and start it again")
        for name in silent
    ] + [
        ConfigurationError(f"the daemon {name} meets errors", "see Deployment, then Daemons, in Dagster")
        for name in erring
        if name not in silent
    ]
    return Examined(f"{len(statuses)} give signs of life", faults)


def examine_automation(settings: Settings) -> Examined:
    """Whether every schedule and sensor runs, and its last tick was good."""
    repository = build_defs().get_repository_def()
    ours = {*(made.name for made in repository.schedule_defs), *(made.name for made in repository.sensor_defs)}
    faults = []
    with _instance(settings) as instance:
        for state in instance.all_instigator_state():
            if state.instigator_name not in ours:
                continue
            if not state.is_running:
                faults.append(
                    ConfigurationError(
                        f"{state.instigator_name} was stopped", "start it on the Automation page of Dagster"
                    )
                )
                continue
            ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=1)
            if ticks and ticks[0].is_failure:
                faults.append(
                    ConfigurationError(
                        f"the last tick of {state.instigator_name} failed",
                        "see its ticks on the Automation page of Dagster",
                    )
                )
    return Examined(f"{len(ours)} schedules and sensors", faults)


def examine_pools(settings: Settings, defs: dg.Definitions | None = None) -> Examined:
    """Whether every pool has its limit: two runs that meet a new one at the same time fail on PostgreSQL."""
    graph = (defs or build_defs()).resolve_asset_graph()
    named = {pool for key in graph.get_all_asset_keys() for pool in graph.get(key).pools or ()}
    with _instance(settings) as instance:
        limited = {limit.name for limit in instance.event_log_storage.get_pool_limits()}
    faults = [
        ConfigurationError(f"the pool {name} has no limit", f"run `dagster instance concurrency set {name} 1`")
        for name in sorted(named - limited)
    ]
    return Examined(f"{len(named)} named" if named else "none is named", faults)


@contextmanager
def _instance(settings: Settings) -> Iterator[dg.DagsterInstance]:
    """The instance; whatever keeps Dagster from opening it is a fault of the installation."""
    with ExitStack() as stack:
        try:
            instance = stack.enter_context(opened_instance(settings))
        except HeadwayError:
            raise
        except Exception as error:
            # Dagster, its storages and their drivers raise what they like; their words may hold the address.
            raise ConfigurationError(
                f"Dagster cannot open its instance ({type(error).__name__})",
                "see dagster.yaml and the database it names; --verbose shows more",
            ) from error
        yield instance


EXAMINATIONS: tuple[tuple[str, Callable[[Settings], Examined]], ...] = (
    ("versions", examine_versions),
    ("instance", examine_config),
    ("records", examine_records),
    ("daemons", examine_daemons),
    ("automation", examine_automation),
    ("pools", examine_pools),
)
