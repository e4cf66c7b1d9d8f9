"""What people are promised of the automation, through the sensors and the runs they ask for."""

import uuid
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
import sqlalchemy as sa

from headway_pipeline.model.features import themes_hash
from headway_pipeline.model.ledger import Reason, ReasonCode
from headway_pipeline.model.workspaces import Connector, Credentials, Workspace
from headway_pipeline.orchestration.assets import CHAIN
from headway_pipeline.orchestration.graph import build_defs
from headway_pipeline.orchestration.jobs import READING
from headway_pipeline.orchestration.partitions import RANGE_TAGS, WORKSPACE_PARTITIONS, partition_key
from headway_pipeline.store import Store
from headway_pipeline_tests.orchestration.automation.conftest import Daemon
from headway_pipeline_tests.orchestration.conftest import RunJob
from headway_pipeline_tests.worlds import TODAY, Installation

NEW = "new-team"
SENSORS = ("workspace_mirror", "first_ingests", "refilings", "reruns", "webhook_hints")


def write(store: Store, statement: str, **values: object) -> None:
    """As a person with a database client does."""
    with store.database.writing() as connection:
        connection.execute(sa.text(statement), {key: _plain(value) for key, value in values.items()})


def _plain(value: object) -> object:
    return str(value) if isinstance(value, uuid.UUID) else value


def insert_theme(store: Store, workspace: Workspace, name: str = "Onboarding") -> None:
    write(
        store,
        "INSERT INTO themes (id, workspace_id, name) VALUES (:id, :workspace, :name)",
        id=uuid.uuid4(),
        workspace=workspace.id,
        name=name,
    )


def add_second(installation: Installation, name: str = "Other") -> Workspace:
    """Another team with the same calls."""
    store = installation.store
    second = store.workspaces.add(name)
    keys = Credentials({"access_key": "the-access-key", "secret_key": "the-secret-key"})
    store.connectors.add(second.id, "gong", base_url=installation.sandbox.base_url, credentials=keys)
    store.themes.add(second.id, "Exports", description="Getting data out on a schedule")
    return second


def states(store: Store, workspace: Workspace) -> set[str]:
    return {row["state"] for row in store.reading.messages(workspace.id)}


def day(days_ago: int, slug: str = "acme") -> str:
    return partition_key(slug, (TODAY - timedelta(days=days_ago)).date())


def ends(request: dg.RunRequest) -> tuple[str, str]:
    names = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
    return request.tags[names[0]], request.tags[names[1]]


def selected(request: dg.RunRequest) -> set[str]:
    return {key.to_user_string() for key in request.asset_selection or []}


