"""`headway up`: Dagster's code server, daemon and pages, and the REST API, on the loopback address as one program."""

import json
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from headway_pipeline.cli.context import opened, ready_settings, verbose_option
from headway_pipeline.cli.output import say
from headway_pipeline.cli.supervisor import Child, answers_at, answers_on, supervise
from headway_pipeline.model.errors import ConfigurationError

__all__ = ["command"]

LOCATION = "headway_pipeline"
DEFINITIONS = "headway_pipeline.definitions"
#: What a Unix socket's path may be long on every system.
MOST_SOCKET_PATH = 100


@click.command(name="up")
@click.option("--port", type=click.IntRange(1, 65535), default=3000, show_default=True, help="Of Dagster's pages.")
@click.option(
    "--read-only-port",
    type=click.IntRange(0, 65535),
    default=3001,
    show_default=True,
    help="Of the same pages without anything that changes something; 0 for none.",
)
@click.option(
    "--api-port",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    help="Of the REST API; 0 for none.",
)
@verbose_option
def command(port: int, read_only_port: int, api_port: int, verbose: bool) -> int:
    """Start Dagster and the REST API on the loopback address until Ctrl-C.

    Dagster's pages have no login: whoever reaches the port can do everything. Keep it on loopback.
    """
    from headway_pipeline.orchestration.instance import process_environment
    from headway_pipeline.orchestration.launch import prepare_instance

    _require_free(port, "--port")
    for number, option in ((read_only_port, "--read-only-port"), (api_port, "--api-port")):
        if number:
            _require_free(number, option)
    settings = ready_settings()
    with opened() as store:
        slugs = [workspace.slug for workspace in store.workspaces.list()]
    home = prepare_instance(settings, slugs)
    environment = {**os.environ, **process_environment(settings)}
    # The API asks the webserver for runs.
    environment.setdefault("HEADWAY_DAGSTER_URL", f"http://127.0.0.1:{port}")
    if not verbose:
        environment.setdefault("PYTHONWARNINGS", "ignore")
    with _alone(home), _run_folder() as folder:
        say(f"starting Dagster with its records in {home}; Ctrl-C stops it")
        children = _children(folder, port, read_only_port, log_level="info" if verbose else "warning")
        if api_port:
            children.append(_api(api_port, is_verbose=verbose))
        return supervise(children, environment, say)


def _children(folder: Path, port: int, read_only_port: int, *, log_level: str) -> list[Child]:
    """Dagster's programs."""
    code_socket = str(folder / "code.sock")
    workspace = folder / "workspace.yaml"
    # JSON is YAML, and quotes any path.
    server = {"grpc_server": {"socket": code_socket, "location_name": LOCATION}}
    workspace.write_text(json.dumps({"load_from": [server]}), encoding="utf-8")
    pages = (
        *(_program("dagster-webserver"), "-w", str(workspace), "-h", "127.0.0.1"),
        *("--log-level", "warning", "--dagster-log-level", log_level),
    )
    code = (
        *(_program("dagster"), "api", "grpc", "-m", DEFINITIONS, "--socket", code_socket),
        *("--location-name", LOCATION, "--log-level", log_level),
    )
    children = [
        Child("code server", code, answers_on(code_socket), is_first=True),
        Child("daemon", (_program("dagster-daemon"), "run", "-w", str(workspace), "--log-level", log_level)),
        Child(
            "webserver",
            (*pages, "-p", str(port)),
            answers_at(port),
            f"Dagster at http://127.0.0.1:{port}",
        ),
    ]
    if read_only_port:
        children.append(
            Child(
                "read-only webserver",
                (*pages, "-p", str(read_only_port), "--read-only"),
                answers_at(read_only_port),
                f"to look only: http://127.0.0.1:{read_only_port}",
            )
        )
    return children


def _api(port: int, *, is_verbose: bool) -> Child:
    arguments = [_program("headway"), "api", "--port", str(port), *(["--verbose"] if is_verbose else [])]
    # It says itself where it is.
    return Child("api", arguments, answers_at(port))


def _program(name: str) -> str:
    """The program of that name beside this interpreter, else in PATH.

    Raises:
        ConfigurationError: it is in neither.
    """
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise ConfigurationError(
            f"the command `{name}` is not installed beside this one", "install the project again"
        )
    return found


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """No second one over the same records: two daemons would launch every run twice. A process that dies lets go.

    Raises:
        ConfigurationError: there is one.
    """
    import fcntl

    folder = os.open(home, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise ConfigurationError(
            f"another `headway up` runs over the records in {home}",
            "stop that one first, or give this one another HEADWAY_HOME",
        ) from error
    finally:
        os.close(folder)


@contextmanager
def _run_folder() -> Iterator[Path]:
    """A folder for the socket of the code server, which asks nobody who they are: open to its owner only."""
    from headway_pipeline.orchestration.abandoned import server_folder_prefix

    with tempfile.TemporaryDirectory(prefix=server_folder_prefix()) as made:
        if len(made) > MOST_SOCKET_PATH:
            raise ConfigurationError(
                f"the path {made} is too long for a socket", "set TMPDIR to a folder with a short path"
            )
        yield Path(made)


def _require_free(port: int, option: str) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise ConfigurationError(
                f"port {port} cannot be had ({error.strerror})",
                f"stop what listens there, or give another {option}",
            ) from error
