"""Which sockets this installation's processes listen on, as Linux tells in /proc."""

import ipaddress
import re
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Listener", "listeners"]

LISTEN = "0A"
OURS = re.compile(r"dagster[\w.-]*|headway")


@dataclass(frozen=True, slots=True)
class Listener:
    """A socket that takes connections.

    Attributes:
        program: the file name of what runs.
    """

    program: str
    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine reaches it."""
        return ipaddress.ip_address(self.host).is_loopback


def listeners(proc: Path = Path("/proc")) -> list[Listener] | None:
    """Those of Dagster's and headway's processes that may be looked at; None where the system does not tell."""
    if not (proc / "net" / "tcp").exists():
        return None
    sockets = dict(_sockets(proc))
    found = []
    for process in sorted(path for path in proc.iterdir() if path.name.isdigit()):
        program = _program(process)
        if program is not None:
            found += [Listener(program, *sockets[inode]) for inode in _inodes(process) if inode in sockets]
    return found


def _sockets(proc: Path) -> Iterator[tuple[str, tuple[str, int]]]:
    """Address and port of each listening socket, by its inode."""
    for table in ("tcp", "tcp6"):
        path = proc / "net" / table
        for line in path.read_text().splitlines()[1:] if path.exists() else []:
            fields = line.split()
            if fields[3] == LISTEN:
                host, _, port = fields[1].partition(":")
                yield fields[9], (_host(host), int(port, 16))


def _host(written: str) -> str:
    """The address of words of 32 bits in the machine's order."""
    raw = b"".join(struct.pack("=I", int(written[at : at + 8], 16)) for at in range(0, len(written), 8))
    address = ipaddress.ip_address(socket.inet_ntop(socket.AF_INET if len(raw) == 4 else socket.AF_INET6, raw))
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def _program(process: Path) -> str | None:
    """What runs, if it is ours."""
    try:
        words = (process / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
    except OSError:
        return None
    # The first few words: the program, its module, its command. What follows may be anything.
    named = [Path(word).name for word in words[:4]]
    return next((name for name in named if OURS.fullmatch(name)), None)


def _inodes(process: Path) -> Iterator[str]:
    try:
        for link in (process / "fd").iterdir():
            target = link.readlink().name if link.is_symlink() else ""
            if target.startswith("socket:["):
                yield target[len("socket:[") : -1]
    except OSError:
        # Another user's, or over by now.
        return
