"""The supervisor with real processes: however it ends, nothing it started is left.

The children are small programs that start a child of their own and write down both process ids.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from headway_pipeline.cli.supervisor import GRACE_S

#: argv: a folder for process ids, the name, how it takes SIGTERM, and after how many seconds it ends by itself.
CHILD = """
import os, signal, subprocess, sys, time
folder, name, term, ends_after = sys.argv[1:]
if term == "ignored":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
with open(os.path.join(folder, name + ".part"), "w") as written:
    written.write(f"{os.getpid()} {grandchild.pid}")
os.rename(os.path.join(folder, name + ".part"), os.path.join(folder, name))
time.sleep(float(ends_after))
sys.exit(3)
"""
#: argv: the same folder; then for each child its name, how it takes SIGTERM and when it ends.
SUPERVISOR = f"""
import functools, os, sys
from headway_pipeline.cli.supervisor import Child, supervise
folder, *rest = sys.argv[1:]
children = [
    Child(
        name,
        (sys.executable, "-c", {CHILD!r}, folder, name, term, ends),
        functools.partial(os.path.exists, os.path.join(folder, name)),
        f"{{name}} answers",
        is_first=name == "first",
    )
    for name, term, ends in zip(rest[::3], rest[1::3], rest[2::3])
]
sys.exit(supervise(children, os.environ, lambda words: print(words, file=sys.stderr, flush=True)))
"""
LONG = "300"
TWO = ("first", "taken", LONG, "second", "taken", LONG)
Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a supervisor over the named children and waits until all of them run."""
    started: list[subprocess.Popen[bytes]] = []

    def run(*children: str, through: str | None = None, wait: bool = True) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-c", SUPERVISOR, str(tmp_path), *children]
        if through is not None:
            command = ["sh", "-c", through, "sh", *command]
        with (tmp_path / "words").open("wb") as words:
            started.append(
                subprocess.Popen(
                    command,
                    stdout=subprocess.DEVNULL,
                    stderr=words,
                    start_new_session=True,
                    preexec_fn=heed_hangups,
                )
            )
        if wait:
            wait_until(lambda: all((tmp_path / name).exists() for name in children[::3]))
        return started[-1]

    yield run
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait(10)
    for pid in pids(tmp_path):
        if is_running(pid):
            os.kill(pid, signal.SIGKILL)


def heed_hangups() -> None:
    """Tests that are run under `nohup` would hand that on, and a supervisor rightly keeps to it."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def wait_until(is_so: Callable[[], bool], timeout_s: float = 30) -> None:
    end = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < end, "it did not become so"
        time.sleep(0.02)


def pids(folder: Path) -> list[int]:
    """Of all children and grandchildren that were started."""
    names = ("first", "second")
    return [int(pid) for name in names if (folder / name).exists() for pid in (folder / name).read_text().split()]


def is_running(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def assert_nothing_is_left(folder: Path) -> None:
    assert len(pids(folder)) == 4
    wait_until(lambda: not any(map(is_running, pids(folder))), timeout_s=5)


def words(folder: Path) -> str:
    return (folder / "words").read_text(encoding="utf-8")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_asked_to_stop_it_ends_everything_and_exits_with_zero(
    start: Start, tmp_path: Path, number: signal.Signals
) -> None:
    process = start(*TWO)
    process.send_signal(number)
    assert process.wait(GRACE_S) == 0
    assert_nothing_is_left(tmp_path)


def test_a_child_that_ends_by_itself_ends_the_others_and_is_named(start: Start, tmp_path: Path) -> None:
    process = start("first", "taken", LONG, "second", "taken", "0.5")
    assert process.wait(GRACE_S) == 1
    assert_nothing_is_left(tmp_path)
    assert "error: the second ended by itself (exit code 3); the others are stopped" in words(tmp_path)


def test_a_child_that_is_killed_ends_the_others_and_its_signal_is_named(start: Start, tmp_path: Path) -> None:
    process = start(*TWO)
    os.kill(pids(tmp_path)[0], signal.SIGKILL)
    assert process.wait(GRACE_S) == 1
    assert_nothing_is_left(tmp_path)
    assert "by signal SIGKILL" in words(tmp_path)


def test_a_child_that_will_not_end_is_killed_after_a_while(start: Start, tmp_path: Path) -> None:
    process = start("first", "ignored", LONG, "second", "taken", LONG)
    process.terminate()
    assert process.wait(GRACE_S + 5) == 0
    assert_nothing_is_left(tmp_path)


def test_who_asks_twice_need_not_wait(start: Start, tmp_path: Path) -> None:
    process = start("first", "ignored", LONG, "second", "ignored", LONG)
    process.terminate()
    time.sleep(0.5)
    process.terminate()
    assert process.wait(GRACE_S / 2) == 0
    assert_nothing_is_left(tmp_path)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_shell_that_has_it_ignore_sigint_changes_nothing(
    start: Start, tmp_path: Path, number: signal.Signals
) -> None:
    """As every shell without job control does for a command in the background."""
    process = start(*TWO, through='trap "" INT; exec "$@"')
    process.send_signal(number)
    assert process.wait(GRACE_S) == 0
    assert_nothing_is_left(tmp_path)


def test_what_nohup_ignores_stays_ignored(start: Start, tmp_path: Path) -> None:
    process = start(*TWO, through='trap "" HUP; exec "$@"')
    process.send_signal(signal.SIGHUP)
    time.sleep(1)
    assert process.poll() is None
    process.terminate()
    assert process.wait(GRACE_S) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent died")
def test_a_supervisor_that_is_killed_takes_its_children_along(start: Start, tmp_path: Path) -> None:
    process = start(*TWO)
    process.kill()
    process.wait(5)
    children = pids(tmp_path)[::2]
    wait_until(lambda: not any(map(is_running, children)), timeout_s=5)


def test_the_others_start_when_the_first_answers_and_each_is_announced_once(start: Start, tmp_path: Path) -> None:
    process = start(*TWO)
    wait_until(lambda: "second answers" in words(tmp_path))
    process.terminate()
    process.wait(GRACE_S)
    assert words(tmp_path).splitlines() == ["first answers", "second answers"]
    first, second = (tmp_path / "first").stat().st_mtime_ns, (tmp_path / "second").stat().st_mtime_ns
    assert first < second
