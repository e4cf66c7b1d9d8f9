"""Every pitfall the documentation lists has a test that names it, and every whole path one that follows it."""

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PAGE = (TESTS.parent / "docs" / "source_pitfalls.md").read_text(encoding="utf-8")
NAMES = sorted(
    name
    for path in TESTS.rglob("test_*.py")
    for name in re.findall(r"^ *def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
)


def test_the_page_lists_them_all_once() -> None:
    listed = re.findall(r"^\| ([GF]\d+) \|", PAGE, re.MULTILINE)
    assert listed == [f"G{n}" for n in range(1, 27)] + [f"F{n}" for n in range(1, 20)]


@pytest.mark.parametrize("number", re.findall(r"^\| ([GF]\d+) \|", PAGE, re.MULTILINE))
def test_every_pitfall_has_a_test_that_names_it(number: str) -> None:
    assert [name for name in NAMES if re.search(rf"_{number.lower()}_", name)]


@pytest.mark.parametrize("beginning", re.findall(r"`(test_\w+)…`", PAGE))
def test_every_whole_path_has_its_test(beginning: str) -> None:
    assert [name for name in NAMES if name.startswith(beginning)]
