"""What the doctor looks at in Dagster: for each examination a good case, and each fault seen."""

import time
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa
import yaml
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteInstigatorOrigin, RemoteRepositoryOrigin
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    ScheduleInstigatorData,
    TickData,
    TickStatus,
)
from dagster._daemon.types import DaemonHeartbeat
from dagster_shared.error import SerializableErrorInfo

from headway_pipeline.model.errors import ConfigurationError
from headway_pipeline.orchestration import examination
from headway_pipeline.orchestration.examination import (
    examine_automation,
    examine_config,
    examine_daemons,
    examine_pools,
    examine_records,
    examine_versions,
)
from headway_pipeline.orchestration.instance import dagster_home, generated_config, opened_instance
from headway_pipeline.settings import Settings, current_settings
from headway_pipeline.store.dagster_records import records_url
from headway_pipeline_tests.databases import Postgres
from headway_pipeline_tests.worlds import use_home

SILENT_FOR_S = 7200


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Of an embedded installation."""
    return use_home(tmp_path / "home", monkeypatch)


@pytest.fixture
def on_postgresql(settings: Settings, postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    url = postgres.create()
    monkeypatch.setenv("DATABASE_URL", url)
    yield current_settings()
    postgres.drop(url)


def faults(examined: examination.Examined) -> str:
    return "\n".join(map(str, examined.faults))


# Versions


def test_what_is_installed_here_is_what_the_project_was_tested_with(settings: Settings) -> None:
    assert examine_versions(settings).faults == []


@pytest.mark.parametrize(
    ("package", "version", "words"),
    [
        ("dagster", "1.12.0", "dagster 1.12.0 is installed, dagster==1.13.27 is needed"),
        ("sqlalchemy", "2.2.0", "sqlalchemy 2.2.0 is installed"),
        ("dagster-graphql", "1.13.26", "dagster-graphql 1.13.26 does not go with dagster 1.13.27"),
    ],
)
def test_another_version_is_named_with_the_one_that_is_needed(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, package: str, version: str, words: str
) -> None:
    real = metadata.version
    monkeypatch.setattr(examination, "_version", lambda name: version if name == package else real(name))
    assert words in faults(examine_versions(settings))
    assert "constraints.txt" in faults(examine_versions(settings))


# The file


def edit(settings: Settings, change: Callable[[dict[str, Any]], None]) -> Path:
    """A person's change of the generated file."""
    config = dagster_home(settings) / "dagster.yaml"
    read = yaml.safe_load(config.read_text(encoding="utf-8"))
    change(read)
    config.write_text(yaml.safe_dump(read), encoding="utf-8")
    return config


def test_the_generated_file_has_all_that_matters(settings: Settings, on_postgresql: Settings) -> None:
    for found in (settings, on_postgresql):
        examined = examine_config(found)
        assert (examined.faults, "as headway makes it" in examined.words) == ([], True)


def test_an_edited_file_is_left_alone_and_what_differs_is_told_without_its_value(settings: Settings) -> None:
    def change(read: dict[str, Any]) -> None:
        read["concurrency"]["runs"]["max_concurrent_runs"] = 9
        read["python_logs"] = {"python_log_level": "hush"}

    config = edit(settings, change)
    before = config.read_text(encoding="utf-8")
    examined = examine_config(settings)
    assert examined.faults == []
    assert "it differs in concurrency.runs.max_concurrent_runs, python_logs" in examined.words
    assert "hush" not in examined.words
    assert config.read_text(encoding="utf-8") == before


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("telemetry.enabled", True, "telemetry is on"),
        ("run_monitoring.enabled", False, "hold its workspace for ever"),
        ("run_monitoring.max_runtime_seconds", 0, "hold its workspace for ever"),
        ("run_retries.retry_on_asset_or_op_failure", True, "only a person can mend"),
        ("concurrency.runs.tag_concurrency_limits", [], "several runs of one workspace"),
        (
            "concurrency.runs.tag_concurrency_limits",
            [{"key": "workspace", "limit": 1}],
            "several runs of one workspace",
        ),
        ("retention", {}, "kept for ever"),
        ("storage", {"postgres": {"postgres_db": {"db_name": "x"}}}, "begins with postgresql://"),
        ("storage", {"postgres": {"postgres_url": "postgresql://u:p@h/n"}}, "begins with postgresql://"),
        ("storage", {"postgres": {"postgres_url": {"env": "NOWHERE"}}}, "begins with postgresql://"),
        ("storage", {"postgres": {"postgres_url": "postgresql+psycopg2://u:p@h/n"}}, "a password of the database"),
        (
            "storage",
            {"postgres": {"postgres_db": {"scheme": "postgresql+psycopg2", "password": "hush"}}},
            "a password of the database",
        ),
    ],
)
def test_what_must_not_be_otherwise_is_to_be_mended(settings: Settings, path: str, value: object, words: str) -> None:
    def change(read: dict[str, Any]) -> None:
        *outer, last = path.split(".")
        for name in outer:
            read = read[name]
        read[last] = value

    edit(settings, change)
    told = faults(examine_config(settings))
    assert words in told
    assert "hush" not in told


