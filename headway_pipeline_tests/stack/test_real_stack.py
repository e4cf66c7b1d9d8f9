"""What happens by itself, and what comes after a failure.

The tests build on one another in their order: what one leaves behind, the next one looks at.
"""

import os
import signal
from contextlib import suppress
from datetime import date, timedelta
from functools import partial
from uuid import uuid4

from headway_pipeline.orchestration.partitions import partition_key
from headway_pipeline_tests.stack.processes import Stack, wait_for
from headway_pipeline_tests.stack.setting import is_filed, write_theme, write_workspace
from headway_pipeline_tests.worlds import TODAY, sandbox_call, world


def day(days_ago: int) -> date:
    return (TODAY - timedelta(days=days_ago)).date()


def states(stack: Stack, slug: str) -> list[str]:
    store = stack.installation.store
    return [row["state"] for row in store.reading.messages(store.workspaces.find(slug).id)]


def test_a_schedule_whose_time_passed_unseen_is_made_up_for(stack: Stack) -> None:
    run = wait_for("the schedule's run", lambda: stack.succeeded(asked_by="schedule hourly", workspace="acme"))
    assert run["tags"]["dagster/asset_partition_range_start"] == partition_key("acme", day(1))
    assert run["tags"]["dagster/asset_partition_range_end"] == partition_key("acme", day(0))
    assert states(stack, "acme") == ["analysed"] * 3
    stack.stop_schedule("hourly")


def test_a_workspace_that_is_written_with_sql_is_ingested_by_itself(stack: Stack) -> None:
    workspace_id = write_workspace(stack, "umbrella")
    stack.sql("INSERT INTO workspaces (id, slug, name) VALUES (:w, 'initech', 'Without a source')", w=uuid4())
    wait_for("its run", lambda: stack.succeeded(workspace="umbrella"))
    assert states(stack, "umbrella") == ["analysed"] * 3
    store = stack.installation.store
    assert len(store.reading.features(workspace_id)) + len(store.reading.inbox(workspace_id)) == 3
    wait_for("every partition", lambda: sorted(stack.workspaces()) == ["acme", "initech", "umbrella"])


def test_a_theme_that_is_written_with_sql_files_its_workspace_again_and_no_other(stack: Stack) -> None:
    wait_for("rest", lambda: not stack.unfinished_runs())
    before = {run["runId"] for run in stack.runs()}
    write_theme(stack, stack.installation.workspace.id, "Schedules")
    wait_for("filing at the new themes", lambda: is_filed(stack, "acme"))
    run = wait_for("the end of its run", lambda: stack.succeeded(workspace="acme", asked_by="sensor refilings"))
    assert run["tags"]["dagster/asset_partition_range_start"] == partition_key("acme", day(1))
    refilings = [run for run in stack.runs(asked_by="sensor refilings") if run["runId"] not in before]
    assert [run["tags"]["workspace"] for run in refilings] == ["acme"]


def test_backfills_over_several_workspaces_and_over_gaps_are_few_runs_and_cost_only_listings(stack: Stack) -> None:
    """One selection is a day of all workspaces, in one run; the other leaves out a workspace and a day."""
    first, between, last = stack.workspaces()
    together = [partition_key(slug, day(1)) for slug in (first, between, last)]
    apart = [partition_key(first, day(20)), partition_key(last, day(20)), partition_key(first, day(18))]
    wait_for("rest", lambda: not stack.unfinished_runs())
    stack.installation.sandbox.forget_requests()
    backfills = {stack.launch_backfill(together): 1, stack.launch_backfill(apart): 3}

    def is_done(backfill_id: str) -> bool:
        return stack.backfill_status(backfill_id) == "COMPLETED_SUCCESS"

    for backfill_id, runs in backfills.items():
        wait_for("the backfill", partial(is_done, backfill_id))
        assert len(stack.runs(**{"dagster/backfill": backfill_id})) == runs
    assert set(together) | set(apart) <= stack.materialized("theme_matched_features")
    assert {request.path for request in stack.installation.sandbox.requests} == {"/v2/calls/extensive"}


def test_a_run_whose_process_is_killed_is_noticed_and_done_again(stack: Stack) -> None:
    store, slug = stack.installation.store, "acme"
    with store.leases.hold(store.workspaces.find(slug).id, "a test that keeps the run waiting"):
        run_id = stack.launch_run(slug, day(30), day(29))
        pid = wait_for("the run's process", lambda: stack.process_of(run_id))
        wait_for("the run's first step", lambda: stack.run(run_id)["status"] == "STARTED")
        os.kill(pid, signal.SIGKILL)
        wait_for("the run to be failed", lambda: stack.run(run_id)["status"] == "FAILURE")
    wait_for("the run again", lambda: stack.succeeded(**{"dagster/parent_run_id": run_id}))
    assert partition_key(slug, day(30)) in stack.materialized("theme_matched_features")


def test_a_workspace_that_is_closed_with_sql_disappears_and_keeps_its_history(stack: Stack) -> None:
    stack.sql("UPDATE workspaces SET is_active = false WHERE slug <> 'acme'")
    wait_for("one partition", lambda: stack.workspaces() == ["acme"])
    assert states(stack, "umbrella") == ["analysed"] * 3
    assert stack.succeeded(workspace="umbrella")


def test_after_a_while_without_its_database_everything_goes_on_where_it_stood(stack: Stack) -> None:
    """No process ends of it: sensors tick again, runs are launched again, and a call that came meanwhile is read."""
    stack.server.stop("fast")
    late = sandbox_call(9)
    stack.installation.sandbox.change_world(lambda before: world(*before.companies[0].calls, late))
    wait_for("the daemon to notice", lambda: "Failed to add heartbeat" in stack.processes.words("daemon"))
    stack.server.start()
    wait_for("the pages", stack.is_answering)
    write_theme(stack, stack.installation.workspace.id, "Reports")
    wait_for("filing at the new themes", lambda: is_filed(stack, "acme"))

    def launched() -> str | None:
        # The webserver's pooled connections broke with the database: the first things asked fail once each.
        with suppress(AssertionError):
            return stack.launch_run("acme", day(1), day(0))
        return None

    run_id = wait_for("a launch", launched)
    wait_for("a run", lambda: stack.run(run_id)["status"] == "SUCCESS")
    assert states(stack, "acme") == ["analysed"] * 4
    assert stack.processes.ended() == []
