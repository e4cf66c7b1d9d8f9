"""WordPiece is tested everywhere; the model itself only where the extra `local` is installed."""

from pathlib import Path

import pytest

from headway_pipeline.analysis.offline import OfflineAnalyst, installed_analyst
from headway_pipeline.analysis.offline.local import MiniLM, is_installed, load_minilm
from headway_pipeline.analysis.offline.local.wordpiece import encode, pieces_of, vocabulary
from headway_pipeline.model.errors import ConfigurationError
from headway_pipeline_tests.analysis.speech import item, themes

needs_local = pytest.mark.skipif(not is_installed(), reason="the extra `local` is not installed")


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("Exporting invoices!", ["export", "##ing", "in", "##vo", "##ices", "!"]),
        ("Caf\u00e9 na\u00efve", ["cafe", "naive"]),
        ("don't", ["don", "'", "t"]),
        ("a\u200bb \t c\n", ["ab", "c"]),
        ("\u4e2d\u6587", ["\u4e2d", "\u6587"]),
        ("x" * 101, ["[UNK]"]),
        ("", []),
    ],
)
def test_words_are_taken_apart_into_the_longest_known_pieces(text: str, pieces: list[str]) -> None:
    assert pieces_of(text, vocabulary()) == pieces


def test_a_text_stands_between_its_marks_and_is_cut_to_length() -> None:
    known = vocabulary()
    assert len(known) == 30_522
    assert encode("so " * 500, 128) == [known["[CLS]"], *[known["so"]] * 126, known["[SEP]"]]


@needs_local
def test_another_file_than_the_one_measured_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "model.onnx"
    other.write_bytes(b"somebody else's weights")
    with pytest.raises(ConfigurationError, match="not the file"):
        MiniLM(other)


@needs_local
def test_likeness_is_of_meaning_and_the_same_every_time() -> None:
    model = load_minilm()
    texts = ["The lorry was late", "We like soup"]
    (near, far) = model.likenesses(["Our truck arrived behind schedule"], texts)[0]
    assert near > 0.3 > far
    assert model.likenesses(texts, texts) == model.likenesses(texts, texts)
    assert model.likenesses([], texts) == []


@needs_local
def test_an_item_without_a_word_in_common_is_filed_by_meaning() -> None:
    offered = themes("Signing in", "Deliveries")
    asked = item("My lorry never knows which ramp to unload at")
    by_words = OfflineAnalyst().match([asked], offered).scores[0][0]
    by_meaning = installed_analyst().match([asked], offered).scores[0][0]
    assert by_words.score < 0.1
    assert by_meaning.theme_id == offered[1].id
    assert installed_analyst().name == "offline:local"