def test_a_workspace_limit_in_the_older_place_counts(settings: Settings) -> None:
    def change(read: dict[str, Any]) -> None:
        read["run_queue"]["tag_concurrency_limits"] = read.pop("concurrency")["runs"]["tag_concurrency_limits"]

    edit(settings, change)
    assert examine_config(settings).faults == []


def test_records_left_in_sqlite_beside_calls_on_postgresql_are_to_be_mended(on_postgresql: Settings) -> None:
    edit(on_postgresql, lambda read: read.pop("storage"))
    assert "in SQLite files of one machine" in faults(examine_config(on_postgresql))


def test_an_address_in_the_environment_needs_its_driver(
    on_postgresql: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLAlchemy 2.1 takes a bare `postgresql://` for psycopg 3, and Dagster's daemon does not start."""
    monkeypatch.setenv("DAGSTER_DATABASE_URL", "postgresql://u@h/n")
    assert "begins with postgresql://" in faults(examine_config(current_settings()))
    monkeypatch.setenv("DAGSTER_DATABASE_URL", "postgresql+psycopg2://u@h/n")
    assert examine_config(current_settings()).faults == []


@pytest.mark.parametrize(
    ("written", "words"), [(None, "is missing"), ("a: [", "is no YAML"), ("- a", "holds no settings")]
)
def test_an_operators_folder_without_a_usable_file_is_told(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str | None, words: str
) -> None:
    own = tmp_path / "own"
    own.mkdir()
    if written is not None:
        (own / "dagster.yaml").write_text(written, encoding="utf-8")
    monkeypatch.setenv("DAGSTER_HOME", str(own))
    assert words in faults(examine_config(settings))


def test_an_operators_folder_is_examined_in_place_of_ours(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "dagster.yaml").write_text(generated_config(on_postgresql=False), encoding="utf-8")
    monkeypatch.setenv("DAGSTER_HOME", str(own))
    assert str(own) in examine_config(settings).words


# The records


def test_records_on_either_database_are_counted(settings: Settings, on_postgresql: Settings) -> None:
    assert examine_records(settings).words == "SQLite files, 0 runs"
    assert examine_records(on_postgresql).words == "PostgreSQL, 0 runs"


def test_records_of_another_version_are_to_be_migrated(on_postgresql: Settings) -> None:
    examine_records(on_postgresql)
    engine = sa.create_engine(records_url(on_postgresql) or "")
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '567bc23fd1ac'")
    engine.dispose()
    assert "dagster instance migrate" in faults(examine_records(on_postgresql))


def test_an_instance_that_dagster_cannot_open_is_a_fault_without_its_address(settings: Settings) -> None:
    edit(
        settings, lambda read: read.update(storage={"postgres": {"postgres_url": "postgresql+nonsense://u:hush@h/n"}})
    )
    with pytest.raises(ConfigurationError, match="cannot open its instance") as refused:
        examine_records(settings)
    assert "hush" not in str(refused.value)


# The daemons


def beat(instance: dg.DagsterInstance, *, ago_s: float = 0, silent: str = "", erring: str = "") -> None:
    """A heartbeat of every daemon but one; another one meets an error."""
    for name in instance.get_required_daemon_types():
        if name != silent:
            errors = [SerializableErrorInfo("it broke", [], "X")] if name == erring else []
            instance.add_daemon_heartbeat(DaemonHeartbeat(time.time() - ago_s, name, "id", errors))


def test_before_the_first_start_no_daemon_is_missed(settings: Settings) -> None:
    assert examine_daemons(settings) == examination.Examined("none has run yet; `headway up` starts them")


def test_daemons_that_live_are_counted_and_a_silent_or_erring_one_is_named(settings: Settings) -> None:
    with opened_instance(settings) as instance:
        beat(instance)
        assert examine_daemons(settings).faults == []
        beat(instance, erring="SENSOR")
        assert "the daemon sensor meets errors" in faults(examine_daemons(settings))
        beat(instance, ago_s=SILENT_FOR_S)
        beat(instance, silent="SCHEDULER")
        assert "the daemon scheduler is silent while others run" in faults(examine_daemons(settings))


def test_daemons_that_stopped_are_a_fault_in_production_and_a_word_on_one_machine(
    settings: Settings, on_postgresql: Settings
) -> None:
    for found, is_fault in ((settings, False), (on_postgresql, True)):
        with opened_instance(found) as instance:
            beat(instance, ago_s=SILENT_FOR_S)
        examined = examine_daemons(found)
        assert bool(examined.faults) is is_fault
        assert "all silent since" in (faults(examined) or examined.words)


# Schedules and sensors


def schedule_state(status: InstigatorStatus) -> InstigatorState:
    """Of the schedule `hourly`, as the daemon writes it."""
    repository = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("headway_pipeline"), "__repository__")
    origin = RemoteInstigatorOrigin(repository, "hourly")
    return InstigatorState(origin, InstigatorType.SCHEDULE, status, ScheduleInstigatorData("7 * * * *", 0.0))


