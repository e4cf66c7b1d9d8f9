import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway_pipeline.analysis.grounding import Grounded, GroundingIndex, Refusal, RefusalReason, ground
from headway_pipeline.model.calls import Segment, Side, Transcript
from headway_pipeline_tests.analysis.speech import call

SOME_WORDS = (
    "report invoice export broken loads slowly every month cannot open página café naïve Größe 数据 don't v2.1"
)
WORDS = st.sampled_from([*SOME_WORDS.split(), "it\u2019s"])
GAPS = st.sampled_from([" ", ", ", "  ", " - ", ". ", "\n", " “", "” "])
#: Any text, lone surrogates included.
ANYTHING = st.text(st.characters(), max_size=80)

RENEWAL = call(
    "V: How do you export the dashboards to a spreadsheet today?",
    "C: Um, well, it\u2019s really painful: we copy every single row by hand, and then finance complains.",
    "C: The export broke again last Tuesday... nobody told us anything about it.",
    "U: We have the same trouble with the weekly numbers over here.",
)


def grounded(quote: str, near: int, transcript: Transcript = RENEWAL) -> tuple[int, str]:
    found = ground(quote, near, transcript)
    assert isinstance(found, Grounded), found
    assert_verbatim(found, transcript)
    return found.evidence.segment_index, found.evidence.quote


def refused(quote: str, near: int, transcript: Transcript = RENEWAL) -> RefusalReason:
    found = ground(quote, near, transcript)
    assert isinstance(found, Refusal), found
    return found.reason


def assert_verbatim(found: Grounded, transcript: Transcript) -> None:
    evidence = found.evidence
    segment = next(one for one in transcript.segments if one.index == evidence.segment_index)
    assert segment.text[evidence.char_start : evidence.char_end] == evidence.quote != ""
    assert segment.side is not Side.VENDOR
    assert 0 <= found.likeness <= 1


def test_words_are_found_whatever_their_case_quotes_and_punctuation() -> None:
    assert grounded("IT'S REALLY PAINFUL; WE COPY every single row", 1) == (
        1,
        "it\u2019s really painful: we copy every single row",
    )


def test_the_evidence_is_copied_from_the_transcript_not_from_the_analyst() -> None:
    assert grounded("its really painful we copy every single row by hand", 1)[1].startswith(
        "it\u2019s really painful: we"
    )


def test_a_dropped_filler_and_a_repaired_word_are_forgiven() -> None:
    index, quote = grounded("well it is really painful, we copy each single row by hand and finance complains", 1)
    assert index == 1
    assert quote.endswith("by hand, and then finance complains")


def test_an_analyst_that_miscounts_the_segments_is_put_right() -> None:
    assert grounded("we copy every single row by hand", 0)[0] == 1
    assert grounded("we copy every single row by hand", 999)[0] == 1
    assert grounded("we copy every single row by hand", -7)[0] == 1


def test_of_two_places_with_the_same_words_the_one_nearest_to_the_named_segment_counts() -> None:
    transcript = call("C: we need the export today", "C: nothing", "C: nothing", "C: we need the export today")
    assert grounded("we need the export today", 0, transcript)[0] == 0
    assert grounded("we need the export today", 2, transcript)[0] == 3


def test_parts_around_an_ellipsis_become_one_passage() -> None:
    assert grounded("we copy every single row ... finance complains", 1)[1] == (
        "we copy every single row by hand, and then finance complains"
    )


def test_an_ellipsis_that_the_transcript_itself_holds_is_no_gap() -> None:
    assert grounded("The export broke again last Tuesday... nobody told us", 2)[1] == (
        "The export broke again last Tuesday... nobody told us"
    )


def test_parts_of_two_segments_are_not_joined() -> None:
    assert (
        refused("we copy every single row by hand [...] the weekly numbers over here", 1) is RefusalReason.UNGROUNDED
    )


def test_parts_far_apart_are_represented_by_the_longest() -> None:
    filler = " ".join(f"word{n}" for n in range(60))
    transcript = call(f"C: the import fails on Mondays {filler} and nobody can invoice any customer")
    assert grounded("the import fails on … and nobody can invoice any customer", 0, transcript)[1] == (
        "and nobody can invoice any customer"
    )


def test_a_vendors_words_are_no_evidence() -> None:
    assert refused("How do you export the dashboards to a spreadsheet", 0) is RefusalReason.VENDOR
    assert refused("how do you export these dashboards to a spreadsheet today", 1) is RefusalReason.VENDOR


def test_a_customer_who_repeats_the_vendors_words_may_be_cited() -> None:
    transcript = call("V: So the import is too slow?", "C: Yes, the import is too slow for us.")
    assert grounded("the import is too slow", 0, transcript)[0] == 1


