import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headway_pipeline.sources.languages import ISO_639_1
from headway_pipeline.sources.normalise import (
    clean_json,
    clean_text,
    count_unknown_fields,
    language_code,
    text_id,
    text_or_none,
    utc_time,
    web_address,
    whole_number,
)

#: The same examples every time, and no stopwatch: the machine may be busy.
PROPERTY = settings(deadline=None, derandomize=True)
ANY_TEXT = st.text(st.characters())


@PROPERTY
@given(ANY_TEXT)
def test_cleaned_text_can_be_stored_and_hashed(text: str) -> None:
    cleaned = clean_text(text)
    assert "\x00" not in cleaned
    assert clean_text(cleaned) == cleaned
    assert cleaned.encode("utf-8").decode("utf-8") == cleaned


@PROPERTY
@given(st.text())
def test_text_without_nul_or_surrogates_is_left_alone(text: str) -> None:
    assert clean_text(text.replace("\x00", "")) == text.replace("\x00", "")


def test_half_a_surrogate_pair_is_replaced_and_a_whole_one_is_kept() -> None:
    broken, whole = json.loads('"a\\ud83d b"'), json.loads('"a\\ud83d\\ude00 b"')
    assert clean_text(broken) == "a\ufffd b"
    assert clean_text(whole) == "a\U0001f600 b"


def test_names_and_values_at_every_depth_are_cleaned() -> None:
    dirty = {"a\x00": ["\ud800", {"b": "c\x00"}], "n": 1, "f": None}
    assert clean_json(dirty) == {"a": ["\ufffd", {"b": "c"}], "n": 1, "f": None}


@pytest.mark.parametrize(
    "written",
    [
        "2026-08-28T08:00:00-07:00",
        "2026-08-28T15:00:00Z",
        "2026-08-28T18:00:00.000000+03:00",
        " 2026-08-28T15:00:00 ",
        1787929200,
        1787929200.0,
        1787929200000,
    ],
)
def test_g13_a_moment_is_the_same_however_it_is_written(written: object) -> None:
    assert utc_time(written) == datetime(2026, 8, 28, 15, tzinfo=UTC)


@PROPERTY
@given(
    st.datetimes(timezones=st.timezones().filter(lambda zone: zone is not None)).filter(
        lambda at: 2 < at.year < 9998 and at.utcoffset() is not None
    )
)
def test_any_iso_time_with_an_offset_keeps_its_moment(moment: datetime) -> None:
    offset = moment.utcoffset() or timedelta(0)
    read = utc_time(moment.isoformat())
    assert read is not None
    assert read.tzinfo is UTC
    assert read.replace(tzinfo=None) == moment.replace(tzinfo=None) - offset


@pytest.mark.parametrize("unusable", [None, True, "", "yesterday", "2026-13-01", {}, float("nan"), 1e300, -1e300])
def test_what_is_no_time_is_none_and_never_now(unusable: object) -> None:
    assert utc_time(unusable) is None


@pytest.mark.parametrize(
    ("written", "code"),
    [("eng", "en"), ("en", "en"), ("en-US", "en"), ("pt_BR", "pt"), ("ger", "de"), ("deu", "de"), ("SPA", "es")],
)
def test_languages_come_down_to_two_letters(written: str, code: str) -> None:
    assert language_code(written) == code


@pytest.mark.parametrize("unusable", ["und", "zxx", "mul", "", None, 7, "english"])
def test_no_language_is_none(unusable: object) -> None:
    assert language_code(unusable) is None


def test_the_language_table_is_the_whole_list() -> None:
    # 183 languages, and Bihari, which was withdrawn in 2021; twenty of them have two three-letter codes.
    assert len(set(ISO_639_1.values())) == 184
    assert len(ISO_639_1) - len(set(ISO_639_1.values())) == 20


def test_g10_ids_keep_every_digit() -> None:
    assert text_id(77823422740259378951) == "77823422740259378951"
    assert text_id(" 7782342274025937895 ") == "7782342274025937895"


@pytest.mark.parametrize("unusable", [None, True, "", "  ", 7.5, 7782342274025937895.0, [], {}])
def test_what_lost_its_digits_or_never_had_any_is_no_id(unusable: object) -> None:
    assert text_id(unusable) is None


def test_texts_and_numbers_of_the_wrong_kind_become_none() -> None:
    assert [text_or_none(value) for value in (" a ", " ", 3, None)] == ["a", None, None, None]
    assert [whole_number(value) for value in (0, 8.949999809265137, -1, True, "3")] == [0, 9, None, None, None]
    assert whole_number(float("nan")) is None
    assert whole_number(float("inf")) is None


def test_only_web_links_are_links() -> None:
    assert web_address("https://app.gong.io/call?id=1") == "https://app.gong.io/call?id=1"
    assert web_address("javascript:alert(1)") is None
    assert web_address("https://a b") is None


def test_unknown_fields_are_counted_by_their_path_through_lists() -> None:
    known = {"meta": {"id": None}, "parties": {"name": None}, "free": None}
    value = {
        "meta": {"id": {"anything": 1}, "new": 1},
        "parties": [{"name": 1, "shoe": 2}, {"shoe": 3}, "no object"],
        "free": {"x": {"y": 1}},
        "extra": {"ignored": 1},
    }
    assert count_unknown_fields(value, known) == {"meta.new": 1, "parties.shoe": 2, "extra": 1}
