"""How soon things happen by themselves on a running installation: `python -m benchmarks.stack`.

Code server, webserver and daemon run as processes on a PostgreSQL of their own; a local Gong serves three calls.
Printed are the seconds from a row written with SQL to its effect: a new workspace to its calls filed (the bound is
30 s from the tick that saw it; ticks come every 10 s), a new theme to its workspace filed again (60 s); and from the
end of a run's process by SIGKILL to a run that did its days again.
"""

import os
import signal
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from headway_pipeline_tests.stack.processes import Stack, wait_for
from headway_pipeline_tests.stack.setting import is_filed, running_stack, write_theme, write_workspace
from headway_pipeline_tests.worlds import TODAY


def timed(what: str, look: Callable[[], object]) -> float:
    """Print and return the seconds until `look` finds something."""
    started = time.monotonic()
    wait_for(what, look)
    seconds = time.monotonic() - started
    print(f"{what:<58}{seconds:6.1f} s")
    return seconds


def measure(stack: Stack) -> bool:
    """Whether every bound was kept."""
    wait_for("a run", lambda: stack.succeeded(workspace="acme"))
    wait_for("rest", lambda: not stack.unfinished_runs())
    write_workspace(stack, "umbrella")
    timed("a workspace written with SQL until its run is asked for", lambda: stack.runs(workspace="umbrella"))
    ingested = timed("  from there until its calls are filed", lambda: stack.succeeded(workspace="umbrella"))
    wait_for("rest", lambda: not stack.unfinished_runs())
    write_theme(stack, stack.installation.workspace.id, "Schedules")
    filed = timed("a theme written with SQL until its workspace is filed again", lambda: is_filed(stack, "acme"))
    wait_for("rest", lambda: not stack.unfinished_runs())
    kill_a_run(stack)
    return ingested <= 30 and filed <= 60


def kill_a_run(stack: Stack) -> None:
    """End the process of a run that waits for its workspace."""
    day = (TODAY - timedelta(days=1)).date()
    with stack.installation.store.leases.hold(stack.installation.workspace.id, "a benchmark"):
        run_id = stack.launch_run("acme", day, day)
        pid = wait_for("the run's process", lambda: stack.process_of(run_id))
        wait_for("its first step", lambda: stack.run(run_id)["status"] == "STARTED")
        os.kill(pid, signal.SIGKILL)
        timed("a killed run until Dagster says so", lambda: stack.run(run_id)["status"] == "FAILURE")
    timed("  from there until its days are done again", lambda: stack.succeeded(**{"dagster/parent_run_id": run_id}))


def main() -> None:
    """Start everything, measure, print; ends with status 1 where a bound is missed."""
    with tempfile.TemporaryDirectory() as folder, running_stack(Path(folder)) as stack:
        are_kept = measure(stack)
    if not are_kept:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
