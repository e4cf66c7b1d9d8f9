"""A folder of exports in all forms, from `headway connector add` to quotes, on both databases; edited and removed."""

import json
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from headway_pipeline_tests.cli.conftest import Headway
from headway_pipeline_tests.conftest import TEST_KEY
from headway_pipeline_tests.worlds import ASK, CHAT, TODAY

INGEST = ("ingest", "--workspace-id", "acme", "--days-back", "6", "--format", "json")
OURS, THEIRS = "Vera Vendor", "Carl Customer (Guest)"


def turns(ask: str = ASK) -> list[tuple[str, str]]:
    return [
        (OURS, "Thanks for joining, how has the month been for you and your team?"),
        (THEIRS, f"Mostly fine, I would say. To be honest {ask}."),
        (OURS, "We could build that, and it would be great if we could schedule it for every Friday evening."),
        (THEIRS, CHAT),
    ]


def day(days_ago: int) -> str:
    return f"{TODAY - timedelta(days=days_ago):%Y-%m-%d}"


def as_vtt(said: list[tuple[str, str]]) -> str:
    cues = [f"00:{n:02}:00.000 --> 00:{n:02}:50.000\n{who}: {text}" for n, (who, text) in enumerate(said)]
    return "\n\n".join(["WEBVTT", *cues])


def as_srt(said: list[tuple[str, str]]) -> str:
    cues = [f"{n}\n00:{n:02}:00,000 --> 00:{n:02}:50,000\n{who}: {text}\n" for n, (who, text) in enumerate(said)]
    return "\n".join(cues)


def as_text(said: list[tuple[str, str]]) -> str:
    return "\n".join(f"[00:{n:02}:00] {who}: {text}" for n, (who, text) in enumerate(said))


def as_json(said: list[tuple[str, str]]) -> str:
    record = {
        "id": "c4",
        "title": "Quarterly review",
        "started_at": f"{day(4)}T09:00:00Z",
        "url": "https://meet.example/c4",
        "speakers": [
            {"id": OURS, "name": OURS, "role": "host"},
            {"id": THEIRS, "name": "Carl", "role": "end_user_or_guest"},
        ],
        "utterances": [
            {"speaker_id": who, "start_s": 60 * n, "end_s": None, "text": text} for n, (who, text) in enumerate(said)
        ],
    }
    return json.dumps(record)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four calls on four days, a recording beside them, and a file that is broken."""
    folder = tmp_path / "exports"
    (folder / "Rollout").mkdir(parents=True)
    zoom = f"GMT{day(1).replace('-', '')}-100000_Recording.transcript.vtt"
    (folder / "Rollout" / zoom).write_text(as_vtt(turns()))
    (folder / f"{day(2)} Check-in.srt").write_text(as_srt(turns()))
    (folder / f"{day(3)} Sync.txt").write_text(as_text(turns()))
    (folder / "calls.jsonl").write_text(as_json(turns()))
    (folder / "Rollout" / "video.mp4").write_bytes(b"\x00\x01")
    (folder / f"{day(1)} broken.vtt").write_bytes(b"\xff\x00\xff")
    return folder


@pytest.fixture
def connected(
    headway: Headway,
    empty_home: Path,
    records_in_memory: None,
    monkeypatch: pytest.MonkeyPatch,
    database_url: str,
    folder: Path,
) -> Headway:
    """The command, with the workspace `acme` reading the folder."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("HEADWAY_SECRET_KEY", TEST_KEY)
    monkeypatch.chdir(folder.parent)
    headway("workspace", "add", "Acme")
    theme = ("--name", "Exports", "--description", "Getting data out on a schedule")
    headway("theme", "add", "--workspace-id", "acme", *theme)
    settings = ("--setting", "path=exports", "--setting", f"vendor_name={OURS}")
    said = headway("connector", "add", "--workspace-id", "acme", "--type", "files", *settings)
    assert said.code == 0, said.err
    return headway


def counts(headway: Headway) -> dict[str, Any]:
    said = headway(*INGEST)
    assert said.code == 0, said.err
    found: dict[str, Any] = json.loads(said.out)["sources"]["files"]
    return found


