"""`headway up`: Dagster's webserver and daemon on this machine's loopback."""

import os
import shutil
import socket
import sys
import tempfile
from pathlib import Path

import click

from headway_pipeline.cli.context import opened, ready_settings, verbose_option
from headway_pipeline.cli.output import say
from headway_pipeline.model.errors import ConfigurationError

__all__ = ["command"]

WORKSPACE_FILE = "workspace.yaml"


@click.command(name="up")
@click.option("--port", type=click.IntRange(1, 65535), default=3000, show_default=True, help="Of Dagster's pages.")
@verbose_option
def command(port: int, verbose: bool) -> None:
    """Start Dagster on the loopback address until Ctrl-C.

    Dagster's pages have no login: whoever reaches the port can do everything. Keep it on loopback.
    """
    from headway_pipeline.orchestration.launch import prepare_instance

    _require_free(port)
    settings = ready_settings()
    with opened() as store:
        slugs = [workspace.slug for workspace in store.workspaces.list()]
    home = prepare_instance(settings, slugs)
    dagster = Path(sys.executable).with_name("dagster")
    if not dagster.exists() and shutil.which("dagster") is None:
        raise ConfigurationError(
            "the command `dagster` is not installed beside this one", "install the project again"
        )
    executable = str(dagster) if dagster.exists() else "dagster"
    say(f"Dagster at http://127.0.0.1:{port} with its records in {home}; Ctrl-C stops it")
    environment = {**os.environ, "DAGSTER_HOME": str(home), "DAGSTER_DISABLE_TELEMETRY": "1"}
    arguments = ["dev", "-w", str(_workspace_file()), "-h", "127.0.0.1", "-p", str(port)]
    if not verbose:
        arguments += ["--log-level", "warning"]
        # `dagster dev` announces its successor `dg dev` at every start.
        environment.setdefault("PYTHONWARNINGS", "ignore")
    os.execve(executable, [executable, *arguments], environment)  # noqa: S606  # our own interpreter's neighbour


def _require_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise ConfigurationError(
                f"port {port} cannot be had ({error.strerror})",
                "stop what listens there, or give another --port",
            ) from error


def _workspace_file() -> Path:
    """The project's `workspace.yaml`, or one like it where the package is installed without its folder."""
    beside = Path(__file__).resolve().parents[2] / WORKSPACE_FILE
    if beside.exists():
        return beside
    made = Path(tempfile.mkdtemp(prefix="headway-")) / WORKSPACE_FILE
    made.write_text("load_from:\n  - python_module: headway_pipeline.definitions\n", encoding="utf-8")
    return made
