"""The key file of the embedded database: one Fernet key a line, newest first, for its owner only.

Whatever happens at whatever moment, the file holds a whole list of keys: it is only ever replaced.
"""

import contextlib
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from headway_pipeline.model.errors import ConfigurationError

__all__ = ["add_key", "held", "keep_newest_key", "load_or_make_key_file"]


def load_or_make_key_file(path: Path) -> list[str]:
    """The keys in the file, one a line, newest first; a missing file is made with one key, for its owner only.

    Raises:
        ConfigurationError: others may read the file, or it cannot be read or made.
    """
    try:
        if not path.exists():
            _make(path)
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            raise ConfigurationError(
                f"the key file {path} can be read by others (mode {mode:04o})", f"run `chmod 600 {path}`"
            )
        keys = path.read_text(encoding="ascii", errors="replace").split()
    except OSError as error:
        raise ConfigurationError(
            f"the key file {path} cannot be read or made ({error.strerror})", "see to the folder's permissions"
        ) from error
    if not keys:
        raise ConfigurationError(
            f"the key file {path} is empty", "restore it from a copy, or remove it for a new key"
        )
    return keys


@contextlib.contextmanager
def held(path: Path) -> Iterator[None]:
    """Nobody else changes the keys meanwhile; a process that dies lets go.

    Raises:
        ConfigurationError: another process is changing them.
    """
    import fcntl

    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise ConfigurationError(
            f"another process is changing the keys in {path}", "wait until it is done, then repeat"
        ) from error
    finally:
        os.close(folder)


def add_key(path: Path) -> None:
    """Put a new key before those there are; call it while the file is `held`.

    Raises:
        ConfigurationError: the file cannot be read or written.
    """
    from cryptography.fernet import Fernet

    keys = load_or_make_key_file(path)
    _replace(path, [Fernet.generate_key().decode("ascii"), *keys])


def keep_newest_key(path: Path) -> int:
    """Take every key out but the newest; returns how many went. Call it while the file is `held`.

    Raises:
        ConfigurationError: the file cannot be read or written.
    """
    keys = load_or_make_key_file(path)
    if len(keys) > 1:
        _replace(path, keys[:1])
    return len(keys) - 1


def _replace(path: Path, keys: Sequence[str]) -> None:
    # Of one name, for whoever replaces it holds it: what a killed process left is written over.
    own = path.with_name(f"{path.name}.new")
    try:
        _write(own, keys)
        # After the file itself is on the disk; then a crash finds the old list or the new one.
        own.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise ConfigurationError(
            f"the key file {path} cannot be written ({error.strerror})", "see to the folder's permissions and space"
        ) from error
    finally:
        own.unlink(missing_ok=True)


def _make(path: Path) -> None:
    """Write to a file of our own, then link it: of two processes at once, one key wins and both read it."""
    from cryptography.fernet import Fernet

    own = path.with_name(f"{path.name}.{os.getpid()}")
    _write(own, [Fernet.generate_key().decode("ascii")])
    try:
        with contextlib.suppress(FileExistsError):
            os.link(own, path)
    finally:
        own.unlink()


def _write(path: Path, keys: Sequence[str]) -> None:
    # What a killed process left would be in the way.
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write("".join(f"{key}\n" for key in keys))
        file.flush()
        os.fsync(file.fileno())
