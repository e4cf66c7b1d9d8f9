"""A month of calls with everything going wrong at once, until nothing is left to do: `python -m benchmarks.soak`.

A local Gong and a local Fathom fail in 5 of 100 requests, in every way; calls and transcripts come late; calls are
deleted, made private, renamed and unshared; pages shift and cursors expire while they are walked; two Fathom keys see
the same meetings. Time is made up: the runs are those of the pipeline's own schedules, and then runs over all days
until nothing changes. Then every table is held against what must be there.

With `--kills 50` the runs are the real Dagster job in processes of its own, which are killed at random moments, in
turn in each of the five stages. Ends with status 1 where anything is not as it must be.
"""

import argparse
import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from headway_pipeline.store.schema import upgrade_database
from headway_pipeline_tests.databases import running_postgres
from headway_pipeline_tests.soaking.killing import Killer
from headway_pipeline_tests.soaking.schedule import due_ranges, live_through, settle
from headway_pipeline_tests.soaking.setting import Setting, set_up
from headway_pipeline_tests.soaking.verdict import Verdict, falsely_gone, judge


@contextmanager
def database(kind: str, folder: Path) -> Iterator[str]:
    """An empty database of this kind."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'headway.db'}"
        return
    with running_postgres() as postgres:
        yield postgres.create()


def report(setting: Setting, verdict: Verdict, settling: int) -> None:
    """Print what happened."""
    print(f"runs: {setting.runs}, the last {settling} of them over all days")
    print(f"requests: {len(setting.sandbox.requests)}, of these failed on purpose: {setting.plan.happened.total()}")
    for kind, number in sorted(setting.plan.happened.items(), key=lambda item: item[0].value):
        print(f"    {number:>6} x {kind.value}")
    for what, number in sorted(setting.weather.happened.items()):
        print(f"    {number:>6} x {what}")
    for (source, state), number in sorted(verdict.counts.items()):
        print(f"{source} {state}: {number}")
    print(verdict)


def soaked(setting: Setting, every_h: int) -> Verdict:
    """With every run in this process."""
    gone: list[str] = []
    live_through(setting, setting.ingest, every_h=every_h, look=lambda: gone.extend(falsely_gone(setting)))
    settling = settle(setting, setting.ingest)
    verdict = judge(setting)
    verdict.violations["taken for deleted on the way"] = gone
    report(setting, verdict, settling)
    return verdict


def soaked_and_killed(setting: Setting, every_h: int, killer: Killer) -> Verdict:
    """With every run in a process of its own, and some of them killed."""
    gone: list[str] = []
    live_through(setting, killer.ingest, every_h=every_h, look=lambda: gone.extend(falsely_gone(setting)))
    settling = settle(setting, killer.ingest)
    while killer.left:
        killer.ingest(setting.soak.start.date(), setting.clock().date())
    setting.runs = killer.runs
    heard = killer.heard(setting.sandbox.requests)
    verdict = judge(setting, heard)
    verdict.violations["taken for deleted on the way"] = gone
    verdict.violations["kept out by the dead"] = killer.locked_out
    verdict.violations["broken runs"] = killer.broken
    report(setting, verdict, settling)
    print(f"waits told to a process that died of it: {len(setting.sandbox.requests) - len(heard)}")
    print(f"killed: {killer.kills.total()}, " + ", ".join(f"{n} in {step}" for step, n in killer.kills.items()))
    print(f"CPU of the runs: {killer.cpu_s:.0f} s")
    return verdict


def main() -> None:
    """Soak, judge, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=2_000, help="in each source")
    parser.add_argument("--days", type=int, default=30, help="over which the calls are spread")
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(3)), help="of calls, faults and kills")
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument(
        "--every", type=int, default=1, metavar="HOURS", help="between runs of the hourly schedule; 0: none"
    )
    parser.add_argument("--kills", type=int, default=0, help="kill runs of the real job, in turn in each stage")
    asked = parser.parse_args()
    print(
        f"{asked.calls} calls in each source over {asked.days} days, {asked.database}, seed {asked.seed}", flush=True
    )
    began, began_cpu = time.perf_counter(), time.process_time()
    with tempfile.TemporaryDirectory(prefix="headway-soak-") as made, database(asked.database, Path(made)) as url:
        upgrade_database(url)
        with set_up(url, Path(made), calls=asked.calls, days=asked.days, seed=asked.seed) as setting:
            if asked.kills:
                runs = len(due_ranges(setting.soak, asked.every))
                killer = Killer(setting, url, Path(made) / "home", kills=asked.kills, runs=runs, seed=asked.seed)
                verdict = soaked_and_killed(setting, asked.every, killer)
            else:
                verdict = soaked(setting, asked.every)
    spent, spent_cpu = time.perf_counter() - began, time.process_time() - began_cpu
    print(f"{spent:.0f} s, {spent_cpu:.0f} CPU s, {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    sys.exit(0 if verdict.is_clean else 1)


if __name__ == "__main__":
    main()
