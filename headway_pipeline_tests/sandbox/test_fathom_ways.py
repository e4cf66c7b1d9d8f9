"""Users, sharing, filters, rules, odd meetings and webhooks of the local Fathom (F-S1 to F-S8, F-S11, F-S12)."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any, ClassVar

import pytest
import requests

from headway_pipeline.model.calls import Side
from headway_pipeline.sandbox.fathom.shapes import recording_id
from headway_pipeline.sandbox.keys import FathomUser
from headway_pipeline.sandbox.rules import ErrorForm, FathomRules
from headway_pipeline.sandbox.world import ALL_TEAMS, Course, SandboxCall, Sharing, Speaker, World
from headway_pipeline_tests.sandbox.clients import FathomClient
from headway_pipeline_tests.sandbox_fixtures import (
    API_TOKEN,
    CUSTOMER,
    NOW,
    VENDOR,
    call,
    company,
    many_calls,
    world_of,
)

Serve = Callable[[World], FathomClient]
ANA = FathomUser("ana@larkspur.example", "ana-token", "Ana", team="Sales")
BEN = FathomUser("ben@larkspur.example", "ben-token", "Ben", team="Success")
ADMIN = FathomUser("cleo@larkspur.example", "cleo-token", "Cleo", is_admin=True)
USERS = (ANA, BEN, ADMIN)


def meeting(call_id: str, **named: Any) -> SandboxCall:
    """A meeting that is called like its id, unless it is named otherwise."""
    return replace(call(call_id, title=call_id, source="fathom"), **named)


def shared(*calls: SandboxCall, users: tuple[FathomUser, ...] = USERS) -> World:
    return World((replace(company(*calls), fathom_users=users),))


def seen_by(client: FathomClient, user: FathomUser, **query: Any) -> set[str]:
    client.api_token = user.api_token
    return set(client.titles(**query))


class TestKeys:
    @pytest.mark.parametrize("status", [HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN])
    def test_the_key_of_a_deactivated_user_is_refused_f_s1(self, fathom: Serve, status: HTTPStatus) -> None:
        client = fathom(shared(users=(replace(ANA, deactivated_at=NOW + timedelta(hours=1)),)))
        client.sandbox.fathom_rules = FathomRules(deactivated_status=status)
        client.api_token = ANA.api_token
        before = client.get("/meetings").status_code
        client.clock.pass_by(timedelta(hours=1))
        assert (before, client.get("/meetings").status_code) == (200, status)

    @pytest.mark.parametrize(
        ("form", "kind", "body"),
        [
            (ErrorForm.ERROR, "json", '{"error":"Unauthorized"}'),
            (ErrorForm.MESSAGE, "json", '{"message":"Unauthorized"}'),
            (ErrorForm.TEXT, "text/plain", "Unauthorized"),
            (ErrorForm.EMPTY, "", ""),
            (ErrorForm.HTML, "text/html", "<!doctype html><title>Error</title><h1>Unauthorized</h1>"),
        ],
    )
    def test_errors_come_in_any_form_f_s1(self, fathom: Serve, form: ErrorForm, kind: str, body: str) -> None:
        client = fathom(shared())
        client.sandbox.fathom_rules = FathomRules(error_form=form)
        client.api_token = "nobody's"
        answer = client.get("/meetings")
        assert (answer.status_code, answer.text) == (401, body)
        assert kind in answer.headers.get("Content-Type", "")


class TestSharing:
    def test_a_user_sees_their_own_their_teams_and_what_is_shared_with_them_f_s2(self, fathom: Serve) -> None:
        client = fathom(
            shared(
                meeting("own", sharing=Sharing(ANA.email, teams=())),
                meeting("of her team", sharing=Sharing(BEN.email, teams=("Sales",))),
                meeting("for her", sharing=Sharing(BEN.email, teams=(), people=(ANA.email,))),
                meeting("for all", sharing=Sharing(BEN.email, teams=(ALL_TEAMS,))),
                meeting("of another team", sharing=Sharing(BEN.email, teams=("Success",))),
                meeting("of nobody", sharing=Sharing(BEN.email, teams=())),
            )
        )
        assert seen_by(client, ANA) == {"own", "of her team", "for her", "for all"}
        assert seen_by(client, ADMIN) == {"of her team", "for her", "for all", "of another team"}
        assert len(seen_by(client, BEN)) == 5

    def test_how_far_a_meeting_is_shared_is_told(self, fathom: Serve) -> None:
        client = fathom(
            shared(
                *(
                    meeting(str(teams), number=str(1000 + len(teams)), sharing=Sharing(ANA.email, teams=teams))
                    for teams in ((), ("Sales",), ("Sales", "Success"), (ALL_TEAMS, "Sales", "Success"))
                )
            )
        )
        client.api_token = ANA.api_token
        told = {row["title"]: row.get("shared_with") for row in client.meetings()}
        # Older records lack it, but never those of the recorder's own.
        assert told["()"] == "no_teams"
        assert set(told.values()) <= {"no_teams", "single_team", "multiple_teams", "all_teams", None}

    def test_a_private_meeting_is_its_recorders_alone_f_s2(self, fathom: Serve) -> None:
        everybody = Sharing(ANA.email, teams=(ALL_TEAMS,))
        flips = meeting("flips", sharing=everybody, course=Course(private_from=NOW + timedelta(hours=1)))
        client = fathom(shared(flips, meeting("private", sharing=everybody, is_private=True)))
        assert seen_by(client, BEN) == {"flips"}
        client.clock.pass_by(timedelta(hours=1))
        assert (seen_by(client, BEN), seen_by(client, ANA)) == (set(), {"flips", "private"})

    def test_a_meeting_is_taken_from_one_user_and_not_from_another_f_s12(self, fathom: Serve) -> None:
        taken = Course(unshared_at=((ANA.email, NOW + timedelta(hours=1)),))
        both = Sharing("dora@larkspur.example", teams=("Sales", "Success"))
        client = fathom(shared(meeting("m", sharing=both, course=taken)))
        assert (seen_by(client, ANA), seen_by(client, BEN)) == ({"m"}, {"m"})
        client.clock.pass_by(timedelta(hours=1))
        assert (seen_by(client, ANA), seen_by(client, BEN)) == (set(), {"m"})

    def test_an_outsiders_meeting_is_listed_only_when_asked_for_f_s2(self, fathom: Serve) -> None:
        outside = meeting("outside", sharing=Sharing("zoe@elsewhere.example", teams=("Sales",)))
        client = fathom(shared(outside, meeting("inside", sharing=Sharing(ANA.email))))
        assert seen_by(client, ANA) == {"inside"}
        assert seen_by(client, ANA, **{"recorded_by[]": ["zoe@elsewhere.example", ANA.email]}) == {
            "outside",
            "inside",
        }

    @pytest.mark.parametrize("status", [HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN])
    def test_a_recording_of_somebody_else_is_refused_f_s6(self, fathom: Serve, status: HTTPStatus) -> None:
        theirs = meeting("theirs", sharing=Sharing(BEN.email, teams=()))
        client = fathom(shared(theirs))
        client.sandbox.fathom_rules = FathomRules(foreign_status=status)
        client.api_token = ANA.api_token
        path = f"/recordings/{recording_id(theirs)}"
        assert [client.get(f"{path}/{part}").status_code for part in ("transcript", "summary")] == [status] * 2
        assert client.get("/recordings/1/transcript").status_code == 404
        client.api_token = BEN.api_token
        assert client.get(f"{path}/transcript").status_code == 200


class TestFilters:
    def test_lists_of_values_are_read_under_names_with_brackets_only_f_s4(self, fathom: Serve) -> None:
        client = fathom(
            shared(
                meeting("by ana", sharing=Sharing(ANA.email, teams=(ALL_TEAMS,))),
                meeting("by ben", sharing=Sharing(BEN.email, teams=(ALL_TEAMS,))),
            )
        )
        assert seen_by(client, ADMIN, **{"recorded_by[]": ANA.email}) == {"by ana"}
        assert seen_by(client, ADMIN, **{"recorded_by[]": [ANA.email, BEN.email]}) == {"by ana", "by ben"}
        assert seen_by(client, ADMIN, recorded_by=ANA.email) == {"by ana", "by ben"}
        assert seen_by(client, ADMIN, **{"teams[]": "Success"}) == {"by ben"}

    def test_domains_and_types(self, fathom: Serve) -> None:
        client = fathom(
            world_of(
                meeting("external", meeting_type="Demo"),
                meeting("internal", speakers=(VENDOR,)),
            )
        )
        assert client.titles(**{"calendar_invitees_domains[]": "brackwater.example"}) == ["external"]
        assert client.titles(calendar_invitees_domains_type="only_internal") == ["internal"]
        assert len(client.titles(calendar_invitees_domains_type="all")) == 2
        assert client.titles(meeting_type="Demo") == ["external"]

    def test_a_renamed_type_is_no_longer_found_by_its_old_name_f_s12(self, fathom: Serve) -> None:
        client = fathom(world_of(meeting("m", meeting_type="Demo")))
        client.sandbox.change_world(lambda world: world.with_calls(meeting("m", meeting_type="Product demo")))
        assert client.titles(meeting_type="Demo") == []
        assert client.titles(meeting_type="Product demo") == ["m"]
        assert [row["name"] for row in client.get("/meeting_types").json()["items"]] == ["Product demo"]

    def test_a_renamed_team_is_no_longer_found_by_its_old_name_f_s12(self, fathom: Serve) -> None:
        made = meeting("m", sharing=Sharing(ANA.email, teams=(ALL_TEAMS,)))
        client = fathom(shared(made))
        client.sandbox.world = shared(made, users=(replace(ANA, team="Revenue"), ADMIN))
        assert seen_by(client, ADMIN, **{"teams[]": "Sales"}) == set()
        assert seen_by(client, ADMIN, **{"teams[]": "Revenue"}) == {"m"}

    def test_a_window_that_ends_before_it_begins_is_empty(self, fathom: Serve) -> None:
        client = fathom(world_of(meeting("m")))
        far = "9999-12-31T23:59:59.999999Z"
        assert client.titles(created_after=far, created_before="2026-01-01T00:00:00Z") == []


class TestPages:
    def test_the_last_token_may_be_empty_text_f_s3(self, fathom: Serve) -> None:
        client = fathom(world_of(*many_calls(11, source="fathom")))
        client.sandbox.fathom_rules = FathomRules(ends_with_empty_token=True)
        tokens = [page["next_cursor"] for page in client.walk()]
        assert tokens[-1] == ""
        assert len(tokens) == 2

    def test_a_full_last_page_may_lead_to_an_empty_one_f_s3(self, fathom: Serve) -> None:
        client = fathom(world_of(*many_calls(20, source="fathom")))
        assert [len(page["items"]) for page in client.walk()] == [10, 10]
        client.sandbox.fathom_rules = FathomRules(ends_with_empty_page=True)
        assert [len(page["items"]) for page in client.walk()] == [10, 10, 0]


class TestParts:
    def test_parts_come_when_asked_for_f_s5(self, fathom: Serve) -> None:
        client = fathom(world_of(meeting("m")))
        (plain,) = client.meetings()
        parts = ("transcript", "default_summary", "action_items", "highlights", "crm_matches")
        assert not set(parts) & set(plain)
        for part in parts:
            (row,) = client.meetings(**{f"include_{part.removeprefix('default_')}": "true"})
            assert set(row) - set(plain) == {part}
            assert row[part]

    def test_a_summary_comes_with_the_transcript(self, fathom: Serve) -> None:
        late = meeting("m", course=Course(transcript_at=NOW + timedelta(hours=1)))
        client = fathom(world_of(late))
        path = f"/recordings/{recording_id(late)}/summary"
        before = client.get(path).json()["summary"]
        client.clock.pass_by(timedelta(hours=1))
        assert (before, set(client.get(path).json()["summary"])) == (None, {"template_name", "markdown_formatted"})

    def test_a_transcript_may_be_sent_elsewhere_f_s7(self, fathom: Serve) -> None:
        client = fathom(world_of(meeting("m")))
        received: list[bytes] = []

        class Elsewhere(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                received.append(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                pass

        with HTTPServer(("127.0.0.1", 0), Elsewhere) as server:
            serving = Thread(target=server.handle_request)
            serving.start()
            address = f"http://127.0.0.1:{server.server_port}/inbox"
            path = f"/recordings/{recording_id(meeting('m'))}/transcript"
            assert client.get(path, destination_url=address).json() == {"destination_url": address}
            serving.join(timeout=5)
        assert [body for body in received if b"transcript" in body]

    def test_directories_name_users_and_members(self, fathom: Serve) -> None:
        client = fathom(shared(meeting("m", sharing=Sharing(ANA.email)), users=(ANA, ADMIN)))
        assert client.get("/users").json()["items"][0]["email"] == "recordings@larkspur.example"
        members = client.get("/team_members", team="Sales").json()["items"]
        assert [member["email"] for member in members] == [ANA.email]
        client.api_token = ANA.api_token
        assert client.get("/users").status_code == 403


class TestOddMeetings:
    def test_without_an_event_in_a_calendar_nobody_was_invited_f_s8(self, fathom: Serve) -> None:
        client = fathom(world_of(meeting("m", title="", is_scheduled=False)))
        (row,) = client.meetings()
        assert (row["title"], row["meeting_title"], row["meeting_url"]) == ("Impromptu Zoom Meeting", None, None)
        assert (row["calendar_invitees"], row["calendar_invitees_domains_type"]) == ([], "only_internal")

    def test_two_speakers_may_have_one_name_and_two_turns_one_second_f_s8(self, fathom: Serve) -> None:
        twin = Speaker("t", CUSTOMER.name, Side.CUSTOMER, "other@brackwater.example")
        made = call(speakers=(VENDOR, CUSTOMER, twin), said=[("c", "One."), ("t", "Two.")], source="fathom")
        together = tuple(replace(turn, start_s=36_123.4) for turn in made.utterances)
        client = fathom(world_of(replace(made, utterances=together)))
        (row,) = client.meetings(include_transcript="true")
        assert {item["speaker"]["display_name"] for item in row["transcript"]} == {CUSTOMER.name}
        assert [item["timestamp"] for item in row["transcript"]] == ["10:02:03", "10:02:03"]

    def test_a_demo_meeting_may_span_years_f_s8(self, fathom: Serve) -> None:
        years = timedelta(days=5 * 365)
        demo = meeting("Fathom Demo", started_at=NOW - years - timedelta(days=1), length_s=years.total_seconds())
        (row,) = fathom(world_of(demo)).meetings()
        assert (row["recording_start_time"][:4], row["recording_end_time"][:4]) == ("2021", "2026")

    def test_a_recording_may_hold_three_customers_f_s8(self, fathom: Serve) -> None:
        guests = tuple(Speaker(f"c{n}", f"Guest {n}", Side.CUSTOMER, f"g@customer{n}.example") for n in range(3))
        (row,) = fathom(world_of(meeting("m", speakers=(VENDOR, *guests)))).meetings()
        assert len({one["email_domain"] for one in row["calendar_invitees"] if one["is_external"]}) == 3

    def test_two_users_may_record_one_meeting_f_s8(self, fathom: Serve) -> None:
        twice = [
            meeting(f"m{number}", title="Same", conference="room-7", sharing=Sharing(user.email))
            for number, user in enumerate((ANA, BEN))
        ]
        rows = fathom(shared(*twice)).meetings()
        assert len({row["recording_id"] for row in rows}) == 2
        assert {row["meeting_url"] for row in rows} == {"https://meetings.example/j/room-7"}
        assert {row["recorded_by"]["email"] for row in rows} == {ANA.email, BEN.email}

    def test_unknown_fields_may_be_anywhere_f_s8(self, fathom: Serve) -> None:
        client = fathom(world_of(meeting("m")))
        client.sandbox.fathom_rules = FathomRules(has_unknown_fields=True)
        (row,) = client.meetings()
        assert "sandbox_extra" in row
        assert "sandbox_extra" in row["recorded_by"]
        assert row["calendar_invitees_domains_type"] == "all"


class TestWebhooks:
    BODY: ClassVar[dict[str, Any]] = {
        "destination_url": "https://hooks.example/fathom",
        "triggered_for": ["my_recordings"],
        "include_transcript": True,
    }

    def asked(self, client: FathomClient, method: str, path: str, body: Any = None) -> requests.Response:
        headers = {"X-Api-Key": client.api_token}
        return requests.request(method, client.sandbox.fathom_url + path, json=body, headers=headers, timeout=5)

    def test_one_is_made_and_its_secret_told_once_f_s11(self, fathom: Serve) -> None:
        client = fathom(shared())
        made = self.asked(client, "POST", "/webhooks", self.BODY)
        assert made.status_code == 201
        assert made.json()["secret"].startswith("whsec_")
        assert made.json()["include_summary"] is False
        assert [hook.id for hook in client.sandbox.webhooks] == [made.json()["id"]]
        assert made.json()["secret"] not in repr(client.sandbox.webhooks)
        assert self.asked(client, "GET", "/webhooks").status_code == 404

    @pytest.mark.parametrize(
        "wrong",
        [
            {"extra": 1},
            {"include_transcript": False},
            {"triggered_for": []},
            {"triggered_for": ["everything"]},
            {"destination_url": None},
        ],
    )
    def test_what_is_unknown_or_missing_is_refused_f_s11(self, fathom: Serve, wrong: dict[str, Any]) -> None:
        assert self.asked(fathom(shared()), "POST", "/webhooks", self.BODY | wrong).status_code == 400

    def test_one_is_removed_by_whoever_made_it_f_s11(self, fathom: Serve) -> None:
        client = fathom(shared())
        path = f"/webhooks/{self.asked(client, 'POST', '/webhooks', self.BODY).json()['id']}"
        client.api_token = ANA.api_token
        assert self.asked(client, "DELETE", path).status_code == 404
        client.api_token = API_TOKEN
        assert [self.asked(client, "DELETE", path).status_code for _ in range(2)] == [204, 404]
        assert client.sandbox.webhooks == ()


def test_ids_may_differ_in_the_last_digit_alone(fathom: Serve) -> None:
    client = fathom(world_of(*(meeting(number, number=number) for number in ("150000001", "150000002"))))
    assert {row["recording_id"] for row in client.meetings()} == {150_000_001, 150_000_002}
