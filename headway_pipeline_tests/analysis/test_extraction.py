import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway_pipeline.analysis.contract import Candidate
from headway_pipeline.analysis.extraction import Refused, extract
from headway_pipeline.analysis.grounding import RefusalReason
from headway_pipeline.model.features import FeatureType, Urgency
from headway_pipeline.model.usage import Usage
from headway_pipeline_tests.analysis.speech import ScriptedAnalyst, call, candidate

CALL = call(
    "V: Would you like scheduled exports of every dashboard?",
    "C: Yes, we would love scheduled exports of every dashboard, because finance asks each Monday.",
    "C: And it would help to lock old reports so that nobody edits them.",
)
EXPORTS = (1, "we would love scheduled exports of every dashboard")
LONGER = (1, "Yes, we would love scheduled exports of every dashboard, because finance asks")
LOCKS = (2, "it would help to lock old reports")


def test_an_item_keeps_only_the_quotes_that_were_said() -> None:
    analyst = ScriptedAnalyst((candidate("Exports", EXPORTS, (2, "and we would pay twice the price for it")),))
    (item,) = extract(analyst, CALL).items
    assert [span.quote for span in item.evidence] == [EXPORTS[1]]


def test_an_item_without_any_quote_that_was_said_is_refused_with_its_reason() -> None:
    invented = candidate("Invented", (1, "please paint every button in a warm orange"))
    vendors = candidate("Vendor's", (0, "Would you like scheduled exports of every"))
    unquoted = candidate("Unquoted")
    extraction = extract(ScriptedAnalyst((invented, vendors, unquoted)), CALL)
    assert extraction.items == ()
    assert extraction.refused == (
        Refused("Invented", RefusalReason.UNGROUNDED),
        Refused("Vendor's", RefusalReason.VENDOR),
        Refused("Unquoted", RefusalReason.UNGROUNDED),
    )


def test_items_of_one_type_about_the_same_words_become_one_and_nothing_said_is_lost() -> None:
    sure = candidate("Scheduled exports", EXPORTS, confidence=0.9)
    pressing = candidate("Dashboards by mail", LONGER, urgency=Urgency.HIGH, confidence=0.6)
    extraction = extract(ScriptedAnalyst((pressing, sure)), CALL)
    (item,) = extraction.items
    assert extraction.merged == 1
    assert item.title == "Scheduled exports"
    assert "Dashboards by mail" in item.description
    assert (item.urgency, item.urgency_reason) == (Urgency.HIGH, "why Dashboards by mail")
    assert [span.quote for span in item.evidence] == [LONGER[1]]


def test_an_item_that_ties_two_others_together_makes_them_one() -> None:
    both = candidate("Both", EXPORTS, LOCKS)
    extraction = extract(ScriptedAnalyst((candidate("Exports", EXPORTS), candidate("Locks", LOCKS), both)), CALL)
    assert len(extraction.items) == 1
    assert extraction.merged == 2


def test_items_of_different_types_may_rest_on_the_same_words() -> None:
    request = candidate("Exports", EXPORTS)
    pain = Candidate(
        **{name: getattr(request, name) for name in Candidate.__dataclass_fields__ if name != "type"},
        type=FeatureType.PAIN_POINT,
    )
    assert len(extract(ScriptedAnalyst((request, pain)), CALL).items) == 2


def test_items_come_in_the_order_in_which_they_were_said() -> None:
    extraction = extract(ScriptedAnalyst((candidate("Locks", LOCKS), candidate("Exports", EXPORTS))), CALL)
    assert [item.title for item in extraction.items] == ["Exports", "Locks"]


def test_the_quote_an_analyst_names_first_stays_first_for_listings_show_that_one() -> None:
    """The demo once showed small talk under a title, for it was said a minute before the request."""
    (item,) = extract(ScriptedAnalyst((candidate("Locks", LOCKS, EXPORTS),)), CALL).items
    assert [span.quote for span in item.evidence] == [LOCKS[1], EXPORTS[1]]
    longer = candidate("Exports", EXPORTS, LOCKS, LONGER)
    (item,) = extract(ScriptedAnalyst((longer,)), CALL).items
    assert [span.quote for span in item.evidence] == [LONGER[1], LOCKS[1]]


def test_scores_beyond_their_range_are_brought_into_it() -> None:
    (item,) = extract(ScriptedAnalyst((candidate("Exports", EXPORTS, confidence=7.0),)), CALL).items
    assert item.confidence == 1.0
    assert extract(ScriptedAnalyst(sentiment_score=-3.0), CALL).sentiment_score == -1.0


@given(
    st.lists(
        st.lists(st.sampled_from([EXPORTS, LONGER, LOCKS, (1, "finance asks each Monday")]), max_size=3), max_size=6
    )
)
def test_every_candidate_ends_as_an_item_a_merger_or_a_refusal(quotes: list[list[tuple[int, str]]]) -> None:
    candidates = tuple(candidate(f"Item {n}", *chosen) for n, chosen in enumerate(quotes))
    extraction = extract(ScriptedAnalyst(candidates), CALL)
    assert len(extraction.items) + extraction.merged + len(extraction.refused) == len(candidates)
    spans = [(item, span) for item in extraction.items for span in item.evidence]
    for item, span in spans:
        for other, other_span in spans:
            apart = item is other or span.segment_index != other_span.segment_index
            assert apart or span.char_end <= other_span.char_start or other_span.char_end <= span.char_start


@pytest.mark.parametrize("said", [(), ("C: ",), ("V: Hello there, how are you all doing?",)])
def test_a_call_without_customers_words_yields_nothing(said: tuple[str, ...]) -> None:
    extraction = extract(ScriptedAnalyst((candidate("Exports", EXPORTS),)), call(*said))
    assert extraction.items == ()
    assert len(extraction.refused) == 1


def test_what_answers_cost_adds_up_and_an_unknown_price_makes_the_sum_unknown() -> None:
    known = Usage(requests=1, input_tokens=10, output_tokens=2, cost_usd=0.5)
    assert known + known == Usage(requests=2, input_tokens=20, output_tokens=4, cost_usd=1.0)
    assert (known + Usage(cost_usd=None)).cost_usd is None
