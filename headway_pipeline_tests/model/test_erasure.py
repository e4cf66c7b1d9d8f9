"""Knowing people by keyed hashes: whom they name, and what is left of a record or a text without them."""

import unicodedata
from typing import Any

import pytest

from headway_pipeline.model.calls import Segment, Side, TimeMark, Transcript
from headway_pipeline.model.erasure import (
    Erased,
    Identity,
    IdentityKind,
    Pseudonyms,
    mention_pattern,
    names_of,
    spelling,
)

PSEUDONYMS = Pseudonyms(b"only for tests", "workspace")
MAIL = "zoe@buyer.example"
NAME = "zoë o'brien-keller"


def erased(*, addresses: tuple[str, ...] = (MAIL,), names: tuple[str, ...] = (NAME,)) -> Erased:
    return Erased(PSEUDONYMS, PSEUDONYMS.identities(addresses, names))


def test_hashes_hold_neither_name_nor_address_and_depend_on_key_and_workspace() -> None:
    identities = PSEUDONYMS.identities([MAIL], [NAME])
    assert {identity.kind for identity in identities} == {
        IdentityKind.ADDRESS, IdentityKind.NAME, IdentityKind.WORDS
    }  # fmt: skip
    assert not [word for word in ("zoe", "brien", "buyer") if word in repr(identities)]
    others = (Pseudonyms(b"another key", "workspace"), Pseudonyms(b"only for tests", "another workspace"))
    for other in others:
        assert not identities & other.identities([MAIL], [NAME])
    assert "only for tests" not in repr(PSEUDONYMS)


@pytest.mark.parametrize(
    "label",
    ["Zoë O'Brien-Keller", "ZOË  O'BRIEN-KELLER", unicodedata.normalize("NFD", "Zoë O'Brien-Keller"), MAIL.upper()],
)
def test_a_label_is_known_in_any_case_spacing_and_letter_form(label: str) -> None:
    assert erased().is_called(label)


@pytest.mark.parametrize("label", ["Zoë", "Keller", "Zoë O'Brien", "", None, "x" * 1000, "joe@buyer.example"])
def test_a_part_of_a_name_or_another_one_is_somebody_else(label: str | None) -> None:
    assert not erased().is_called(label)


@pytest.mark.parametrize(
    ("text", "mended"),
    [
        ("Thanks, Zoë O'Brien-Keller!", "Thanks, [erased]!"),
        ("zoë o'brien keller's desk", "[erased]'s desk"),
        ("Write to zoe@buyer.example, or Zoe@Buyer.Example.", "Write to [erased], or [erased]."),
        ("Zoë called O'Brien and Keller", "Zoë called O'Brien and Keller"),
        ("azoë o'brien-keller", "azoë o'brien-keller"),
        ("zoe@buyer.example.org", "zoe@buyer.example.org"),
        ("", ""),
    ],
)
def test_whole_names_and_addresses_are_taken_out_of_texts(text: str, mended: str) -> None:
    assert erased().mended(text)[0] == mended


def test_the_longest_name_wins() -> None:
    two = erased(names=("ana", "ana silva"))
    assert two.mended("Ana Silva and Ana")[0] == "[erased] and [erased]"


def test_marks_keep_pointing_at_the_same_words() -> None:
    text = f"Hello {NAME}. Then this. And {NAME} again. End."
    starts = [text.index(words) for words in ("Hello", "Then", "And", "again", "End")]
    segment = Segment(3, "Vera", Side.VENDOR, 0, 9, text, tuple(TimeMark(start, n) for n, start in enumerate(starts)))
    (kept,) = erased().without_turns(Transcript((segment,))).segments
    words = [kept.text[mark.char_start :].split(".")[0].split()[0] for mark in kept.marks]
    assert words == ["Hello", "Then", "And", "again", "End"]
    assert kept.index == 0


def test_a_mark_inside_a_name_moves_to_where_the_name_stood() -> None:
    moved = erased().mended(f"a {NAME} b")[1]
    assert (moved(0), moved(2), moved(5), moved(len(f"a {NAME} "))) == (0, 2, 2, len("a [erased] "))


