"""An analyst measured against what a team decided, from its decisions to the figures."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from headway_pipeline.analysis.contract import Matches, Reading, Relevance
from headway_pipeline.evaluation.labelled import DataFolder
from headway_pipeline.evaluation.run import Evaluation, evaluate
from headway_pipeline.model.calls import Transcript
from headway_pipeline.model.errors import InputError
from headway_pipeline.model.features import ExtractedFeature, FeatureType, Sentiment, Theme, ThemeScore
from headway_pipeline.store import Store
from headway_pipeline_tests.analysis.speech import candidate
from headway_pipeline_tests.store.filed import Desk, desk
from headway_pipeline_tests.store.rows import call, item, transcript

SAID = (
    "Please add a way to sort the recipes by the month of the harvest, we need it every day at breakfast time.",
    "Please forgive me, the dog is barking at the postman again and I shall be back in a minute or in two.",
    "The weather was lovely all week, and the garden is full of beans that nobody in the family wants to eat.",
    "Please let us print the labels in two columns, for the roll of paper is as wide as a newspaper column.",
)


@dataclass(frozen=True, slots=True)
class Polite:
    """Takes what begins with "Please" for a request, and files everything under one theme."""

    theme: str = "Exports"
    name: str = "polite"
    version: str = "1"

    def judge_relevance(self, transcript: Transcript, themes: Sequence[Theme]) -> Relevance:
        return Relevance(True, 1.0, "")

    def extract(self, transcript: Transcript) -> Reading:
        asked = [segment for segment in transcript.segments if segment.text.startswith("Please")]
        # Not the very words that were found before: the end of each is cut off.
        found = tuple(candidate(one.text[:30], (one.index, one.text[:80])) for one in asked)
        return Reading(found, Sentiment.NEUTRAL, 0.0)

    def match(self, items: Sequence[ExtractedFeature], themes: Sequence[Theme]) -> Matches:
        best = next(theme for theme in themes if theme.name == self.theme)
        return Matches(tuple((ThemeScore(best.id, 0.9),) for _ in items))


@pytest.fixture
def folder(store: Store, tmp_path: Path) -> Path:
    """A call with four items: accepted, dismissed, accepted and not found again, moved; and an undecided one."""
    at = desk(store)
    request = FeatureType.FEATURE_REQUEST
    found = [item(text, index, kind=request) for index, text in enumerate(SAID)]
    sorting, barking, beans, printing = at.read(call(), *found, words=transcript(*SAID))
    at.read(call("undecided"), found[0], words=transcript(*SAID))
    at.file(at.exports)
    store.decisions.accept(at.id, sorting, decided_by="rosa")
    store.decisions.dismiss(at.id, barking, decided_by="rosa")
    store.decisions.accept(at.id, beans, decided_by="rosa")
    store.decisions.move(at.id, printing, at.billing, decided_by="rosa")
    write(at, tmp_path)
    return tmp_path


def write(at: Desk, folder: Path) -> list[dict[str, Any]]:
    rows = [one.to_json() for one in at.store.reading.decided_calls(at.id)]
    lines = "".join(f"{json.dumps(row)}\n" for row in rows)
    (folder / "decided_calls_acme.jsonl").write_text(lines, encoding="utf-8")
    return rows


def figures(done: Evaluation) -> dict[str, tuple[float | None, int]]:
    return {figure.name: (figure.value, figure.count) for one in done.measures for figure in one.figures}


def test_an_analyst_is_measured_against_what_was_accepted_dismissed_and_moved(folder: Path) -> None:
    assert figures(evaluate(Polite(), DataFolder(folder))) == {
        "precision over decided items": (0.5, 2),
        "accepted items found": (0.5, 2),
        "dismissed items left out": (0.0, 1),
        "filed as decided": (2 / 3, 3),
        "filed as decided, of moved ones": (0.0, 1),
        "filed as decided, of accepted ones": (1.0, 2),
    }
    assert figures(evaluate(Polite("Billing"), DataFolder(folder), only=["theme"])) == {
        "filed as decided": (1 / 3, 3),
        "filed as decided, of moved ones": (1.0, 1),
        "filed as decided, of accepted ones": (0.0, 2),
    }


def test_only_calls_with_decisions_are_in_the_set_with_all_their_words_and_current_themes(store: Store) -> None:
    at = desk(store)
    (first,) = at.read(call(), item(SAID[0]), words=transcript(*SAID))
    at.read(call("undecided"), item(SAID[0]), words=transcript(*SAID))
    at.file(at.billing)
    store.decisions.accept(at.id, first, decided_by="rosa", note="a note is nobody else's business")
    (decided,) = store.reading.decided_calls(at.id)
    assert decided.transcript == transcript(*SAID)
    assert [theme.name for theme in decided.themes] == ["Exports", "Billing"]
    (kept,) = decided.items
    assert (kept.verdict, kept.theme, kept.is_theme_decided, kept.is_moved) == ("accept", "Billing", True, False)
    assert "rosa" not in json.dumps(decided.to_json())
    assert "note" not in json.dumps(decided.to_json())


def test_a_theme_that_was_archived_since_labels_nothing(store: Store) -> None:
    at = desk(store)
    (first,) = at.read(call(), item(SAID[0]), words=transcript(*SAID))
    at.file(at.exports)
    store.decisions.move(at.id, first, at.billing, decided_by="rosa")
    store.themes.archive(at.billing)
    (decided,) = store.reading.decided_calls(at.id)
    assert (decided.items[0].is_theme_decided, decided.items[0].theme) == (False, None)


def test_an_item_that_belongs_into_the_inbox_is_right_there(store: Store, tmp_path: Path) -> None:
    at = desk(store)
    (first,) = at.read(call(), item(SAID[0]), words=transcript(*SAID))
    at.file(at.exports)
    store.decisions.move(at.id, first, None, decided_by="rosa")
    write(at, tmp_path)
    assert figures(evaluate(Polite(), DataFolder(tmp_path)))["filed as decided"] == (0.0, 1)

    @dataclass(frozen=True, slots=True)
    class Unsure(Polite):
        def match(self, items: Sequence[ExtractedFeature], themes: Sequence[Theme]) -> Matches:
            found = Polite.match(self, items, themes)
            return replace(found, scores=tuple((replace(best[0], score=0.1),) for best in found.scores))

    assert figures(evaluate(Unsure(), DataFolder(tmp_path)))["filed as decided"] == (1.0, 1)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda row: row.pop("segments"),
        lambda row: row["items"][0].update(verdict="maybe"),
        lambda row: row["items"][0]["evidence"][0].update(quote="something else"),
        lambda row: row["items"][0]["evidence"][0].update(segment_index=99),
        lambda row: row.update(items=7),
    ],
)
def test_a_set_that_was_tampered_with_is_refused(folder: Path, spoil: Any) -> None:
    path = folder / "decided_calls_acme.jsonl"
    row = json.loads(path.read_text(encoding="utf-8"))
    spoil(row)
    path.write_text(json.dumps(row), encoding="utf-8")
    with pytest.raises(InputError, match="decided_calls_acme is malformed"):
        evaluate(Polite(), DataFolder(folder))
