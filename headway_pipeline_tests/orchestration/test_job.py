"""The job over real parts: a sandbox over HTTP, the embedded database, the offline analyst."""

import json
from datetime import timedelta

import dagster as dg
import pytest

from headway_pipeline.ingestion.completeness import Incomplete
from headway_pipeline.orchestration import failures
from headway_pipeline.orchestration.graph import build_defs
from headway_pipeline.orchestration.launch import IngestRequest, _outcome
from headway_pipeline.orchestration.partitions import WORKSPACE_PARTITIONS, partition_key
from headway_pipeline.store.configured import open_configured_store
from headway_pipeline_tests.orchestration.conftest import RunJob
from headway_pipeline_tests.worlds import ASK, CHAT, TODAY, Installation, sandbox_call, world


def key(days_ago: int, slug: str = "acme") -> str:
    return partition_key(slug, (TODAY - timedelta(days=days_ago)).date())


def materialized(instance: dg.DagsterInstance, asset: str) -> set[str]:
    return set(instance.get_materialized_partitions(dg.AssetKey(asset)))


def metadata(result: dg.ExecuteInProcessResult, asset: str, partition: str) -> dict[str, object]:
    for event in reversed(result.all_events):
        if event.is_step_materialization and event.asset_key == dg.AssetKey(asset) and event.partition == partition:
            return {
                name: value.value for name, value in event.step_materialization_data.materialization.metadata.items()
            }
    raise AssertionError(f"{asset} {partition} was not materialized")


def failure(result: dg.ExecuteInProcessResult) -> str:
    (event,) = [event for event in result.all_events if event.is_step_failure]
    data = event.step_failure_data.user_failure_data
    assert data is not None
    return str(data.description)


def checks(result: dg.ExecuteInProcessResult) -> dict[str, bool]:
    return {found.check_name: found.passed for found in result.get_asset_check_evaluations()}


def test_a_run_over_a_range_materializes_every_key_with_its_own_counts(
    installation: Installation, instance: dg.DagsterInstance, run_job: RunJob
) -> None:
    result = run_job()
    assert result.success
    assert set(installation.states.values()) == {"analysed"}
    assert all(checks(result).values())
    assert len(checks(result)) == 8
    for asset in ("raw_calls", "theme_matched_features"):
        assert materialized(instance, asset) == {key(1), key(2), key(3)}
    shown = metadata(result, "raw_calls", key(2))
    assert (shown["listed"], shown["new"], shown["by source"]) == (1, 1, {"gong": {"listed": 1, "new": 1}})
    assert metadata(result, "theme_matched_features", key(2))["features"] == 1


def test_the_newest_key_of_a_run_has_the_pictures_and_the_others_only_counts(
    installation: Installation, run_job: RunJob
) -> None:
    result = run_job()
    pictures = {"features by week", "calls by state"}
    assert pictures <= set(metadata(result, "theme_matched_features", key(1)))
    for older in (key(2), key(3)):
        shown = metadata(result, "theme_matched_features", older)
        assert not pictures & set(shown)
        assert shown["by theme"] == {"Exports": 1}
        assert "base64" not in str(shown)
    table = metadata(result, "theme_matched_features", key(1))["themes of these weeks"]
    assert isinstance(table, dg.TableMetadataValue)
    assert table.records[0].data["theme"] == "Exports"
    assert "confidence in this run" in metadata(result, "relevance_scores", key(1))
    # The offline rules cost nothing, and nothing is drawn of nothing.
    assert "cost by week" not in metadata(result, "theme_matched_features", key(1))


def test_the_last_thing_recorded_is_the_newest_day_so_that_the_assets_page_shows_its_pictures(
    installation: Installation, instance: dg.DagsterInstance, run_job: RunJob
) -> None:
    run_job()
    last = instance.get_latest_materialization_event(dg.AssetKey("theme_matched_features"))
    assert last is not None
    assert last.asset_materialization is not None
    assert last.asset_materialization.partition == key(1)
    assert "calls by state" in last.asset_materialization.metadata


def test_what_is_recorded_twice_is_counted_once(installation: Installation, run_job: RunJob) -> None:
    outcome = _outcome(run_job(), IngestRequest("acme", TODAY.date(), TODAY.date()))
    assert outcome.counts["gong"]["refiled"] == 3


