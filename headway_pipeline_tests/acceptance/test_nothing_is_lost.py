"""What a product team relies on, over real HTTP and on both databases: no call is lost, doubled, or kept too long."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from headway_pipeline.ingestion.completeness import listing_troubles
from headway_pipeline.ingestion.listing import MAX_RESTARTS, list_calls
from headway_pipeline.ingestion.run import Part
from headway_pipeline.model.windows import days_between
from headway_pipeline.model.workspaces import Credentials, Workspace
from headway_pipeline.sandbox.exchange import Reply, Request, html_reply
from headway_pipeline.sandbox.keys import FathomUser
from headway_pipeline.sandbox.world import NEVER, Change, Course, SandboxCall, Sharing, World
from headway_pipeline.sources.contract import Source
from headway_pipeline.sources.gong.source import LISTING, TRANSCRIPTS
from headway_pipeline.store import Store
from headway_pipeline_tests.acceptance.desk import (
    BOTH,
    FATHOM,
    GONG,
    Desk,
    desk_over,
    gong_calls,
    id_of,
    spoken,
)
from headway_pipeline_tests.ingestion.fakes import KilledError, killed_after
from headway_pipeline_tests.sandbox_fixtures import NOW, Instead

OpenDesk = Callable[..., Desk]


@pytest.fixture
def desk(store: Store) -> Iterator[OpenDesk]:
    """Opens a desk over some calls; `sources` names the connectors."""
    opened = []

    def open_one(*calls: SandboxCall, sources: Mapping[str, type[Source]] = BOTH) -> Desk:
        opened.append(desk_over(store, *calls, sources=sources))
        return opened[-1].__enter__()

    yield open_one
    for one in opened:
        one.__exit__(None, None, None)


def test_1_g4_a_call_that_becomes_visible_26_hours_after_it_started_is_read_once_and_its_neighbours_no_more(
    desk: OpenDesk,
) -> None:
    started = NOW - timedelta(hours=20)
    late = spoken("late", started_at=started, course=Course(visible_at=started + timedelta(hours=26)))
    at = desk(*gong_calls(3), late, sources=GONG)
    at.ingest()
    assert "late" not in at.states
    assert at.analyst.asked.count("extraction") == 3
    for _night in range(3):
        at.pass_by(hours=24)
        at.ingest()
    assert set(at.states.values()) == {"analysed"}
    assert len(at.states) == 4
    assert at.analyst.asked.count("extraction") == 4
    assert at.is_balanced()


def test_2_an_empty_day_is_a_success_and_a_wrong_path_is_none(desk: OpenDesk) -> None:
    at = desk()
    reports = at.ingest()
    assert (at.troubles(reports), at.messages) == ([], [])
    assert listing_troubles(at.run, Part(at.workspace, []), None) == []
    at.sandbox.faults.append(Instead(html_reply(404, "<h1>Not Found</h1>"), path=LISTING))
    (trouble,) = at.troubles(at.ingest())
    assert (trouble.source, trouble.code) == ("gong", "wrong_host")
    assert len(listing_troubles(at.run, Part(at.workspace, []), None)) == 7


def test_3_g3_a_cursor_that_expires_on_the_second_page_starts_the_window_again_without_duplicates(
    desk: OpenDesk,
) -> None:
    at = desk(*gong_calls(250), sources=GONG)
    expired: list[str] = []

    def an_hour_passes_once(request: Request) -> Reply | None:
        if request.path == LISTING and b"cursor" in request.body and not expired:
            expired.append(request.path)
            at.pass_by(minutes=61)
        return None

    at.sandbox.faults.append(an_hour_passes_once)
    reports = at.ingest()
    assert at.troubles(reports) == []
    assert at.counted(reports)["listed"] == len(at.messages) == 250
    assert at.sandbox.count(LISTING) == 5, "page one, the refusal, and three pages"
    assert at.is_balanced()


def test_3_g3_a_cursor_that_always_expires_ends_the_connectors_work_after_a_few_tries(desk: OpenDesk) -> None:
    at = desk(*gong_calls(250), sources=GONG)

    def an_hour_passes(request: Request) -> Reply | None:
        if request.path == LISTING and b"cursor" in request.body:
            at.pass_by(minutes=61)
        return None

    at.sandbox.faults.append(an_hour_passes)
    part = Part(at.workspace, days_between(NOW.date(), NOW.date()))
    with at.store.leases.hold(at.workspace.id, "r") as lease:
        report = list_calls(at.run, part, lease)
    assert len(report.troubles) == 1
    assert at.sandbox.count(LISTING) == 2 * (MAX_RESTARTS + 1)
    assert len(at.messages) == 100, "what the first pages brought is kept"


@pytest.mark.parametrize("source", ["gong", "fathom"])
def test_5_g5_f4_a_transcript_that_is_two_hours_late_is_waited_for_and_read_once(desk: OpenDesk, source: str) -> None:
    at = desk(spoken("late", source=source, course=Course(transcript_at=NOW + timedelta(hours=2))))
    at.ingest()
    assert at.states == {"late": "awaiting_transcript"}
    for _hour in range(6):
        at.pass_by(hours=1)
        at.ingest()
    assert at.states == {"late": "analysed"}
    assert at.analyst.asked.count("extraction") == 1


@pytest.mark.parametrize("source", ["gong", "fathom"])
def test_5_g5_a_transcript_that_never_comes_is_given_up_after_a_week_and_everybody_can_see_it(
    desk: OpenDesk, source: str
) -> None:
    at = desk(spoken("silent", source=source, course=Course(transcript_at=NEVER)))
    for _day in range(9):
        at.ingest(days_back=12)
        at.pass_by(days=1)
    assert at.states == {"silent": "no_transcript"}
    status = at.store.reading.status(at.workspace.id)
    (found,) = status["reasons"]
    assert (found["state"], found["reason"], found["calls"]) == ("no_transcript", "gave_up", 1)
    assert at.words_left()["transcripts"] == 0, "no empty text stands for it"


def test_6_g7_g9_250_calls_cost_three_listing_requests_and_three_for_transcripts(desk: OpenDesk) -> None:
    at = desk(*gong_calls(250), sources=GONG)
    at.ingest()
    assert (at.sandbox.count(LISTING), at.sandbox.count(TRANSCRIPTS)) == (3, 3)
    assert (len(at.states), set(at.states.values())) == (250, {"analysed"})
    at.sandbox.forget_requests()
    at.pass_by(hours=1)
    counted = at.counted(at.ingest())
    assert (at.sandbox.count(LISTING), at.sandbox.count(TRANSCRIPTS)) == (3, 0)
    assert (counted["unchanged"], counted["requests"]) == (250, 3)
    assert at.analyst.asked.count("extraction") == 250


def test_6_an_unchanged_window_of_fathom_costs_its_pages_and_no_heavy_request(desk: OpenDesk) -> None:
    at = desk(
        *(spoken(f"m-{n}", source="fathom", started_at=NOW - timedelta(hours=3, minutes=n)) for n in range(25)),
        sources=FATHOM,
    )
    at.ingest()
    at.sandbox.forget_requests()
    at.pass_by(hours=1)
    at.ingest()
    asked = at.sandbox.requests
    assert len(asked) == 3
    assert not any("include_transcript" in logged.includes for logged in asked)


@pytest.mark.parametrize("source", ["gong", "fathom"])
def test_7_g17_a_call_that_turns_private_is_purged_downstream_and_one_made_public_again_starts_over(
    desk: OpenDesk, source: str
) -> None:
    at = desk(spoken("open", source=source), spoken("secret", source=source))
    at.ingest()
    assert at.words_left()["features"] == 2
    at.pass_by(hours=1)
    at.change(spoken("secret", source=source, course=Course(private_from=at.clock.now)))
    at.ingest()
    assert sorted(at.states.values()) == ["analysed", "private"]
    assert "secret" not in at.states, "not even its title is kept"
    assert set(at.words_left().values()) == {0, 1}
    at.pass_by(hours=1)
    at.change(spoken("secret", source=source))
    at.ingest()
    assert at.states == {"open": "analysed", "secret": "analysed"}
    assert at.is_balanced()


@pytest.mark.parametrize("source", ["gong", "fathom"])
def test_7_f12_a_deleted_call_leaves_a_tombstone_once_a_second_look_confirms_it(desk: OpenDesk, source: str) -> None:
    at = desk(*(spoken(name, source=source) for name in ("kept-1", "kept-2", "deleted")))
    at.ingest()
    at.pass_by(hours=1)
    at.change(spoken("deleted", source=source, course=Course(deleted_at=at.clock.now)))
    at.sandbox.forget_requests()
    at.ingest()
    assert sorted(at.states.values()) == ["analysed", "analysed", "deleted"]
    assert set(at.words_left().values()) == {0, 2}
    (reason,) = [row["reason"] for row in at.messages if row["state"] == "deleted"]
    assert str(reason).startswith("gone: ")
    assert second_looks(at) == 1
    at.pass_by(hours=1)
    at.ingest()
    assert second_looks(at) == 1, "once is enough"
    assert at.is_balanced()


def second_looks(at: Desk) -> int:
    """Requests about a single call."""
    return sum(bool(re.search(r"/(calls/\d+|recordings/\d+/transcript)$", made.path)) for made in at.sandbox.requests)


def test_7_g22_calls_erased_at_the_source_for_one_person_leave_nothing_behind(desk: OpenDesk) -> None:
    others = gong_calls(12)
    theirs = [replace(one, id=f"theirs-{n}", title=f"theirs-{n}") for n, one in enumerate(others[:2])]
    erased = replace(theirs[0].speakers[1], email="rosa@brackwater.example")
    theirs = [replace(one, speakers=(one.speakers[0], erased)) for one in theirs]
    at = desk(*others, *theirs, sources=GONG)
    at.ingest()
    at.pass_by(hours=1)
    at.sandbox.world = at.sandbox.world.without_person("rosa@brackwater.example", at.clock.now)
    at.ingest()
    assert sorted(at.states.values()) == ["analysed"] * 12 + ["deleted"] * 2
    assert set(at.words_left().values()) == {0, 12}


def test_8_f3_a_meeting_that_comes_while_pages_are_walked_shifts_them_and_nothing_is_lost(desk: OpenDesk) -> None:
    meetings = [spoken(f"m-{n}", source="fathom", started_at=NOW - timedelta(hours=5, minutes=n)) for n in range(25)]
    at = desk(*meetings, sources=FATHOM)
    shifted: list[str] = []

    def one_comes(request: Request) -> Reply | None:
        if "cursor" in request.query and not shifted:
            shifted.append(request.path)
            at.change(spoken("new", source="fathom", started_at=NOW - timedelta(hours=4)))
        return None

    at.sandbox.faults.append(one_comes)
    counted = at.counted(at.ingest())
    assert counted["listed"] == len(at.messages) == 25, "one came twice and counts once"
    at.pass_by(hours=1)
    at.ingest()
    assert (len(at.states), set(at.states.values())) == (26, {"analysed"})
    assert at.is_balanced()


def test_8_a_meeting_that_a_shifted_page_hides_is_not_taken_for_deleted(desk: OpenDesk) -> None:
    """A deletion during the walk makes a hole: the first of the next page moves to the page before it."""
    meetings = [spoken(f"m-{n}", source="fathom", started_at=NOW - timedelta(hours=5, minutes=n)) for n in range(25)]
    at = desk(*meetings, sources=FATHOM)
    at.ingest()
    at.pass_by(hours=1)
    shifted: list[str] = []

    def one_goes(request: Request) -> Reply | None:
        if "cursor" in request.query and not shifted:
            shifted.append(request.path)
            at.change(spoken("m-0", source="fathom", course=Course(deleted_at=at.clock.now)))
        return None

    at.sandbox.faults.append(one_goes)
    at.ingest()
    assert list(at.states.values()).count("analysed") == 25
    (hidden,) = at.store.missing.list(at.workspace.id)
    assert (hidden.title, hidden.presence) == ("m-10", "present")
    at.pass_by(hours=1)
    at.ingest()
    assert sorted(at.states.values()) == ["analysed"] * 24 + ["deleted"]
    assert at.store.missing.list(at.workspace.id) == []


def test_12_g21_calls_of_one_title_on_one_day_are_both_kept_in_both_sources(desk: OpenDesk) -> None:
    same = [
        replace(spoken(f"{source}-{n}", source=source, started_at=NOW - timedelta(hours=2 + n)), title="Intro call")
        for source in ("gong", "fathom")
        for n in range(2)
    ]
    at = desk(*same)
    at.ingest()
    assert [row["title"] for row in at.messages] == ["Intro call"] * 4


def test_12_ids_that_differ_in_the_last_digit_are_both_kept(desk: OpenDesk) -> None:
    pair = [spoken(f"c-{n}", number=f"900719925474099300{n}") for n in (1, 2)]
    at = desk(*pair, sources=GONG)
    at.ingest()
    assert sorted(str(row["external_id"]) for row in at.messages) == sorted(map(id_of, pair))


def test_13_a_run_that_is_killed_between_any_two_commits_is_made_whole_by_the_next_one(desk: OpenDesk) -> None:
    at = desk(*gong_calls(2), spoken("m-1", source="fathom"))
    with killed_after(at.store, -1) as commits:
        at.ingest()
    whole = contents(at, at.workspace)
    for commit in range(1, commits[0]):
        other = another_workspace(at, f"Copy {commit}")
        one = replace(at, workspace=other)
        with killed_after(at.store, commit), pytest.raises(KilledError):
            one.ingest()
        one.ingest()
        assert contents(one, other) == whole, f"killed after commit {commit} of {commits[0]}"
        assert one.is_balanced()


def another_workspace(at: Desk, name: str) -> Workspace:
    """A workspace with the same connectors and themes."""
    made = at.store.workspaces.add(name)
    for connector in at.store.connectors.list(at.workspace.id):
        at.store.connectors.add(
            made.id,
            connector.connector_type,
            base_url=connector.base_url,
            credentials=at.store.connectors.credentials(connector),
        )
    at.store.themes.add(made.id, "Exports", description="Getting data out")
    return made


def contents(at: Desk, workspace: Workspace) -> list[object]:
    """What the ledger says of a workspace, without ids and times of writing."""
    features = at.store.reading.features(workspace.id)
    return [
        [
            {name: value for name, value in row.items() if name not in ("id", "updated_at")}
            for row in at.store.reading.messages(workspace.id)
        ],
        sorted(
            (found.title, found.message.external_id, [span.quote for span in found.evidence], found.theme or "")
            for found in features
        ),
        [
            (found.connector, found.day, found.listed, found.held, found.done, found.error)
            for found in at.store.balances.by_day(workspace.id, None)
        ],
    ]


def test_g6_a_transcript_that_is_there_before_its_calls_details_is_read_when_they_come(desk: OpenDesk) -> None:
    early = Course(visible_at=NOW + timedelta(hours=20), transcript_at=NOW - timedelta(minutes=30))
    at = desk(spoken("early", course=early), *gong_calls(1), sources=GONG)
    at.ingest()
    assert at.states == {"call-0": "analysed"}
    at.pass_by(hours=21)
    at.ingest()
    assert at.states == {"call-0": "analysed", "early": "analysed"}


def test_g18_a_total_that_is_ahead_of_the_rows_is_not_waited_for(desk: OpenDesk) -> None:
    """While a call is being analysed, Gong counts it and does not list it."""
    at = desk(
        *gong_calls(2), spoken("analysed-later", course=Course(visible_at=NOW + timedelta(hours=2))), sources=GONG
    )
    reports = at.ingest()
    assert at.troubles(reports) == []
    assert (len(at.states), at.sandbox.count(LISTING)) == (2, 1)
    assert at.is_balanced()


def test_g25_a_call_with_hardly_a_word_costs_no_reading(desk: OpenDesk) -> None:
    brief = replace(spoken("voicemail"), utterances=spoken("voicemail").utterances[1:])
    at = desk(brief, sources=GONG)
    at.ingest()
    assert at.states == {"voicemail": "too_short"}
    assert at.analyst.asked == []
    long = replace(brief, course=Course(changes=(Change(NOW, utterances=spoken("x").utterances, title="named"),)))
    at.change(long)
    at.pass_by(hours=1)
    at.ingest()
    assert at.states == {"named": "analysed"}


def test_f1_a_meeting_that_two_keys_see_is_one_call_until_neither_sees_it(desk: OpenDesk) -> None:
    user = FathomUser("ines@larkspur.example", "ines-token", "Ines Okafor")
    own = Sharing(recorder=user.email)
    kept = [
        spoken(f"kept-{n}", source="fathom", sharing=own, started_at=NOW - timedelta(hours=2 + n)) for n in range(3)
    ]
    shared = spoken("shared", source="fathom", sharing=own)
    at = desk(*kept, shared, sources=FATHOM)
    (one,) = at.sandbox.world.companies
    at.sandbox.world = World((replace(one, fathom_users=(user,)),))
    at.store.connectors.add(
        at.workspace.id,
        "fathom",
        name="second",
        base_url=at.sandbox.fathom_url,
        credentials=Credentials({"api_token": user.api_token}),
    )
    at.ingest()
    assert (len(at.states), set(at.states.values())) == (4, {"analysed"})
    admin = one.fathom_admin.email
    at.pass_by(hours=1)
    unshared = Course(unshared_at=((admin, at.clock.now),))
    at.change(replace(shared, course=unshared))
    at.ingest()
    assert at.states["shared"] == "analysed"
    at.pass_by(hours=1)
    at.change(replace(shared, course=replace(unshared, deleted_at=at.clock.now)))
    at.ingest()
    assert sorted(at.states.values()) == ["analysed"] * 3 + ["deleted"]
