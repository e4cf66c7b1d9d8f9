"""The generated `dagster.yaml`: what it says, when it is written anew, and that Dagster takes it."""

import hashlib
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa
import yaml
from sqlalchemy.engine import make_url

from headway_pipeline.model.errors import ConfigurationError, DatabaseUnavailableError
from headway_pipeline.orchestration.instance import (
    FileState,
    dagster_home,
    file_state,
    generated_config,
    opened_instance,
    process_environment,
)
from headway_pipeline.settings import Settings, current_settings
from headway_pipeline.store.dagster_records import RECORDS_SCHEMA, records_url
from headway_pipeline_tests.databases import Postgres
from headway_pipeline_tests.worlds import use_home

EMBEDDED = generated_config(on_postgresql=False)
BEFORE_THE_MARK = """\
# Dagster's own records (runs, events) in SQLite, beside the embedded database. Made by headway.
telemetry:
  enabled: false
"""


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Of an embedded installation."""
    return use_home(tmp_path / "home", monkeypatch)


@pytest.fixture
def on_postgresql(settings: Settings, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Of an installation on whichever database the test runs with."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    return current_settings()


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (None, FileState.MISSING),
        (EMBEDDED, FileState.CURRENT),
        (generated_config(on_postgresql=True), FileState.OUTDATED),
        (BEFORE_THE_MARK, FileState.OUTDATED),
        (EMBEDDED.replace("max_concurrent_runs: 2", "max_concurrent_runs: 9"), FileState.EDITED),
        ("telemetry:\n  enabled: false\n", FileState.EDITED),
        ("", FileState.EDITED),
    ],
)
def test_only_a_file_that_nobody_edited_is_replaced(found: str | None, expected: FileState) -> None:
    assert file_state(found, EMBEDDED) is expected


def test_the_mark_is_the_hash_of_what_follows() -> None:
    """So that a file of any later version is known as untouched without a list of all earlier ones."""
    first, _, body = EMBEDDED.partition("\n")
    assert first.endswith(hashlib.sha256(body.encode()).hexdigest()[:16])


def test_a_file_of_an_earlier_version_is_brought_up_to_date_and_an_edited_one_stays(settings: Settings) -> None:
    settings.prepare_home()
    config = settings.dagster_home / "dagster.yaml"
    config.write_text(BEFORE_THE_MARK, encoding="utf-8")
    assert dagster_home(settings) == settings.dagster_home
    assert config.read_text(encoding="utf-8") == EMBEDDED
    edited = EMBEDDED.replace("max_concurrent_runs: 2", "max_concurrent_runs: 9")
    config.write_text(edited, encoding="utf-8")
    dagster_home(settings)
    assert config.read_text(encoding="utf-8") == edited
    assert [path.name for path in settings.dagster_home.iterdir()] == ["dagster.yaml"]


def test_nothing_is_written_into_an_operators_own_folder(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own"
    own.mkdir()
    monkeypatch.setenv("DAGSTER_HOME", str(own))
    assert process_environment(settings)["DAGSTER_HOME"] == str(own)
    assert list(own.iterdir()) == []


def test_dagster_takes_the_file_and_reads_every_setting_that_matters(on_postgresql: Settings) -> None:
    with opened_instance(on_postgresql) as instance:
        queue = instance.get_concurrency_config().run_queue_config
        assert queue is not None
        assert queue.max_concurrent_runs == (2 if on_postgresql.is_embedded else 4)
        assert queue.tag_concurrency_limits == [
            {"key": "workspace", "value": {"applyLimitPerUniqueValue": True}, "limit": 1}
        ]
        assert instance.run_monitoring_enabled
        assert (instance.run_retries_enabled, instance.run_retries_max_retries) == (True, 2)
        assert not instance.run_retries_retry_on_asset_or_op_failure
        assert not instance.telemetry_enabled
        assert not instance.nux_enabled
        # Every event of every run would go to the terminal of `headway up`: eighty lines for a week of one workspace.
        assert instance.python_log_level == "INFO"
        assert type(instance.compute_log_manager).__name__ == "NoOpComputeLogManager"
        assert type(instance.event_log_storage).__name__ == (
            "SqliteEventLogStorage" if on_postgresql.is_embedded else "PostgresEventLogStorage"
        )


def test_records_are_kept_beside_our_tables_and_found_again(on_postgresql: Settings) -> None:
    with opened_instance(on_postgresql) as instance:
        instance.add_dynamic_partitions("workspace", ["acme"])
        instance.report_runless_asset_event(dg.AssetMaterialization("raw_calls", partition="2026-11-20|acme"))
    with opened_instance(on_postgresql) as instance:
        assert instance.get_dynamic_partitions("workspace") == ["acme"]
        assert instance.get_materialized_partitions(dg.AssetKey("raw_calls")) == {"2026-11-20|acme"}
    if on_postgresql.is_embedded:
        return
    engine = sa.create_engine(make_url(on_postgresql.database_url).set(drivername="postgresql+psycopg2"))
    inspector = sa.inspect(engine)
    ours, theirs = set(inspector.get_table_names()), set(inspector.get_table_names(schema=RECORDS_SCHEMA))
    engine.dispose()
    assert {"event_logs", "runs", "alembic_version"} <= theirs
    assert "event_logs" not in ours
    # Both keep their revision in a table of this name: in one schema either would take the other's for its own.
    assert "alembic_version" in ours


def test_the_address_of_the_records_stands_in_the_environment_and_never_in_the_file(
    settings: Settings, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres.create()
    named = make_url(url).set(drivername="postgresql", password="hush%/word")
    monkeypatch.setenv("DATABASE_URL", named.render_as_string(hide_password=False))
    found = current_settings()
    environment = process_environment(found)
    written = (found.dagster_home / "dagster.yaml").read_text(encoding="utf-8")
    assert "hush" not in written
    assert "hush" not in repr(found)
    assert environment["DAGSTER_DATABASE_URL"].startswith("postgresql+psycopg2://")
    assert make_url(environment["DAGSTER_DATABASE_URL"]).password == "hush%/word"
    assert yaml.safe_load(written)["storage"] == {"postgres": {"postgres_url": {"env": "DAGSTER_DATABASE_URL"}}}
    postgres.drop(url)


def test_a_database_of_its_own_is_taken_as_it_is_named(
    settings: Settings, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An embedded installation may keep its records on a server, too; the driver is named for SQLAlchemy 2.1."""
    url = postgres.create()
    monkeypatch.setenv("DAGSTER_DATABASE_URL", make_url(url).set(drivername="postgresql").render_as_string())
    with opened_instance(current_settings()) as instance:
        assert type(instance.run_storage).__name__ == "PostgresRunStorage"
    engine = sa.create_engine(url)
    assert sa.inspect(engine).has_table("event_logs", schema="public")
    engine.dispose()
    postgres.drop(url)