def test_where_the_newest_day_failed_the_pictures_stand_on_the_newest_complete_one(
    installation: Installation, run_job: RunJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    newest = (TODAY - timedelta(days=1)).date()
    monkeypatch.setattr(
        "headway_pipeline.orchestration.assets.theme_matched_features.incomplete_days",
        lambda _run, _part: [Incomplete(newest, ("the source does not answer",))],
    )
    result = run_job()
    assert not result.success
    assert "calls by state" in metadata(result, "theme_matched_features", key(2))
    assert "calls by state" not in metadata(result, "theme_matched_features", key(3))


def test_a_run_over_a_workspace_without_calls_shows_no_picture(
    installation: Installation, instance: dg.DagsterInstance, run_job: RunJob
) -> None:
    installation.sandbox.world = world()
    result = run_job()
    assert result.success
    shown = metadata(result, "theme_matched_features", key(1))
    assert (shown["features"], shown["in the inbox"]) == (0, 0)
    assert "base64" not in str(shown)


def test_with_a_public_address_the_counts_link_to_what_they_count(
    installation: Installation, run_job: RunJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "features in the API" not in metadata(run_job(), "theme_matched_features", key(2))
    monkeypatch.setenv("HEADWAY_PUBLIC_URL", "https://headway.example/")
    result = run_job()
    day = key(2).split("|")[0]
    beginning = f"https://headway.example/api/v1/workspaces/{installation.workspace.id}"
    address = metadata(result, "theme_matched_features", key(2))["features in the API"]
    assert address == f"{beginning}/features?since={day}&until={day}"
    address = metadata(result, "raw_calls", key(2))["messages in the API"]
    assert address == f"{beginning}/messages?since={day}&until={day}"


def test_the_health_of_connectors_is_shown_and_refused_credentials_fail_their_check(
    installation: Installation, run_job: RunJob
) -> None:
    result = run_job()
    shown = metadata(result, "raw_calls", key(2))["connectors"]
    assert isinstance(shown, dg.TableMetadataValue)
    (row,) = shown.records
    assert (row.data["connector"], row.data["health"], row.data["records"]) == ("gong", "ok", 3)
    installation.reconnect(secret_key="wrong-and-still-secret")
    result = run_job()
    evaluation = next(
        found for found in result.get_asset_check_evaluations() if found.check_name == "connectors_healthy"
    )
    assert (evaluation.passed, evaluation.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert "bad credentials" in (evaluation.description or "")
    assert "still-secret" not in str(evaluation)


def test_a_second_run_changes_nothing_and_only_lists(installation: Installation, run_job: RunJob) -> None:
    run_job()
    before = installation.store.reading.features(installation.workspace.id)
    installation.sandbox.forget_requests()
    result = run_job()
    assert metadata(result, "raw_calls", key(1))["unchanged"] == 1
    assert installation.store.reading.features(installation.workspace.id) == before
    assert {request.path for request in installation.sandbox.requests} == {"/v2/calls/extensive"}


def test_the_event_log_holds_no_speech_no_title_no_name_and_no_secret(
    installation: Installation, instance: dg.DagsterInstance, run_job: RunJob
) -> None:
    installation.reconnect(secret_key="wrong-and-still-secret")
    failed = run_job()
    installation.reconnect()
    good = run_job()
    for result in (failed, good):
        written = " ".join(str(entry) for entry in instance.all_logs(result.run_id))
        written += str(instance.get_run_by_id(result.run_id))
        for private in (ASK, CHAT, "Check-in", "Carl", "Vera", "buyer.example", "the-secret-key", "still-secret"):
            assert private not in written, private


def test_a_wrong_key_makes_the_run_red_and_the_next_one_completes_it(
    installation: Installation, instance: dg.DagsterInstance, run_job: RunJob
) -> None:
    installation.reconnect(secret_key="wrong")
    result = run_job()
    assert not result.success
    assert "3 of the days are not complete" in failure(result)
    assert "connector gong" in failure(result)
    assert checks(result)["sources_complete"] is False
    assert materialized(instance, "theme_matched_features") == set()
    installation.reconnect()
    assert run_job().success
    assert set(installation.states.values()) == {"analysed"}


def test_complete_days_are_materialized_beside_a_failing_workspace(
    installation: Installation, instance: dg.DagsterInstance
) -> None:
    """One date, two workspaces: a rectangle that a backfill may put in one run."""
    from headway_pipeline.model.workspaces import Credentials

    other = installation.store.workspaces.add("Other")
    installation.store.connectors.add(
        other.id,
        "gong",
        base_url=installation.sandbox.base_url,
        credentials=Credentials({"access_key": "the-access-key", "secret_key": "wrong"}),
    )
    instance.add_dynamic_partitions(WORKSPACE_PARTITIONS, ["other"])
    result = (
        build_defs()
        .resolve_job_def("ingest")
        .execute_in_process(
            instance=instance,
            raise_on_error=False,
            tags={
                "dagster/asset_partition_range_start": key(1),
                "dagster/asset_partition_range_end": key(1, "other"),
            },
        )
    )
    assert "1 of the days are not complete" in failure(result)
    assert materialized(instance, "theme_matched_features") == {key(1)}
    assert metadata(result, "theme_matched_features", key(1))["features"] == 1


def test_a_reversed_range_fails_instead_of_doing_nothing(
    installation: Installation, instance: dg.DagsterInstance
) -> None:
    result = (
        build_defs()
        .resolve_job_def("ingest")
        .execute_in_process(
            instance=instance,
            raise_on_error=False,
            tags={"dagster/asset_partition_range_start": key(1), "dagster/asset_partition_range_end": key(3)},
        )
    )
    assert "empty or reversed" in failure(result)


def test_a_run_over_a_workspace_that_lost_its_partition_says_so_and_asks_no_source(
    installation: Installation, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, run_job: RunJob
) -> None:
    """As one that waited in the queue while the workspace was closed; Dagster's own words name no cause."""

    def gone(_context: object) -> list[str]:
        raise dg.DagsterInvalidInvocationError("Partition range acme to acme is not a valid range")

    monkeypatch.setattr(dg.AssetExecutionContext, "partition_keys", property(gone))
    result = run_job()
    assert "it was deactivated" in failure(result)
    assert not installation.sandbox.requests


def test_a_single_key_works_like_a_range(installation: Installation, instance: dg.DagsterInstance) -> None:
    result = build_defs().resolve_job_def("ingest").execute_in_process(instance=instance, partition_key=key(2))
    assert result.success
    assert materialized(instance, "raw_calls") == {key(2)}


def test_a_limit_is_in_the_run_config_and_the_run_is_complete_for_what_was_asked(
    installation: Installation, run_job: RunJob
) -> None:
    result = run_job(run_config={"resources": {"scope": {"config": {"limit": 1}}}})
    assert result.success
    assert sorted(installation.states.values()) == ["analysed", "listed", "listed"]
    assert metadata(result, "transcripts", key(3))["waiting"] == 1


def test_a_workspace_without_themes_ends_red_and_says_what_to_do(installation: Installation, run_job: RunJob) -> None:
    theme = installation.store.themes.list(installation.workspace.id)[0].theme
    installation.store.themes.archive(theme.id)
    result = run_job()
    assert not result.success
    assert "headway theme add --workspace-id acme" in failure(result)
    assert set(installation.states.values()) == {"transcribed"}


def test_a_changed_theme_files_again_without_reading_again(installation: Installation, run_job: RunJob) -> None:
    run_job()
    installation.store.themes.add(installation.workspace.id, "Weather")
    result = run_job()
    assert metadata(result, "extracted_features", key(1))["analysed"] == 0
    assert metadata(result, "theme_matched_features", key(1))["refiled"] == 1


def test_the_lease_is_given_back_when_the_run_ends(installation: Installation, run_job: RunJob) -> None:
    run_job()
    with installation.store.leases.hold(installation.workspace.id, "somebody else"):
        pass


def test_a_busy_workspace_fails_the_run_with_its_holder(installation: Installation, run_job: RunJob) -> None:
    with installation.store.leases.hold(installation.workspace.id, "another run"):
        result = run_job(run_config={"resources": {"ledger": {"config": {"lease_patience_s": 0}}}})
    assert "another process writes this workspace" in failure(result)
    assert "another run" in failure(result)


def test_a_database_that_is_gone_fails_the_run_in_words(
    installation: Installation, run_job: RunJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failures, "WAITS_S", ())
    monkeypatch.setenv("DATABASE_URL", "postgresql://someone:hunter2@127.0.0.1:1/none")
    result = run_job()
    assert not result.success
    told = json.dumps([str(event.event_specific_data) for event in result.all_events])
    assert "cannot be reached" in told
    assert "hunter2" not in told


def test_two_workspaces_with_the_same_calls_stay_apart(
    installation: Installation, instance: dg.DagsterInstance, run_job: RunJob
) -> None:
    run_job()
    other = installation.store.workspaces.add("Other")
    assert installation.store.reading.messages(other.id) == []
    assert installation.store.reading.features(other.id) == []


def test_checks_executed_alone_look_at_everything(installation: Installation, run_job: RunJob) -> None:
    run_job()
    store = open_configured_store(installation.settings)
    store.themes.archive(store.themes.list(installation.workspace.id)[0].theme.id)
    store.close()
    with dg.DagsterInstance.ephemeral() as instance:
        defs = build_defs()
        job = defs.resolve_implicit_global_asset_job_def()
        check = dg.AssetCheckKey(dg.AssetKey("theme_matched_features"), "every_feature_has_a_theme")
        result = job.get_subset(asset_check_selection={check}, asset_selection=set()).execute_in_process(
            instance=instance, raise_on_error=False
        )
    assert checks(result) == {"every_feature_has_a_theme": False}


def test_a_new_call_on_an_old_day_is_found_by_the_next_run_over_it(
    installation: Installation, run_job: RunJob
) -> None:
    run_job()
    late = [*installation.sandbox.world.companies[0].calls, sandbox_call(9, days_ago=3)]
    installation.sandbox.world = world(*late)
    result = run_job()
    assert metadata(result, "raw_calls", key(3))["new"] == 1
    assert installation.states["Check-in 9"] == "analysed"


def test_a_database_that_refuses_a_row_puts_none_of_it_into_the_event_log(
    installation: Installation, instance: dg.DagsterInstance, run_job: RunJob
) -> None:
    """The database's own words hold the row; Dagster would keep the whole chain of causes."""
    with installation.store.database.writing() as connection:
        connection.exec_driver_sql(
            "CREATE TRIGGER no_more BEFORE INSERT ON transcripts BEGIN SELECT RAISE(ABORT, 'no'); END"
        )
    result = run_job()
    assert not result.success
    written = " ".join(str(entry) for entry in instance.all_logs(result.run_id))
    assert "refused a statement" in written
    for private in (CHAT, "Carl", "Check-in"):
        assert private not in written
