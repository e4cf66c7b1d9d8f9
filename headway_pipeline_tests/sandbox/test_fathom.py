import base64
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
import requests

from headway_pipeline.model.calls import Side
from headway_pipeline.sandbox.fathom.shapes import created_at, recording_id
from headway_pipeline.sandbox.server import Sandbox
from headway_pipeline.sandbox.world import SandboxCall, Speaker, World
from headway_pipeline_tests.sandbox_fixtures import (
    ACCESS_KEY,
    API_TOKEN,
    CUSTOMER,
    NOW,
    VENDOR,
    MovableClock,
    call,
    company,
    many_calls,
    world_of,
)


@dataclass
class Client:
    """Asks a sandbox as its company's Fathom user would."""

    sandbox: Sandbox
    clock: MovableClock

    def get(self, path: str, key: str = API_TOKEN, **query: str) -> requests.Response:
        return requests.get(self.sandbox.fathom_url + path, params=query, headers={"X-Api-Key": key}, timeout=5)

    def meetings(self, **query: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.get("/meetings", **query).json()["items"]
        return items


@pytest.fixture
def serve() -> Iterator[Callable[[World], Client]]:
    with ExitStack() as running:

        def start(world: World) -> Client:
            clock = MovableClock()
            return Client(running.enter_context(Sandbox(world, clock=clock)), clock)

        yield start


def meeting(call_id: str = "call-1", **named: Any) -> SandboxCall:
    return call(call_id, source="fathom", **named)


class TestKeys:
    @pytest.mark.parametrize("key", ["", "wrong", ACCESS_KEY])
    def test_a_wrong_key_is_refused_f_s1(self, serve: Callable[[World], Client], key: str) -> None:
        answer = serve(world_of(meeting())).get("/meetings", key=key)
        assert (answer.status_code, answer.json()) == (401, {"error": "Unauthorized"})

    def test_a_key_sees_its_own_company_and_nothing_of_gong(self, serve: Callable[[World], Client]) -> None:
        other = company(meeting(title="Other"), name="Other", keys=("other-access-key", "s"))
        own = company(meeting(title="Own"), call("call-2", title="In Gong"))
        client = serve(World((own, other)))
        assert [row["title"] for row in client.meetings()] == ["Own"]
        body: dict[str, Any] = {"filter": {}}
        in_gong = requests.post(
            f"{client.sandbox.base_url}/v2/calls/extensive",
            json=body,
            auth=(own.access_key, own.secret_key),
            timeout=5,
        )
        assert [row["metaData"]["title"] for row in in_gong.json()["calls"]] == ["In Gong"]

    def test_the_key_is_named_after_the_access_key_unless_it_is_given(self) -> None:
        assert company().api_token == API_TOKEN
        assert replace(company(), api_token="given").api_token == "given"


class TestListing:
    def test_pages_are_of_ten_newest_first_whatever_is_asked_f_s3(self, serve: Callable[[World], Client]) -> None:
        client = serve(world_of(*many_calls(25, source="fathom")))
        rows: list[dict[str, Any]] = []
        sizes: list[int] = []
        query = {"limit": "100"}
        while True:
            answer = client.get("/meetings", **query).json()
            sizes.append(len(answer["items"]))
            rows += answer["items"]
            if answer["next_cursor"] is None:
                break
            query["cursor"] = answer["next_cursor"]
        assert sizes == [10, 10, 5]
        assert [row["created_at"] for row in rows] == sorted((row["created_at"] for row in rows), reverse=True)
        assert len({row["recording_id"] for row in rows}) == 25

    def test_a_cursor_is_a_page_number_f_s3(self, serve: Callable[[World], Client]) -> None:
        client = serve(world_of(*many_calls(11, source="fathom")))
        cursor = client.get("/meetings").json()["next_cursor"]
        assert json.loads(base64.b64decode(cursor)) == {"page_num": 2}
        beyond = base64.b64encode(b'{"page_num":9}').decode()
        assert client.get("/meetings", cursor=beyond).json() == {"limit": 10, "next_cursor": None, "items": []}

    @pytest.mark.parametrize(
        "query",
        [
            {"cursor": "x"},
            {"cursor": "bnVsbA=="},
            {"cursor": base64.b64encode(b'{"page_num":0}').decode()},
            {"created_after": "yesterday"},
            {"created_before": ""},
        ],
    )
    def test_what_cannot_be_read_is_a_400_f_s4(self, serve: Callable[[World], Client], query: dict[str, str]) -> None:
        assert serve(world_of(meeting())).get("/meetings", **query).status_code == 400

    def test_filters_go_by_creation_which_is_after_the_end_f_s4(self, serve: Callable[[World], Client]) -> None:
        shown = meeting()
        created = created_at(shown)
        client = serve(world_of(shown))
        assert created == shown.started_at + timedelta(seconds=34, minutes=3)

        def is_met(after: datetime, before: datetime) -> bool:
            return bool(client.meetings(created_after=after.isoformat(), created_before=before.isoformat()))

        second = timedelta(seconds=1)
        assert is_met(created - second, created + second)
        assert not is_met(created, created + second)
        assert not is_met(created - second, created)
        assert not is_met(shown.started_at - second, shown.ended_at)

    def test_a_meeting_appears_when_it_is_created(self, serve: Callable[[World], Client]) -> None:
        client = serve(world_of(meeting(started_at=NOW)))
        assert client.meetings() == []
        client.clock.pass_by(timedelta(minutes=4))
        assert len(client.meetings()) == 1

    def test_an_unknown_type_is_an_empty_list_f_s4(self, serve: Callable[[World], Client]) -> None:
        assert serve(world_of(meeting())).meetings(meeting_type="Nothing") == []


class TestMeetings:
    def test_what_was_not_asked_for_is_absent_f_s5(self, serve: Callable[[World], Client]) -> None:
        client = serve(world_of(meeting()))
        (plain,) = client.meetings()
        (full,) = client.meetings(include_transcript="true", include_crm_matches="true")
        assert set(full) - set(plain) == {"transcript", "crm_matches"}
        assert "matched_speaker_display_name" not in plain["calendar_invitees"][0]
        assert full["calendar_invitees"][0]["matched_speaker_display_name"] == VENDOR.name
        assert isinstance(plain["recording_id"], int)
        assert str(plain["recording_id"]) not in plain["url"]

    def test_some_customers_are_not_recognised_and_some_records_are_older_f_s8(
        self, serve: Callable[[World], Client]
    ) -> None:
        client = serve(world_of(*many_calls(10, source="fathom")))
        rows = client.meetings(include_transcript="true", include_crm_matches="true")
        matched = {row["transcript"][1]["speaker"]["matched_calendar_invitee_email"] for row in rows}
        assert matched == {None, CUSTOMER.email}
        assert {row["transcript"][0]["speaker"]["matched_calendar_invitee_email"] for row in rows} == {VENDOR.email}
        assert {"shared_with" in row for row in rows} == {True, False}
        assert {row["crm_matches"]["error"] for row in rows} == {None, "no CRM connected"}

    def test_without_anybody_known_there_was_no_invitation_f_s8(self, serve: Callable[[World], Client]) -> None:
        guest = Speaker("g", "iPhone", Side.UNKNOWN)
        (row,) = serve(world_of(meeting(speakers=(guest,)))).meetings()
        assert (row["calendar_invitees"], row["meeting_url"], row["scheduled_start_time"]) == ([], None, None)
        assert row["calendar_invitees_domains_type"] == "only_internal"
        assert row["recorded_by"]["email"] == "recordings@larkspur.example"

    def test_a_private_meeting_is_shared_with_no_team(self, serve: Callable[[World], Client]) -> None:
        (row,) = serve(world_of(replace(meeting(), is_private=True))).meetings()
        assert row["shared_with"] == "no_teams"

    def test_a_transcript_is_null_then_empty_then_there_f_s6(self, serve: Callable[[World], Client]) -> None:
        client = serve(world_of(meeting(started_at=NOW - timedelta(seconds=34 + 180))))
        path = f"/recordings/{recording_id(meeting())}/transcript"
        seen = []
        for _minute in range(3):
            (row,) = client.meetings(include_transcript="true")
            seen.append((row["transcript"], client.get(path).json()["transcript"]))
            client.clock.pass_by(timedelta(minutes=1))
        assert seen[:2] == [(None, []), ([], [])]
        listed, single = seen[2]
        assert listed == single
        assert [item["timestamp"] for item in single] == ["00:00:00", "00:00:12", "00:00:24"]

    def test_a_call_without_words_never_gets_a_transcript_f_s6(self, serve: Callable[[World], Client]) -> None:
        (row,) = serve(world_of(meeting(said=[]))).meetings(include_transcript="true")
        assert row["transcript"] is None

    def test_a_transcript_of_somebody_elses_recording_is_not_found_f_s6(
        self, serve: Callable[[World], Client]
    ) -> None:
        client = serve(world_of(meeting(), call("in-gong")))
        for number in ("1", "x", str(recording_id(call("in-gong")))):
            assert client.get(f"/recordings/{number}/transcript").status_code == 404


def test_teams_are_listed_and_none_without_meetings(serve: Callable[[World], Client]) -> None:
    (team,) = serve(world_of(meeting())).get("/teams").json()["items"]
    assert team["name"] == "Customer Success"
    assert serve(world_of()).get("/teams").json()["items"] == []


@pytest.mark.parametrize("path", ["/", "/meetings/1", "/recordings/1", "/nowhere"])
def test_an_unknown_path_is_a_web_page(serve: Callable[[World], Client], path: str) -> None:
    answer = serve(world_of(meeting())).get(path)
    assert (answer.status_code, "html" in answer.headers["Content-Type"]) == (404, True)
