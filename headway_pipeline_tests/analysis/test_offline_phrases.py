import pytest

from headway_pipeline.analysis.offline.phrases import PhraseBook, inflections
from headway_pipeline.analysis.offline.sentences import words_of


def found(phrase: str, said: str) -> list[tuple[int, int]]:
    words = words_of(said)
    return [(one.first, one.end) for one in PhraseBook([("x", 1.0, phrase)]).find(words, f" {' '.join(words)} ")]


def test_a_phrase_is_found_with_the_place_of_its_words() -> None:
    assert found("would be great if", "Well, it would be great if it worked") == [(2, 6)]


@pytest.mark.parametrize(
    ("phrase", "said", "is_found"),
    [
        ("can|could you add", "could you add a button", True),
        ("can|could you add", "would you add a button", False),
        ("can you please? add", "can you add it", True),
        ("can you please? add", "can you please add it", True),
        ("takes .. hours", "it takes the two of us about three hours", False),
        ("takes .. hours", "it takes us about three hours", True),
        ("takes ..1 hours", "it takes about three hours", False),
        ("need !to", "we need exports", True),
        ("need !to", "we need to go", False),
        ("crash~ when", "it crashed when I left", True),
        ("doesn't load", "it doesnt load", True),
        ("doesn't load", "it doesn\u2019t load", True),
        ("load", "it is overloaded", False),
    ],
)
def test_the_little_language_of_phrases(phrase: str, said: str, is_found: bool) -> None:
    assert bool(found(phrase, said)) is is_found


@pytest.mark.parametrize(
    ("word", "forms"),
    [
        ("crash~", ("crash", "crashes", "crashed", "crashing")),
        ("freeze~", ("freeze", "freezes", "freezed", "freezing")),
        ("drop~", ("drop", "drops", "dropped", "dropping")),
        ("fail~", ("fail", "fails", "failed", "failing")),
        ("copy~", ("copy", "copies", "copied", "copying")),
        ("delay~", ("delay", "delays", "delayed", "delaying")),
        ("plain", ("plain",)),
    ],
)
def test_a_tilde_stands_for_the_forms_of_a_verb(word: str, forms: tuple[str, ...]) -> None:
    assert inflections(word) == forms


def test_blank_lines_and_notes_are_no_phrases() -> None:
    assert found("\n  # only a note\nload\n", "only a note, no load") == [(4, 5)]
