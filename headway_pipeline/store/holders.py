"""Which process holds a lease, and whether that process is provably dead.

A process id alone proves nothing: it is given again after its process, and means something else in another
container. So a holder is named by its machine's present boot, its pid namespace, its pid and the tick it started at,
as /proc tells them (https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html). Where there is no /proc a holder
has no machine, and its lease ends by its time alone.
"""

import os
import socket
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Holder", "is_dead", "this_process"]

PROC = Path("/proc")
#: Of a process that ended and was not yet waited for by its parent: it runs no more.
ENDED_STATES = frozenset("ZXx")


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that holds a lease.

    Attributes:
        host: name of its computer, for people.
        machine: the boot of its computer and its pid namespace; None where that is not known.
        started: when it started, in clock ticks since the boot; None where that is not known.
    """

    host: str
    machine: str | None
    pid: int
    started: int | None

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


def this_process() -> Holder:
    """The present process."""
    pid = os.getpid()
    seen = _look(pid)
    return Holder(socket.gethostname(), _machine() if seen else None, pid, seen[1] if seen else None)


def is_dead(holder: Holder) -> bool:
    """Whether the process is known to have ended; False wherever there is a doubt."""
    here = this_process()
    if holder.machine is None or (holder.host, holder.machine) != (here.host, here.machine):
        return False
    try:
        # Signal 0 is only a question. It sees processes that a restricted /proc hides.
        os.kill(holder.pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        # It is there and another user's.
        pass
    seen = _look(holder.pid)
    return seen is not None and (seen[0] in ENDED_STATES or seen[1] != holder.started)


def _machine() -> str | None:
    try:
        boot = (PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        # As text: the namespace itself has no path.
        namespace = str((PROC / "self/ns/pid").readlink())
    except OSError:
        return None
    return f"{boot} {namespace}"


def _look(pid: int) -> tuple[str, int] | None:
    """State and start tick of a process; None where /proc does not tell."""
    try:
        stat = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
        # The program's name stands in brackets and may hold anything, brackets and spaces included.
        fields = stat.rpartition(")")[2].split()
        return fields[0], int(fields[19])
    except (OSError, IndexError, ValueError):
        return None
