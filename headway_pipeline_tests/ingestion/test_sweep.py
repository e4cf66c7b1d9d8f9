"""Calls that a source no longer lists: what is deleted, what is not, and what only a person may delete."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from headway_pipeline.ingestion.hydration import fetch_transcripts
from headway_pipeline.ingestion.listing import list_calls
from headway_pipeline.ingestion.run import StageReport
from headway_pipeline.ingestion.sweep import MOST_LOOKS, confirm_missing, is_doubtful, losses
from headway_pipeline.model.errors import RateLimitedError, TransientSourceError
from headway_pipeline.model.ledger import Presence
from headway_pipeline.model.workspaces import ConnectorHealth, Credentials
from headway_pipeline.sources.contract import BadRecord
from headway_pipeline.store import Missing, Sight, Store
from headway_pipeline.store.tables import transcripts
from headway_pipeline_tests.ingestion.fakes import AT, NOW, Bench, bench, call

DAY = NOW.date()


def listing(at: Bench, *, days_back: int = 6, connector_type: str | None = None) -> StageReport:
    run = at.with_run(connector_type=connector_type)
    with at.store.leases.hold(at.workspace.id, run.id) as lease:
        return list_calls(run, at.part(days_back), lease)


def transcribe(at: Bench) -> None:
    with at.store.leases.hold(at.workspace.id, at.run.id) as lease:
        fetch_transcripts(at.run, at.part(), lease)


def missing(at: Bench) -> list[Missing]:
    return at.store.missing.list(at.workspace.id)


def vanish(at: Bench, *ids: str) -> None:
    at.script.calls = [call for call in at.script.calls if call.external_id not in ids]


def second_key(at: Bench) -> None:
    at.store.connectors.add(at.workspace.id, "fake", name="second", credentials=Credentials({"api_token": "u"}))


@pytest.fixture
def at(store: Store) -> Bench:
    """Ten calls of two days, listed and transcribed, and an hour later."""
    made = bench(store, *(call(str(n), days_ago=n % 2, hour=n) for n in range(10)))
    listing(made)
    transcribe(made)
    made.pass_by(hours=1)
    return made


def test_a_call_that_is_gone_at_a_second_look_leaves_a_tombstone_and_nothing_else(at: Bench) -> None:
    vanish(at, "3")
    at.script.presence["3"] = Presence.GONE
    report = listing(at)
    assert at.states["3"] == "deleted"
    assert str(at.reasons["3"]).startswith("gone: since 2026-11-20 no connector lists the call, and a second look")
    assert (at.script.looked_up, missing(at)) == (["3"], [])
    assert report.on(DAY - timedelta(days=1))["fake"]["deleted"] == 1
    with at.store.database.reading() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(transcripts)).scalar_one() == 9
    (shown,) = [row for row in at.store.reading.messages(at.workspace.id) if row["external_id"] == "3"]
    assert shown["title"] is None


def test_a_deleted_call_is_looked_for_once_and_its_day_stays_balanced(at: Bench) -> None:
    vanish(at, "3")
    at.script.presence["3"] = Presence.GONE
    listing(at)
    at.pass_by(hours=1)
    listing(at)
    assert at.script.looked_up == ["3"]
    assert at.store.audit.unbalanced_listings(at.workspace.id, None) == []


def test_f12_a_source_that_cannot_tell_is_believed_after_a_second_listing_a_day_later(at: Bench) -> None:
    vanish(at, "3")
    listing(at)
    assert (at.states["3"], missing(at)[0].presence) == ("transcribed", Presence.UNKNOWN)
    at.pass_by(hours=23)
    listing(at)
    assert at.states["3"] == "transcribed"
    at.pass_by(hours=1)
    listing(at)
    assert at.states["3"] == "deleted"
    assert "nor did a listing a day later" in str(at.reasons["3"])


def test_a_call_that_is_there_though_it_is_not_listed_stays_and_is_looked_for_ever_less_often(at: Bench) -> None:
    vanish(at, "3")
    at.script.presence["3"] = Presence.PRESENT
    looks = []
    for _half_day in range(16):
        listing(at, days_back=20)
        looks.append(len(at.script.looked_up))
        at.pass_by(hours=12)
    assert at.states["3"] == "transcribed"
    assert [looks.index(n) for n in range(1, looks[-1] + 1)] == [0, 2, 6, 14]


def test_a_call_that_is_listed_again_is_missing_no_more(at: Bench) -> None:
    gone = at.script.calls[3]
    vanish(at, "3")
    listing(at)
    assert [row.external_id for row in missing(at)] == ["3"]
    at.script.calls.append(gone)
    at.pass_by(hours=30)
    listing(at)
    assert (missing(at), at.states["3"]) == ([], "transcribed")
    vanish(at, "3")
    at.pass_by(hours=1)
    listing(at)
    assert at.states["3"] == "transcribed", "its day of grace starts afresh"


def test_a_deleted_call_that_reappears_starts_over(at: Bench) -> None:
    gone = at.script.calls[3]
    vanish(at, "3")
    at.script.presence["3"] = Presence.GONE
    listing(at)
    at.script.calls.append(gone)
    at.pass_by(hours=1)
    listing(at)
    assert (at.states["3"], at.reasons["3"]) == ("listed", None)
    transcribe(at)
    assert at.states["3"] == "transcribed"


def test_f1_a_call_that_another_key_still_lists_is_not_missing(at: Bench) -> None:
    second_key(at)
    listing(at)
    at.script.hidden["t"] = {"3"}
    at.script.presence["3"] = Presence.GONE
    at.pass_by(hours=1)
    listing(at)
    assert (missing(at), at.states["3"], at.script.looked_up) == ([], "transcribed", [])


def test_f1_a_call_is_deleted_only_when_no_key_that_ever_listed_it_sees_it(at: Bench) -> None:
    second_key(at)
    listing(at)
    vanish(at, "3")
    seen = iter([Presence.GONE, Presence.PRESENT])
    at.script.before_look = lambda _number: at.script.presence.update({"3": next(seen)})
    at.pass_by(hours=1)
    listing(at)
    assert (at.states["3"], at.script.looked_up) == ("transcribed", ["3", "3"])
    assert missing(at)[0].presence is Presence.PRESENT


def test_a_key_that_was_disabled_has_no_say(at: Bench) -> None:
    second_key(at)
    listing(at)
    at.store.connectors.disable(at.store.connectors.find(at.workspace.id, "second").id)
    vanish(at, "3")
    at.script.presence["3"] = Presence.GONE
    at.pass_by(hours=1)
    listing(at)
    assert (at.states["3"], at.script.looked_up) == ("deleted", ["3"])


def test_what_only_a_disabled_key_listed_stays(at: Bench) -> None:
    second_key(at)
    at.store.connectors.disable(at.store.connectors.find(at.workspace.id, "fake").id)
    vanish(at, "3")
    at.script.presence["3"] = Presence.GONE
    listing(at)
    assert (missing(at), at.states["3"]) == ([], "transcribed")


def test_a_day_that_some_key_did_not_list_to_the_end_tells_nothing(at: Bench) -> None:
    second_key(at)
    listing(at)
    vanish(at, "3")
    at.script.presence["3"] = Presence.GONE
    at.pass_by(hours=1)
    made = len(at.script.listed)

    def fail(number: int) -> None:
        # The first key's pages are five; all that follows is the second key's.
        if number > made + 5:
            raise TransientSourceError("reset", at=AT)

    at.script.before_list = fail
    assert [trouble.code for trouble in listing(at).troubles] == ["unreachable"]
    assert (missing(at), at.script.looked_up) == ([], [])


def test_days_beside_the_run_are_left_alone(at: Bench) -> None:
    vanish(at, "3")
    at.script.presence["3"] = Presence.GONE
    listing(at, days_back=0)
    assert (at.states["3"], at.script.looked_up) == ("transcribed", [])


def test_what_was_first_seen_after_the_runs_upper_bound_is_not_missing(at: Bench) -> None:
    """A run that waited for another one's lease lists up to the time it started."""
    early = at.run
    at.pass_by(hours=3)
    at.script.calls.append(call("new", hour=14))
    at.pass_by(minutes=1)
    listing(at)
    at.clock.now += timedelta(minutes=1)
    at.run = early
    listing(at)
    assert missing(at) == []