def test_records_among_our_own_tables_are_refused(
    settings: Settings, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dagster would take our revision for its own, and ours its."""
    if database_url.startswith("sqlite"):
        monkeypatch.setenv("DAGSTER_DATABASE_URL", database_url)
        with pytest.raises(ConfigurationError, match="names SQLite"):
            process_environment(current_settings())
        return
    monkeypatch.setenv("DAGSTER_DATABASE_URL", database_url)
    with pytest.raises(ConfigurationError, match="among the tables of calls"):
        process_environment(current_settings())


def test_a_role_that_may_not_make_the_schema_is_told_who_may(
    settings: Settings, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres.create()
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE ROLE limited LOGIN")
    named = make_url(url).set(username="limited").render_as_string()
    monkeypatch.setenv("DATABASE_URL", named)
    with pytest.raises(ConfigurationError, match="CREATE SCHEMA dagster_records AUTHORIZATION"):
        process_environment(current_settings())
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE SCHEMA dagster_records AUTHORIZATION limited")
    with opened_instance(current_settings()) as instance:
        assert instance.get_runs_count() == 0
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP SCHEMA dagster_records CASCADE; DROP ROLE limited")
    engine.dispose()
    postgres.drop(url)


def test_a_database_of_records_that_is_down_is_told_as_such(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_DATABASE_URL", "postgresql://someone:hush@127.0.0.1:1/none")
    with pytest.raises(DatabaseUnavailableError, match="DAGSTER_DATABASE_URL") as refused:
        process_environment(current_settings())
    assert "hush" not in str(refused.value)


def test_options_that_the_address_carries_are_kept(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://a:b@h/n?options=-cstatement_timeout%3D5000&sslmode=require")
    query: Any = make_url(records_url(current_settings()) or "").query
    assert query == {
        "options": "-cstatement_timeout=5000 -csearch_path=dagster_records",
        "sslmode": "require",
    }


def test_the_environment_of_this_process_is_as_before_after_an_instance_was_open(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    monkeypatch.delenv("DAGSTER_EVENT_BATCH_SIZE", raising=False)
    before = dict(os.environ)
    with opened_instance(settings):
        assert os.environ["DAGSTER_EVENT_BATCH_SIZE"] == "100"
    assert dict(os.environ) == before
