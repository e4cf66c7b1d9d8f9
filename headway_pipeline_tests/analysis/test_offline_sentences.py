import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway_pipeline.analysis.offline.sentences import clauses_of
from headway_pipeline.model.calls import Segment, Side


def clauses(text: str) -> list[str]:
    return [clause.text for clause in clauses_of(Segment(0, None, Side.CUSTOMER, None, None, text))]


def test_sentences_end_at_their_punctuation() -> None:
    assert clauses("It broke. Why? We lost a day! Odd… very odd.") == [
        "It broke.",
        "Why?",
        "We lost a day!",
        "Odd…",
        "very odd.",
    ]


@pytest.mark.parametrize("text", ["We use v2.14 of the app", "See e.g. the report page", "Ask Dr. Osei about it"])
def test_a_dot_inside_a_number_or_an_abbreviation_ends_nothing(text: str) -> None:
    assert clauses(text) == [text]


def test_speech_without_punctuation_is_cut_where_people_draw_breath() -> None:
    spoken = (
        "so we have been using the planner since the spring and it is mostly fine but every time somebody opens the "
        "archive it takes a minute because it loads all of the old years at once and then people just give up"
    )
    parts = clauses(spoken)
    assert parts[1].startswith("but every time somebody opens the archive")
    assert " ".join(parts) == spoken


SPOKEN = "and report we but it broken because , which the 🙂 x"


@given(st.lists(st.sampled_from(SPOKEN.split()), max_size=400))
def test_no_clause_has_more_than_forty_words_and_none_is_lost(words: list[str]) -> None:
    text = " ".join(words)
    segment = Segment(3, None, Side.CUSTOMER, None, None, text)
    found = list(clauses_of(segment))
    assert all(len(clause.text.split()) <= 40 for clause in found)
    assert sum(len(clause.words) for clause in found) == sum(word[0].isalpha() for word in words)


@given(st.text(max_size=300))
def test_every_clause_is_a_slice_of_its_segment_in_order(text: str) -> None:
    segment = Segment(0, None, Side.CUSTOMER, None, None, text)
    end = 0
    for clause in clauses_of(segment):
        assert clause.text == text[clause.char_start : clause.char_end]
        assert clause.char_start >= end
        end = clause.char_end
