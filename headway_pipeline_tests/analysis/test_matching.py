import uuid

import pytest

from headway_pipeline.analysis.matching import FILING_THRESHOLD, match
from headway_pipeline.model.errors import AnalysisError
from headway_pipeline.model.features import ThemeScore
from headway_pipeline_tests.analysis.speech import ScriptedAnalyst, item, themes

THEMES = themes("Reports", "Billing", "Access")
REPORTS, BILLING, ACCESS = (theme.id for theme in THEMES)


def scripted(*scores: tuple[uuid.UUID, float]) -> ScriptedAnalyst:
    return ScriptedAnalyst(scores=[tuple(ThemeScore(theme, score) for theme, score in scores)])


def test_an_item_is_filed_under_its_best_theme_and_the_best_two_are_kept() -> None:
    (filing,) = match(scripted((BILLING, 0.2), (REPORTS, 0.9), (ACCESS, 0.6)), [item("A")], THEMES).filings
    assert filing.theme_id == REPORTS
    assert filing.best == (ThemeScore(REPORTS, 0.9), ThemeScore(ACCESS, 0.6))


def test_below_the_threshold_an_item_goes_to_the_inbox_with_its_scores() -> None:
    (filing,) = match(scripted((REPORTS, FILING_THRESHOLD - 0.01)), [item("A")], THEMES).filings
    assert filing.theme_id is None
    assert filing.best == (ThemeScore(REPORTS, FILING_THRESHOLD - 0.01),)


def test_at_the_threshold_an_item_is_filed() -> None:
    (filing,) = match(scripted((REPORTS, FILING_THRESHOLD)), [item("A")], THEMES).filings
    assert filing.theme_id == REPORTS
    (strict,) = match(scripted((REPORTS, FILING_THRESHOLD)), [item("A")], THEMES, 0.8).filings
    assert strict.theme_id is None


def test_equal_scores_are_decided_by_the_name_of_the_theme() -> None:
    for order in ((REPORTS, BILLING, ACCESS), (ACCESS, BILLING, REPORTS)):
        (filing,) = match(scripted(*((theme, 0.7) for theme in order)), [item("A")], THEMES).filings
        assert [score.theme_id for score in filing.best] == [ACCESS, BILLING]


def test_without_themes_everything_goes_to_the_inbox_and_nobody_is_asked() -> None:
    (first, second) = match(ScriptedAnalyst(), [item("A"), item("B")], ()).filings
    assert first.theme_id is second.theme_id is None


def test_without_items_nobody_is_asked() -> None:
    assert match(scripted((REPORTS, 0.9)), [], THEMES).filings == ()


def test_an_analyst_that_forgets_an_item_fails_the_call() -> None:
    with pytest.raises(AnalysisError, match="matched 1 of 2 items"):
        match(scripted((REPORTS, 0.9)), [item("A"), item("B")], THEMES)


def test_an_analyst_that_invents_a_theme_fails_the_call() -> None:
    with pytest.raises(AnalysisError, match="theme that the workspace does not have"):
        match(scripted((uuid.UUID(int=99), 0.9)), [item("A")], THEMES)
