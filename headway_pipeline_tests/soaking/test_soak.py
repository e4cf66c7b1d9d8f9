"""Small soaks, as `python -m benchmarks.soak` makes large ones; and that a soak can fail."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from headway_pipeline.sandbox.exchange import Logged
from headway_pipeline.sandbox.soak import make_soak
from headway_pipeline_tests.soaking.child import STEPS
from headway_pipeline_tests.soaking.clock import RUN, SharedClock
from headway_pipeline_tests.soaking.killing import Killer
from headway_pipeline_tests.soaking.schedule import due_ranges, live_through, settle
from headway_pipeline_tests.soaking.setting import Setting, set_up
from headway_pipeline_tests.soaking.verdict import falsely_gone, judge

START = datetime(2026, 10, 5, tzinfo=UTC)


def test_the_ledger_is_right_after_days_in_which_everything_goes_wrong(database_url: str, tmp_path: Path) -> None:
    with set_up(database_url, tmp_path, calls=24, days=2, seed=11) as setting:
        gone: list[str] = []
        live_through(setting, setting.ingest, every_h=24, look=lambda: gone.extend(falsely_gone(setting)))
        settle(setting, setting.ingest)
        verdict = judge(setting)
        assert verdict.is_clean, f"seed 11:\n{verdict}"
        assert not gone
        assert setting.plan.happened.total() > 0


def test_a_run_of_the_real_job_that_is_killed_inside_each_stage_is_made_whole(
    sqlite_template: Path, tmp_path: Path
) -> None:
    database = tmp_path / "soak.db"
    database.write_bytes(sqlite_template.read_bytes())
    url = f"sqlite:///{database}"
    with set_up(url, tmp_path, calls=24, days=2, seed=12) as setting:
        setting.clock.go_to(setting.soak.end)
        killer = Killer(setting, url, tmp_path / "home", kills=len(STEPS), runs=1, seed=12)
        while killer.left:
            killer.ingest(setting.soak.start.date(), setting.clock().date())
        settle_after(setting)
        verdict = judge(setting, killer.heard(setting.sandbox.requests))
        assert verdict.is_clean, f"seed 12:\n{verdict}"
        assert set(killer.kills) == set(STEPS)
        assert (killer.locked_out, killer.broken) == ([], [])


def settle_after(setting: Setting) -> None:
    live_through(setting, setting.ingest, every_h=0)
    settle(setting, setting.ingest)


@pytest.fixture
def settled(sqlite_template: Path, tmp_path: Path) -> Iterator[Setting]:
    """The ledger of a few calls from which nothing is amiss; nothing fails here."""
    database = tmp_path / "soak.db"
    database.write_bytes(sqlite_template.read_bytes())
    with set_up(f"sqlite:///{database}", tmp_path, calls=30, days=1, seed=13, share=0.0) as setting:
        live_through(setting, setting.ingest, every_h=0)
        settle(setting, setting.ingest)
        assert judge(setting).is_clean
        yield setting


def test_a_soak_can_fail(settled: Setting) -> None:
    """Each of these is what a defect would leave behind; none of them may pass."""
    kept = "(SELECT id FROM messages WHERE state = 'analysed' ORDER BY id LIMIT 1)"
    other = "(SELECT id FROM messages WHERE state = 'analysed' ORDER BY id DESC LIMIT 1)"
    heard = f"this is call number {silenced(settled)}"
    damage = {
        "lost": "UPDATE messages SET external_id = external_id || '0' WHERE state = 'no_transcript'",
        "other features than a reading gives": f"DELETE FROM extracted_features WHERE message_id = {kept}",
        "out of date": f"UPDATE messages SET title = 'Old' WHERE id = {kept}",
        "in a wrong state": "UPDATE messages SET state = 'analysed' WHERE state = 'too_short'",
        "not filed": f"UPDATE messages SET filed_themes_hash = NULL WHERE id = {other}",
        "kept of purged calls": "UPDATE messages SET title = 'Secret' WHERE state = 'private'",
        "words that must not be there": f"UPDATE messages SET reason = '{heard}' WHERE id = {kept}",
        "the ledger does not balance": "UPDATE listings SET listed_count = listed_count + 1",
    }
    with settled.store.database.writing() as connection:
        for statement in damage.values():
            assert connection.execute(sa.text(statement)).rowcount > 0, statement
    found = judge(settled, log=(told_to_wait(), asked_too_soon()))
    assert {kind for kind, _words in found} >= {*damage, "unknown", "asked inside a Retry-After"}
    assert not found.is_clean


def silenced(setting: Setting) -> str:
    """The number by which the words of a private call name it."""
    private = next(call for call in setting.soak.company.calls if call.is_private and len(call.utterances) > 1)
    return str(private.utterances[0].text.split("call number ")[1].split()[0])


def told_to_wait() -> Logged:
    at = START + timedelta(minutes=1)
    return Logged("GET", "/x", 429, quota_owner="k", at=at, answered_at=at, came_s=1, answered_s=1, retry_after_s=9)


def asked_too_soon() -> Logged:
    at = START + timedelta(minutes=1, seconds=8)
    return Logged("GET", "/x", 200, quota_owner="k", at=at, answered_at=at, came_s=2, answered_s=2)


def test_a_clock_is_moved_on_by_two_and_never_goes_back(tmp_path: Path) -> None:
    world = SharedClock.made(tmp_path / "clock", START)
    run = SharedClock(world.path, RUN)
    run.sleep(0.5)
    world.go_to(START + timedelta(hours=1))
    run.sleep(2.0)
    world.go_to(START)
    assert world() == run()
    assert timedelta(0) <= world() - START - timedelta(hours=1, seconds=2) < timedelta(milliseconds=1)
    assert SharedClock(world.path, RUN)() == world()


def test_the_soak_keeps_to_the_schedules() -> None:
    soak = make_soak(1, start=START, seed=1, days=30)
    due = due_ranges(soak)
    assert sum(one.schedule == "hourly" for one in due) == (soak.quiet_at - START) / timedelta(hours=1)
    assert {one.at.isoweekday() for one in due if one.schedule == "weekly"} == {7}
    assert [one.at for one in due] == sorted(one.at for one in due)
    assert {one.schedule for one in due_ranges(soak, 0)} == {"nightly", "weekly"}