def test_turns_go_by_name_by_address_and_by_the_emptied_name_and_the_others_count_on() -> None:
    labels = ["Zoë O'Brien-Keller", "Vera", MAIL, "[erased]", None]
    segments = tuple(Segment(n, label, Side.UNKNOWN, n, n, "words") for n, label in enumerate(labels))
    kept = erased().without_turns(Transcript(segments)).segments
    assert [(segment.index, segment.speaker) for segment in kept] == [(0, "Vera"), (1, None)]


def fathom_record() -> dict[str, Any]:
    return {
        "title": "Review with Zoë O'Brien-Keller",
        "created_at": "2026-11-20T09:00:00Z",
        "recorded_by": {"name": "Vera Vendor", "email": "vera@vendor.example"},
        "calendar_invitees": [
            {
                "name": "Zoë O'Brien-Keller",
                "email": MAIL,
                "email_domain": "buyer.example",
                "is_external": True,
                "matched_speaker_display_name": "Zoë O'Brien-Keller",
            },
            {"name": "Zoë O'Brien-Keller", "email": "zoe@namesake.example", "is_external": True},
        ],
    }


def test_the_record_of_the_person_is_emptied_and_that_of_a_namesake_is_not() -> None:
    scrubbed = erased().scrubbed(fathom_record())
    assert scrubbed["title"] == "Review with [erased]"
    assert scrubbed["created_at"] == "2026-11-20T09:00:00Z"
    assert scrubbed["recorded_by"] == fathom_record()["recorded_by"]
    hers, namesakes = scrubbed["calendar_invitees"]
    assert hers == {
        "name": "[erased]", "email": "[erased]", "email_domain": "[erased]", "is_external": True,
        "matched_speaker_display_name": "[erased]",
    }  # fmt: skip
    assert namesakes == fathom_record()["calendar_invitees"][1]
    assert erased().scrubbed(scrubbed) == scrubbed


def test_a_namesake_with_another_address_does_not_put_the_person_on_a_call() -> None:
    record = fathom_record()
    assert erased().are_named(record)
    record["calendar_invitees"] = record["calendar_invitees"][1:]
    assert not erased().are_named(record)


def test_an_alias_tells_turns_apart_and_never_who_is_on_a_call() -> None:
    shared = Erased(PSEUDONYMS, PSEUDONYMS.identities([MAIL], (), ["ana silva"]))
    assert shared.is_called("Ana Silva")
    assert not shared.are_named(["Ana Silva"])


@pytest.mark.parametrize(
    ("speaker_key", "names"),
    [
        ("7782342790", {"ana silva"}),
        ("Ana S.", {"ana silva", "ana s."}),
        (None, {"ana silva"}),
        ("s1", {"ana silva"}),
    ],
)
def test_a_speakers_number_is_no_name(speaker_key: str | None, names: set[str]) -> None:
    assert names_of({"name": "Ana Silva", "speaker_key": speaker_key}) == names
    assert names_of({"name": "Ana 2nd", "speaker_key": None}) == {"ana 2nd"}


def test_mentions_are_looked_for_by_whole_names_of_two_words_or_more() -> None:
    pattern = mention_pattern([spelling("Ana Silva"), "rosa", MAIL])
    assert pattern is not None
    assert pattern.search("ask ana  silva about it")
    assert pattern.search(f"write to {MAIL}")
    assert not pattern.search("ask rosa, or joana silvana")
    assert mention_pattern(["rosa"]) is None


def test_identities_are_the_same_whatever_the_order() -> None:
    assert PSEUDONYMS.identities(["a@b.example", "c@d.example"]) == PSEUDONYMS.identities(
        ["c@d.example", "a@b.example"]
    )
    assert Identity(IdentityKind.ADDRESS, PSEUDONYMS.key("address", "a@b.example")) in PSEUDONYMS.identities(
        ["a@b.example"]
    )