def test_an_outage_read_as_a_quiet_day_deletes_nothing(at: Bench) -> None:
    at.script.presence = {str(n): Presence.GONE for n in range(10)}
    at.script.calls = []
    for _hour in range(4):
        listing(at)
        at.pass_by(hours=10)
    assert "deleted" not in at.states.values()
    assert (len(missing(at)), at.script.looked_up) == (10, [])
    assert losses(at.store, at.workspace.id, None) == {"fake": 10}


def test_f17_a_key_that_suddenly_sees_far_less_deletes_nothing_until_it_sees_again(at: Bench) -> None:
    everything = list(at.script.calls)
    at.script.presence = {str(n): Presence.GONE for n in range(10)}
    vanish(at, "1", "3", "5", "7")
    listing(at)
    assert {row.external_id for row in missing(at) if row.held_at} == {"1", "3", "5", "7"}
    at.script.calls = everything
    at.pass_by(hours=1)
    listing(at)
    assert (missing(at), set(at.states.values())) == ([], {"transcribed"})


def test_f17_a_key_that_lost_its_sight_is_told_apart_from_another_that_did_not(at: Bench) -> None:
    """Together the two keys miss few of the calls; the one that lists nothing is not believed all the same."""
    second_key(at)
    extra = [call(f"own-{n}", hour=n) for n in range(2)]
    at.script.calls += extra
    at.script.hidden["t"] = {"own-0", "own-1"}
    listing(at)
    vanish(at, "own-0", "own-1", "3")
    at.script.hidden["u"] = {str(n) for n in range(10)}
    at.script.presence = dict.fromkeys(("own-0", "own-1", "3"), Presence.GONE)
    at.pass_by(hours=1)
    listing(at)
    assert (at.states["own-0"], at.states["own-1"]) == ("listed", "listed")
    assert losses(at.store, at.workspace.id, None).keys() == {"second"}


