"""Faults on purpose (G-S24, F-S9) and the log that shows who did not wait."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
import requests

from headway_pipeline.sandbox.exchange import Logged, Reply, Request, Spoil, json_reply
from headway_pipeline.sandbox.faults import FaultKind, FaultPlan, Faults, ScriptedFault
from headway_pipeline.sandbox.request_log import requests_inside_retry_after
from headway_pipeline.sandbox.rules import GongRules
from headway_pipeline.sandbox.world import World
from headway_pipeline_tests.sandbox.clients import FathomClient, GongClient
from headway_pipeline_tests.sandbox_fixtures import (
    ACCESS_KEY,
    API_TOKEN,
    NOW,
    SECRET_KEY,
    Instead,
    MovableClock,
    call,
    many_calls,
    world_of,
)

FAULTS = Faults(MovableClock(), retry_after_s=3, stall_s=0.4, slow_s=0.3)


class TestKinds:
    @pytest.fixture
    def client(self, gong: Callable[[World], GongClient]) -> GongClient:
        return gong(world_of(call()))

    def answered(self, client: GongClient, kind: FaultKind) -> requests.Response:
        client.sandbox.faults.append(ScriptedFault(FAULTS.of(kind), path="/v2/users", numbers={1}))
        return client.get("/v2/users")

    @pytest.mark.parametrize(
        ("kind", "status"),
        [
            (FaultKind.RATE_LIMITED, 429),
            (FaultKind.RATE_LIMITED_UNTIL, 429),
            (FaultKind.SERVER_ERROR, 500),
            (FaultKind.BAD_GATEWAY, 502),
            (FaultKind.UNAVAILABLE, 503),
        ],
    )
    def test_an_error_status_g_s24(self, client: GongClient, kind: FaultKind, status: int) -> None:
        answer = self.answered(client, kind)
        assert answer.status_code == status
        assert ("html" in answer.headers["Content-Type"]) == (kind is FaultKind.BAD_GATEWAY)
        assert client.get("/v2/users").status_code == 200

    def test_a_wait_in_seconds_and_as_a_date_f_s9(self, client: GongClient) -> None:
        assert self.answered(client, FaultKind.RATE_LIMITED).headers["Retry-After"] == "3"
        client.sandbox.faults.clear()
        until = self.answered(client, FaultKind.RATE_LIMITED_UNTIL).headers["Retry-After"]
        assert parsedate_to_datetime(until) == NOW + timedelta(seconds=3)

    def test_a_reset_in_the_middle_of_the_body_g_s24(self, client: GongClient) -> None:
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            self.answered(client, FaultKind.RESET)
        assert client.get("/v2/users").status_code == 200

    def test_half_of_the_json_g_s24(self, client: GongClient) -> None:
        answer = self.answered(client, FaultKind.TRUNCATED)
        assert (answer.status_code, len(answer.content)) == (200, int(answer.headers["Content-Length"]))
        with pytest.raises(json.JSONDecodeError):
            answer.json()

    def test_a_stall_is_outlasted_or_not_g_s24(self, client: GongClient) -> None:
        began = time.monotonic()
        assert self.answered(client, FaultKind.STALL).status_code == 200
        assert time.monotonic() - began >= 0.4
        client.sandbox.faults[:] = [ScriptedFault(FAULTS.of(FaultKind.STALL), path="/v2/users", numbers={1})]
        with pytest.raises(requests.ReadTimeout):
            requests.get(f"{client.sandbox.base_url}/v2/users", timeout=0.1)

    def test_a_body_that_trickles_in_keeps_a_timeout_of_silence_waiting(self, client: GongClient) -> None:
        client.sandbox.faults.append(ScriptedFault(FAULTS.of(FaultKind.SLOW), path="/v2/users", numbers={1}))
        began = time.monotonic()
        address = f"{client.sandbox.base_url}/v2/users"
        answer = requests.get(address, auth=(ACCESS_KEY, SECRET_KEY), timeout=0.2)
        assert answer.json()["users"]
        assert time.monotonic() - began >= 0.25

    def test_stopping_does_not_wait_for_a_stall(self, gong: Callable[[World], GongClient]) -> None:
        client = gong(world_of(call()))
        stall = replace(FAULTS, stall_s=60).of(FaultKind.STALL)
        client.sandbox.faults.append(ScriptedFault(stall, path="/v2/users", numbers={1}))
        with pytest.raises(requests.ReadTimeout):
            requests.get(f"{client.sandbox.base_url}/v2/users", timeout=0.05)
        began = time.monotonic()
        client.sandbox.stop()
        assert time.monotonic() - began < 5


class TestPlans:
    def outcomes(self, seed: int, count: int = 400, **named: Any) -> tuple[FaultPlan, list[Reply | Spoil | None]]:
        plan = FaultPlan(FAULTS, seed=seed, **named)
        return plan, [plan(Request("GET", "/v2/users")) for _ in range(count)]

    def test_a_share_of_requests_fails_in_every_way(self) -> None:
        plan, found = self.outcomes(1, count=2_000)
        assert 60 <= sum(one is not None for one in found) <= 140
        assert set(plan.happened) == set(FaultKind)
        assert max(plan.happened.values()) - min(plan.happened.values()) <= 1

    def test_the_same_seed_is_the_same_plan(self) -> None:
        def failing(seed: int) -> list[int]:
            return [number for number, one in enumerate(self.outcomes(seed)[1]) if one is not None]

        assert failing(1) == failing(1)
        assert failing(1) != failing(2)

    def test_pages_of_calls_do_not_fail(self) -> None:
        plan = FaultPlan(FAULTS, seed=1, share=1.0)
        assert plan(Request("GET", "/call")) is None
        assert plan(Request("GET", "/v2/users")) is not None

    def test_the_third_page_of_five_fails_g_s24(self, gong: Callable[[World], GongClient]) -> None:
        client = gong(world_of(*many_calls(500)))
        error = FAULTS.of(FaultKind.SERVER_ERROR)
        client.sandbox.faults.append(ScriptedFault(error, path="/v2/calls/extensive", numbers={3}))
        statuses, cursor = [], None
        for _ in range(6):
            body: dict[str, Any] = {"filter": {}} | ({} if cursor is None else {"cursor": cursor})
            answer = client.post("/v2/calls/extensive", body)
            statuses.append(answer.status_code)
            cursor = answer.json().get("records", {}).get("cursor", cursor)
        assert statuses == [200, 200, 500, 200, 200, 200]

    def test_a_burst_of_503_f_s9(self, fathom: Callable[[World], FathomClient]) -> None:
        client = fathom(world_of(call(source="fathom")))
        burst = ScriptedFault(FAULTS.of(FaultKind.UNAVAILABLE), path="/external/v1/meetings", numbers=range(2, 5))
        client.sandbox.faults.append(burst)
        assert [client.get("/meetings").status_code for _ in range(6)] == [200, 503, 503, 503, 200, 200]


class TestLog:
    def test_an_entry_says_who_asked_for_what_and_when(self, gong: Callable[[World], GongClient]) -> None:
        client = gong(world_of(call(), call("meeting", source="fathom")))
        client.clock.pass_by(timedelta(seconds=5))
        client.titles(fromDateTime="2026-11-01T00:00:00Z", toDateTime="2026-11-08T00:00:00Z")
        client.transcripts("1", "2")
        query = {"created_after": "2026-11-01T00:00:00Z", "include_transcript": "true", "include_summary": "false"}
        address = f"{client.sandbox.fathom_url}/meetings"
        requests.get(address, params=query, headers={"X-Api-Key": API_TOKEN}, timeout=5)
        requests.get(address, headers={"X-Api-Key": "nobody"}, timeout=5)
        listing, transcripts, meetings, nobody = client.sandbox.requests
        assert (listing.caller, listing.quota_owner) == ("gong/Larkspur/key 1", "gong/Larkspur")
        assert (listing.since, listing.until) == ("2026-11-01T00:00:00Z", "2026-11-08T00:00:00Z")
        assert listing.at == listing.answered_at == NOW + timedelta(seconds=5)
        assert listing.came_s <= listing.answered_s <= transcripts.came_s
        assert transcripts.call_ids == ("1", "2")
        assert meetings.caller == meetings.quota_owner == "fathom/Larkspur/recordings@larkspur.example"
        assert (meetings.since, meetings.includes) == (query["created_after"], frozenset({"include_transcript"}))
        assert (nobody.status, nobody.caller, nobody.quota_owner) == (401, "", "")

    def test_it_holds_no_secret(self, gong: Callable[[World], GongClient]) -> None:
        client = gong(world_of(call(), call("meeting", source="fathom")))
        client.titles()
        requests.get(f"{client.sandbox.fathom_url}/meetings", headers={"X-Api-Key": API_TOKEN}, timeout=5)
        requests.post(f"{client.sandbox.base_url}/oauth2/generate-customer-token?refresh_token=hidden", timeout=5)
        shown = repr(client.sandbox.requests)
        assert not [secret for secret in (SECRET_KEY, API_TOKEN, "hidden") if secret in shown]

    def test_faults_are_marked(self, gong: Callable[[World], GongClient]) -> None:
        client = gong(world_of(call()))
        client.sandbox.faults.append(Instead(json_reply(500, {}), times=1))
        client.get("/v2/users")
        client.get("/v2/users")
        assert [entry.is_fault for entry in client.sandbox.requests] == [True, False]


class TestWaits:
    def test_who_does_not_wait_is_found(self, gong: Callable[[World], GongClient]) -> None:
        client = gong(world_of(call()))
        client.sandbox.gong_rules = GongRules(requests_per_second=1)
        for pause_s in (0, 0, 0.5, 0.5):
            client.clock.pass_by(timedelta(seconds=pause_s))
            client.get("/v2/users")
        log = client.sandbox.requests
        assert [entry.retry_after_s for entry in log] == [None, 1, 1, None]
        # The last one came at the end of the first wait, but within the second.
        assert requests_inside_retry_after(log) == [log[2], log[3]]

    def entry(self, came: float, answered: float, wait_s: float | None = None, owner: str = "a") -> Logged:
        at = NOW + timedelta(seconds=came)
        return Logged(
            "GET",
            "/",
            200 if wait_s is None else 429,
            quota_owner=owner,
            at=at,
            answered_at=NOW + timedelta(seconds=answered),
            came_s=came,
            answered_s=answered,
            retry_after_s=wait_s,
        )

    def test_who_waits_is_not(self) -> None:
        log = [self.entry(0, 1, 10), self.entry(11, 12), self.entry(5, 6, owner="b")]
        assert requests_inside_retry_after(log) == []

    def test_another_key_may_be_left_out(self) -> None:
        told, other = self.entry(0, 1, 10), replace(self.entry(2, 3), caller="other")
        assert requests_inside_retry_after([told, other]) == [other]
        assert requests_inside_retry_after([replace(told, caller="told"), other], lambda one: one.caller) == []

    def test_nor_is_who_had_asked_before_the_answer(self) -> None:
        under_way, too_early = self.entry(0.5, 3), self.entry(2, 4)
        log = [self.entry(0, 1, 10), under_way, too_early]
        assert requests_inside_retry_after(log) == [too_early]

    def test_a_later_shorter_wait_does_not_end_a_longer_one(self) -> None:
        early = self.entry(5, 6)
        log = [self.entry(0, 1, 10), self.entry(0, 1.5, 1), early]
        assert requests_inside_retry_after(log) == [early]
