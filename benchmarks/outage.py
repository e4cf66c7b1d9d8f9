"""A long time without the database, and what happens by itself afterwards: `python -m benchmarks.outage`.

Code server, webserver and daemon run as processes on a PostgreSQL of their own. While a run is under way the database
is stopped, in the run's first second or (`--named`) after its process named itself; a call comes that nobody lists;
after `--minutes` (60) the database starts again and nothing else is done. Printed are the seconds until sensors tick,
until the run that was cut off has ended, until the call is read, and whether a process ended, a run was left open or
a call stands twice.
"""

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from headway_pipeline.orchestration.instance import opened_instance
from headway_pipeline.orchestration.process_names import named_process
from headway_pipeline_tests.stack.processes import Stack, wait_for
from headway_pipeline_tests.stack.setting import running_stack
from headway_pipeline_tests.worlds import TODAY, sandbox_call, world

#: The hourly schedule lists again an hour later at the latest.
PATIENCE_S = 4200.0


def cut_off_a_run(stack: Stack, *, named: bool) -> str:
    """Stop the database while a run waits for its workspace; returns the run's id.

    Args:
        named: only after the run's process named itself; else as soon as Dagster says that it started.
    """
    first, last = (TODAY - timedelta(days=2)).date(), (TODAY - timedelta(days=1)).date()
    with stack.installation.store.leases.hold(stack.installation.workspace.id, "a benchmark"):
        run_id = stack.launch_run("acme", first, last)
        wait_for("its start", lambda: stack.run(run_id)["status"] == "STARTED")
        if named:
            wait_for("its name", lambda: _is_named(stack, run_id))
        stack.server.stop("fast")
    return run_id


def _is_named(stack: Stack, run_id: str) -> bool:
    # The pages and their API keep the name to themselves.
    with opened_instance(stack.installation.settings) as instance:
        run = instance.get_run_by_id(run_id)
    return run is not None and named_process(run_id, run.tags) is not None


def catch_up(stack: Stack, run_id: str) -> list[str]:
    """Wait for everything to be right again; returns what is not."""
    started = time.monotonic()

    def told(what: str, look: Callable[[], object]) -> None:
        wait_for(what, lambda: _answered(look), PATIENCE_S)
        print(f"{what:<46}{time.monotonic() - started:8.1f} s", flush=True)

    told("the pages answer", stack.is_answering)
    told("a sensor ticks", lambda: stack.ticks("workspace_mirror")[0]["timestamp"] > time.time() - 30)
    told("the run that was cut off has ended", lambda: stack.run(run_id)["status"] in ("FAILURE", "SUCCESS"))
    print(f"  as {stack.run(run_id)['status'].lower()}", flush=True)
    told("the call that came meanwhile is read", lambda: counted(stack, "state") == Counter(analysed=4))
    told("no run is left open", lambda: not stack.unfinished_runs())
    wrong = [f"the process {name} ended" for name in stack.processes.ended()]
    titles = counted(stack, "title")
    return wrong + [f"{title} stands {number} times" for title, number in titles.items() if number > 1]


def counted(stack: Stack, name: str) -> Counter[str]:
    """How many calls of the workspace have which value of a field."""
    return Counter(row[name] for row in stack.installation.store.reading.messages(stack.installation.workspace.id))


def _answered(look: Callable[[], object]) -> object:
    try:
        return look()
    except Exception:  # noqa: BLE001  # whatever the webserver or the store says while they find their database again
        return None


def main() -> None:
    """Start everything, stop the database, wait, start it, print; ends with status 1 where something is not right."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--named", action="store_true", help="cut the run off after its process named itself")
    given = parser.parse_args()
    minutes = given.minutes
    with tempfile.TemporaryDirectory() as folder, running_stack(Path(folder)) as stack:
        wait_for("a run", lambda: stack.succeeded(workspace="acme"), PATIENCE_S)
        wait_for("rest", lambda: not stack.unfinished_runs(), PATIENCE_S)
        run_id = cut_off_a_run(stack, named=given.named)
        calls = stack.installation.sandbox.world.companies[0].calls
        stack.installation.sandbox.world = world(*calls, sandbox_call(9))
        print(f"the database is away for {minutes:g} minutes, from {time.strftime('%H:%M:%S')} on", flush=True)
        time.sleep(minutes * 60)
        stack.server.start()
        wrong = catch_up(stack, run_id)
    print("\n".join(wrong) or "everything as it should be")
    if wrong:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
