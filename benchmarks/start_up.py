"""What a command costs before it does anything: `python -m benchmarks.start_up`.

Prints CPU seconds (user and system) of fresh processes, the least of several, against an empty embedded database.
"""

import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

COMMANDS = (
    ("headway --help", ["--help"]),
    ("headway workspace list", ["workspace", "list"]),
    ("headway features", ["features", "--workspace-id", "acme"]),
    ("headway status", ["status", "--workspace-id", "acme"]),
)
TRIES = 5
PROGRAM = "from headway_pipeline.cli.main import run; run()"


def cpu_seconds(arguments: list[str], home: Path) -> float:
    """CPU seconds of one process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(  # this interpreter, these arguments
        [sys.executable, "-c", PROGRAM, *arguments],
        env={**os.environ, "HEADWAY_HOME": str(home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Print one line a command, and its ratio to a bare interpreter."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        cpu_seconds(["workspace", "add", "Acme"], home)
        for name, arguments in COMMANDS:
            least = min(cpu_seconds(arguments, home) for _ in range(TRIES))
            print(f"{name:<26}{least:6.2f} CPU s")  # the report is the purpose


if __name__ == "__main__":
    main()
