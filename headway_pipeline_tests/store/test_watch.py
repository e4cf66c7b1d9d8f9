"""What sensors look at, on both databases: how things stand, whoever wrote them and however."""

import uuid
from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa

from headway_pipeline.model.features import Sentiment, themes_hash
from headway_pipeline.model.ledger import MessageState, Reason, ReasonCode
from headway_pipeline.model.workspaces import ConnectorHealth, Credentials, Drift
from headway_pipeline.store import Store
from headway_pipeline.store.watch import ListedDays, SetUp, Standing
from headway_pipeline_tests.store.rows import DAY, NOW, SPEECH, Place, call, item, lease, place, transcript

TODAY = datetime.now(tz=UTC).date()


def only(found: list[SetUp]) -> SetUp:
    (one,) = found
    return one


def write(store: Store, statement: str, **values: object) -> None:
    with store.database.writing() as connection:
        connection.execute(sa.text(statement), values)


class TestSetUps:
    def test_a_workspace_without_anything_is_seen_too(self, store: Store) -> None:
        store.workspaces.add("Acme")
        found = only(store.watch.set_ups())
        assert (found.slug, found.connectors, found.themes) == ("acme", {}, 0)
        assert found.themes_hash == themes_hash(())

    def test_connectors_and_themes_are_counted_once_though_they_stand_beside_each_other(self, store: Store) -> None:
        at = place(store)
        store.connectors.add(at.workspace.id, "fathom", credentials=Credentials({"api_token": "t"}))
        for name in ("Exports", "Billing", "Search"):
            store.themes.add(at.workspace.id, name)
        store.themes.archive(store.themes.find(at.workspace.id, "Search").theme.id)
        found = only(store.watch.set_ups())
        assert (found.connectors, found.themes) == ({"gong": 1, "fathom": 1}, 2)
        assert found.themes_hash == themes_hash(store.themes.current(at.workspace.id))

    def test_a_theme_that_is_inserted_with_plain_sql_counts(self, store: Store) -> None:
        at = place(store)
        before = only(store.watch.set_ups()).themes_hash
        key = at.workspace.id if not store.database.is_sqlite else str(at.workspace.id)
        new = uuid.uuid4() if not store.database.is_sqlite else str(uuid.uuid4())
        write(store, "INSERT INTO themes (id, workspace_id, name) VALUES (:new, :key, 'Exports')", new=new, key=key)
        assert only(store.watch.set_ups()).themes_hash != before

    def test_what_runs_write_to_a_connector_is_no_change_and_what_people_write_is(self, store: Store) -> None:
        at = place(store)
        before = only(store.watch.set_ups()).connectors_hash
        store.connectors.record_health(at.connector.id, ConnectorHealth.UNREACHABLE, last_error="away", resume_at=NOW)
        store.connectors.record_drift(at.connector.id, Drift(3, 1, {"x": 1}))
        held = store.connectors.credentials(at.connector)
        renewed = Credentials({"access_key": "n"})
        assert store.connectors.store_renewed(at.connector, spent=held, renewed=renewed, base_url=None)
        assert only(store.watch.set_ups()).connectors_hash == before
        store.connectors.readdress(at.connector.id, base_url=None, credentials=Credentials({"access_key": "m"}))
        readdressed = only(store.watch.set_ups()).connectors_hash
        store.connectors.disable(at.connector.id)
        assert len({before, readdressed, only(store.watch.set_ups()).connectors_hash}) == 3

    def test_a_closed_workspace_is_not_looked_at(self, store: Store) -> None:
        at = place(store)
        store.themes.add(at.workspace.id, "Exports")
        write(store, "UPDATE workspaces SET is_active = :no", no=False)
        assert store.watch.set_ups() == []
        assert store.watch.listed_days() == []
        assert store.watch.standings() == []


def list_days(store: Store, at: Place, *days: date, error: str | None = None) -> None:
    with lease(store, at) as held:
        store.listings.record(
            held,
            at.connector.id,
            dict.fromkeys(days, 0),
            run_id="r",
            started_at=NOW,
            ended_at=NOW,
            errors=dict.fromkeys(days, error) if error else {},
        )


def november(*days: int) -> list[date]:
    return [date(2026, 11, day) for day in days]


class TestListedDays:
    def test_a_new_connector_has_no_day(self, store: Store) -> None:
        at = place(store)
        (found,) = store.watch.listed_days()
        assert isinstance(found, ListedDays)
        assert (found.slug, found.connector_id, found.stretches) == ("acme", at.connector.id, ())
        assert abs(found.added_on - TODAY) <= timedelta(days=1)

    @pytest.mark.parametrize(
        ("days", "stretches"),
        [
            ([5], [(5, 5)]),
            ([5, 6, 7], [(5, 7)]),
            ([5, 7], [(5, 5), (7, 7)]),
            ([1, 2, 5, 8, 9], [(1, 2), (5, 5), (8, 9)]),
        ],
    )
    def test_the_stretches_are_what_was_asked_for_whatever_came_of_it(
        self, days: list[int], stretches: list[tuple[int, int]], store: Store
    ) -> None:
        at = place(store)
        for day in november(*days):
            list_days(store, at, day, error="the source is down" if day.day % 2 else None)
        (found,) = store.watch.listed_days()
        assert [(first.day, last.day) for first, last in found.stretches] == stretches

    def test_the_turn_of_a_month_is_no_gap_and_connectors_have_their_own(self, store: Store) -> None:
        acme, other = place(store), place(store, "Other")
        list_days(store, acme, date(2026, 10, 31), *november(1))
        list_days(store, other, *november(3))
        first, second = store.watch.listed_days()
        assert first.stretches == ((date(2026, 10, 31), date(2026, 11, 1)),)
        assert second.stretches == ((date(2026, 11, 3), date(2026, 11, 3)),)

    def test_a_disabled_connector_covers_nothing(self, store: Store) -> None:
        at = place(store)
        store.connectors.disable(at.connector.id)
        assert store.watch.listed_days() == []