class TestANewWorkspace:
    @pytest.fixture
    def by_sql(self, installation: Installation, monkeypatch: pytest.MonkeyPatch) -> Workspace:
        """A workspace, its connector and a theme, written with nothing but SQL."""
        monkeypatch.setenv("GONG_ACCESS_KEY", "the-access-key")
        monkeypatch.setenv("GONG_SECRET_KEY", "the-secret-key")
        store, key = installation.store, uuid.uuid4()
        write(store, "INSERT INTO workspaces (id, slug, name) VALUES (:id, :slug, 'New team')", id=key, slug=NEW)
        workspace = store.workspaces.find(NEW)
        insert_theme(store, workspace, "Exports")
        write(
            store,
            "INSERT INTO workspace_connectors (id, workspace_id, connector_type, name, uses_environment, base_url) "
            "VALUES (:id, :workspace, 'gong', 'gong', true, :base_url)",
            id=uuid.uuid4(),
            workspace=key,
            base_url=installation.sandbox.base_url,
        )
        return workspace

    def test_is_fully_ingested_though_nobody_touched_code_or_page(
        self, installation: Installation, by_sql: Workspace, daemon: Daemon
    ) -> None:
        requests = {request.tags["workspace"]: request for request in daemon.tick("first_ingests")}
        assert requests.keys() == {"acme", NEW}
        assert ends(requests[NEW]) == (day(4, NEW), day(0, NEW))
        assert selected(requests[NEW]) == set()
        assert requests[NEW].tags["asked_by"] == "sensor first_ingests"
        assert NEW in daemon.instance.get_dynamic_partitions(WORKSPACE_PARTITIONS)
        for request in requests.values():
            assert daemon.carry_out(request).success
        assert states(installation.store, by_sql) == {"analysed"}
        assert len(installation.store.reading.messages(by_sql.id)) == 3
        assert daemon.tick("first_ingests") == []

    def test_without_a_connector_waits_for_its_first_and_a_later_one_has_its_own_past_ingested(
        self, installation: Installation, daemon: Daemon
    ) -> None:
        store = installation.store
        empty = store.workspaces.add("Empty")
        insert_theme(store, empty, "Exports")
        daemon.settle("first_ingests")
        assert daemon.instance.get_runs_count(dg.RunsFilter(tags={"workspace": "empty"})) == 0
        keys = Credentials({"access_key": "the-access-key", "secret_key": "the-secret-key"})
        for name in ("gong", "second-gong"):
            address = installation.sandbox.base_url
            store.connectors.add(empty.id, "gong", name=name, base_url=address, credentials=keys)
            (request,) = daemon.settle("first_ingests")
            assert ends(request) == (day(4, "empty"), day(0, "empty"))

    def test_whose_key_is_refused_waits_for_a_person_and_goes_on_at_once_when_it_is_mended(
        self, installation: Installation, daemon: Daemon
    ) -> None:
        installation.reconnect(secret_key="wrong")
        (request,) = daemon.tick("first_ingests")
        assert not daemon.carry_out(request).success
        # Every day was asked for now; what failed is the other sensor's.
        assert daemon.tick("first_ingests") == []
        assert daemon.tick("reruns") == []
        daemon.ahead = timedelta(days=1)
        assert daemon.tick("reruns") == []
        daemon.ahead = timedelta(0)
        installation.reconnect()
        (mended,) = daemon.tick("reruns")
        assert daemon.carry_out(mended).success
        assert states(installation.store, installation.workspace) == {"analysed"}
        assert daemon.tick("reruns") == []

    def test_whose_run_died_at_once_is_asked_for_again_after_a_while(
        self, installation: Installation, daemon: Daemon
    ) -> None:
        (request,) = daemon.tick("first_ingests")
        run = daemon.launch(request)
        assert daemon.tick("first_ingests") == []
        daemon.instance.report_run_failed(run)
        assert daemon.tick("first_ingests") == []
        daemon.ahead = timedelta(minutes=2)
        (again,) = daemon.tick("first_ingests")
        assert again.run_key != request.run_key
        assert ends(again) == ends(request)

    def test_by_the_name_of_one_that_was_closed_is_ingested_like_any_other(
        self, installation: Installation, daemon: Daemon
    ) -> None:
        """Dagster never carries a run key out twice: the keys of the first must not be those of the second."""
        (first,) = daemon.settle("first_ingests")
        store = installation.store
        write(store, "UPDATE workspaces SET slug = 'acme-closed', is_active = false WHERE slug = 'acme'")
        daemon.tick("workspace_mirror")
        key = uuid.uuid4()
        write(store, "INSERT INTO workspaces (id, slug, name) VALUES (:id, 'acme', 'Acme')", id=key)
        keys = Credentials({"access_key": "the-access-key", "secret_key": "the-secret-key"})
        store.connectors.add(key, "gong", base_url=installation.sandbox.base_url, credentials=keys)
        (second,) = daemon.tick("first_ingests")
        assert second.run_key != first.run_key


