import random

import pytest

from headway_pipeline.cli.eval_agreement import agreement_rows
from headway_pipeline.evaluation.agreement import agreement_of


def places(numbers: range | list[int]) -> set[tuple[str, int]]:
    return {("call", number) for number in numbers}


def test_chapman_s_estimate_is_what_it_is_by_hand() -> None:
    found = agreement_of(places(range(60)), places(range(20, 100)))
    assert (found.both, found.only_first, found.only_second) == (40, 20, 40)
    assert found.estimated == pytest.approx(61 * 81 / 41 - 1)
    assert found.found == 100
    assert found.low <= found.estimated <= found.high
    assert found.low >= found.found


def test_two_who_find_the_same_leave_nothing_to_be_missed() -> None:
    found = agreement_of(places(range(10)), places(range(10)))
    assert found.missed == 0
    assert (found.low, found.high) == (10, 10)


def test_of_independent_readers_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    rng = random.Random(5)
    held = 0
    for _ in range(200):
        first, second = ([n for n in range(150) if rng.random() < share] for share in (0.5, 0.4))
        found = agreement_of(places(first), places(second))
        held += found.low <= 150 <= found.high
    assert 180 <= held <= 200


def test_over_the_demo_the_estimate_stands_beside_what_was_truly_missed() -> None:
    everything, planted = agreement_rows("offline:rules", "offline:words", None, None)
    assert everything["found"] >= planted["found"]
    assert planted["planted"] == planted["found"] + planted["truly_missed"]
    # The two readers miss the same hard passages, so that the estimate is low: that is what the assumptions say.
    assert planted["found"] < planted["estimated"] < planted["planted"] * 1.1