def test_a_schedule_that_somebody_stopped_is_named(settings: Settings) -> None:
    assert examine_automation(settings).faults == []
    with opened_instance(settings) as instance:
        instance.add_instigator_state(schedule_state(InstigatorStatus.STOPPED))
    assert "hourly was stopped: start it" in faults(examine_automation(settings))


def test_a_failed_last_tick_is_named_and_one_that_was_made_good_is_not(settings: Settings) -> None:
    state = schedule_state(InstigatorStatus.RUNNING)
    with opened_instance(settings) as instance:
        instance.add_instigator_state(state)
        error = SerializableErrorInfo("it broke", [], "X")
        for number, status in enumerate((TickStatus.FAILURE, TickStatus.SUCCESS, TickStatus.FAILURE), start=1):
            instance.create_tick(
                TickData(
                    state.instigator_origin_id,
                    "hourly",
                    InstigatorType.SCHEDULE,
                    status,
                    timestamp=1000.0 + number,
                    run_ids=["a run"] if status is TickStatus.SUCCESS else None,
                    error=error if status is TickStatus.FAILURE else None,
                    selector_id=state.selector_id,
                )
            )
            told = faults(examine_automation(settings))
            assert ("the last tick of hourly failed" in told) is (status is TickStatus.FAILURE)


# Pools


def test_no_pool_is_named(settings: Settings) -> None:
    assert examine_pools(settings) == examination.Examined("none is named", [])


def test_a_pool_without_a_limit_is_to_be_given_one(settings: Settings) -> None:
    @dg.asset(pool="gong")
    def pooled() -> None: ...

    defs = dg.Definitions([pooled])
    assert "dagster instance concurrency set gong 1" in faults(examine_pools(settings, defs))
    with opened_instance(settings) as instance:
        instance.event_log_storage.set_concurrency_slots("gong", 1)
    assert examine_pools(settings, defs).faults == []


def test_every_examination_is_part_of_the_doctor() -> None:
    made = {name for name in vars(examination) if name.startswith("examine_")}
    assert made == {look.__name__ for _, look in examination.EXAMINATIONS}