def rows(headway: Headway, *command: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(headway(*command, "--workspace-id", "acme", "--format", "json").out)
    return found


def test_a_folder_of_exports_becomes_quotes_with_links(connected: Headway, folder: Path) -> None:
    found = counts(connected)
    assert (found["listed"], found["new"], found["analysed"], found["requests"]) == (4, 4, 4, 0)
    assert found["health"] == "ok"
    features = [*rows(connected, "features"), *rows(connected, "inbox")]
    assert {feature["message"]["title"] for feature in features} == {
        "Rollout",
        "Check-in",
        "Sync",
        "Quarterly review",
    }
    evidence = [spoken for feature in features for spoken in feature["evidence"]]
    assert {spoken["side"] for spoken in evidence} == {"customer"}
    assert not [spoken for spoken in evidence if "Friday" in spoken["quote"]]
    links = {feature["message"]["title"]: feature["evidence"][0]["url"] for feature in features}
    assert links["Quarterly review"] == "https://meet.example/c4#t=60"
    assert links["Sync"] == f"{(folder / f'{day(3)} Sync.txt').as_uri()}#t=60"
    states = {row["external_id"]: (row["state"], row["reason"]) for row in rows(connected, "messages")}
    assert states[f"{day(1)} broken.vtt"] == ("quarantined", "bad_record: it is no text in UTF-8")
    assert len(states) == 5


def test_a_second_ingest_changes_nothing_and_an_edited_file_is_read_again(connected: Headway, folder: Path) -> None:
    counts(connected)
    before = [*rows(connected, "features"), *rows(connected, "inbox"), *rows(connected, "messages")]
    again = counts(connected)
    assert (again["new"], again["changed"], again["unchanged"]) == (0, 0, 4)
    assert [*rows(connected, "features"), *rows(connected, "inbox"), *rows(connected, "messages")] == before
    ask = "it would be great if we could export the invoices as plain spreadsheets"
    (folder / f"{day(2)} Check-in.srt").write_text(as_srt(turns(ask)))
    (folder / f"{day(1)} broken.vtt").write_text(as_vtt(turns()))
    edited = counts(connected)
    assert (edited["changed"], edited["unchanged"], edited["analysed"]) == (2, 3, 5)
    features = [*rows(connected, "features"), *rows(connected, "inbox")]
    quotes = {spoken["quote"] for feature in features for spoken in feature["evidence"]}
    assert any("plain spreadsheets" in quote for quote in quotes)


def test_a_removed_file_is_deleted_with_everything_derived_and_may_come_back(
    connected: Headway, folder: Path
) -> None:
    counts(connected)
    removed = folder / f"{day(2)} Check-in.srt"
    kept = removed.read_text()
    removed.unlink()
    assert counts(connected)["deleted"] == 1
    states = {row["external_id"]: row["state"] for row in rows(connected, "messages")}
    assert states[removed.name] == "deleted"
    titles = {row["message"]["title"] for row in [*rows(connected, "features"), *rows(connected, "inbox")]}
    assert titles == {"Rollout", "Sync", "Quarterly review"}
    removed.write_text(kept)
    counts(connected)
    states = {row["external_id"]: row["state"] for row in rows(connected, "messages")}
    assert states[removed.name] == "analysed"


def test_a_connector_of_files_is_listed_with_its_settings_and_checked(connected: Headway, folder: Path) -> None:
    (connector,) = rows(connected, "connector", "list")
    assert connector["settings"] == {"path": [str(folder)], "vendor_name": [OURS]}
    table = connected("connector", "list", "--workspace-id", "acme").out
    assert "vendor_name" in table
    said = connected("connector", "check", "--workspace-id", "acme", "files")
    assert said.code == 0
    assert "holds 5 calls" in said.out
    folder.rename(folder.with_name("elsewhere"))
    gone = connected(*INGEST)
    assert gone.code == 1
    assert "is not there" in gone.err


def test_an_archive_is_read_like_its_folder(connected: Headway, folder: Path) -> None:
    archive = folder.parent / "exports.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for path in folder.rglob("*.*"):
            packed.write(path, path.relative_to(folder).as_posix())
    connected("connector", "disable", "--workspace-id", "acme", "files")
    add = ("connector", "add", "--workspace-id", "acme", "--type", "files", "--name", "archive")
    assert connected(*add, "--setting", f"path={archive}").code == 0
    assert counts(connected)["analysed"] == 4


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "reads one path"),
        (("--setting", "path"), "has no value"),
        (("--setting", "path=/no/such/folder"), "no folder and no archive"),
        (("--setting", "path=.", "--setting", "depth=3"), "have no setting 'depth'"),
        (("--setting", "path=.", "--base-url", "https://files.example"), "asked over no network"),
        (("--setting", "path=.", "--credentials", "-"), "asks for no credentials"),
    ],
)
def test_what_a_connector_of_files_cannot_use_is_said_in_one_line(
    headway: Headway, empty_home: Path, arguments: tuple[str, ...], words: str
) -> None:
    headway("workspace", "add", "Acme")
    said = headway("connector", "add", "--workspace-id", "acme", "--type", "files", *arguments, stdin="{}")
    assert said.code == 1
    assert words in said.err
    assert json.loads(headway("connector", "list", "--workspace-id", "acme", "--format", "json").out) == []


def test_a_source_with_keys_asks_for_them(headway: Headway, empty_home: Path) -> None:
    headway("workspace", "add", "Acme")
    said = headway("connector", "add", "--workspace-id", "acme", "--type", "gong")
    assert said.code == 1
    assert "asks for credentials (access_key and secret_key)" in said.err
