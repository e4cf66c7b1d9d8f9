"""How far behind a workspace is: from its connectors alone, whatever other workspaces do."""

import uuid
from datetime import date, datetime, timedelta

import pytest

from headway_pipeline.ingestion.lag import lags, reached_at
from headway_pipeline.model.workspaces import Connector
from headway_pipeline.store import Standing, Store
from headway_pipeline.store.tables import workspace_connectors, workspaces
from headway_pipeline_tests.store.rows import DAY, NOW, lease, place

WARN_AFTER = timedelta(hours=3)


def standing(
    *, ok_hours_ago: float | None = 0, newest_day: date | None = DAY, made_hours_ago: float = 1000
) -> Standing:
    heard_at = None if ok_hours_ago is None else NOW - timedelta(hours=ok_hours_ago)
    connector = Connector(uuid.uuid4(), uuid.uuid4(), "gong", "gong", last_ok_at=heard_at)
    return Standing("acme", connector, NOW - timedelta(hours=made_hours_ago), newest_day)


def behind(one: Standing) -> timedelta | None:
    found = lags([one], NOW, warn_after=WARN_AFTER)
    return found[0].behind if found else None


def test_a_connector_that_was_listed_within_the_hour_is_not_behind() -> None:
    assert behind(standing(ok_hours_ago=1)) is None


def test_one_that_no_run_listed_for_hours_is_behind_and_after_a_day_it_stands_still() -> None:
    (late,) = lags([standing(ok_hours_ago=4)], NOW, warn_after=WARN_AFTER)
    assert (late.behind, late.is_dead) == (timedelta(hours=4), False)
    (dead,) = lags([standing(ok_hours_ago=25)], NOW, warn_after=WARN_AFTER)
    assert dead.is_dead
    assert "last listed 25 hours ago" in dead.words
    assert "headway connector check --workspace-id acme gong" in dead.words


def test_a_backfill_of_old_days_does_not_make_a_dead_workspace_look_alive() -> None:
    """Its connector answered a minute ago, but about last month."""
    old = standing(ok_hours_ago=0, newest_day=NOW.date() - timedelta(days=30))
    assert behind(old) == NOW - datetime(2026, 10, 22, tzinfo=NOW.tzinfo)


def test_a_connector_that_was_never_listed_counts_from_when_it_was_made() -> None:
    assert behind(standing(ok_hours_ago=None, newest_day=None, made_hours_ago=1)) is None
    (found,) = lags([standing(ok_hours_ago=None, newest_day=None, made_hours_ago=30)], NOW, warn_after=WARN_AFTER)
    assert found.is_dead
    assert "was not listed in the 30 hours since it was made" in found.words
    assert reached_at(found.standing) is None


def test_the_furthest_behind_comes_first() -> None:
    found = lags([standing(ok_hours_ago=hours) for hours in (5, 50, 1)], NOW, warn_after=WARN_AFTER)
    assert [lag.behind.total_seconds() / 3600 for lag in found] == [50, 5]


def test_the_database_tells_every_active_connector_with_the_newest_day_that_was_tried(store: Store) -> None:
    at = place(store, "Acme")
    quiet = place(store, "Quiet")
    with lease(store, at) as held:
        for day, error in ((NOW.date() - timedelta(days=1), None), (NOW.date(), "it does not answer")):
            errors = {} if error is None else {day: error}
            store.listings.record(
                held, at.connector.id, {day: 0}, run_id="r", started_at=NOW, ended_at=NOW, errors=errors
            )
    found = {one.slug: one for one in store.standings.of_connectors()}
    assert found["acme"].newest_day == NOW.date()
    assert found["acme"].connector == store.connectors.find(at.workspace.id, "gong")
    assert found["quiet"].newest_day is None
    assert found["quiet"].created_at.tzinfo is not None
    assert quiet.connector.id == found["quiet"].connector.id


@pytest.mark.parametrize("table", [workspaces, workspace_connectors], ids=["workspace", "connector"])
def test_what_is_switched_off_has_no_lag(store: Store, table: object) -> None:
    place(store)
    with store.database.writing() as connection:
        connection.execute(table.update().values(is_active=False))  # type: ignore[attr-defined]
    assert store.standings.of_connectors() == []