def test_words_of_an_unknown_side_may_be_cited() -> None:
    assert grounded("the same trouble with the weekly numbers", 3)[0] == 3


@pytest.mark.parametrize(
    "quote", ["", "...", "painful", "really painful we", "🙂🙂🙂🙂🙂", "by hand ... finance ... row"]
)
def test_fewer_than_four_words_are_never_evidence(quote: str) -> None:
    assert refused(quote, 1) is RefusalReason.TOO_SHORT


def test_a_short_quote_must_be_all_but_exact() -> None:
    assert refused("we copied the row", 1) is RefusalReason.UNGROUNDED
    assert refused("we paste every single row", 1) is RefusalReason.UNGROUNDED


def test_a_one_word_segment_is_not_found_inside_a_long_quote() -> None:
    transcript = call("C: yes", "C: export", "C: the export")
    assert refused("yes we would want the export of every table in one go", 0, transcript) is RefusalReason.UNGROUNDED


@pytest.mark.parametrize(
    "quote",
    [
        "Our warehouse scanners lose their pairing each night",
        "the invoices arrive twice in the accounting inbox",
        "please give administrators a way of locking accounts",
    ],
)
def test_words_from_nowhere_are_refused(quote: str) -> None:
    assert refused(quote, 1) is RefusalReason.UNGROUNDED


def test_composed_and_decomposed_accents_are_the_same_words() -> None:
    transcript = call("C: " + unicodedata.normalize("NFD", "la página no carga después de la última versión"))
    assert grounded("la página no carga después", 0, transcript)[1] == unicodedata.normalize(
        "NFD", "la página no carga después"
    )


def test_a_language_without_spaces_is_found_by_its_characters() -> None:
    assert grounded("无法导出报告", 0, call("C: 我们每次都无法导出报告。"))[1] == "无法导出报告"


@given(st.lists(st.tuples(WORDS, GAPS), min_size=4, max_size=40), st.data())
def test_every_slice_of_four_words_of_a_customer_is_found(spoken: list[tuple[str, str]], data: st.DataObject) -> None:
    spans, text = [], ""
    for word, gap in spoken:
        spans.append((len(text), len(text) + len(word)))
        text += word + gap
    first = data.draw(st.integers(0, len(spans) - 4))
    last = data.draw(st.integers(first + 3, len(spans) - 1))
    transcript = call("V: What else is on your mind?", f"C: {text}")
    found = ground(text[spans[first][0] : spans[last][1]], data.draw(st.integers(-3, 5)), transcript)
    assert isinstance(found, Grounded)
    assert_verbatim(found, transcript)
    assert found.likeness == 1


@given(st.lists(st.tuples(st.sampled_from(list(Side)), ANYTHING), max_size=6), ANYTHING, st.integers())
def test_no_text_whatever_raises_and_what_is_grounded_is_verbatim(
    said: list[tuple[Side, str]], quote: str, near: int
) -> None:
    segments = (Segment(index, None, side, None, None, text) for index, (side, text) in enumerate(said))
    transcript = Transcript(tuple(segments))
    for wanted in (quote, *(text for _, text in said)):
        found = ground(wanted, near, transcript)
        assert found == ground(wanted, near, transcript)
        if isinstance(found, Grounded):
            assert_verbatim(found, transcript)


@given(st.lists(st.sampled_from(["lorem", "ipsum", "dolor", "sit", "amet", "elit", "sed"]), min_size=4, max_size=30))
def test_words_nobody_said_are_refused_however_many(words: list[str]) -> None:
    assert refused(" ".join(words), 1) is RefusalReason.UNGROUNDED


def test_an_index_answers_as_the_single_question_does() -> None:
    index = GroundingIndex(RENEWAL)
    for quote in ("we copy every single row", "the same trouble with the weekly numbers", "no such words at all"):
        assert index.ground(quote, 1) == ground(quote, 1, RENEWAL)


def test_a_whole_utterance_is_evidence_however_short_and_a_part_of_one_is_not() -> None:
    said = call("C: Keeps crashing!", "V: Very odd.", "C: It keeps crashing on me.", "C: Yes.")
    answer = ground("Keeps crashing", 0, said)
    assert isinstance(answer, Grounded)
    assert answer.evidence.quote == "Keeps crashing"
    for quote, index, reason in [
        ("keeps crashing", 2, RefusalReason.TOO_SHORT),
        ("Keeps crashing", 9, RefusalReason.TOO_SHORT),
        ("Yes.", 3, RefusalReason.TOO_SHORT),
        ("Very odd.", 1, RefusalReason.VENDOR),
    ]:
        refusal = ground(quote, index, said)
        assert isinstance(refusal, Refusal)
        assert refusal.reason is reason
