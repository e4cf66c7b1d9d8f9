"""Which runs a backfill is made of."""

from datetime import date, timedelta
from uuid import uuid4

from headway_pipeline.cli.backfill_plan import MONTH_DAYS, plan_pieces
from headway_pipeline.model.windows import days_between
from headway_pipeline.model.workspaces import Workspace

FIRST, LAST = date(2026, 1, 1), date(2026, 3, 31)
ACME, GLOBEX = (Workspace(uuid4(), slug, slug.title()) for slug in ("acme", "globex"))


def planned(days: dict[str, list[date]], *, newest_first: bool = False) -> list[tuple[str, date, date]]:
    workspaces = [workspace for workspace in (ACME, GLOBEX) if workspace.slug in days]
    pieces = plan_pieces(workspaces, days, newest_first=newest_first)
    return [(piece.workspace.slug, piece.since, piece.until) for piece in pieces]


def test_a_range_is_one_run_a_workspace() -> None:
    every_day = days_between(FIRST, LAST)
    assert planned({"acme": every_day, "globex": every_day}) == [("acme", FIRST, LAST), ("globex", FIRST, LAST)]


def test_gaps_part_a_range_and_a_workspace_without_days_has_no_run() -> None:
    days = [FIRST, FIRST + timedelta(days=1), LAST]
    assert planned({"acme": days, "globex": []}) == [("acme", FIRST, days[1]), ("acme", LAST, LAST)]


def test_newest_first_every_workspace_has_its_last_month_before_any_has_an_earlier_one() -> None:
    every_day = days_between(FIRST, LAST)
    pieces = planned({"acme": every_day, "globex": every_day}, newest_first=True)
    assert [slug for slug, _, _ in pieces] == ["acme", "globex"] * MONTH_DAYS_IN_RANGE
    assert [until for _, _, until in pieces] == sorted((until for _, _, until in pieces), reverse=True)
    for slug in ("acme", "globex"):
        covered = [day for named, since, until in pieces if named == slug for day in days_between(since, until)]
        assert sorted(covered) == every_day
    assert max((until - since).days + 1 for _, since, until in pieces) == MONTH_DAYS


MONTH_DAYS_IN_RANGE = 3
