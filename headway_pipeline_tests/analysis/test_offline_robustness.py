import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.synthetic_calls import synthetic_call
from headway_pipeline.analysis.extraction import extract
from headway_pipeline.analysis.offline import OfflineAnalyst
from headway_pipeline.model.calls import Segment, Side, Transcript
from headway_pipeline_tests.analysis.speech import item, themes

OFFLINE = OfflineAnalyst()
THEMES = themes("Exports & reporting", "Reliability")
HUGE = 200_000


def transcript(*texts: str) -> Transcript:
    return Transcript(tuple(Segment(n, None, Side.CUSTOMER, None, None, text) for n, text in enumerate(texts)))


@given(st.lists(st.text(st.characters(), max_size=120), max_size=5))
def test_no_text_whatever_makes_the_analyst_fail(texts: list[str]) -> None:
    said = transcript(*texts)
    assert extract(OFFLINE, said) == extract(OFFLINE, said)
    OFFLINE.judge_relevance(said, THEMES)
    OFFLINE.match([item(text) for text in texts], THEMES)


SOME_CUES = """
it would be great if we could you doesn't work crashes error not never no need to is there a way painful manually
takes hours every week fixed now , . ? … 🙂 مرحبا שלום export
"""
CUES = st.sampled_from(SOME_CUES.split())


@given(st.lists(st.lists(CUES, max_size=60).map(" ".join), max_size=4))
def test_whatever_is_found_is_grounded_short_and_within_its_ranges(texts: list[str]) -> None:
    extraction = extract(OFFLINE, transcript(*texts))
    assert extraction.refused == ()
    for found in extraction.items:
        assert 0 < len(found.title) <= 90
        assert found.description
        assert 0.5 <= found.confidence <= 0.95
        assert -1 <= found.sentiment_score <= 1
        assert all(len(span.quote.split()) <= 40 for span in found.evidence)


@pytest.mark.parametrize(
    "unit",
    [
        "a",
        "word ",
        "it would be very ",
        "we need to be able ",
        "takes us hours and ",
        "not a ",
        ".",
        "?'",
        ", ",
        " ",
        "\n",
        "...",
        "um ",
        "the the ",
        "would be " + "x" * 500 + " ",
    ],
)
def test_a_sentence_of_200_000_characters_is_read_in_linear_time(unit: str) -> None:
    said = transcript(unit * (HUGE // len(unit)))
    began = time.process_time()
    extract(OFFLINE, said)
    OFFLINE.judge_relevance(said, THEMES)
    # Linear work takes about half a second here; anything quadratic takes minutes.
    assert time.process_time() - began < 10


def test_a_call_of_four_hours_is_read_to_its_end() -> None:
    long_call = synthetic_call(36_000, seed=5)
    last = long_call.segments[-1].index + 1
    end = Segment(last, None, Side.CUSTOMER, None, None, "One last thing, can you add a field for the pallet number?")
    extraction = extract(OFFLINE, Transcript((*long_call.segments, end)))
    assert extraction.items[-1].evidence[-1].segment_index == last
    assert extraction.refused == ()


def test_the_analyst_gives_its_name_and_version() -> None:
    assert OFFLINE.name == "offline"
    assert OFFLINE.version.startswith("3+"), "the rules' version, then the weights'"


@pytest.mark.parametrize(
    "said",
    [
        "Muchas gracias por todo, nos vemos el lunes en la oficina con los compañeros.",
        "Nosotros somos doce personas y trabajamos en dos turnos.",
        "شكرا جزيلا على وقتكم اليوم",
        "😀 👍 🎉 😀",
        "本日はありがとうございました",
        "Vielen Dank, wir sehen uns dann am Dienstag im Werk.",
        "Yes.",
        "",
    ],
)
def test_nothing_is_invented_from_pleasantries_in_any_language(said: str) -> None:
    assert extract(OFFLINE, transcript(said)).items == ()
    assert extract(OFFLINE, transcript(*[said] * 60)).items == ()


def test_a_call_of_four_hours_is_read_and_every_item_rests_on_few_quotes() -> None:
    extraction = extract(OFFLINE, synthetic_call(36_000, seed=4))
    assert extraction.items
    assert extraction.refused == ()
    assert max(len(item.evidence) for item in extraction.items) <= 12
