"""Features and cost week by week, on both databases."""

import uuid
from datetime import date, timedelta

from headway_pipeline.model.features import Filing, Sentiment, ThemeScore
from headway_pipeline.store import Store
from headway_pipeline.store.tables import model_answers
from headway_pipeline_tests.store.rows import DAY, NOW, SPEECH, Place, call, item, lease, place, transcript

#: Mondays; the calls of these tests start in the last of them, and before.
WEEKS = [DAY - timedelta(days=DAY.weekday() + 7 * back) for back in (2, 1, 0)]


def read_call(store: Store, at: Place, number: int, *, weeks_ago: int, theme: str | None) -> None:
    """A call with one item, filed under a theme or in the inbox."""
    with lease(store, at) as held:
        listed = call(str(number), hours=-24 * 7 * weeks_ago)
        (recorded,) = store.listings.record_page(held, at.connector.id, [listed], NOW)
        store.transcripts.record(held, recorded.message_id, transcript(), content_hash="v1")
        store.extractions.record(
            held,
            recorded.message_id,
            text_hash="t",
            items=[item(SPEECH[:20])],
            sentiment=Sentiment.NEUTRAL,
            sentiment_score=0.0,
            analyst="test",
            analyst_version="1",
        )
        days = [listed.occurred_at.date()]
        for due in store.filings.awaiting(at.workspace.id, days, f"h{number}", NOW):
            if due.id == recorded.message_id:
                found = next((one for one in store.themes.current(at.workspace.id) if one.name == theme), None)
                best = () if found is None else (ThemeScore(found.id, 0.9),)
                filing = Filing(found.id if found else None, best)
                store.filings.record(held, due.id, f"h{number}", {due.items[0].id: filing})


def answer(store: Store, at: Place, *, weeks_ago: int, usd: float | None, attempts: int = 1) -> None:
    with store.database.writing() as connection:
        connection.execute(
            model_answers.insert().values(
                workspace_id=at.workspace.id,
                fingerprint=uuid.uuid4().hex,
                stage="relevance",
                provider="p",
                model="m",
                prompt_version="1",
                state="answered",
                attempts=attempts,
                cost_usd=usd,
                created_at=NOW,
                answered_at=NOW - timedelta(weeks=weeks_ago),
            )
        )


def test_features_are_counted_by_theme_and_week_and_other_workspaces_left_out(store: Store) -> None:
    at, other = place(store), place(store, "Other")
    for one in (at, other):
        store.themes.add(one.workspace.id, "Exports")
    for number, (weeks_ago, theme) in enumerate(
        [(0, "Exports"), (0, "Exports"), (2, "Exports"), (1, None), (9, None)]
    ):
        read_call(store, at, number, weeks_ago=weeks_ago, theme=theme)
    read_call(store, other, 9, weeks_ago=0, theme="Exports")
    assert store.trends.features(at.workspace.id, WEEKS) == {"Exports": (1, 0, 2), None: (0, 1, 0)}


def test_what_people_dismissed_is_in_no_trend(store: Store) -> None:
    at = place(store)
    store.themes.add(at.workspace.id, "Exports")
    read_call(store, at, 1, weeks_ago=0, theme="Exports")
    (feature,) = store.reading.features(at.workspace.id)
    store.decisions.dismiss(at.workspace.id, feature.id, decided_by="a test")
    assert store.trends.features(at.workspace.id, WEEKS) == {}


def test_a_workspace_without_features_or_answers_has_no_trend(store: Store) -> None:
    at = place(store)
    assert store.trends.features(at.workspace.id, WEEKS) == {}
    cost = store.trends.cost(at.workspace.id, WEEKS)
    assert (cost.usd, cost.answers, cost.unpriced) == ((0.0, 0.0, 0.0), 0, 0)


def test_a_week_ends_where_the_next_begins(store: Store) -> None:
    at = place(store)
    monday = [date(2026, 11, 16)]
    store.themes.add(at.workspace.id, "Exports")
    read_call(store, at, 1, weeks_ago=0, theme="Exports")
    assert store.trends.features(at.workspace.id, monday) == {"Exports": (1,)}
    assert store.trends.features(at.workspace.id, [monday[0] - timedelta(days=7)]) == {}


def test_cost_is_summed_by_the_week_of_the_answer_and_an_unknown_price_is_counted_and_no_zero(store: Store) -> None:
    at, other = place(store), place(store, "Other")
    for weeks_ago, usd in ((0, 0.5), (0, 0.25), (1, None), (2, 1.0), (9, 50.0)):
        answer(store, at, weeks_ago=weeks_ago, usd=usd, attempts=2 if usd == 1.0 else 1)
    answer(store, other, weeks_ago=0, usd=99.0)
    cost = store.trends.cost(at.workspace.id, WEEKS)
    assert (cost.usd, cost.answers, cost.unpriced) == ((1.0, 0.0, 0.75), 5, 1)
