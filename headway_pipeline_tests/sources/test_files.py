"""What only files do: their forms, what stands beside them, and whose words they hold."""

import json
import os
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from headway_pipeline.model.calls import Call, Side, Transcript
from headway_pipeline.model.errors import ConfigurationError, InputError, SourceContractError, TransientSourceError
from headway_pipeline.model.ledger import Presence
from headway_pipeline.model.windows import TimeWindow
from headway_pipeline.model.workspaces import Credentials
from headway_pipeline.sources.contract import Absence, CallRef, Connection, Hydration, NotHydrated, Page, Source
from headway_pipeline.sources.discovery import read_settings
from headway_pipeline.sources.files import FilesSource
from headway_pipeline_tests.sources.harnesses.files import files_at

EVER = TimeWindow(datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
VTT = """\
WEBVTT

00:01.000 --> 00:04.000
Ana Ruiz: The export stops.

00:04.000 --> 00:09.500
Ben Okoye: Since when?
"""
SRT = VTT.replace("WEBVTT\n", "").replace("00:0", "00:00:0").replace(".000", ",000").replace(".500", ",500")
TEXT = "Ana Ruiz: The export stops.\nBen Okoye: Since when?\n"
RECORD = {
    "id": "call-1",
    "title": "Rollout review",
    "started_at": "2026-11-20T16:00:00+01:00",
    "duration_s": 1800,
    "language": "en-GB",
    "account": "Brackwater",
    "url": "https://meet.example/rec/1",
    "speakers": [
        {"id": "s1", "name": "Ana Ruiz", "role": "end_user_or_guest"},
        {"id": "s2", "name": "Ben Okoye", "role": "host", "email": "ben@vendor.example"},
    ],
    "utterances": [
        {"speaker_id": "s1", "start_s": 1, "end_s": 4, "text": "The export stops."},
        {"speaker_id": "s2", "start_s": 4.0, "end_s": 9.5, "text": "Since when?"},
        {"speaker_id": "s3", "start_s": None, "end_s": None, "text": " "},
    ],
}


def page_of(root: Path, **settings: list[str]) -> Page:
    return files_at(root, **settings).list(EVER, None)


def only_call(root: Path, **settings: list[str]) -> Call:
    page = page_of(root, **settings)
    assert not page.bad_records
    (call,) = page.calls
    return call


def words_of(source: Source, call: Call) -> Transcript:
    (answer,) = source.hydrate([CallRef(call.external_id, call.occurred_at, call.duration_s, call.raw)])
    assert isinstance(answer, Hydration)
    return answer.transcript


def sides(call: Call) -> dict[str | None, Side]:
    return {person.name: person.side for person in call.participants}


@pytest.mark.parametrize(
    ("name", "content", "has_times"),
    [
        ("a.vtt", VTT, True),
        ("a.srt", SRT, True),
        ("a.txt", TEXT, False),
        ("a.json", json.dumps(RECORD), True),
        ("A.VTT", VTT, True),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_every_form_gives_the_same_words(
    name: str, content: str, has_times: bool, encoding: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content.replace("\n", "\r\n").encode(encoding))
    source = files_at(tmp_path)
    (call,) = source.list(EVER, None).calls
    assert call.external_id == name
    segments = words_of(source, call).segments
    assert [(one.speaker, one.text) for one in segments] == [
        ("Ana Ruiz", "The export stops."),
        ("Ben Okoye", "Since when?"),
    ]
    assert [(one.start_ms, one.end_ms) for one in segments] == (
        [(1000, 4000), (4000, 9500)] if has_times else [(None, None), (None, None)]
    )


def test_json_tells_everything_about_its_call(tmp_path: Path) -> None:
    (tmp_path / "2025-01-01 export.json").write_text(json.dumps(RECORD), encoding="utf-8")
    call = only_call(tmp_path)
    # The date of an export says little of its calls.
    assert call.occurred_at == datetime(2026, 11, 20, 15, tzinfo=UTC)
    assert (call.title, call.language, call.account) == ("Rollout review", "en", "Brackwater")
    assert (call.duration_s, call.url) == (1800, "https://meet.example/rec/1")
    assert sides(call) == {"Ana Ruiz": Side.CUSTOMER, "Ben Okoye": Side.VENDOR}
    assert "utterances" not in call.raw["told"]


def test_speakers_of_one_name_are_told_apart_by_their_ids(tmp_path: Path) -> None:
    speakers = [{"id": "1", "name": "Speaker", "role": "host"}, {"id": 2, "name": "Speaker", "role": "guest"}]
    utterances = [{"speaker_id": "1", "text": "Ours."}, {"speaker_id": 2, "text": "Theirs."}]
    (tmp_path / "a.json").write_text(json.dumps(RECORD | {"speakers": speakers, "utterances": utterances}))
    source = files_at(tmp_path)
    (call,) = source.list(EVER, None).calls
    found = [(one.speaker, one.side) for one in words_of(source, call).segments]
    assert found == [("Speaker", Side.VENDOR), ("Speaker", Side.CUSTOMER)]


def test_a_file_may_hold_many_calls_one_a_line_or_in_a_list(tmp_path: Path) -> None:
    records = [RECORD | {"id": number} for number in (1, "two", 9_007_199_254_740_993)]
    (tmp_path / "list.json").write_text(json.dumps(records))
    (tmp_path / "lines.jsonl").write_text("\n\n".join(map(json.dumps, records)))
    assert {call.external_id for call in page_of(tmp_path).calls} == {
        f"{file}#{own}" for file in ("list.json", "lines.jsonl") for own in ("1", "two", "9007199254740993")
    }


def test_a_bad_line_spoils_no_other(tmp_path: Path) -> None:
    lines = [
        json.dumps(RECORD),
        "{cut off",
        "[1, 2]",
        json.dumps(RECORD),
        json.dumps(RECORD | {"id": "deaf", "utterances": None}),
        json.dumps(RECORD | {"id": "last"}),
    ]
    (tmp_path / "calls.jsonl").write_text("\n".join(lines))
    page = page_of(tmp_path)
    assert {call.external_id for call in page.calls} == {"calls.jsonl#call-1", "calls.jsonl#last"}
    assert [(bad.external_id, bad.raw["line"]) for bad in page.bad_records] == [
        (None, 2),
        (None, 3),
        (None, 4),
        ("calls.jsonl#deaf", 5),
    ]


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("a.vtt", b"\x89PNG\r\n\x1a\n\x00\x00", "it is no text in UTF-8"),
        ("a.txt", b"Ana: caf\xe9 au lait\n", "it is no text in UTF-8"),
        ("a.txt", b"Ana: hello\x00\n", "it is no text, for it holds NUL"),
        ("a.vtt", b"\xff\xfeW\x00", "no speech is found in it"),
        ("a.vtt", b"\xff\xfe\x00", "it is no text in UTF-8"),
        ("a.srt", b"1\n2\n3\n", "no speech is found in it"),
        ("a.txt", b"a page of prose without a speaker\n", "no speech is found in it"),
        ("a.json", b"{", "it is no JSON"),
        ("a.json", b"[" * 100_000, "it is no JSON"),
        ("a.json", b'"text"', "it is no JSON object with a list of utterances"),
        ("a.vtt", b"", "it is empty"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_beside_those_that_can(
    name: str, content: bytes, problem: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    (tmp_path / "good.vtt").write_text(VTT)
    page = page_of(tmp_path)
    assert [call.external_id for call in page.calls] == ["good.vtt"]
    assert [(bad.external_id, bad.problem) for bad in page.bad_records] == [(name, problem)]


def test_other_files_are_passed_over(tmp_path: Path) -> None:
    for name in ("video.mp4", "audio.m4a", "notes.docx", "README", ".DS_Store", ".hidden.vtt"):
        (tmp_path / name).write_bytes(b"\x00")
    assert page_of(tmp_path) == Page((), None)


def test_a_sidecar_tells_what_a_transcript_does_not(tmp_path: Path) -> None:
    told: dict[str, Any] = {
        "title": "Rollout review",
        "started_at": "2026-11-20T15:00:00Z",
        "url": "javascript:alert(1)",
        "speakers": [
            {"name": "Ana Ruiz", "role": "guest", "email": "ana@brackwater.example"},
            {"name": "Ben Okoye", "side": "vendor"},
        ],
    }
    (tmp_path / "2026-11-01.vtt").write_text(VTT)
    (tmp_path / "2026-11-01.vtt.json").write_text(json.dumps(told))
    call = only_call(tmp_path)
    assert (call.title, call.occurred_at.day, call.account) == ("Rollout review", 20, "brackwater.example")
    assert sides(call) == {"Ana Ruiz": Side.CUSTOMER, "Ben Okoye": Side.VENDOR}
    assert (call.url or "").startswith("file://")
    (tmp_path / "2026-11-01.vtt.json").write_text("[]")
    (bad,) = page_of(tmp_path).bad_records
    assert bad.problem == "its sidecar cannot be used: it is no JSON object"


def test_your_own_people_are_known_by_name_by_address_and_by_the_label_behind_their_name(tmp_path: Path) -> None:
    said = (
        "Ben Okoye (Acme)",
        "Cleo Park (Guest)",
        "Dan Fox (Host)",
        "Eve Lim",
        "fay@vendor.example",
        "Host",
        "Customer",
    )
    (tmp_path / "a.txt").write_text("".join(f"{name}: Hello there.\n" for name in said))
    connection = Connection(
        "", Credentials({}), frozenset({"vendor.example"}), {"path": [str(tmp_path)], "vendor_name": ["ben  OKOYE"]}
    )
    (call,) = FilesSource(connection).list(EVER, None).calls
    assert sides(call) == {
        "Ben Okoye (Acme)": Side.VENDOR,
        "Cleo Park (Guest)": Side.CUSTOMER,
        "Dan Fox (Host)": Side.VENDOR,
        "Eve Lim": Side.UNKNOWN,
        "fay@vendor.example": Side.VENDOR,
        "Host": Side.VENDOR,
        "Customer": Side.CUSTOMER,
    }


def test_what_a_file_says_does_not_make_your_people_customers(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(
        json.dumps(RECORD | {"speakers": [{"id": "s1", "name": "Ana", "side": "customer"}]})
    )
    source = files_at(tmp_path, vendor_name=["Ana"])
    (call,) = source.list(EVER, None).calls
    assert words_of(source, call).segments[0].side is Side.VENDOR


def test_a_file_without_any_date_is_of_the_day_it_was_last_changed(tmp_path: Path) -> None:
    (tmp_path / "review.vtt").write_text(VTT)
    changed = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
    os.utime(tmp_path / "review.vtt", (0, changed.timestamp()))
    assert only_call(tmp_path).occurred_at == changed


def test_a_copied_or_moved_folder_holds_the_same_calls(tmp_path: Path) -> None:
    for place, day in (("here", 1), ("there", 2)):
        (tmp_path / place).mkdir()
        (tmp_path / place / "review.vtt").write_text(VTT)
        os.utime(tmp_path / place / "review.vtt", (0, datetime(2026, 11, day, tzinfo=UTC).timestamp()))
    here, there = only_call(tmp_path / "here"), only_call(tmp_path / "there")
    assert (here.external_id, here.content_hash) == (there.external_id, there.content_hash)


def test_an_edited_file_is_the_same_call_with_other_content(tmp_path: Path) -> None:
    (tmp_path / "review.vtt").write_text(VTT)
    source = files_at(tmp_path)
    (before,) = source.list(EVER, None).calls
    (tmp_path / "review.vtt").write_text(VTT.replace("stops", "starts"))
    (after,) = source.list(EVER, None).calls
    assert before.external_id == after.external_id
    assert before.content_hash != after.content_hash
    assert "starts" in words_of(source, after).segments[0].text


def test_a_file_that_went_away_has_no_words_and_one_that_broke_is_a_contract_error(tmp_path: Path) -> None:
    (tmp_path / "a.vtt").write_text(VTT)
    (tmp_path / "b.vtt").write_text(VTT)
    listed = page_of(tmp_path).calls
    (tmp_path / "a.vtt").unlink()
    refs = [CallRef(call.external_id, call.occurred_at, None, call.raw) for call in listed]
    source = files_at(tmp_path)
    gone, there = source.hydrate(refs)
    assert gone == NotHydrated("a.vtt", Absence.ABSENT, "the file is no longer there")
    assert isinstance(there, Hydration)
    (tmp_path / "b.vtt").write_bytes(b"\xff")
    with pytest.raises(SourceContractError, match="no text in UTF-8"):
        [*files_at(tmp_path).hydrate(refs[1:])]


def test_no_id_of_a_ledger_leads_out_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "secret.vtt").write_text(VTT)
    (tmp_path / "folder").mkdir()
    source = files_at(tmp_path / "folder")
    for external_id in ("../secret.vtt", str(tmp_path / "secret.vtt")):
        (answer,) = source.hydrate([CallRef(external_id, EVER.start, None, {"file": external_id})])
        assert isinstance(answer, NotHydrated)


def test_the_words_of_a_call_that_became_private_are_not_given(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(RECORD))
    (call,) = page_of(tmp_path).calls
    (tmp_path / "a.json").write_text(json.dumps(RECORD | {"private": "yes"}))
    (answer,) = files_at(tmp_path).hydrate([CallRef(call.external_id, call.occurred_at, None, call.raw)])
    assert isinstance(answer, NotHydrated)
    assert answer.absence is Absence.FORBIDDEN


def test_files_that_come_and_go_during_a_walk_move_no_other(tmp_path: Path) -> None:
    for number in range(150):
        (tmp_path / f"{number:03}.vtt").write_text(VTT)
    source = files_at(tmp_path)
    first = source.list(EVER, None)
    (tmp_path / "000.vtt").unlink()
    (tmp_path / "001a.vtt").write_text(VTT)
    # Another process goes on where this one stopped.
    second = files_at(tmp_path).list(EVER, first.next_token)
    assert second.next_token is None
    assert [call.external_id for call in second.calls] == [f"{number:03}.vtt" for number in range(100, 150)]


def test_only_files_of_the_window_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for day in range(1, 29):
        (tmp_path / f"2026-10-{day:02} review.vtt").write_text(VTT)
    read: list[str] = []
    really_open = os.open

    def remembering(path: str, *more: Any, **named: Any) -> int:
        read.append(path)
        descriptor: int = really_open(path, *more, **named)
        return descriptor

    monkeypatch.setattr(os, "open", remembering)
    start = datetime(2026, 10, 5, tzinfo=UTC)
    assert len(files_at(tmp_path).list(TimeWindow(start, start + timedelta(days=2)), None).calls) == 2
    assert len(read) == 2


def test_the_path_is_kept_absolute_and_must_lead_somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "exports").mkdir()
    (tmp_path / "note.txt").write_text("x")
    monkeypatch.chdir(tmp_path)
    assert read_settings(FilesSource, [("path", "exports")]) == {"path": [str(tmp_path / "exports")]}
    for path in ("nowhere", "note.txt"):
        with pytest.raises(InputError, match="no folder and no archive"):
            read_settings(FilesSource, [("path", path)])
    for given in ([], [("path", "exports"), ("path", "exports")]):
        with pytest.raises(InputError, match="reads one path"):
            read_settings(FilesSource, given)


def test_a_removed_file_is_gone_and_the_others_are_present(tmp_path: Path) -> None:
    (tmp_path / "a.vtt").write_text(VTT)
    (tmp_path / "calls.jsonl").write_text(json.dumps(RECORD))
    source = files_at(tmp_path)
    calls = page_of(tmp_path).calls
    found = {call.external_id: CallRef(call.external_id, call.occurred_at, None, {}) for call in calls}
    assert {source.look_up(ref) for ref in found.values()} == {Presence.PRESENT}
    (tmp_path / "a.vtt").unlink()
    assert source.look_up(found["a.vtt"]) is Presence.GONE
    assert source.look_up(found["calls.jsonl#call-1"]) is Presence.PRESENT


def test_an_empty_folder_is_taken_for_an_unmounted_one_and_no_file_for_gone(tmp_path: Path) -> None:
    ref = CallRef("a.vtt", EVER.start, None, {})
    with pytest.raises(TransientSourceError, match="holds no calls any more"):
        files_at(tmp_path).look_up(ref)


def test_of_two_files_of_one_name_in_an_archive_the_first_is_read(tmp_path: Path) -> None:
    root = tmp_path / "exports.zip"
    with zipfile.ZipFile(root, "w") as archive:
        archive.writestr("a.vtt", VTT)
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("a.vtt", VTT.replace("stops", "starts"))
    source = files_at(root)
    page = source.list(EVER, None)
    (call,) = page.calls
    assert (call.external_id, words_of(source, call).segments[0].text) == ("a.vtt", "The export stops.")
    (bad,) = page.bad_records
    assert (bad.external_id, bad.problem) == (None, "the archive holds an earlier file of this name")


def test_a_connector_that_lost_its_settings_says_so() -> None:
    with pytest.raises(ConfigurationError, match="names no path"):
        FilesSource(Connection("", Credentials({})))
