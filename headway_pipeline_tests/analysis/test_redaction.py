"""Personal data leaves no machine, and comes back where it was."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway_pipeline.analysis.redaction import Redaction


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("write to rosa.diaz+crm@buyer.example please", "write to [EMAIL_1] please"),
        ("call me on +44 20 7946 0958 tomorrow", "call me on [PHONE_1] tomorrow"),
        ("that's (415) 555-0132, extension two", "that's [PHONE_1], extension two"),
        ("or simply +4915112345678", "or simply [PHONE_1]"),
        ("the card is 4111 1111 1111 1111, right", "the card is [CARD_1], right"),
        ("my number is 078-05-1120", "my number is [SSN_1]"),
        ("the server at 10.20.30.40 is down", "the server at [IP_1] is down"),
        ("it is fe80:0000:0000:0000:0202:b3ff:fe1e:8329 now", "it is [IP_1] now"),
        ("Rosa told Diaz and Rosa Diaz", "[PERSON_1] told [PERSON_2] and [PERSON_3]"),
    ],
)
def test_what_is_personal_becomes_a_placeholder_and_comes_back(said: str, shown: str) -> None:
    redaction = Redaction(("Rosa Diaz",))
    assert redaction.redact(said) == shown
    assert redaction.restore(shown) == said


@pytest.mark.parametrize(
    "said",
    [
        "we pulled 1234 5678 1234 5678 rows",  # no card: the check digit is wrong
        "version 1.2.3 came out in 2026",
        "about 250 000 rows in 2024-11-20",
        "the years 2024 2025 are fine",
        "she will do it, whatever will says",
    ],
)
def test_what_only_looks_personal_stays(said: str) -> None:
    assert Redaction(("Will Rosa",)).redact(said) == said


def test_the_same_words_get_the_same_placeholder_all_over_the_call() -> None:
    redaction = Redaction()
    texts = [redaction.redact(text) for text in ("a@b.example and c@d.example", "again c@d.example")]
    assert texts == ["[EMAIL_1] and [EMAIL_2]", "again [EMAIL_2]"]


def test_a_model_that_drops_the_brackets_is_understood() -> None:
    redaction = Redaction()
    redaction.redact("a@b.example")
    assert redaction.restore("write to EMAIL_1 or EMAIL_7") == "write to a@b.example or EMAIL_7"


def test_a_spoken_placeholder_is_not_taken_for_one_of_ours() -> None:
    """Somebody who says "[EMAIL_1]" must not get the address of another speaker into a quote."""
    redaction = Redaction()
    texts = ["please put [EMAIL_1] there", "mine is a@b.example"]
    redaction.reserve(texts)
    shown = [redaction.redact(text) for text in texts]
    assert shown == ["please put [EMAIL_1] there", "mine is [EMAIL_2]"]
    assert [redaction.restore(text) for text in shown] == texts


@pytest.mark.parametrize("name", ["the export fails every Monday morning", "export", "Export 2", "E", "  "])
def test_a_name_that_is_no_name_takes_nothing_out_of_the_call(name: str) -> None:
    """Anybody may join a call under any name."""
    said = "the export fails every Monday morning"
    assert Redaction((name,)).redact(said) == said


@given(st.text(max_size=200), st.lists(st.text(min_size=1, max_size=12), max_size=3))
def test_restoring_what_was_redacted_gives_the_text(text: str, names: list[str]) -> None:
    redaction = Redaction(tuple(names))
    redaction.reserve([text])
    assert redaction.restore(redaction.redact(text)) == text
