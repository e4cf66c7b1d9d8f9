"""Folders and archives of files that come from anywhere: listed and read with bounds, and nothing trusted.

Nothing is unpacked to disk and no link is followed. What cannot be read is an entry with its problem. Bounds stand
before memory is taken: sizes as an archive declares them are checked first and then held to while reading.
"""

import gzip
import os
import re
import stat
import tarfile
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Container, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Self

from headway_pipeline.model.errors import (
    Failing,
    MissingPermissionError,
    SourceContractError,
    TransientSourceError,
)
from headway_pipeline.sources.normalise import clean_text, utc_time

__all__ = ["ARCHIVES", "LARGEST_FILE_BYTES", "Entry", "Shelf", "open_shelf"]

TARBALLS = (".tar.gz", ".tgz")
ARCHIVES = (".zip", *TARBALLS)
#: A four-hour call is half a megabyte of subtitles.
LARGEST_FILE_BYTES = 64 * 1024 * 1024
#: Unpacked; a small file can unpack to anything.
LARGEST_ARCHIVE_BYTES = 4 * 1024 * 1024 * 1024
TAR_BLOCK_BYTES = 512
#: What operating systems and archivers leave lying about.
HIDDEN = re.compile(r"(?:^|/)(?:\.(?!\.?(?:/|$))|__MACOSX(?:/|$))")
ASTRAY = re.compile(r"^/|^[A-Za-z]:|\\|(?:^|/)\.\.(?:/|$)")
LEADS_OUT = "it is a link that leads out of the folder"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAMAGES = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError)
#: Where the operating system has them: a link or a pipe that took a file's place is not opened.
SAFE_FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


@dataclass(frozen=True, slots=True)
class Entry:
    """A file on a shelf.

    Attributes:
        path: relative, with slashes, as text that can be stored.
        size: in bytes.
        modified_at: when it was last changed, aware UTC.
        problem: why it cannot be read; None where it may.
        is_folder: it stands for all that is behind it: a folder that cannot be entered, the rest of an archive.
    """

    path: str
    size: int
    modified_at: datetime
    problem: str | None = None
    is_folder: bool = False


class Shelf(ABC):
    """A folder or an archive, open for reading."""

    def __init__(self, source: str, root: Path) -> None:
        self.root = root
        self._source = source

    @abstractmethod
    def close(self) -> None:
        """Close what is open."""

    @abstractmethod
    def entries(self) -> Iterator[Entry]:
        """Every file, in the order in which reading is cheap."""

    @abstractmethod
    def read(self, path: str) -> bytes | None:
        """A file's bytes; None where it is no longer there.

        Raises:
            SourceContractError: it is too long, no plain file, or damaged.
        """

    def unusable(self, path: str, problem: str) -> SourceContractError:
        """The error of a file that cannot be used. The problem alone is said: its name may hold people's names."""
        return SourceContractError(problem, "mend or remove the file", at=Failing(self._source, clean_text(path)))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def _reading(self, path: str) -> Iterator[None]:
        """What a damaged file does, as one error."""
        try:
            yield
        except (OSError, *DAMAGES) as error:
            reason = getattr(error, "strerror", None) or "it is damaged"
            raise self.unusable(path, f"it cannot be read ({reason})") from error

    def _bounded(self, path: str, content: bytes) -> bytes:
        if len(content) > LARGEST_FILE_BYTES:
            raise self.unusable(path, _too_long())
        return content


def open_shelf(source: str, root: Path) -> Shelf:
    """The folder or archive at `root`.

    Raises:
        TransientSourceError: it is not there.
        MissingPermissionError: this process may not read it.
        SourceContractError: it is no folder and no archive.
    """
    at = Failing(source)
    try:
        if root.is_dir():
            os.scandir(root).close()
            return _Folder(source, root)
        if root.name.endswith(TARBALLS):
            return _Tarball(source, root)
        return _Zip(source, root)
    except FileNotFoundError as error:
        remedy = "mount or restore it, or give the connector another path with `headway connector edit`"
        raise TransientSourceError(f"{root} is not there", remedy, at=at) from error
    except PermissionError as error:
        raise MissingPermissionError(f"{root} may not be read", "let this process read it", at=at) from error
    except (OSError, *DAMAGES) as error:
        raise SourceContractError(f"{root} is no archive that can be read", "make it again", at=at) from error


class _Folder(Shelf):
    """A folder and the folders in it."""

    def close(self) -> None:
        """Nothing is kept open."""

    def entries(self) -> Iterator[Entry]:
        unreadable: list[OSError] = []
        for here, folders, files in os.walk(self.root, onerror=unreadable.append):
            folders.sort()
            for name in sorted(files):
                entry = self._entry(Path(here, name))
                if entry is not None:
                    yield entry
            for name in folders:
                link = Path(here, name)
                if link.is_symlink() and not link.resolve().is_relative_to(self.root.resolve()):
                    yield Entry(self._shown(link), 0, EPOCH, LEADS_OUT, is_folder=True)
        for error in unreadable:
            where = Path(os.fsdecode(error.filename))
            yield Entry(self._shown(where), 0, EPOCH, f"it cannot be opened ({error.strerror})", is_folder=True)

    def read(self, path: str) -> bytes | None:
        try:
            descriptor = os.open(self.root / path, SAFE_FLAGS)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self.unusable(path, f"it cannot be opened ({error.strerror})") from error
        with self._reading(path), os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise self.unusable(path, "it is no plain file")
            return self._bounded(path, file.read(LARGEST_FILE_BYTES + 1))

    def _leads_out(self, link: Path) -> bool:
        """Whether a link leads to what is not found here by itself."""
        return not link.exists() or not link.resolve().is_relative_to(self.root.resolve())

    def _shown(self, where: Path) -> str:
        return clean_text(where.relative_to(self.root).as_posix())

    def _entry(self, where: Path) -> Entry | None:
        """The entry of a file; None for a hidden one, and for a link to another file of the folder."""
        path = where.relative_to(self.root).as_posix()
        if HIDDEN.search(path):
            return None
        try:
            found = where.lstat()
        except FileNotFoundError:
            return None
        problem = _problem(path, found.st_size)
        if stat.S_ISLNK(found.st_mode):
            if not self._leads_out(where):
                return None
            problem = LEADS_OUT
        elif not stat.S_ISREG(found.st_mode):
            problem = "it is no plain file"
        return Entry(clean_text(path), found.st_size, utc_time(found.st_mtime) or EPOCH, problem)