def test_what_is_held_back_is_deleted_on_a_persons_word(at: Bench) -> None:
    vanish(at, *(str(n) for n in range(8)))
    listing(at)
    with at.store.leases.hold(at.workspace.id, "person") as lease:
        assert confirm_missing(at.store, lease, connector_id=None, now=at.clock.now) == 8
        assert confirm_missing(at.store, lease, connector_id=None, now=at.clock.now) == 0
    assert sorted(at.states.values()) == ["deleted"] * 8 + ["transcribed"] * 2
    assert "a person confirmed the loss on 2026-11-20" in str(at.reasons["0"])


@pytest.mark.parametrize(
    ("known", "listed", "lost", "doubtful"),
    [
        (100, 100, 0, False),
        (100, 97, 3, False),
        (100, 80, 20, False),
        (100, 79, 21, True),
        (10, 7, 3, False),
        (10, 6, 4, True),
        (1, 0, 1, True),
        (3, 0, 3, True),
        (0, 0, 0, False),
    ],
)
def test_how_much_a_connector_may_miss(known: int, listed: int, lost: int, doubtful: bool) -> None:
    assert is_doubtful(Sight(known, listed, lost)) is doubtful


def test_second_looks_are_bounded_and_the_rest_follows_and_is_visible(store: Store) -> None:
    many = 6 * MOST_LOOKS
    at = bench(store, *(call(f"{n:03}", days_ago=n % 5) for n in range(many)))
    at.script.page_size = 100
    listing(at)
    vanish(at, *(f"{n:03}" for n in range(MOST_LOOKS + 5)))
    at.script.presence = {f"{n:03}": Presence.GONE for n in range(many)}
    at.pass_by(hours=1)
    first = listing(at)
    assert len(at.script.looked_up) == MOST_LOOKS
    assert sum(number for (_, _, what), number in first.counts.items() if what == "missing") == 5
    assert len(missing(at)) == 5
    at.pass_by(hours=1)
    listing(at)
    assert (len(at.script.looked_up), missing(at)) == (MOST_LOOKS + 5, [])