class TestAChangeOfThemes:
    def test_files_all_days_of_that_workspace_again_and_touches_no_other(
        self, installation: Installation, daemon: Daemon
    ) -> None:
        second = add_second(installation)
        daemon.settle("first_ingests")
        assert daemon.tick("refilings") == []
        untouched = rows(installation.store, second)
        installation.sandbox.forget_requests()
        insert_theme(installation.store, installation.workspace)
        (request,) = daemon.tick("refilings")
        assert (request.tags["workspace"], selected(request)) == ("acme", set(READING))
        assert ends(request) == (day(3), day(1))
        assert daemon.carry_out(request).success
        current = themes_hash(installation.store.themes.current(installation.workspace.id))
        assert {row["filed_themes_hash"] for row in rows(installation.store, installation.workspace)} == {current}
        assert rows(installation.store, second) == untouched
        assert daemon.tick("refilings") == []
        assert not installation.sandbox.requests

    def test_reads_calls_that_waited_because_there_was_no_theme(
        self, installation: Installation, daemon: Daemon, run_job: RunJob
    ) -> None:
        store, workspace = installation.store, installation.workspace
        store.themes.archive(store.themes.list(workspace.id)[0].theme.id)
        assert not run_job().success
        assert states(store, workspace) == {"transcribed"}
        for sensor in ("refilings", "reruns"):
            assert daemon.tick(sensor) == []
        insert_theme(store, workspace, "Scheduled exports")
        daemon.settle("refilings")
        assert states(store, workspace) <= {"analysed", "not_relevant"}

    def test_reads_no_call_that_the_budget_of_somebodys_run_left_out(
        self, installation: Installation, daemon: Daemon, run_job: RunJob
    ) -> None:
        """It reaches over all days, and nobody asked for these to be paid for."""
        store, workspace = installation.store, installation.workspace
        store.themes.archive(store.themes.list(workspace.id)[0].theme.id)
        run_job()
        left = store.reading.messages(workspace.id)[0]["id"]
        with store.leases.hold(workspace.id, "a bounded run") as lease:
            store.messages.wait(lease, [left], Reason(ReasonCode.RUN_BUDGET, "the run's budget is spent"))
        insert_theme(store, workspace, "Scheduled exports")
        daemon.settle("refilings")
        standing = {row["id"]: row["state"] for row in store.reading.messages(workspace.id)}
        assert standing.pop(left) == "transcribed"
        assert set(standing.values()) <= {"analysed", "not_relevant"}
        assert run_job().success
        assert "transcribed" not in states(store, workspace)

    def test_that_is_taken_back_and_made_again_is_filed_each_time_without_a_wait(
        self, installation: Installation, daemon: Daemon, run_job: RunJob
    ) -> None:
        store, workspace = installation.store, installation.workspace
        run_job()
        (theme,) = [row.theme for row in store.themes.list(workspace.id)]
        for words in ("one", "another", "one", "another"):
            write(store, "UPDATE themes SET description = :words WHERE id = :id", words=words, id=theme.id)
            (request,) = daemon.tick("refilings")
            assert daemon.carry_out(request).success
            assert daemon.tick("refilings") == []

    def test_is_asked_for_once_while_its_run_waits_and_ever_more_seldom_while_it_fails(
        self, installation: Installation, daemon: Daemon, run_job: RunJob
    ) -> None:
        run_job()
        insert_theme(installation.store, installation.workspace)
        asked = []
        for minutes in range(60):
            daemon.ahead = timedelta(minutes=minutes)
            for request in daemon.tick("refilings"):
                asked.append(minutes)
                run = daemon.launch(request)
                assert daemon.tick("refilings") == []
                daemon.instance.report_run_failed(run)
        assert 3 <= len(asked) <= 5
        # Another change does not wait for what failed before.
        insert_theme(installation.store, installation.workspace, "Billing")
        assert len(daemon.tick("refilings")) == 1


def rows(store: Store, workspace: Workspace) -> list[dict[str, object]]:
    with store.database.reading() as connection:
        query = sa.text("SELECT * FROM messages WHERE workspace_id = :id ORDER BY id")
        return [dict(row) for row in connection.execute(query, {"id": str(workspace.id)}).mappings()]


def versions(daemon: Daemon, asset: str, slug: str) -> list[str | None]:
    """Of every materialization, oldest first."""
    found = daemon.instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=dg.AssetKey(asset), asset_partitions=[slug]), limit=100, ascending=True
    )
    return [
        (record.asset_materialization.tags or {}).get("dagster/data_version")
        for record in found.records
        if record.asset_materialization
    ]


