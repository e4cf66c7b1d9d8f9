"""Checks: what each one finds, which stop the assets behind them, and that no other run covers up what is red."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa

from headway_pipeline.model.workspaces import Credentials
from headway_pipeline.orchestration.assets import CHAIN
from headway_pipeline.orchestration.graph import build_defs
from headway_pipeline.orchestration.launch import IngestRequest, _outcome
from headway_pipeline.orchestration.partitions import WORKSPACE_PARTITIONS, partition_key
from headway_pipeline.store.tables import evidence, listings, messages, transcripts, workspaces
from headway_pipeline_tests.orchestration.conftest import RunJob
from headway_pipeline_tests.worlds import TODAY, Installation

WARN, ERROR = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR


def key(days_ago: int, slug: str = "acme") -> str:
    return partition_key(slug, (TODAY - timedelta(days=days_ago)).date())


def evaluation(result: dg.ExecuteInProcessResult, name: str) -> dg.AssetCheckEvaluation:
    (found,) = [found for found in result.get_asset_check_evaluations() if found.check_name == name]
    return found


def shown(found: dg.AssetCheckEvaluation) -> dict[str, Any]:
    return {name: value.value for name, value in found.metadata.items()}


def not_made(result: dg.ExecuteInProcessResult) -> set[str]:
    return set(CHAIN) - {event.step_key for event in result.all_events if event.is_step_start}


def without_triggers(installation: Installation, *statements: sa.Executable) -> None:
    """Change rows as only a broken disk, or somebody with the database's own tools, could."""
    with installation.store.database.writing() as connection:
        rows = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").all()
        for name, _ in rows:
            connection.exec_driver_sql(f'DROP TRIGGER "{name}"')
        for statement in statements:
            connection.execute(statement)
        for _, sql in rows:
            connection.exec_driver_sql(sql)


def calls_of(days_ago: int) -> Any:
    """The ids of the messages of a day."""
    day = TODAY - timedelta(days=days_ago)
    return sa.select(messages.c.id).where(
        messages.c.occurred_at >= day, messages.c.occurred_at < day + timedelta(days=1)
    )


def add_second(installation: Installation, instance: dg.DagsterInstance) -> None:
    """Another workspace with the same calls."""
    second = installation.store.workspaces.add("Second", vendor_domains=frozenset({"vendor.example"}))
    credentials = Credentials({"access_key": "the-access-key", "secret_key": "the-secret-key"})
    installation.store.connectors.add(
        second.id, "gong", base_url=installation.sandbox.base_url, credentials=credentials
    )
    installation.store.themes.add(second.id, "Exports", description="Getting data out on a schedule")
    instance.add_dynamic_partitions(WORKSPACE_PARTITIONS, [second.slug])


def test_a_quote_that_is_not_in_its_transcript_stops_the_filing_and_names_its_key(
    installation: Installation, instance: dg.DagsterInstance, run_job: RunJob
) -> None:
    run_job()
    false = evidence.update().where(evidence.c.message_id.in_(calls_of(2))).values(quote="I will sue you")
    without_triggers(installation, false)
    result = run_job()
    found = evaluation(result, "quotes_are_verbatim")
    assert (found.passed, found.severity) == (False, ERROR)
    assert shown(found)["bad keys"] == {key(2): 1}
    assert (shown(found)["found"], shown(found)["number of bad keys"]) == (1, 1)
    assert "sue" not in str(found)
    assert not result.success
    assert not_made(result) == {"theme_matched_features"}
    assert evaluation(result, "evidence_sides").passed


def test_what_stops_a_run_is_told_in_words_with_what_to_do_and_only_once(
    installation: Installation, run_job: RunJob
) -> None:
    run_job()
    without_triggers(installation, evidence.update().values(quote="I will sue you"))
    result = run_job()
    (failed,) = [event.step_failure_data for event in result.all_events if event.is_step_failure]
    assert failed.user_failure_data is not None
    told = failed.user_failure_data.description or ""
    assert told.startswith("quotes_are_verbatim: acme, ")
    assert "Nothing behind extracted_features was made in this run" in told
    assert "failed and missing" in str(failed.user_failure_data.metadata["what to do"].value)
    outcome = _outcome(result, IngestRequest("acme", TODAY.date(), TODAY.date()))
    assert outcome.failures == (told,)
    assert outcome.failed_checks["quotes_are_verbatim"] in told
    assert not outcome.is_incomplete_only