def test_a_source_that_fails_at_a_second_look_is_asked_no_more_in_this_run(at: Bench) -> None:
    vanish(at, "3", "4")
    at.script.presence = {"3": Presence.GONE, "4": Presence.GONE}

    def refuse(_number: int) -> None:
        raise RateLimitedError("the day is spent", at=AT, retry_after_s=20_000)

    at.script.before_look = refuse
    report = listing(at)
    assert [trouble.code for trouble in report.troubles] == ["paused_until"]
    assert len(at.script.looked_up) == 1
    assert at.store.connectors.list(at.workspace.id)[0].health == ConnectorHealth.PAUSED_UNTIL
    assert {row.external_id for row in missing(at)} == {"3", "4"}
    assert all(row.error is None for row in at.store.listings.of_days(at.workspace.id, None))


def test_private_and_forbidden_calls_that_vanish_become_tombstones_too(at: Bench) -> None:
    hidden = call("3", days_ago=1, hour=3)
    at.script.calls[3] = type(hidden)("fake", "3", hidden.occurred_at.replace(hour=0), is_private=True)
    listing(at)
    assert at.states["3"] == "private"
    vanish(at, "3")
    at.script.presence["3"] = Presence.GONE
    at.pass_by(hours=1)
    listing(at)
    assert at.states["3"] == "deleted"


def test_a_record_without_an_id_of_its_own_is_never_looked_for(at: Bench) -> None:
    at.script.bad_records = (BadRecord(None, "no id", {"x": 1}),)
    listing(at)
    at.script.bad_records = ()
    at.pass_by(hours=1)
    listing(at)
    assert (missing(at), at.script.looked_up) == ([], [])


def test_a_deleted_call_that_comes_back_unusable_is_set_aside(at: Bench) -> None:
    vanish(at, "3")
    at.script.presence["3"] = Presence.GONE
    listing(at)
    at.script.bad_records = (BadRecord("3", "no start time", {"id": "3"}),)
    at.pass_by(hours=1)
    listing(at)
    assert (at.states["3"], at.reasons["3"]) == ("quarantined", "bad_record: no start time")


def test_a_call_that_moved_to_another_day_is_found_there_and_both_days_balance(at: Bench) -> None:
    """Only the days of the run are listed; what the others' listings counted is not lost from their counts."""
    moved = call("3", days_ago=0, hour=8, content_hash="v2")
    at.script.calls = [moved if known.external_id == "3" else known for known in at.script.calls]
    listing(at, days_back=0)
    assert at.store.audit.unbalanced_listings(at.workspace.id, None) == []
    at.pass_by(hours=1)
    listing(at)
    assert at.store.audit.unbalanced_listings(at.workspace.id, None) == []
    assert (missing(at), at.states["3"]) == ([], "transcribed")


def test_a_call_that_moved_out_of_the_days_of_the_run_is_kept(at: Bench) -> None:
    moved = call("3", days_ago=30, hour=8, content_hash="v2")
    at.script.calls = [moved if known.external_id == "3" else known for known in at.script.calls]
    at.script.presence["3"] = Presence.PRESENT
    listing(at)
    assert at.states["3"] == "transcribed"
