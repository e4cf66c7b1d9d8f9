"""The graph: what Dagster shows, and that loading it is quiet and touches nothing."""

import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import dagster as dg
import pytest

from headway_pipeline.orchestration.graph import build_defs
from headway_pipeline.orchestration.partitions import build_partitions, workspace_days
from headway_pipeline.sources.discovery import discover

CHAIN = ["raw_calls", "transcripts", "relevance_scores", "extracted_features", "theme_matched_features"]
SET_UP = {"workspace_connectors", "workspace_themes"}
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def defs() -> Iterator[dg.Definitions]:
    """As they are where labelled sets are."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("HEADWAY_EVAL_DATA", "labelled")
        yield build_defs()


def test_the_chain_is_the_five_assets_each_after_the_one_before(defs: dg.Definitions) -> None:
    graph = defs.resolve_asset_graph()
    assert {key.to_user_string() for key in graph.get_all_asset_keys()} == {*CHAIN, *SET_UP, "evaluation"}
    for before, after in pairwise(CHAIN):
        parents = {key.to_user_string() for key in graph.get(dg.AssetKey(after)).parent_keys}
        assert parents - SET_UP == {before}


def test_what_people_set_up_stands_before_what_depends_on_it_and_nothing_here_makes_it(defs: dg.Definitions) -> None:
    graph = defs.resolve_asset_graph()
    children = {
        name: {key.to_user_string() for key in graph.get(dg.AssetKey(name)).child_keys} for name in sorted(SET_UP)
    }
    assert children == {
        "workspace_connectors": {"raw_calls"},
        "workspace_themes": {"relevance_scores", "theme_matched_features"},
    }
    for name in SET_UP:
        node = graph.get(dg.AssetKey(name))
        assert not node.is_executable
        assert len(node.description or "") > 80
        assert isinstance(node.partitions_def, dg.DynamicPartitionsDefinition)


@pytest.mark.parametrize("name", CHAIN)
def test_every_asset_says_what_it_is_and_whose(defs: dg.Definitions, name: str) -> None:
    node = defs.resolve_asset_graph().get(dg.AssetKey(name))
    assert len(node.description or "") > 80
    assert node.group_name in ("ingestion", "analysis")
    assert node.owners == ["team:product-insights"]
    assert node.kinds
    assert node.backfill_policy == dg.BackfillPolicy.single_run()
    assert isinstance(node.partitions_def, dg.MultiPartitionsDefinition)


def test_all_assets_share_one_partitioning_so_that_one_run_holds_the_chain(defs: dg.Definitions) -> None:
    graph = defs.resolve_asset_graph()
    assert len({graph.get(dg.AssetKey(name)).partitions_def for name in CHAIN}) == 1


def test_the_evaluation_stands_apart_and_an_ingest_never_runs_it(defs: dg.Definitions) -> None:
    node = defs.resolve_asset_graph().get(dg.AssetKey("evaluation"))
    assert node.partitions_def is None
    assert not node.parent_keys
    assert not node.child_keys
    ingested = defs.resolve_job_def("ingest").asset_layer.selected_asset_keys
    assert {key.to_user_string() for key in ingested} == set(CHAIN)
    measured = defs.resolve_job_def("evaluate").asset_layer.selected_asset_keys
    assert {key.to_user_string() for key in measured} == {"evaluation"}


def test_without_labelled_sets_only_the_chain_can_be_materialized(monkeypatch: pytest.MonkeyPatch) -> None:
    """ "Materialize all" over a range of dates would ask for an evaluation that can only fail."""
    monkeypatch.delenv("HEADWAY_EVAL_DATA", raising=False)
    defs = build_defs()
    assert {key.to_user_string() for key in defs.resolve_asset_graph().get_all_asset_keys()} == {*CHAIN, *SET_UP}
    assert "evaluate" not in {job.name for job in defs.get_repository_def().get_all_jobs()}


def test_the_checks_are_those_that_are_promised(defs: dg.Definitions) -> None:
    keys = defs.resolve_asset_graph().asset_check_keys
    assert {(key.asset_key.to_user_string(), key.name) for key in keys} == {
        ("raw_calls", "sources_complete"),
        ("raw_calls", "ledger_balances"),
        ("raw_calls", "connectors_healthy"),
        ("raw_calls", "no_sudden_loss"),
        ("extracted_features", "quotes_are_verbatim"),
        ("theme_matched_features", "every_feature_has_a_theme"),
    }


def test_every_discovered_source_has_its_typed_resource(defs: dg.Definitions) -> None:
    repository = defs.get_repository_def()
    for name, source in discover().items():
        resource = repository.get_top_level_resources()[name]
        fields = resource.config_schema.config_type.fields  # type: ignore[union-attr]
        assert {
            "base_url",
            "requests_per_second",
            "buckets",
            "requests_per_day",
            "requests_per_run",
            "patience_s",
        } <= {*fields}
        assert all(field.description for field in fields.values())
        assert not {"credentials", *(field.name for field in source.credential_fields)} & set(fields)


def test_the_job_runs_in_one_process(defs: dg.Definitions) -> None:
    assert defs.resolve_job_def("ingest").executor_def is dg.in_process_executor


def test_a_rectangle_of_keys_is_taken_apart_by_workspace() -> None:
    keys = ["2026-11-02|b", "2026-11-01|b", "2026-11-01|a"]
    assert [(part.slug, [day.day for day in part.keys]) for part in workspace_days(keys)] == [
        ("a", [1]),
        ("b", [1, 2]),
    ]


def test_today_is_a_partition_key() -> None:
    from headway_pipeline_tests.worlds import TODAY

    days = build_partitions((TODAY).date()).get_partitions_def_for_dimension("date")
    assert days.get_partition_keys() == [TODAY.date().isoformat()]


def test_every_sensor_and_schedule_runs_from_the_start(defs: dg.Definitions) -> None:
    repository = defs.get_repository_def()
    assert {sensor.name for sensor in repository.sensor_defs} >= {
        *("workspace_mirror", "first_ingests", "refilings", "reruns", "webhook_hints"),
        *("model_batches", "landed_answers"),
    }
    for sensor in repository.sensor_defs:
        assert sensor.default_status is dg.DefaultSensorStatus.RUNNING, sensor.name
        assert len(sensor.description or "") > 40, sensor.name
    for schedule in repository.schedule_defs:
        assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING, schedule.name


def test_loading_the_definitions_is_quiet_and_makes_nothing(tmp_path: Path) -> None:
    """In a fresh interpreter, as Dagster does it: no warning of ours, no folder, no database."""
    program = (
        "import warnings, dagster\n"
        "warnings.simplefilter('error')\n"
        "warnings.filterwarnings('ignore', message='.*__fields__.*')\n"
        "from headway_pipeline.definitions import defs\n"
        "import sys\n"
        "print(sorted({'anthropic', 'openai', 'pandas', 'matplotlib', 'alembic'} & set(sys.modules)))\n"
        "defs().resolve_asset_graph()\n"
    )
    environment = {"HEADWAY_HOME": str(tmp_path / "home"), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
    assert not (tmp_path / "home").exists()


def test_the_project_file_leaves_the_choice_of_workspace_to_workspace_yaml() -> None:
    """Either block in pyproject.toml silently beats workspace.yaml."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert "[tool.dagster]" not in text
    assert "[tool.dg" not in text
