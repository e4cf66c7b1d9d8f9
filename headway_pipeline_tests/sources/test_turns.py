"""Subtitles and lines of speech, as meeting tools export them."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway_pipeline.model.calls import Side
from headway_pipeline.sources.turns import Spoken, read_cues, read_turns, segments_of

VTT = """\ufeffWEBVTT - Weekly check-in\r
Kind: captions\r
\r
STYLE\r
::cue { color: white }\r
\r
NOTE exported by hand\r
NOT SPOKEN: at all\r
\r
1\r
00:01.000 --> 00:04.500 align:start position:10%\r
Ana Ruiz: The export\r
\r
2\r
00:04.500 --> 00:07.000\r
Ana Ruiz: stops at noon.\r
\r
00:00:07.250 --> 00:00:09.000\r
<v.loud Ben Okoye>We will <b>look</b> at it &amp; tell&nbsp;you.</v>\r
"""


def said(spoken: list[Spoken]) -> list[tuple[str | None, str]]:
    return [(one.speaker, one.text) for one in spoken]


def test_a_vtt_is_read_past_its_header_comments_styles_settings_and_tags() -> None:
    spoken = read_cues(VTT)
    assert said(spoken) == [
        ("Ana Ruiz", "The export"),
        ("Ana Ruiz", "stops at noon."),
        ("Ben Okoye", "We will look at it & tell you."),
    ]
    assert [(one.start_ms, one.end_ms) for one in spoken] == [(1000, 4500), (4500, 7000), (7250, 9000)]


def test_adjacent_cues_of_a_speaker_are_one_segment_with_marks() -> None:
    first, second = segments_of(
        read_cues(VTT), lambda heard: Side.VENDOR if heard.speaker == "Ben Okoye" else Side.CUSTOMER
    )
    assert (first.text, first.start_ms, first.end_ms) == ("The export stops at noon.", 1000, 7000)
    assert first.spoken_at_ms(first.text.index("stops")) == 4500
    assert (second.index, second.side, second.marks) == (1, Side.VENDOR, ())


def test_an_srt_is_read_with_commas_and_without_blank_lines_between_cues() -> None:
    srt = (
        "1\n00:00:01,000 --> 00:00:02,000\nAna Ruiz: First <i>of</i> all.\n"
        "2\n00:00:02,500 --> 00:00:03,000\nBen Okoye: Then.\n\n3\n01:00:00,000 --> 01:00:01,000\n42\n"
    )
    spoken = read_cues(srt)
    assert said(spoken) == [("Ana Ruiz", "First of all."), ("Ben Okoye", "Then."), (None, "42")]
    assert spoken[2].start_ms == 3_600_000


def test_entities_are_resolved_once() -> None:
    for words in ("<v Ana>type\n&amp;lt;b&gt; for bold", "Ana Ruiz: type\n&amp;lt;b&gt; for bold"):
        (spoken,) = read_cues(f"WEBVTT\n\n00:01.000 --> 00:02.000\n{words}\n")
        assert spoken.text == "type &lt;b> for bold"


def test_two_speakers_may_share_a_cue() -> None:
    vtt = "WEBVTT\n\n00:01.000 --> 00:02.000\n<v Ana>Yes?</v> <v Ben>Go on.</v>\n"
    assert said(read_cues(vtt)) == [("Ana", "Yes?"), ("Ben", "Go on.")]
    srt = "1\n00:00:01,000 --> 00:00:02,000\nAna Ruiz: Yes?\nBen Okoye: Go on.\n"
    assert said(read_cues(srt)) == [("Ana Ruiz", "Yes?"), ("Ben Okoye", "Go on.")]


@pytest.mark.parametrize(
    "words",
    [
        "The problem is: it stops",
        "Note: it stops",
        "it went on for 10:30 and stopped",
        "a < b and b > c: fine",
        "so: yes",
    ],
)
def test_a_word_before_a_colon_is_no_speaker(words: str) -> None:
    vtt = (
        "WEBVTT\n\n00:01.000 --> 00:02.000\nAna Ruiz: Well.\n\n"
        f"00:02.000 --> 00:03.000\n{words}\n\n00:03.000 --> 00:04.000\nand then again\n"
    )
    assert said(read_cues(vtt))[1] == (None, words)


@pytest.mark.parametrize("name", ["Ana Ruiz (Guest)", "Ludwig van der Berg", "ana@buyer.example", "李雷", "Dr: Ruiz"])
def test_names_of_many_forms_are_taken(name: str) -> None:
    vtt = f"WEBVTT\n\n00:01.000 --> 00:02.000\n{name}: Well.\n"
    if name == "Dr: Ruiz":
        name = "Dr"
    assert said(read_cues(vtt))[0][0] == name


def test_who_speaks_in_an_unnamed_cue_is_not_guessed_from_the_cue_before() -> None:
    vtt = "WEBVTT\n\n00:01.000 --> 00:02.000\nAna Ruiz: Well.\n\n00:02.000 --> 00:03.000\nno idea who said this\n"
    assert said(read_cues(vtt))[1] == (None, "no idea who said this")


def test_nobodys_words_are_cut_at_sentences_and_not_at_cues() -> None:
    cues = [Spoken(None, "half a sentence that goes" if n % 2 == 0 else "on and ends.", n * 1000) for n in range(200)]
    segments = [*segments_of(cues, lambda _heard: Side.UNKNOWN)]
    assert len(segments) > 2
    assert all(segment.text.endswith("ends.") and len(segment.text) < 800 for segment in segments)


def test_lines_with_names_are_turns_and_lines_without_go_on() -> None:
    text = (
        "Weekly check-in, 20 November\n\n[00:00:05] Ana Ruiz: The export stops\nat noon. Note: every day.\n"
        "Ben Okoye (0:12): Since when?\n00:01:00\nAna Ruiz: Since May.\nBen Okoye: I see.\n"
    )
    turns = read_turns(text)
    assert said(turns) == [
        ("Ana Ruiz", "The export stops at noon. Note: every day."),
        ("Ben Okoye", "Since when?"),
        ("Ana Ruiz", "Since May."),
        ("Ben Okoye", "I see."),
    ]
    assert [(turn.start_ms, turn.end_ms) for turn in turns] == [
        (5000, 12_000),
        (12_000, 60_000),
        (60_000, None),
        (None, None),
    ]


@pytest.mark.parametrize("text", ["", "WEBVTT", "no cue here", "\n\n\n", "1\n2\n3", "00:00 --> \nhello"])
def test_what_holds_no_speech_gives_none(text: str) -> None:
    assert read_cues(text) == []
    assert read_turns(text) == []


def test_times_beyond_what_databases_hold_are_unknown() -> None:
    vtt = "WEBVTT\n\n999:00:00.000 --> 999:00:01.000\nAna Ruiz: Late.\n"
    assert (read_cues(vtt)[0].start_ms, read_cues(vtt)[0].end_ms) == (None, None)


WORDS = st.lists(
    st.text(st.characters(categories=("L", "N", "S"), exclude_characters="<>&"), min_size=1, max_size=12),
    min_size=1,
    max_size=12,
).map(" ".join)
NAMES = st.lists(st.sampled_from(["Ana", "Ruiz", "Ben", "Okoye", "Zoë", "李雷", "von"]), min_size=2, max_size=4).map(
    lambda words: "Ana " + " ".join(words)
)
TALK = st.lists(st.tuples(NAMES, WORDS, st.integers(0, 60_000)), min_size=1, max_size=12)


def clock(ms: int, point: str) -> str:
    seconds, rest = divmod(ms, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{point}{rest:03}"


def timed(talk: list[tuple[str, str, int]]) -> list[Spoken]:
    spoken, at = [], 0
    for name, words, length in talk:
        spoken.append(Spoken(name, words, at, at + length))
        at += length
    return spoken


@given(TALK, st.sampled_from(["\n", "\r\n", "\r"]), st.booleans())
def test_what_is_written_as_vtt_is_read_back(talk: list[tuple[str, str, int]], newline: str, has_tags: bool) -> None:
    spoken = timed(talk)
    cues = [
        f"{clock(one.start_ms or 0, '.')} --> {clock(one.end_ms or 0, '.')}\n"
        + (f"<v {one.speaker}>{one.text}</v>" if has_tags else f"{one.speaker}: {one.text}")
        for one in spoken
    ]
    assert read_cues("\n\n".join(["WEBVTT", *cues]).replace("\n", newline)) == spoken


@given(TALK)
def test_what_is_written_as_srt_is_read_back(talk: list[tuple[str, str, int]]) -> None:
    spoken = timed(talk)
    cues = [
        f"{number}\n{clock(one.start_ms or 0, ',')} --> {clock(one.end_ms or 0, ',')}\n{one.speaker}: {one.text}"
        for number, one in enumerate(spoken, start=1)
    ]
    assert read_cues("\n\n".join(cues)) == spoken


@given(TALK)
def test_what_is_written_as_lines_is_read_back(talk: list[tuple[str, str, int]]) -> None:
    spoken = timed([(name, words, length // 1000 * 1000) for name, words, length in talk])
    text = "\n".join(f"[{clock(one.start_ms or 0, '.')[:8]}] {one.speaker}: {one.text}" for one in spoken)
    assert [(one.speaker, one.text, one.start_ms) for one in read_turns(text)] == [
        (one.speaker, one.text, one.start_ms) for one in spoken
    ]


@given(st.text())
def test_no_text_breaks_the_readers_and_segments_stay_in_order(text: str) -> None:
    for spoken in (read_cues(text), read_turns(text), read_cues(f"WEBVTT\n\n00:01.000 --> 00:02.000\n{text}")):
        segments = [*segments_of(spoken, lambda _heard: Side.UNKNOWN)]
        assert all(segment.text.strip() for segment in segments)
        assert all(later.index == earlier.index + 1 for earlier, later in pairwise(segments))
        for segment in segments:
            assert all(0 <= mark.char_start < len(segment.text) for mark in segment.marks)