def analyse(store: Store, at: Place, external_id: str, *, filed_at: str | None, days: float = 0) -> uuid.UUID:
    """A call that was read, and filed at themes of that hash."""
    with lease(store, at) as held:
        (recorded,) = store.listings.record_page(held, at.connector.id, [call(external_id, hours=24 * days)], NOW)
        store.transcripts.record(held, recorded.message_id, transcript(), content_hash="v1")
        store.extractions.record(
            held,
            recorded.message_id,
            text_hash=transcript().text_hash,
            items=[item(SPEECH[:30])],
            sentiment=Sentiment.NEUTRAL,
            sentiment_score=0.0,
            analyst="a",
            analyst_version="1",
        )
        if filed_at is not None:
            store.filings.record(held, recorded.message_id, filed_at, {})
    return recorded.message_id


def judge(store: Store, at: Place, external_id: str, *, at_themes: str) -> uuid.UUID:
    """A call that was found not relevant to themes of that hash."""
    with lease(store, at) as held:
        (recorded,) = store.listings.record_page(held, at.connector.id, [call(external_id)], NOW)
        store.transcripts.record(held, recorded.message_id, transcript(), content_hash="v1")
        store.relevance_scores.record(
            held,
            recorded.message_id,
            is_relevant=False,
            confidence=0.9,
            reason="small talk",
            best=[],
            text_hash=transcript().text_hash,
            themes_hash=at_themes,
            analyst="a",
            analyst_version="1",
        )
    return recorded.message_id


class TestStandings:
    def test_a_workspace_without_calls_stands_at_nothing(self, store: Store) -> None:
        at = place(store)
        store.themes.add(at.workspace.id, "Exports")
        current = themes_hash(store.themes.current(at.workspace.id))
        assert store.watch.standings() == [
            Standing("acme", 1, current, frozenset(), frozenset(), awaits_themes=False, first=None, last=None)
        ]

    def test_each_hash_that_stands_on_rows_is_seen_once_with_the_days_of_all_calls(self, store: Store) -> None:
        at = place(store)
        for name in ("Exports", "Billing"):
            store.themes.add(at.workspace.id, name)
        for number in range(3):
            analyse(store, at, f"a{number}", filed_at="old", days=-number)
        analyse(store, at, "b", filed_at="new")
        analyse(store, at, "c", filed_at=None)
        judge(store, at, "d", at_themes="old")
        (found,) = store.watch.standings()
        assert found.filed_at == frozenset({"old", "new", None})
        assert found.judged_at == frozenset({"old"})
        assert (found.first, found.last, found.themes) == (DAY - timedelta(days=2), DAY, 2)

    def test_calls_that_wait_or_were_set_aside_are_not_taken_for_calls_of_older_themes(self, store: Store) -> None:
        """Who reads those on is another sensor; this one would ask for them at every tick."""
        at = place(store)
        pending, aside = analyse(store, at, "a", filed_at=None), judge(store, at, "b", at_themes="old")
        with lease(store, at) as held:
            reason = Reason(ReasonCode.ANSWER_PENDING, "in a batch")
            store.messages.wait(held, [pending], reason, states=[MessageState.ANALYSED.value])
            store.messages.quarantine(held, aside, Reason(ReasonCode.ANALYSIS_FAILED, "no"), next_attempt_at=NOW)
        (found,) = store.watch.standings()
        assert (found.filed_at, found.judged_at) == (frozenset(), frozenset())

    def test_calls_that_wait_for_themes_are_seen(self, store: Store) -> None:
        at = place(store)
        with lease(store, at) as held:
            (recorded,) = store.listings.record_page(held, at.connector.id, [call()], NOW)
            store.transcripts.record(held, recorded.message_id, transcript(), content_hash="v1")
            assert not store.watch.standings()[0].awaits_themes
            store.messages.wait(held, [recorded.message_id], Reason(ReasonCode.NO_THEMES, "add one"))
        assert store.watch.standings()[0].awaits_themes

    def test_workspaces_do_not_see_each_others_rows(self, store: Store) -> None:
        acme, other = place(store), place(store, "Other")
        analyse(store, acme, "a", filed_at="old")
        theme = store.themes.add(other.workspace.id, "Exports").theme
        first, second = store.watch.standings()
        assert (first.filed_at, first.themes) == (frozenset({"old"}), 0)
        assert (second.filed_at, second.themes_hash) == (frozenset(), themes_hash((theme,)))


def test_one_look_is_one_query(store: Store) -> None:
    for number in range(5):
        at = place(store, f"Team {number}")
        store.themes.add(at.workspace.id, "Exports")
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        asked.append(statement)

    sa.event.listen(store.database.engine, "before_cursor_execute", note)
    for look in (
        store.watch.set_ups,
        store.watch.listed_days,
        store.watch.standings,
        store.unfinished.days,
        store.hints.due,
    ):
        asked.clear()
        look()
        # A transaction begins with taking its role, on PostgreSQL.
        entering = ("BEGIN", "SELECT set_config(")
        assert len([statement for statement in asked if not statement.startswith(entering)]) == 1