def test_what_a_blocking_check_stops_stays_in_the_ledger_and_counts_as_failed(
    installation: Installation, instance: dg.DagsterInstance, run_job: RunJob
) -> None:
    run_job()
    before = installation.states
    wrong = transcripts.update().where(transcripts.c.message_id.in_(calls_of(3))).values(segments=[])
    with installation.store.database.reading() as connection:
        query = sa.select(transcripts.c.message_id, transcripts.c.segments).where(
            transcripts.c.message_id.in_(calls_of(3))
        )
        (message_id, segments) = connection.execute(query).one()
    without_triggers(installation, wrong)
    assert not run_job().success
    assert installation.states == before
    mended = transcripts.update().where(transcripts.c.message_id == message_id).values(segments=segments)
    without_triggers(installation, mended)
    result = run_job()
    assert result.success
    assert evaluation(result, "quotes_are_verbatim").passed


def test_a_vendors_words_as_evidence_stop_the_filing(installation: Installation, run_job: RunJob) -> None:
    run_job()
    with installation.store.database.reading() as connection:
        segments = connection.execute(sa.select(transcripts.c.segments)).scalars().first()
    assert segments is not None
    sold = [{**segment, "side": "vendor"} for segment in segments]
    without_triggers(
        installation, transcripts.update().where(transcripts.c.message_id.in_(calls_of(1))).values(segments=sold)
    )
    result = run_job()
    found = evaluation(result, "evidence_sides")
    assert (found.passed, shown(found)["bad keys"]) == (False, {key(1): 1})
    assert not_made(result) == {"theme_matched_features"}


def test_the_share_of_unknown_sides_is_shown(installation: Installation, run_job: RunJob) -> None:
    run_job()
    with installation.store.database.reading() as connection:
        segments = connection.execute(
            sa.select(transcripts.c.segments).where(transcripts.c.message_id.in_(calls_of(1)))
        ).scalar_one()
    unknown = [{**segment, "side": "unknown"} for segment in segments]
    without_triggers(
        installation, transcripts.update().where(transcripts.c.message_id.in_(calls_of(1))).values(segments=unknown)
    )
    entries = shown(evaluation(run_job(), "evidence_sides"))
    assert (entries["customer"], entries["unknown"], entries["vendor"]) == (2, 1, 0)
    assert entries["share of unknown"] == 0.333


@pytest.mark.parametrize("damage", ["a turn twice", "numbers out of order"])
def test_a_transcript_with_a_turn_twice_or_wrong_numbers_is_not_read(
    installation: Installation, run_job: RunJob, damage: str
) -> None:
    run_job()
    with installation.store.database.reading() as connection:
        segments = connection.execute(sa.select(transcripts.c.segments)).scalars().first()
    assert segments is not None
    again = {**segments[1], "index": len(segments)}
    damaged = [*segments, again] if damage == "a turn twice" else [{**segment, "index": 7} for segment in segments]
    without_triggers(
        installation, transcripts.update().where(transcripts.c.message_id.in_(calls_of(1))).values(segments=damaged)
    )
    result = run_job()
    found = evaluation(result, "no_duplicate_segments")
    assert (found.passed, shown(found)["bad keys"]) == (False, {key(1): 1})
    assert not_made(result) == {"relevance_scores", "extracted_features", "theme_matched_features"}


