"""Files from anywhere: what is hostile or damaged is named, and nothing else is touched by it."""

import gzip
import io
import os
import stat
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from headway_pipeline.model.errors import MissingPermissionError, SourceContractError, TransientSourceError
from headway_pipeline.sources.files import shelves
from headway_pipeline.sources.files.shelves import open_shelf

Pack = Callable[[Path, dict[str, bytes]], Path]


def in_folder(place: Path, files: dict[str, bytes]) -> Path:
    root = place / "folder"
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def in_zip(place: Path, files: dict[str, bytes]) -> Path:
    root = place / "exports.zip"
    with zipfile.ZipFile(root, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return root


def in_tarball(place: Path, files: dict[str, bytes]) -> Path:
    root = place / "exports.tar.gz"
    with tarfile.open(root, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return root


ANYWHERE = pytest.mark.parametrize("pack", [in_folder, in_zip, in_tarball])
ARCHIVED = pytest.mark.parametrize("pack", [in_zip, in_tarball])


def problems(root: Path) -> dict[str, str | None]:
    with open_shelf("files", root) as shelf:
        return {entry.path: entry.problem for entry in shelf.entries()}


@ANYWHERE
def test_files_are_found_in_every_folder_and_read(pack: Pack, tmp_path: Path) -> None:
    root = pack(tmp_path, {"b.vtt": b"one", "deep/er/a.vtt": b"two", ".hidden": b"x", "__MACOSX/._b.vtt": b"x"})
    with open_shelf("files", root) as shelf:
        assert sorted(entry.path for entry in shelf.entries()) == ["b.vtt", "deep/er/a.vtt"]
        assert shelf.read("deep/er/a.vtt") == b"two"
        assert shelf.read("b.vtt") == b"one"
        assert shelf.read("gone.vtt") is None


@ANYWHERE
def test_an_archive_can_be_read_without_being_listed_first(pack: Pack, tmp_path: Path) -> None:
    with open_shelf("files", pack(tmp_path, {"a.vtt": b"one"})) as shelf:
        assert shelf.read("a.vtt") == b"one"


@ANYWHERE
def test_empty_and_overlong_files_are_named(pack: Pack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelves, "LARGEST_FILE_BYTES", 1024 * 1024)
    root = pack(tmp_path, {"empty.vtt": b"", "huge.vtt": b"\0" * (1024 * 1024 + 1), "fits.vtt": b"x" * 1024})
    assert problems(root) == {"empty.vtt": "it is empty", "huge.vtt": "it is longer than 1 MB", "fits.vtt": None}
    with open_shelf("files", root) as shelf, pytest.raises(SourceContractError, match="longer than 1 MB"):
        shelf.read("huge.vtt")


@ARCHIVED
@pytest.mark.parametrize("name", ["../a.vtt", "/etc/a.vtt", "deep/../../a.vtt", "C:/a.vtt", "deep\\..\\a.vtt"])
def test_a_path_that_leads_out_of_the_archive_is_refused(pack: Pack, name: str, tmp_path: Path) -> None:
    assert problems(pack(tmp_path, {name: b"x", "a.vtt": b"y"})) == {
        name: "its path leads out of the archive",
        "a.vtt": None,
    }


@ARCHIVED
def test_an_archive_that_unpacks_to_too_much_is_read_up_to_the_bound(
    pack: Pack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelves, "LARGEST_ARCHIVE_BYTES", 64 * 1024)
    found = problems(pack(tmp_path, {f"{n}.vtt": b"\0" * 30_000 for n in range(4)}))
    assert found["0.vtt"] is found["1.vtt"] is None
    assert "unpacks to more than" in (found["2.vtt"] or "")


def test_a_zip_that_lies_about_a_size_is_cut_there(tmp_path: Path) -> None:
    root = in_zip(tmp_path, {"a.vtt": b"\0" * 1_000_000})
    packed = root.read_bytes().replace((1_000_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    root.write_bytes(packed)
    with open_shelf("files", root) as shelf:
        assert [entry.size for entry in shelf.entries()] == [10]
        with pytest.raises(SourceContractError, match="it is damaged"):
            shelf.read("a.vtt")


def test_a_tarball_whose_header_claims_any_length_takes_no_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelves, "LARGEST_FILE_BYTES", 1024 * 1024)
    good, long_name = tarfile.TarInfo("a.vtt"), tarfile.TarInfo("long")
    good.size, long_name.type, long_name.size = 4, tarfile.GNUTYPE_LONGNAME, 200 * 1024**2
    root = tmp_path / "bomb.tar.gz"
    with gzip.open(root, "wb", compresslevel=1) as packed:
        packed.write(good.tobuf(tarfile.GNU_FORMAT) + b"word".ljust(512, b"\0"))
        packed.write(long_name.tobuf(tarfile.GNU_FORMAT))
        for _megabyte in range(200):
            packed.write(b"x" * 1024**2)
    tracemalloc.start()
    try:
        assert problems(root) == {"a.vtt": None, root.name: "it is damaged from here on"}
        assert tracemalloc.get_traced_memory()[1] < 20 * 1024**2
    finally:
        tracemalloc.stop()


@ARCHIVED
def test_a_damaged_archive_gives_what_it_still_holds(pack: Pack, tmp_path: Path) -> None:
    whole = {f"{n}.vtt": os.urandom(50_000) for n in range(4)}
    root = pack(tmp_path, whole)
    if pack is in_zip:
        content = bytearray(root.read_bytes())
        content[120_000] ^= 0xFF
        root.write_bytes(bytes(content))
        with open_shelf("files", root) as shelf:
            assert shelf.read("0.vtt") == whole["0.vtt"]
            with pytest.raises(SourceContractError, match="it cannot be read"):
                shelf.read("2.vtt")
    else:
        root.write_bytes(root.read_bytes()[:120_000])
        found = problems(root)
        assert found.pop(root.name) == "it is damaged from here on"
        assert found["0.vtt"] is None


@pytest.mark.parametrize("name", ["x.zip", "x.tar.gz", "x.tgz", "x.txt"])
def test_what_is_no_archive_at_all_is_an_error_of_the_tree(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"certainly not")
    with pytest.raises(SourceContractError):
        problems(tmp_path / name)


def test_encrypted_linked_and_repeated_members_are_named(tmp_path: Path) -> None:
    root = tmp_path / "odd.zip"
    with zipfile.ZipFile(root, "w") as archive:
        link = zipfile.ZipInfo("link.vtt")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("twice.vtt", "one")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("twice.vtt", "two")
        locked = zipfile.ZipInfo("locked.vtt")
        archive.writestr(locked, "x")
        locked.flag_bits |= 1
    with open_shelf("files", root) as shelf:
        found = [(entry.path, entry.problem) for entry in shelf.entries()]
    assert found == [
        ("link.vtt", "it is a link"),
        ("twice.vtt", None),
        ("twice.vtt", "the archive holds an earlier file of this name"),
        ("locked.vtt", "it is encrypted"),
    ]


def test_links_pipes_and_devices_in_a_tarball_are_no_files(tmp_path: Path) -> None:
    root = tmp_path / "odd.tar.gz"
    with tarfile.open(root, "w:gz") as archive:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE):
            member = tarfile.TarInfo(f"{kind.decode()}.vtt")
            member.type, member.linkname = kind, "/etc/passwd"
            archive.addfile(member)
    assert set(problems(root).values()) == {"it is no plain file"}


def test_links_out_of_a_folder_are_named_and_links_within_it_are_passed_over(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.vtt").write_bytes(b"secret")
    root = in_folder(tmp_path, {"a.vtt": b"x", "deep/b.vtt": b"y"})
    (root / "out.vtt").symlink_to(outside / "secret.vtt")
    (root / "lost.vtt").symlink_to(root / "nowhere")
    (root / "in.vtt").symlink_to(root / "a.vtt")
    (root / "around").symlink_to(root / "deep")
    (root / "away").symlink_to(outside)
    leads_out = "it is a link that leads out of the folder"
    found = problems(root)
    assert found == {
        "a.vtt": None,
        "deep/b.vtt": None,
        "out.vtt": leads_out,
        "lost.vtt": leads_out,
        "away": leads_out,
    }
    with open_shelf("files", root) as shelf, pytest.raises(SourceContractError, match="it cannot be opened"):
        shelf.read("out.vtt")


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    root = in_folder(tmp_path, {"a.vtt": b"x"})
    os.mkfifo(root / "pipe.vtt")
    assert problems(root)["pipe.vtt"] == "it is no plain file"
    with open_shelf("files", root) as shelf, pytest.raises(SourceContractError, match="no plain file"):
        shelf.read("pipe.vtt")


def test_a_name_in_no_known_spelling_is_a_problem_of_its_own(tmp_path: Path) -> None:
    root = in_folder(tmp_path, {"a.vtt": b"x"})
    with open(os.fsencode(root) + b"/caf\xe9.vtt", "wb") as file:  # noqa: PTH123  # a name that is no text
        file.write(b"x")
    assert problems(root) == {"a.vtt": None, "caf\N{REPLACEMENT CHARACTER}.vtt": "its name is no UTF-8"}


def test_what_is_not_there_may_come_back_and_what_is_forbidden_is_said_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("nothing", "nothing.zip", "nothing.tar.gz"):
        with pytest.raises(TransientSourceError, match="is not there"):
            open_shelf("files", tmp_path / name)

    def refuse(_path: Path) -> None:
        raise PermissionError(13, "Permission denied")

    # Tests may run as root, whom no mode keeps out.
    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(MissingPermissionError, match="may not be read"):
        open_shelf("files", tmp_path)


def test_a_folder_that_cannot_be_entered_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = in_folder(tmp_path, {"a.vtt": b"x", "shut/b.vtt": b"y"})
    open_folder = os.scandir

    def scandir(path: str) -> object:
        if str(path).endswith("shut"):
            raise PermissionError(13, "Permission denied", str(path))
        return open_folder(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert problems(root) == {"a.vtt": None, "shut": "it cannot be opened (Permission denied)"}