class TestTheMirror:
    def test_reports_connectors_and_themes_where_they_changed_and_nothing_twice(
        self, installation: Installation, daemon: Daemon
    ) -> None:
        store, workspace = installation.store, installation.workspace
        for _ in range(3):
            daemon.tick("workspace_mirror")
        before = themes_hash(store.themes.current(workspace.id))
        assert versions(daemon, "workspace_themes", "acme") == [before]
        assert len(versions(daemon, "workspace_connectors", "acme")) == 1
        insert_theme(store, workspace)
        installation.reconnect()
        daemon.tick("workspace_mirror")
        assert versions(daemon, "workspace_themes", "acme") == [
            before,
            themes_hash(store.themes.current(workspace.id)),
        ]
        assert len(set(versions(daemon, "workspace_connectors", "acme"))) == 2

    def test_a_run_changes_no_version(self, installation: Installation, daemon: Daemon, run_job: RunJob) -> None:
        """Health is written at every run; it is nothing people changed."""
        daemon.tick("workspace_mirror")
        installation.reconnect(secret_key="wrong")
        daemon.tick("workspace_mirror")
        assert not run_job().success
        daemon.tick("workspace_mirror")
        assert len(versions(daemon, "workspace_connectors", "acme")) == 2

    def test_heals_what_was_missed_forgotten_or_deleted_by_hand(
        self, installation: Installation, daemon: Daemon
    ) -> None:
        installation.store.workspaces.add("Missed")
        daemon.instance.delete_dynamic_partition(WORKSPACE_PARTITIONS, "acme")
        daemon.instance.add_dynamic_partitions(WORKSPACE_PARTITIONS, ["nobody"])
        daemon.tick("workspace_mirror")
        assert set(daemon.instance.get_dynamic_partitions(WORKSPACE_PARTITIONS)) == {"acme", "missed"}
        daemon.cursors.clear()
        daemon.tick("workspace_mirror")
        assert len(set(versions(daemon, "workspace_themes", "acme"))) == 1

    def test_a_slug_that_is_none_stops_no_other_workspace(self, installation: Installation, daemon: Daemon) -> None:
        write(
            installation.store,
            "INSERT INTO workspaces (id, slug, name) VALUES (:id, 'Not|a, slug', 'Odd')",
            id=uuid.uuid4(),
        )
        installation.store.workspaces.add("Fine")
        daemon.tick("workspace_mirror")
        assert set(daemon.instance.get_dynamic_partitions(WORKSPACE_PARTITIONS)) == {"acme", "fine"}
        for sensor in SENSORS:
            daemon.tick(sensor)


class TestAClosedWorkspace:
    def test_loses_its_key_and_its_waiting_runs_and_keeps_its_history(
        self, installation: Installation, daemon: Daemon
    ) -> None:
        (request,) = daemon.settle("first_ingests")
        waiting = daemon.launch(request)
        job = daemon.repository.get_job("ingest")
        running = daemon.instance.create_run_for_job(job, tags={"workspace": "other"})
        # A backfill of the pages has no tag of ours.
        ends_of_pages = dict(zip(RANGE_TAGS, (day(3), day(1)), strict=True))
        of_pages = daemon.instance.create_run_for_job(job, tags=ends_of_pages)
        insert_theme(installation.store, installation.workspace)
        write(installation.store, "UPDATE workspaces SET is_active = false")
        for sensor in SENSORS:
            assert daemon.tick(sensor) == []
        assert daemon.instance.get_dynamic_partitions(WORKSPACE_PARTITIONS) == []
        ended = {run.run_id: run.status for run in daemon.instance.get_runs()}
        assert ended[waiting.run_id] is ended[of_pages.run_id] is dg.DagsterRunStatus.CANCELED
        assert ended[running.run_id] is dg.DagsterRunStatus.NOT_STARTED
        # What was done stays, in our tables and in Dagster's.
        assert len(rows(installation.store, installation.workspace)) == 3
        for asset in CHAIN:
            assert day(1) in daemon.instance.get_materialized_partitions(dg.AssetKey(asset))

    def test_that_is_opened_again_goes_on_where_it_was(self, installation: Installation, daemon: Daemon) -> None:
        daemon.settle("first_ingests")
        for is_active in ("false", "true"):
            write(installation.store, f"UPDATE workspaces SET is_active = {is_active}")
            daemon.tick("workspace_mirror")
        assert daemon.instance.get_dynamic_partitions(WORKSPACE_PARTITIONS) == ["acme"]
        assert daemon.tick("first_ingests") == []
        insert_theme(installation.store, installation.workspace)
        assert len(daemon.tick("refilings")) == 1