class _Zip(Shelf):
    """A .zip."""

    def __init__(self, source: str, root: Path) -> None:
        super().__init__(source, root)
        self._archive = zipfile.ZipFile(root)
        self._members: dict[str, zipfile.ZipInfo] = {}
        for info in self._archive.infolist():
            self._members.setdefault(info.filename, info)

    def close(self) -> None:
        self._archive.close()

    def entries(self) -> Iterator[Entry]:
        unpacked = 0
        seen: set[str] = set()
        for info in self._archive.infolist():
            if info.is_dir() or HIDDEN.search(info.filename):
                continue
            unpacked += info.file_size
            problem = self._problem_of(info, seen, unpacked)
            yield Entry(clean_text(info.filename), info.file_size, self._modified_at(info), problem)
            seen.add(info.filename)

    def read(self, path: str) -> bytes | None:
        info = self._members.get(path)
        if info is None:
            return None
        with self._reading(path), self._archive.open(info) as file:
            # The reader stops at the declared size, which was checked, whatever follows.
            return self._bounded(path, file.read(LARGEST_FILE_BYTES + 1))

    def _modified_at(self, info: zipfile.ZipInfo) -> datetime:
        try:
            return datetime(*info.date_time, tzinfo=UTC)
        except ValueError:
            return utc_time(self.root.stat().st_mtime) or EPOCH

    def _problem_of(self, info: zipfile.ZipInfo, seen: set[str], unpacked: int) -> str | None:
        if info.flag_bits & 1:
            return "it is encrypted"
        if stat.S_ISLNK(info.external_attr >> 16):
            return "it is a link"
        return _member_problem(info.filename, info.file_size, seen, unpacked)


class _Tarball(Shelf):
    """A .tar.gz, read from its start each time: unpack a large one."""

    def __init__(self, source: str, root: Path) -> None:
        super().__init__(source, root)
        self._packed = _BoundedGzip(root)
        try:
            self._archive = tarfile.TarFile(fileobj=self._packed)
        except BaseException:
            self._packed.close()
            raise
        self._members: dict[str, tarfile.TarInfo] = {}

    def close(self) -> None:
        self._archive.close()
        self._packed.close()

    def entries(self) -> Iterator[Entry]:
        modified_at = utc_time(self.root.stat().st_mtime) or EPOCH
        try:
            for member in self._archive:
                unpacked = member.offset_data + member.size
                path = PurePosixPath(member.name).as_posix() if not ASTRAY.search(member.name) else member.name
                if not member.isdir() and not HIDDEN.search(path):
                    problem = _member_problem(path, member.size, self._members, unpacked)
                    if not member.isreg():
                        problem = "it is no plain file"
                    yield Entry(clean_text(path), member.size, utc_time(member.mtime) or modified_at, problem)
                    self._members.setdefault(path, member)
                if unpacked > LARGEST_ARCHIVE_BYTES:
                    # The next member would be looked for behind it.
                    return
        except (OSError, *DAMAGES):
            yield Entry(clean_text(self.root.name), 0, modified_at, "it is damaged from here on", is_folder=True)

    def read(self, path: str) -> bytes | None:
        if not self._members:
            for _entry in self.entries():
                pass
        member = self._members.get(path)
        if member is None:
            return None
        with self._reading(path):
            file = self._archive.extractfile(member)
            return None if file is None else self._bounded(path, file.read(LARGEST_FILE_BYTES + 1))


class _BoundedGzip(gzip.GzipFile):
    """Refuses to hold more than a file's worth at once: a tar's own headers may claim any length."""

    def read(self, size: int | None = -1) -> bytes:
        if size is None or not 0 <= size <= LARGEST_FILE_BYTES + TAR_BLOCK_BYTES:
            raise gzip.BadGzipFile("more is asked for than any file here may hold")
        return super().read(size)


def _too_long() -> str:
    return f"it is longer than {LARGEST_FILE_BYTES // 1024**2} MB"


def _problem(path: str, size: int) -> str | None:
    if path != clean_text(path):
        return "its name is no UTF-8"
    if size == 0:
        return "it is empty"
    return _too_long() if size > LARGEST_FILE_BYTES else None


def _member_problem(path: str, size: int, seen: Container[str], unpacked: int) -> str | None:
    if ASTRAY.search(path):
        return "its path leads out of the archive"
    if path in seen:
        return "the archive holds an earlier file of this name"
    if unpacked > LARGEST_ARCHIVE_BYTES:
        return f"the archive unpacks to more than {LARGEST_ARCHIVE_BYTES // 1024**3} GB"
    return _problem(path, size)
