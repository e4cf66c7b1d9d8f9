"""What becomes of calls as time passes, in Gong (G-S6, G-S11, G-S19 to G-S22) and in Fathom (F-S3, F-S6, F-S12)."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from headway_pipeline.sandbox.addresses import call_number
from headway_pipeline.sandbox.fathom.shapes import created_at, recording_id
from headway_pipeline.sandbox.world import NEVER, Change, Course, SandboxCall, World
from headway_pipeline_tests.sandbox.clients import FathomClient, GongClient
from headway_pipeline_tests.sandbox_fixtures import CUSTOMER, NOW, VENDOR, call, many_calls, world_of

HOUR = timedelta(hours=1)
EVERYTHING: dict[str, Any] = {}


def with_course(made: SandboxCall, **course: Any) -> SandboxCall:
    return replace(made, course=Course(**course))


def meeting(call_id: str = "call-1", **named: Any) -> SandboxCall:
    return call(call_id, source="fathom", **named)


class TestGong:
    def test_a_call_is_nowhere_until_it_is_visible_g_s20(self, gong: Callable[[World], GongClient]) -> None:
        late = with_course(call(title="Late"), visible_at=NOW + 26 * HOUR)
        client = gong(world_of(late, call("call-2", title="Early")))
        number = call_number(late)
        assert client.titles() == ["Early"]
        assert client.get(f"/v2/calls/{number}").status_code == 404
        assert client.transcripts(number) == []
        client.clock.pass_by(26 * HOUR)
        assert client.titles() == ["Late", "Early"]
        assert client.get(f"/v2/calls/{number}").json()["call"]["title"] == "Late"
        assert client.transcripts(number) == [number]

    def test_a_transcript_comes_after_its_call_g_s21(self, gong: Callable[[World], GongClient]) -> None:
        late = with_course(call("late"), transcript_at=NOW + HOUR)
        never = with_course(call("never"), transcript_at=NEVER)
        client = gong(world_of(late, never))
        numbers = call_number(late), call_number(never)
        assert client.transcripts(*numbers) == []
        client.clock.pass_by(HOUR)
        assert client.transcripts(*numbers) == [numbers[0]]
        client.clock.pass_by(10_000 * HOUR)
        assert client.transcripts(*numbers) == [numbers[0]]
        assert len(client.titles()) == 2

    def test_a_transcript_may_come_before_its_call_g_s21(self, gong: Callable[[World], GongClient]) -> None:
        early = with_course(call(), transcript_at=NOW, visible_at=NOW + HOUR)
        client = gong(world_of(early))
        assert client.transcripts(call_number(early)) == [call_number(early)]
        assert client.titles() == []

    def test_a_deleted_call_disappears_everywhere_g_s22(self, gong: Callable[[World], GongClient]) -> None:
        gone = with_course(call(title="Gone"), deleted_at=NOW + HOUR)
        client = gong(world_of(gone, call("call-2", title="Stays")))
        assert len(client.titles()) == 2
        client.clock.pass_by(HOUR)
        assert client.titles() == ["Stays"]
        missing = client.get(f"/v2/calls/{call_number(gone)}")
        assert missing.status_code == 404
        assert missing.json()["errors"] == [f"Call ID {call_number(gone)} was not found"]
        assert client.transcripts(call_number(gone)) == []

    def test_a_person_is_erased_with_all_their_calls_g_s22(self, gong: Callable[[World], GongClient]) -> None:
        other = replace(CUSTOMER, email="rosa@brackwater.example")
        kept = call("kept", title="Kept", speakers=(VENDOR, other))
        client = gong(world_of(call("one"), call("two"), kept))
        assert CUSTOMER.email is not None
        erased = client.sandbox.world.without_person(CUSTOMER.email, NOW + HOUR)
        client.sandbox.world = erased
        assert len(client.titles()) == 3
        client.clock.pass_by(HOUR)
        assert client.titles() == ["Kept"]

    def test_a_call_becomes_private_g_s19(self, gong: Callable[[World], GongClient]) -> None:
        client = gong(world_of(with_course(call(), private_from=NOW + HOUR)))
        before = client.page()["calls"][0]["metaData"]["isPrivate"]
        client.clock.pass_by(HOUR)
        assert (before, client.page()["calls"][0]["metaData"]["isPrivate"]) == (False, True)

    def test_title_people_and_account_change_g_s22(self, gong: Callable[[World], GongClient]) -> None:
        change = Change(NOW + HOUR, title="Renamed", speakers=(VENDOR,), account="Other Freight")
        client = gong(world_of(with_course(call(), changes=(change,))))
        selector = {"context": "Extended", "exposedFields": {"parties": True}}

        def shown() -> tuple[Any, int, Any]:
            (row,) = client.page(selector=selector)["calls"]
            account = row["context"][0]["objects"][0]["fields"][0]["value"]
            return row["metaData"]["title"], len(row["parties"]), account

        before = shown()
        client.clock.pass_by(HOUR)
        assert (before, shown()) == (
            ("Rollout review", 2, "Brackwater Freight"),
            ("Renamed", 1, "Other Freight"),
        )

    def test_briefs_come_after_their_call_g_s22(self, gong: Callable[[World], GongClient]) -> None:
        client = gong(world_of(with_course(call(), visible_at=NOW)))
        selector = {"exposedFields": {"content": {"brief": True, "outline": True}}}
        before = client.page(selector=selector)["calls"][0]["content"]
        client.clock.pass_by(HOUR)
        after = client.page(selector=selector)["calls"][0]["content"]
        assert (before, set(after)) == ({}, {"brief", "outline"})

    def test_a_call_in_analysis_is_counted_but_not_there_g_s11(self, gong: Callable[[World], GongClient]) -> None:
        client = gong(world_of(call(), with_course(call("call-2"), visible_at=NOW + HOUR)))
        records = client.page()["records"]
        assert (records["totalRecords"], records["currentPageSize"]) == (2, 1)
        client.clock.pass_by(HOUR)
        assert client.page()["records"]["currentPageSize"] == 2

    def test_a_call_that_appears_between_two_pages_repeats_a_row_g_s6(
        self, gong: Callable[[World], GongClient]
    ) -> None:
        first, *others = reversed(many_calls(151))
        client = gong(world_of(with_course(first, visible_at=NOW + HOUR / 2), *others))
        before = client.page()
        client.clock.pass_by(HOUR / 2)
        after = client.page(before["records"]["cursor"])
        ids = [row["metaData"]["id"] for page in (before, after) for row in page["calls"]]
        assert (len(before["calls"]), len(after["calls"])) == (100, 51)
        assert ids[99] == ids[100]
        assert call_number(first) not in ids

    def test_a_call_deleted_between_two_pages_hides_a_row_g_s6(self, gong: Callable[[World], GongClient]) -> None:
        first, *others = reversed(many_calls(150))
        client = gong(world_of(with_course(first, deleted_at=NOW + HOUR / 2), *others))
        before = client.page()
        client.clock.pass_by(HOUR / 2)
        after = client.page(before["records"]["cursor"])
        ids = {row["metaData"]["id"] for page in (before, after) for row in page["calls"]}
        assert call_number(others[99]) not in ids
        assert len(ids) == 149

    def test_a_world_may_change_between_two_pages_g_s6(self, gong: Callable[[World], GongClient]) -> None:
        calls = many_calls(150)
        client = gong(world_of(*calls))
        before = client.page()
        older = call("older", started_at=NOW - timedelta(days=2))
        client.sandbox.change_world(lambda world: world.with_calls(older))
        after = client.page(before["records"]["cursor"])
        assert before["calls"][-1]["metaData"]["id"] == after["calls"][0]["metaData"]["id"]
        client.sandbox.change_world(lambda world: world.without_calls("older", calls[0].id))
        assert len(client.titles()) == 149


class TestFathom:
    def test_a_meeting_may_appear_long_after_its_creation(self, fathom: Callable[[World], FathomClient]) -> None:
        late = with_course(meeting(), visible_at=NOW + HOUR)
        client = fathom(world_of(late))
        path = f"/recordings/{recording_id(late)}/transcript"
        assert (client.titles(), client.get(path).status_code) == ([], 404)
        client.clock.pass_by(HOUR)
        (row,) = client.meetings()
        assert row["created_at"] == created_at(late).isoformat().replace("+00:00", "Z")
        assert client.get(path).status_code == 200

    def test_its_time_of_creation_may_be_late_itself(self, fathom: Callable[[World], FathomClient]) -> None:
        client = fathom(world_of(with_course(meeting(), created_at=NOW + HOUR)))
        assert client.titles() == []
        client.clock.pass_by(HOUR)
        assert client.meetings()[0]["created_at"] == "2026-11-20T13:00:00Z"

    def test_a_transcript_is_null_then_empty_then_there_f_s6(self, fathom: Callable[[World], FathomClient]) -> None:
        late = with_course(meeting(started_at=NOW - HOUR), created_at=NOW, transcript_at=NOW + 24 * HOUR)
        never = with_course(meeting("never", started_at=NOW - 2 * HOUR), transcript_at=NEVER)
        client = fathom(world_of(late, never))
        seen = []
        for _ in range(3):
            rows = client.meetings(include_transcript="true")
            seen.append([row["transcript"] and len(row["transcript"]) for row in rows])
            client.clock.pass_by(12 * HOUR)
        assert seen == [[None, None], [[], None], [3, None]]
        transcripts = [
            client.get(f"/recordings/{recording_id(one)}/transcript").json()["transcript"] for one in (late, never)
        ]
        assert [len(transcript) for transcript in transcripts] == [3, 0]

    def test_a_meeting_that_appears_between_two_pages_repeats_a_row_f_s3(
        self, fathom: Callable[[World], FathomClient]
    ) -> None:
        calls = many_calls(24, source="fathom")
        newest = with_course(meeting("newest", started_at=NOW - timedelta(minutes=5)), created_at=NOW + HOUR)
        client = fathom(world_of(*calls, newest))
        first = client.get("/meetings").json()
        client.clock.pass_by(HOUR)
        second = client.get("/meetings", cursor=first["next_cursor"]).json()
        assert first["items"][-1]["recording_id"] == second["items"][0]["recording_id"]

    def test_a_meeting_deleted_between_two_pages_hides_a_row_f_s3(
        self, fathom: Callable[[World], FathomClient]
    ) -> None:
        newest, *others = many_calls(25, source="fathom")
        client = fathom(world_of(with_course(newest, deleted_at=NOW + HOUR), *others))
        first = client.get("/meetings").json()
        client.clock.pass_by(HOUR)
        second = client.get("/meetings", cursor=first["next_cursor"]).json()
        met = {row["recording_id"] for page in (first, second) for row in page["items"]}
        assert recording_id(others[9]) not in met
        assert len(met) == 20

    def test_a_meeting_becomes_its_recorders_alone_f_s12(self, fathom: Callable[[World], FathomClient]) -> None:
        client = fathom(world_of(with_course(meeting("m"), private_from=NOW + HOUR)))
        before = client.meetings()[0]["shared_with"]
        client.clock.pass_by(HOUR)
        assert (before, client.meetings()[0]["shared_with"]) == ("single_team", "no_teams")

    def test_a_deleted_meeting_is_gone_f_s12(self, fathom: Callable[[World], FathomClient]) -> None:
        gone = with_course(meeting(), deleted_at=NOW + HOUR)
        client = fathom(world_of(gone))
        client.clock.pass_by(HOUR)
        assert client.titles() == []
        assert client.get(f"/recordings/{recording_id(gone)}/transcript").status_code == 404
