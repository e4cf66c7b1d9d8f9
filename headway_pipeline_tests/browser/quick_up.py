"""`headway up`, started as a program, as it is but for the daemon, which looks after backfills every second."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

from headway_pipeline.cli import up
from headway_pipeline.cli.main import run
from headway_pipeline.cli.supervisor import Child, supervise

DAEMON = (sys.executable, "-P", str(Path(__file__).parents[1] / "quick_daemon.py"))


def supervise_quickly(children: Sequence[Child], environment: Mapping[str, str], say: Callable[[str], None]) -> int:
    """With the other daemon in the place of its own."""
    (daemon,) = (child for child in children if child.name == "daemon")
    quick = replace(daemon, arguments=(*DAEMON, *daemon.arguments[1:]))
    return supervise([quick if child is daemon else child for child in children], environment, say)


if __name__ == "__main__":
    with patch.object(up, "supervise", supervise_quickly):
        run()
