import pytest

from headway_pipeline.evaluation.figures import Confusion, f1_of_two_samples, share


def test_a_share_has_the_interval_of_wilson() -> None:
    figure = share("recall", 8, 10)
    assert figure.value == pytest.approx(0.8)
    # Worked by hand from Wilson's formula.
    assert figure.low == pytest.approx(0.4902, abs=1e-3)
    assert figure.high == pytest.approx(0.9433, abs=1e-3)


def test_a_share_of_nothing_is_no_figure() -> None:
    assert share("precision", 0, 0).value is None


def test_a_perfect_share_of_few_cases_is_not_certain() -> None:
    figure = share("accuracy", 3, 3)
    assert figure.low is not None
    assert figure.low < 0.5


PAIRS = [("bug", "bug")] * 6 + [("bug", "other")] * 2 + [("other", "bug")] * 4 + [("other", "other")] * 8


def test_precision_recall_and_f1_are_what_they_are_by_hand() -> None:
    confusion = Confusion(PAIRS, ("bug", "other"))
    assert confusion.matrix == ((6, 2), (4, 8))
    assert confusion.precision("bug").value == pytest.approx(0.6)
    assert confusion.recall("bug").value == pytest.approx(0.75)
    assert confusion.f1("bug").value == pytest.approx(12 / 18)
    assert confusion.accuracy().value == pytest.approx(0.7)
    assert confusion.macro_f1(("bug", "other")).value == pytest.approx((12 / 18 + 16 / 22) / 2)


def test_the_bootstrap_interval_holds_the_value_narrows_with_cases_and_repeats_itself() -> None:
    few, many = Confusion(PAIRS, ("bug", "other")).f1("bug"), Confusion(PAIRS * 20, ("bug", "other")).f1("bug")
    assert few.low is not None
    assert few.high is not None
    assert many.low is not None
    assert many.high is not None
    assert few.value is not None
    assert few.low < few.value < few.high
    assert many.high - many.low < (few.high - few.low) / 2
    assert Confusion(PAIRS, ("bug", "other")).f1("bug") == few


def test_labels_nobody_expected_are_counted_as_wrong() -> None:
    confusion = Confusion([("bug", "failed"), ("bug", "bug")], ("bug", "other"))
    assert confusion.labels == ("bug", "other", "failed")
    assert confusion.recall("bug").value == pytest.approx(0.5)


def test_f1_of_outputs_and_references_is_their_harmonic_mean() -> None:
    figure = f1_of_two_samples(share("precision", 5, 10), share("recall", 1, 1))
    assert figure.value == pytest.approx(2 / 3)
