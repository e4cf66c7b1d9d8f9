"""Pictures in the event log: small, right at no data and at too much, and safe with whatever a theme is called."""

import base64
import io
import re
from datetime import date, timedelta

import dagster as dg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from headway_pipeline.model.ledger import MessageState
from headway_pipeline.orchestration.plots import (
    confidence_histogram,
    cost_by_week,
    features_by_week,
    ledger_by_state,
    ranked,
)

WEEKS = [date(2026, 9, 7) + timedelta(weeks=number) for number in range(12)]
#: What one picture may take of the event log, characters.
MOST_CHARS = 12_000
SOME = [number % 5 for number in range(12)]
MANY: dict[str | None, list[int]] = {f"Theme number {number} with quite a long name": SOME for number in range(50)}


def picture(value: dg.MarkdownMetadataValue) -> Image.Image:
    """The image of a metadata entry; the entry holds nothing else."""
    found = re.fullmatch(r"!\[[\w ]+\]\(data:image/png;base64,([A-Za-z0-9+/=]+)\)", value.value or "")
    assert found
    return Image.open(io.BytesIO(base64.b64decode(found[1])))


@pytest.mark.parametrize(
    "drawn",
    [
        pytest.param(lambda: features_by_week(WEEKS, {}), id="no theme"),
        pytest.param(lambda: features_by_week(WEEKS, {"Exports": SOME}), id="one theme"),
        pytest.param(lambda: features_by_week(WEEKS, {None: SOME}), id="the inbox alone"),
        pytest.param(lambda: features_by_week(WEEKS, {**MANY, None: SOME}), id="fifty themes"),
        pytest.param(lambda: features_by_week(WEEKS, {"Exports": [10**12] * 12}), id="huge numbers"),
        pytest.param(lambda: ledger_by_state({}), id="an empty ledger"),
        pytest.param(lambda: ledger_by_state({"gong": {MessageState.ANALYSED: 1}}), id="one call"),
        pytest.param(
            lambda: ledger_by_state({f"source{n}": dict.fromkeys(MessageState, 10**7) for n in range(9)}),
            id="more sources than colours",
        ),
        pytest.param(lambda: cost_by_week(WEEKS, [0.0] * 12), id="no cost"),
        pytest.param(lambda: cost_by_week(WEEKS, [0.0001, *[1e9] * 11]), id="ruin"),
        pytest.param(lambda: confidence_histogram([0.5]), id="one judgement"),
        pytest.param(lambda: confidence_histogram([n / 5000 for n in range(5001)]), id="many judgements"),
    ],
)
def test_a_picture_is_small_and_on_white_whatever_it_shows(drawn: object) -> None:
    value = drawn()  # type: ignore[operator]
    assert len(value.value) < MOST_CHARS
    image = picture(value).convert("RGB")
    assert 400 < image.width < 600
    assert image.height < 600
    assert image.getpixel((1, 1)) == (255, 255, 255)


def test_the_same_counts_give_the_same_bytes() -> None:
    assert features_by_week(WEEKS, {"Exports": SOME}) == features_by_week(WEEKS, {"Exports": SOME})


def test_what_is_shown_is_there_in_colour() -> None:
    empty = picture(features_by_week(WEEKS, {})).convert("RGB").getcolors(2**20) or []
    full = picture(features_by_week(WEEKS, {"Exports": SOME})).convert("RGB").getcolors(2**20) or []
    blue = (0, 114, 178)
    assert blue not in {colour for _, colour in empty}
    assert max(number for number, colour in full if colour == blue) > 2000


@pytest.mark.parametrize(
    "name",
    [
        "Price $5 to $6",
        r"$\frac{$",
        "导出",
        "\x07\x1b[31m",
        " ",
        "a\nb",
        "![x](http://x.example)",
        "x" * 5000,
    ],
)
def test_the_name_of_a_theme_is_only_a_name(name: str) -> None:
    """Two dollars would make a formula, which may be a wrong one; a missing character would warn at every run."""
    picture(features_by_week(WEEKS, {name: SOME, "Exports": SOME}))


@settings(max_examples=25, deadline=None)
@given(st.text(min_size=1, max_size=40))
def test_any_name_can_be_drawn(name: str) -> None:
    picture(features_by_week(WEEKS, {name: SOME}))


def test_themes_are_ranked_by_their_features_and_the_inbox_is_none() -> None:
    assert ranked({"b": [1, 1], "a": [2, 0], "c": [5, 5], None: [9, 9]}) == [("c", 10), ("a", 2), ("b", 2)]