class TestWhatWasLeftBehind:
    def test_calls_that_a_killed_run_had_only_listed_are_hydrated_and_read_without_listing_them_again(
        self, installation: Installation, daemon: Daemon, run_job: RunJob
    ) -> None:
        daemon.repository.get_job("ingest").execute_in_process(
            instance=daemon.instance,
            tags={
                "dagster/asset_partition_range_start": day(3),
                "dagster/asset_partition_range_end": day(1),
            },
            asset_selection=[dg.AssetKey("raw_calls")],
        )
        assert states(installation.store, installation.workspace) == {"listed"}
        installation.sandbox.forget_requests()
        (request,) = daemon.settle("reruns")
        assert (ends(request), selected(request)) == ((day(3), day(1)), set(CHAIN[1:]))
        assert states(installation.store, installation.workspace) == {"analysed"}
        assert "/v2/calls" not in {asked.path for asked in installation.sandbox.requests}
        assert {asked.path for asked in installation.sandbox.requests} == {"/v2/calls/transcript"}

    def test_days_on_which_nothing_ran_are_caught_up(self, installation: Installation, daemon: Daemon) -> None:
        daemon.settle("first_ingests")
        gone = [(TODAY - timedelta(days=days_ago)).date() for days_ago in (2, 3)]
        for lost in gone:
            write(installation.store, "DELETE FROM listings WHERE day = :day", day=lost.isoformat())
        (request,) = daemon.settle("first_ingests")
        assert ends(request) == (day(3), day(2))

    def test_everything_quiet_asks_for_nothing(self, installation: Installation, daemon: Daemon) -> None:
        daemon.settle("first_ingests")
        for sensor in SENSORS:
            assert daemon.tick(sensor) == []


class TestAHint:
    @pytest.fixture
    def connector(self, installation: Installation, daemon: Daemon) -> Connector:
        daemon.settle("first_ingests")
        return installation.store.connectors.find(installation.workspace.id, "gong")

    def hint(self, installation: Installation, connector: Connector, days_ago: int = 2) -> None:
        installation.store.hints.record(
            connector,
            uuid.uuid4().hex,
            external_id="call-2",
            occurred_at=TODAY - timedelta(days=days_ago),
            received_at=datetime.now(tz=UTC),
        )

    def test_has_its_day_listed_and_is_settled_by_that(
        self, installation: Installation, connector: Connector, daemon: Daemon
    ) -> None:
        for _ in range(3):
            self.hint(installation, connector)
        (request,) = daemon.tick("webhook_hints")
        assert (ends(request), selected(request)) == ((day(2), day(2)), set())
        assert len(installation.store.hints.due()) == 3
        assert daemon.carry_out(request).success
        assert daemon.tick("webhook_hints") == []
        assert installation.store.hints.due() == []

    def test_is_kept_until_then_whatever_becomes_of_the_run(
        self, installation: Installation, connector: Connector, daemon: Daemon
    ) -> None:
        self.hint(installation, connector)
        (lost,) = daemon.tick("webhook_hints")
        # The daemon died before it made the run: the same request comes again.
        assert [request.run_key for request in daemon.tick("webhook_hints")] == [lost.run_key]
        installation.reconnect(secret_key="wrong")
        assert not daemon.carry_out(lost).success
        # The source refuses the key: until somebody mends it no hint of it has a run.
        assert installation.store.hints.due() == []
        assert daemon.tick("webhook_hints") == []
        installation.reconnect()
        assert len(installation.store.hints.due()) == 1
        daemon.settle("reruns")
        daemon.tick("webhook_hints")
        assert installation.store.hints.due() == []

    def test_of_a_disabled_connector_asks_for_nothing(
        self, installation: Installation, connector: Connector, daemon: Daemon
    ) -> None:
        self.hint(installation, connector)
        installation.store.connectors.disable(connector.id)
        assert daemon.tick("webhook_hints") == []


def test_dagster_itself_evaluates_the_sensors_from_a_reference_to_its_instance(installation: Installation) -> None:
    """As the code server does it, which knows no more than where the instance is."""
    repository = build_defs().get_repository_def()
    with dg.instance_for_test() as instance:
        for name in SENSORS:
            sensor = repository.get_sensor_def(name)
            with dg.SensorEvaluationContext(
                instance_ref=instance.get_ref(),
                repository_def=repository,
                resources={"ledger": repository.get_top_level_resources()["ledger"]},
            ) as context:
                answer = sensor.evaluate_tick(context)
            assert (len(answer.run_requests or []) == 1) is (name == "first_ingests")
            assert sensor.minimum_interval_seconds is not None
