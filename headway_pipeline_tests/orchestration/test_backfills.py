"""Rectangles of keys in one run, as backfills ask for them, and what it costs to do a key again."""

from datetime import timedelta

import dagster as dg
import pytest

from headway_pipeline.model.workspaces import Credentials
from headway_pipeline.orchestration.graph import build_defs
from headway_pipeline.orchestration.partitions import WORKSPACE_PARTITIONS, partition_key
from headway_pipeline.settings import current_settings
from headway_pipeline_tests.models import ScriptedModel, Truthful
from headway_pipeline_tests.worlds import ASK, TODAY, Installation

LAST_ASSET = dg.AssetKey("theme_matched_features")


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> ScriptedModel:
    """Reads the calls, and counts what it is asked."""
    scripted = ScriptedModel(Truthful([ASK]))
    monkeypatch.setattr("headway_pipeline.ingestion.asking.connect", lambda *_a, **_n: scripted)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "any")
    return scripted


@pytest.fixture
def both(installation: Installation, instance: dg.DagsterInstance) -> Installation:
    """A second workspace with the same calls beside the first."""
    other = installation.store.workspaces.add("Other")
    credentials = Credentials({"access_key": "the-access-key", "secret_key": "the-secret-key"})
    installation.store.connectors.add(
        other.id, "gong", base_url=installation.sandbox.base_url, credentials=credentials
    )
    installation.store.themes.add(other.id, "Exports", description="Getting data out on a schedule")
    instance.add_dynamic_partitions(WORKSPACE_PARTITIONS, ["other"])
    return installation


def key(days_ago: int, slug: str) -> str:
    return partition_key(slug, (TODAY - timedelta(days=days_ago)).date())


def fill(instance: dg.DagsterInstance, start: str, end: str) -> dg.ExecuteInProcessResult:
    job = build_defs().resolve_job_def("ingest")
    ends = {"dagster/asset_partition_range_start": start, "dagster/asset_partition_range_end": end}
    return job.execute_in_process(instance=instance, raise_on_error=False, tags=ends)


def statuses(instance: dg.DagsterInstance, keys: set[str]) -> dict[str, str]:
    """What Dagster's pages say of keys of the last asset."""
    partitions = build_defs().resolve_asset_graph().get(LAST_ASSET).partitions_def
    assert partitions is not None
    found = instance.get_status_by_partition(LAST_ASSET, sorted(keys), partitions) or {}
    return {name: status.value if status else "MISSING" for name, status in found.items()}


def test_several_workspaces_over_several_days_are_one_run_that_records_each_key(
    both: Installation, instance: dg.DagsterInstance
) -> None:
    assert fill(instance, key(3, "acme"), key(1, "other")).success
    keys = {key(days_ago, slug) for days_ago in (1, 2, 3) for slug in ("acme", "other")}
    assert set(instance.get_materialized_partitions(LAST_ASSET)) == keys
    other = both.store.workspaces.find("other")
    assert len(both.store.reading.features(other.id)) == len(both.store.reading.features(both.workspace.id)) == 3


def test_what_did_not_change_is_listed_again_and_costs_no_transcript_and_no_token(
    both: Installation, instance: dg.DagsterInstance, model: ScriptedModel
) -> None:
    fill(instance, key(3, "acme"), key(1, "other"))
    asked = len(model.requests)
    assert asked
    both.sandbox.forget_requests()
    assert fill(instance, key(3, "acme"), key(1, "other")).success
    # One listing a workspace; the days lie within one window.
    assert [request.path for request in both.sandbox.requests] == ["/v2/calls/extensive"] * 2
    assert len(model.requests) == asked


def test_a_key_that_failed_is_asked_for_alone_and_the_gap_beside_it_stays_a_gap(
    both: Installation, instance: dg.DagsterInstance
) -> None:
    both.reconnect("wrong")
    assert not fill(instance, key(1, "acme"), key(1, "other")).success
    failed, done, gap = key(1, "acme"), key(1, "other"), key(2, "acme")
    assert statuses(instance, {failed, done, gap}) == {failed: "FAILED", done: "MATERIALIZED", gap: "MISSING"}
    both.reconnect()
    both.sandbox.forget_requests()
    assert fill(instance, failed, failed).success
    assert statuses(instance, {failed, done, gap}) == {failed: "MATERIALIZED", done: "MATERIALIZED", gap: "MISSING"}


def test_a_day_that_was_done_and_then_fails_counts_as_failed(
    installation: Installation, instance: dg.DagsterInstance
) -> None:
    """Else `--missing` and "failed and missing" would leave out what a wrong key spoiled since."""
    day = key(1, "acme")
    assert fill(instance, day, day).success
    installation.reconnect("wrong")
    assert not fill(instance, day, day).success
    assert statuses(instance, {day}) == {day: "FAILED"}


def test_the_first_day_of_the_partitions_is_a_key(installation: Installation, instance: dg.DagsterInstance) -> None:
    first = partition_key("acme", current_settings().start_date)
    assert fill(instance, first, first).success