def test_transcripts_are_read_once_for_quotes_and_sides(
    installation: Installation, run_job: RunJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_job()
    from headway_pipeline.store.audit import Audit, EvidenceAudit

    read: list[object] = []
    real = Audit.evidence

    def counted(self: Audit, *scope: Any) -> EvidenceAudit:
        read.append(scope)
        return real(self, *scope)

    monkeypatch.setattr(Audit, "evidence", counted)
    run_job()
    assert len(read) == 1


def test_a_run_of_another_workspace_does_not_cover_up_what_is_wrong_and_is_not_stopped_by_it(
    installation: Installation, instance: dg.DagsterInstance, run_job: RunJob
) -> None:
    add_second(installation, instance)
    run_job()
    false = evidence.update().where(evidence.c.message_id.in_(calls_of(2))).values(quote="I will sue you")
    without_triggers(installation, false)
    assert not run_job().success
    other = run_job(slug="second")
    assert other.success
    found = evaluation(other, "quotes_are_verbatim")
    assert (found.passed, found.severity) == (False, WARN)
    assert shown(found)["bad keys"] == {key(2): 1}
    assert (found.description or "").startswith("Nothing to mend in this run; still open from an earlier one: acme")
    # And so on, from run to run, until it is mended.
    assert shown(evaluation(run_job(slug="second"), "quotes_are_verbatim"))["of earlier runs"] == 1


def test_what_was_mended_is_forgotten_by_the_next_run_whatever_its_days(
    installation: Installation, instance: dg.DagsterInstance, run_job: RunJob
) -> None:
    run_job()
    damage = listings.update().values(listed_count=listings.c.listed_count + 1)
    mend = listings.update().values(listed_count=listings.c.listed_count - 1)
    with installation.store.database.writing() as connection:
        connection.execute(damage)
    checks_alone(instance, "raw_calls", "ledger_balances")
    newest = run_job(days_back=1)
    found = evaluation(newest, "ledger_balances")
    assert (found.severity, shown(found)["bad keys"]) == (WARN, {key(2): 1, key(3): 1})
    with installation.store.database.writing() as connection:
        connection.execute(mend.where(listings.c.day < (TODAY - timedelta(days=1)).date()))
    assert evaluation(run_job(days_back=1), "ledger_balances").passed


def test_a_check_that_stands_red_for_another_workspace_does_not_fail_the_command_of_this_one(
    installation: Installation, instance: dg.DagsterInstance, run_job: RunJob
) -> None:
    add_second(installation, instance)
    run_job(slug="second")
    with installation.store.database.writing() as connection:
        connection.execute(listings.update().values(listed_count=listings.c.listed_count + 1))
    checks_alone(instance, "raw_calls", "ledger_balances")
    result = run_job()
    assert not evaluation(result, "ledger_balances").passed
    assert _outcome(result, IngestRequest("acme", TODAY.date(), TODAY.date())).failed_checks == {}
    assert _outcome(result, IngestRequest("acme", TODAY.date(), TODAY.date())).warnings == {}
    assert "ledger_balances" in _outcome(result, IngestRequest("second", TODAY.date(), TODAY.date())).warnings


def test_a_workspace_that_no_longer_exists_is_not_looked_for(
    installation: Installation, instance: dg.DagsterInstance, run_job: RunJob
) -> None:
    add_second(installation, instance)
    run_job(slug="second")
    with installation.store.database.writing() as connection:
        connection.execute(listings.update().values(listed_count=listings.c.listed_count + 1))
    checks_alone(instance, "raw_calls", "ledger_balances")
    with installation.store.database.writing() as connection:
        connection.execute(workspaces.update().where(workspaces.c.slug == "second").values(is_active=False))
    assert evaluation(run_job(), "ledger_balances").passed


def checks_alone(instance: dg.DagsterInstance, asset: str, name: str) -> dg.ExecuteInProcessResult:
    """The button in the UI: over everything."""
    check = dg.AssetCheckKey(dg.AssetKey(asset), name)
    job = build_defs().resolve_implicit_global_asset_job_def()
    subset = job.get_subset(asset_check_selection={check}, asset_selection=set())
    return subset.execute_in_process(instance=instance, raise_on_error=False)


def test_one_check_of_a_shared_step_can_be_executed_alone(
    installation: Installation, instance: dg.DagsterInstance, run_job: RunJob
) -> None:
    run_job()
    result = checks_alone(instance, "extracted_features", "evidence_sides")
    assert [found.check_name for found in result.get_asset_check_evaluations()] == ["evidence_sides"]
    assert shown(evaluation(result, "evidence_sides"))["customer"] == 3


def test_an_empty_installation_passes_every_check(
    home_template: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, instance: dg.DagsterInstance
) -> None:
    import shutil

    from headway_pipeline_tests.worlds import use_home

    shutil.copytree(home_template, tmp_path / "home")
    use_home(tmp_path / "home", monkeypatch)
    defs = build_defs()
    for check in _keys(defs):
        result = checks_alone(instance, check.asset_key.to_user_string(), check.name)
        found = evaluation(result, check.name)
        assert found.passed, check
        if check.name == "workspace_lag":
            assert "`headway workspace add`" in (found.description or "")


def _keys(defs: dg.Definitions) -> Sequence[dg.AssetCheckKey]:
    return sorted(defs.resolve_asset_graph().asset_check_keys, key=str)


@pytest.fixture(autouse=True)
def _no_run_outlives(instance: dg.DagsterInstance) -> Iterator[None]:
    yield
    assert instance.get_runs_count(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])) == 0
