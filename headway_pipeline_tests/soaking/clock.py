"""A made-up present that processes share: each moves it on, and none can leave it broken when it is killed."""

import mmap
import struct
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

__all__ = ["RUN", "WORLD", "SharedClock"]

#: Who moves it on: what goes on at the sources and between runs, and the one run that is at work.
WORLD, RUN = 0, 1
MOMENTS = struct.Struct("qqq")
MICROSECOND = timedelta(microseconds=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class SharedClock:
    """Aware UTC; it stands still unless somebody lets time pass, and never goes back.

    In the file stand its start and how far each of the two has moved it on, in microseconds. Nobody writes what
    another one writes, so there is no lock that a killed process could keep.

    Args:
        path: of the file; see `made`.
        who: `WORLD` or `RUN`.
    """

    def __init__(self, path: Path, who: int) -> None:
        self.path = path
        self._at = struct.calcsize("q") * (1 + who)
        self._lock = threading.Lock()
        with path.open("r+b") as file:
            self._shared = mmap.mmap(file.fileno(), MOMENTS.size)

    @classmethod
    def made(cls, path: Path, start: datetime) -> "SharedClock":
        """A clock of the world's that stands at `start`."""
        path.write_bytes(MOMENTS.pack((start - EPOCH) // MICROSECOND, 0, 0))
        return cls(path, WORLD)

    def __call__(self) -> datetime:
        """The present."""
        microseconds: int = sum(MOMENTS.unpack_from(self._shared))
        return EPOCH + microseconds * MICROSECOND

    def pass_by(self, span: timedelta) -> None:
        """Let time pass."""
        with self._lock:
            (moved,) = struct.unpack_from("q", self._shared, self._at)
            struct.pack_into("q", self._shared, self._at, moved + max(0, span // MICROSECOND))

    def sleep(self, seconds: float) -> None:
        """Let time pass in no time; what is below a microsecond is rounded up, so that a wait is over after it."""
        self.pass_by(timedelta(seconds=seconds) + MICROSECOND)

    def go_to(self, moment: datetime) -> None:
        """Let time pass until `moment`, if that is not over."""
        self.pass_by(moment - self())

    def close(self) -> None:
        """Let go of the file."""
        self._shared.close()
