"""The production forms in `deploy/`: nothing here runs a container, but what can be read is read."""

import configparser
import re
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from headway_pipeline.orchestration.instance import generated_config
from headway_pipeline.settings import ENVIRONMENT_VARIABLES
from headway_pipeline_tests.databases import Postgres

DEPLOY = Path(__file__).parents[1] / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))


def read(name: str) -> Any:
    return yaml.safe_load((DEPLOY / name).read_text(encoding="utf-8"))


def sample_environment() -> dict[str, str]:
    lines = (DEPLOY / "environment.sample").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_the_sample_of_the_instance_says_what_headway_writes() -> None:
    assert read("dagster.yaml") == yaml.safe_load(generated_config(on_postgresql=True))


def test_the_celery_sample_differs_only_where_it_must() -> None:
    ours, theirs = read("dagster.yaml"), read("celery/dagster.yaml")
    assert theirs.pop("run_launcher")["class"] == "CeleryRunLauncher"
    for made in (ours, theirs):
        made["concurrency"]["runs"].pop("max_concurrent_runs")
        made["run_monitoring"].pop("max_runtime_seconds")
    assert ours == theirs
    # A flat file is ignored without a word.
    assert read("celery/worker.yaml")["execution"]["config"]["broker"] == {"env": "HEADWAY_CELERY_BROKER"}


@pytest.mark.parametrize("name", ["dagster.yaml", "celery/dagster.yaml"])
def test_dagster_loads_every_sample_of_an_instance(
    name: str, tmp_path: Path, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres.create()
    monkeypatch.setenv("DAGSTER_DATABASE_URL", url)
    text = (DEPLOY / name).read_text(encoding="utf-8")
    if "celery" in name:
        # The package is no dependency: what names it is left out, the rest must load.
        text = text[: text.index("# Runs on the warm processes")]
    (tmp_path / "dagster.yaml").write_text(text, encoding="utf-8")
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert instance.run_monitoring_enabled
        assert type(instance.run_storage).__name__ == "PostgresRunStorage"
    postgres.drop(url)


def test_every_process_of_the_composition_waits_for_what_it_needs() -> None:
    services = COMPOSE["services"]
    assert set(services) == {
        "postgres",
        "pgbouncer",
        "setup",
        "code",
        "daemon",
        "webserver",
        "webserver-read-only",
        "api",
    }
    for name in ("daemon", "webserver", "webserver-read-only", "api"):
        assert services[name]["depends_on"] == {"code": {"condition": "service_healthy"}}
    assert services["code"]["depends_on"] == {"setup": {"condition": "service_completed_successfully"}}
    assert "--read-only" in services["webserver-read-only"]["command"]
    (server,) = read("workspace.yaml")["load_from"]
    assert server["grpc_server"]["host"] in services
    assert str(server["grpc_server"]["port"]) in services["code"]["command"]


def test_only_the_loopback_address_sees_the_pages_and_nothing_else_is_published() -> None:
    published = {name: service["ports"] for name, service in COMPOSE["services"].items() if "ports" in service}
    assert set(published) == {"webserver", "webserver-read-only", "api"}
    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)


def test_the_sample_environment_names_variables_that_are_read_and_no_secret() -> None:
    environment = sample_environment()
    ours = {name for name in environment if not name.startswith("POSTGRES_")}
    assert ours <= set(ENVIRONMENT_VARIABLES)
    assert environment["DAGSTER_DATABASE_URL"].startswith("postgresql+psycopg2://")
    assert {environment[name] for name in environment if re.search("KEY|PASSWORD", name)} == {""}


def test_what_the_container_file_copies_is_there() -> None:
    text = (DEPLOY / "Containerfile").read_text(encoding="utf-8")
    for line in re.findall(r"^COPY (.+) \S+$", text, re.MULTILINE):
        for name in line.split():
            assert (DEPLOY.parent / name).exists(), name
    assert "DAGSTER_EVENT_BATCH_SIZE=100" in text
    assert "USER headway" in text


def test_the_service_file_starts_what_there_is() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(DEPLOY / "systemd" / "headway.service")
    assert unit["Service"]["ExecStart"].endswith("/headway up")
    assert unit["Service"]["Restart"] == "on-failure"
