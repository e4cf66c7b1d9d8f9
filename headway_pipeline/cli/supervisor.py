"""A few long-lived processes that live and die together.

Each child leads a process group of its own, so that the terminal's Ctrl-C reaches the supervisor alone and a child is
ended with everything it started. The supervisor sets its own handlers: a shell that starts it in the background has
it ignore SIGINT, and children inherit that. A child asks the kernel to be ended when its supervisor is killed.
"""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

__all__ = ["Child", "supervise"]

LOOK_EVERY_S = 0.1
#: What ends in order does so within two or three seconds; browsers may hold the pages' connections open for ever.
GRACE_S = 8.0
KILLED_WAIT_S = 5.0
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
#: https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html
PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Child:
    """One process to keep.

    Attributes:
        name: for people.
        arguments: the whole command line, its program first.
        ready: tells whether it answers; None where nobody waits for it.
        words: what is said once it answers.
        is_first: the others start when it answers.
    """

    name: str
    arguments: Sequence[str]
    ready: Callable[[], bool] | None = None
    words: str = ""
    is_first: bool = False


def answers_at(port: int) -> Callable[[], bool]:
    """Whether somebody listens at a port of the loopback address."""
    return lambda: _connects(socket.AF_INET, ("127.0.0.1", port))


def answers_on(path: str) -> Callable[[], bool]:
    """Whether somebody listens at a Unix socket."""
    return lambda: _connects(socket.AF_UNIX, path)


def _connects(family: socket.AddressFamily, address: tuple[str, int] | str) -> bool:
    with socket.socket(family) as probe:
        probe.settimeout(1)
        return probe.connect_ex(address) == 0


def supervise(children: Sequence[Child], environment: Mapping[str, str], say: Callable[[str], None]) -> int:
    """Start the children and keep them until one ends or somebody asks to stop; then end them all.

    Args:
        environment: of every child, whole.
        say: tells people.

    Returns:
        0 where somebody asked, 1 where a child ended by itself.
    """
    running: list[tuple[Child, subprocess.Popen[bytes]]] = []
    with _signals_caught() as caught:
        try:
            return _keep(children, environment, say, running, caught)
        finally:
            _end([process for _, process in running], caught)


def _keep(
    children: Sequence[Child],
    environment: Mapping[str, str],
    say: Callable[[str], None],
    running: list[tuple[Child, "subprocess.Popen[bytes]"]],
    caught: list[int],
) -> int:
    waiting = sorted(children, key=lambda child: not child.is_first)
    silent = [child for child in children if child.ready is not None]
    while not caught:
        while waiting and (waiting[0].is_first or not any(child.is_first for child in silent)):
            child = waiting.pop(0)
            running.append((child, _start(child, environment)))
        for child, process in running:
            code = process.poll()
            if code is not None:
                say(f"error: the {child.name} ended by itself ({_ending(code)}); the others are stopped")
                return 1
            if child in silent and child.ready is not None and child.ready():
                silent.remove(child)
                if child.words:
                    say(child.words)
        time.sleep(LOOK_EVERY_S)
    return 0


def _start(child: Child, environment: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(  # noqa: S603  # our own interpreter and its neighbours
        child.arguments,
        env=environment,
        stdin=subprocess.DEVNULL,
        # Their words are for people, as ours are.
        stdout=sys.stderr.fileno(),
        start_new_session=True,
        preexec_fn=_end_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509  # there is one thread
    )


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _end(processes: Sequence["subprocess.Popen[bytes]"], caught: list[int]) -> None:
    """Ask every group to end; force what has not ended after a while, or when somebody asks once more."""
    asked = len(caught)
    for process in processes:
        _signal_group(process, signal.SIGTERM)
    end = time.monotonic() + GRACE_S
    while any(_is_there(process) for process in processes):
        if time.monotonic() > end or len(caught) > asked:
            for process in processes:
                _signal_group(process, signal.SIGKILL)
            break
        time.sleep(LOOK_EVERY_S)
    for process in processes:
        process.wait(KILLED_WAIT_S)


def _is_there(process: "subprocess.Popen[bytes]") -> bool:
    """Whether the child or anything it started is left."""
    process.poll()
    return _signal_group(process, 0)


def _signal_group(process: "subprocess.Popen[bytes]", number: int) -> bool:
    """Send a signal to the child's group; False where nobody is left in it."""
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return False
    return True


def _ending(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"by signal {signal.Signals(-code).name}"


@contextmanager
def _signals_caught() -> Iterator[list[int]]:
    """The signals that came, in their order; what `nohup` ignores stays ignored."""
    caught: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        caught.append(number)

    wanted = [number for number in SIGNALS if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, note) for number in wanted}
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
