import pytest

from headway_pipeline.analysis.contract import Analyst
from headway_pipeline.analysis.matching import match
from headway_pipeline.analysis.offline import OfflineAnalyst
from headway_pipeline.analysis.offline.terms import Speech, stem
from headway_pipeline_tests.analysis.speech import call, item, themes

THEMES = themes(
    "Exports & reporting",
    "Mobile app",
    "Access control: sign-in, roles and permissions",
    "Notifications",
    "Route planning",
)
OFFLINE: Analyst = OfflineAnalyst()


def filed(title: str) -> str | None:
    (filing,) = match(OFFLINE, [item(title)], THEMES).filings
    return next((theme.name for theme in THEMES if theme.id == filing.theme_id), None)


@pytest.mark.parametrize(
    ("title", "theme"),
    [
        ("Export the roster to a spreadsheet", "Exports & reporting"),
        ("The weekly report shows old numbers", "Exports & reporting"),
        ("Notify drivers when a shift changes", "Notifications"),
        ("Planning a route takes four hours", "Route planning"),
        ("Control which roles have access to invoices", "Access control"),
        ("Paint every button in a warm orange", None),
    ],
)
def test_items_are_filed_by_the_words_they_share_with_a_theme(title: str, theme: str | None) -> None:
    assert filed(title) == theme


def test_every_item_gets_its_best_two_themes_with_scores_between_0_and_1() -> None:
    for scores in OFFLINE.match([item("Export routes"), item("Nothing of the kind")], THEMES).scores:
        assert len(scores) == 2
        assert 1 >= scores[0].score >= scores[1].score >= 0


def test_a_workspace_with_one_theme_gets_one_score() -> None:
    assert len(OFFLINE.match([item("Export routes")], THEMES[:1]).scores[0]) == 1


@pytest.mark.parametrize("name", ["", "!!!", "the and of", "🙂"])
def test_a_theme_without_a_word_of_meaning_matches_nothing(name: str) -> None:
    (filing,) = match(OFFLINE, [item("Export the roster")], themes(name)).filings
    assert filing.theme_id is None


@pytest.mark.parametrize(
    ("one", "other"),
    [("exports", "exporting"), ("scheduled", "schedules"), ("planning", "plans"), ("registered", "registers")],
)
def test_forms_of_a_word_have_one_stem(one: str, other: str) -> None:
    assert stem(one) == stem(other)


def test_the_very_word_counts_more_than_one_alike_and_that_more_than_a_related_one() -> None:
    term = stem("notification")
    same, alike, related = (Speech.of(said).heard(term) for said in ("notifications", "notify", "alert"))
    assert 1 == same > alike > related > 0 == Speech.of("warehouse").heard(term)


ON_TOPIC = (
    "C: We plan each route on paper, and the planning takes all morning.",
    "C: The drivers get their route on the phone, but a notification never arrives when it changes.",
    "V: Do you export anything?",
    "C: We export the report at the end of the week, and somebody types the rest by hand into the old system.",
    "C: Apart from that the routes are fine, the drivers like them, and planning got a little easier in spring.",
)
OFF_TOPIC = (
    "C: The choir meets on Thursdays, and this year we sing something old, with four voices and a small organ.",
    "C: My neighbour bakes bread for everybody, so there is always a smell of rye in the stairs.",
    "C: In summer we walk along the river until the ferry, have an ice cream, and walk back in the evening.",
    "C: Nobody knows when the bridge will be painted again, but the blue was a good choice, people say.",
)


def test_a_call_about_a_theme_is_relevant_and_says_what_of() -> None:
    relevance = OFFLINE.judge_relevance(call(*ON_TOPIC), THEMES)
    assert relevance.is_relevant
    assert relevance.best[0].theme_id == THEMES[4].id
    assert "route" in relevance.reason


def test_a_call_about_nothing_of_the_kind_is_not_relevant_and_says_what_was_missing() -> None:
    relevance = OFFLINE.judge_relevance(call(*OFF_TOPIC), THEMES)
    assert not relevance.is_relevant
    assert relevance.confidence > 0.8
    assert "nobody says" in relevance.reason


def test_what_only_the_vendor_speaks_of_does_not_make_a_call_relevant() -> None:
    pitch = "V: Our route planning sends notifications, exports reports, and controls access to the mobile app."
    assert not OFFLINE.judge_relevance(call(pitch, *OFF_TOPIC), THEMES).is_relevant


def test_with_hardly_a_word_from_the_customer_a_call_is_relevant() -> None:
    relevance = OFFLINE.judge_relevance(call("V: Hello?", "C: Hello, yes, one moment please."), THEMES)
    assert relevance.is_relevant
    assert relevance.confidence == 0.5
