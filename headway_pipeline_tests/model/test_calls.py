"""Transcripts: their identity is their words, their moments those of their sentences."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from headway_pipeline.model.calls import Segment, Side, TimeMark, Transcript
from headway_pipeline.model.identity import content_hash, derived_id

TURN = Segment(0, "Rosa", Side.CUSTOMER, 1000, 9000, "One. Two. Three.", (TimeMark(0, 1000), TimeMark(5, 4000)))


def test_a_quote_belongs_to_the_sentence_it_begins_in() -> None:
    assert [TURN.spoken_at_ms(char) for char in (0, 4, 5, 15)] == [1000, 1000, 4000, 4000]


def test_a_turn_without_finer_times_was_said_when_it_began() -> None:
    assert replace(TURN, marks=()).spoken_at_ms(12) == 1000
    assert replace(TURN, marks=(), start_ms=None).spoken_at_ms(12) is None


def test_a_turn_comes_back_from_its_stored_form() -> None:
    assert Segment.from_json(TURN.to_json()) == TURN
    plain = replace(TURN, marks=(), speaker=None, start_ms=None, end_ms=None)
    assert Segment.from_json(plain.to_json()) == plain


def test_new_times_do_not_make_new_words_but_a_new_side_does() -> None:
    said = Transcript((TURN,))
    assert Transcript((replace(TURN, start_ms=5, marks=()),)).text_hash == said.text_hash
    assert Transcript((replace(TURN, side=Side.VENDOR),)).text_hash != said.text_hash


@given(st.dictionaries(st.text(max_size=3), st.integers() | st.text(max_size=3), max_size=5))
def test_equal_content_has_one_hash_whatever_its_order(content: dict[str, object]) -> None:
    assert content_hash(dict(reversed(list(content.items())))) == content_hash(content)


def test_parts_of_a_key_do_not_run_into_each_other() -> None:
    assert derived_id("message", "a", "bc") != derived_id("message", "ab", "c")
    assert derived_id("message", "a") == derived_id("message", "a")


def test_a_turn_that_a_source_gives_twice_is_kept_once_and_the_rest_counted_anew() -> None:
    said = [Segment(n, who, Side.CUSTOMER, n * 1000, n * 1000 + 900, "Yes.") for n, who in enumerate(["a", "b", "a"])]
    again = [*said, replace(said[0], index=3), replace(said[1], index=4), replace(said[2], index=5, start_ms=9000)]
    kept = Transcript(tuple(again)).without_repetitions
    assert [(one.index, one.speaker, one.start_ms) for one in kept.segments] == [
        (0, "a", 0),
        (1, "b", 1000),
        (2, "a", 2000),
        (3, "a", 9000),
    ]
    assert kept.without_repetitions is kept


def test_equal_turns_without_times_are_all_kept() -> None:
    said = tuple(Segment(n, "a", Side.CUSTOMER, None, None, "Yes.") for n in range(3))
    assert Transcript(said).without_repetitions.segments == said
