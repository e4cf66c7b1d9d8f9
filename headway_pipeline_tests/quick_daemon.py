"""Dagster's daemon, started as a program, that looks after backfills every second instead of every half minute.

Dagster has no setting for that. A backfill ends in the second look at it, so that each costs a test up to a minute of
waiting. The figures of the benchmarks come of the daemon as it is.
"""

from dagster._daemon import controller
from dagster._daemon.cli import main

LOOK_EVERY_S = 1

if __name__ == "__main__":
    assert controller.DEFAULT_DAEMON_INTERVAL_SECONDS == 30, "Dagster changed what this is about"
    controller.DEFAULT_DAEMON_INTERVAL_SECONDS = LOOK_EVERY_S
    main()
