"""Listings stay quick: what they must not load. (Seconds are measured in benchmarks/, never in a test.)"""

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("dagster", "pandas", "anthropic", "openai", "alembic", "matplotlib", "cryptography", "requests")


def loaded_by(home: Path, *arguments: str) -> set[str]:
    program = (
        "import sys\n"
        "from headway_pipeline.cli.main import run\n"
        "try:\n"
        "    run(sys.argv[1:])\n"
        "except SystemExit as ended:\n"
        "    assert not ended.code, ended.code\n"
        f"print('LOADED', *(set({HEAVY!r}) & set(sys.modules)))"
    )
    environment = {"HEADWAY_HOME": str(home), "PATH": "/usr/bin:/bin", "HOME": str(home)}
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, env=environment, check=True
    )
    return set(done.stdout.splitlines()[-1].split()[1:])


def test_the_help_loads_nothing_but_click(tmp_path: Path) -> None:
    assert loaded_by(tmp_path / "home", "--help") == set()


@pytest.mark.parametrize("command", ["features", "inbox", "messages", "status", "theme list", "connector list"])
def test_listing_commands_load_nothing_heavy(tmp_path: Path, command: str) -> None:
    home = tmp_path / "home"
    loaded_by(home, "workspace", "add", "Acme")
    assert loaded_by(home, *command.split(), "--workspace-id", "acme") == set()
