"""Quotas of the local Gong (G-S23) and Fathom (F-S9), by the sandbox's clock."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
import requests

from headway_pipeline.sandbox.keys import FathomUser, GongKey
from headway_pipeline.sandbox.rules import FathomRules, GongRules
from headway_pipeline.sandbox.world import World
from headway_pipeline_tests.sandbox.clients import FathomClient, GongClient
from headway_pipeline_tests.sandbox_fixtures import ACCESS_KEY, NOW, SECRET_KEY, call, company, world_of

SECOND = timedelta(seconds=1)


def statuses(ask: Callable[[], requests.Response], count: int) -> list[int]:
    return [ask().status_code for _ in range(count)]


class TestGong:
    def served(self, gong: Callable[[World], GongClient], **rules: Any) -> GongClient:
        world = World((replace(company(call()), gong_keys=(GongKey("second", "s"),)),))
        client = gong(world)
        client.sandbox.gong_rules = GongRules(**rules)
        return client

    def test_three_a_second_and_a_word_to_wait_g_s23(self, gong: Callable[[World], GongClient]) -> None:
        client = self.served(gong, requests_per_second=3)
        assert statuses(lambda: client.get("/v2/users"), 3) == [200] * 3
        refused = client.get("/v2/users")
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "1")
        assert not [name for name in refused.headers if "remaining" in name.lower()]
        client.clock.pass_by(SECOND)
        assert statuses(lambda: client.get("/v2/users"), 4) == [200, 200, 200, 429]

    def test_the_bucket_fills_up_little_by_little_g_s23(self, gong: Callable[[World], GongClient]) -> None:
        client = self.served(gong, requests_per_second=3)
        statuses(lambda: client.get("/v2/users"), 3)
        client.clock.pass_by(SECOND / 2)
        assert statuses(lambda: client.get("/v2/users"), 2) == [200, 429]

    def test_two_keys_share_the_companys_limits_g_s23(self, gong: Callable[[World], GongClient]) -> None:
        client = self.served(gong, requests_per_second=3, requests_per_day=5)
        statuses(lambda: client.get("/v2/users"), 2)
        client.auth = ("second", "s")
        assert statuses(lambda: client.get("/v2/users"), 2) == [200, 429]

    def test_the_day_ends_at_midnight_g_s23(self, gong: Callable[[World], GongClient]) -> None:
        client = self.served(gong, requests_per_day=50)
        client.clock.now = NOW.replace(hour=18, minute=26, second=40)
        assert statuses(lambda: client.get("/v2/users"), 50) == [200] * 50
        refused = client.get("/v2/users")
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "20000")
        client.clock.pass_by(20_000 * SECOND)
        assert client.get("/v2/users").status_code == 200

    @pytest.mark.parametrize(("does_count", "left"), [(False, 2), (True, 1)])
    def test_refused_requests_may_count_too(
        self, gong: Callable[[World], GongClient], does_count: bool, left: int
    ) -> None:
        client = self.served(gong, requests_per_second=1, requests_per_day=3, does_count_refused=does_count)
        assert statuses(lambda: client.get("/v2/users"), 2) == [200, 429]
        client.sandbox.gong_rules = GongRules(requests_per_day=3)
        assert statuses(lambda: client.get("/v2/users"), 3).count(200) == left

    def test_a_wrong_key_costs_nothing(self, gong: Callable[[World], GongClient]) -> None:
        client = self.served(gong, requests_per_day=1)
        client.auth = (ACCESS_KEY, "wrong")
        assert statuses(lambda: client.get("/v2/users"), 3) == [401] * 3
        client.auth = (ACCESS_KEY, SECRET_KEY)
        assert client.get("/v2/users").status_code == 200


class TestFathom:
    def served(self, fathom: Callable[[World], FathomClient], **rules: Any) -> FathomClient:
        users = (FathomUser("noor@larkspur.example", "noor-token"),)
        client = fathom(World((replace(company(call(source="fathom")), fathom_users=users),)))
        client.sandbox.fathom_rules = FathomRules(**rules)
        return client

    def test_sixty_a_minute_and_headers_that_count_f_s9(self, fathom: Callable[[World], FathomClient]) -> None:
        client = self.served(fathom, requests_per_minute=60)
        first = client.get("/meetings")
        client.clock.pass_by(20 * SECOND)
        told = [first.headers[f"RateLimit-{name}"] for name in ("Limit", "Remaining", "Reset")]
        assert told == ["60", "59", "60"]
        assert statuses(lambda: client.get("/meetings"), 59) == [200] * 59
        refused = client.get("/meetings")
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "40")
        assert (refused.headers["RateLimit-Remaining"], refused.headers["RateLimit-Reset"]) == ("0", "40")
        client.clock.pass_by(40 * SECOND)
        assert client.get("/meetings").status_code == 200

    def test_heavy_requests_have_a_limit_of_their_own_that_may_drop_f_s9(
        self, fathom: Callable[[World], FathomClient]
    ) -> None:
        client = self.served(fathom, requests_per_minute=60, heavy_per_minute=30)

        def heavy() -> requests.Response:
            return client.get("/meetings", include_transcript="true")

        assert statuses(heavy, 31) == [200] * 30 + [429]
        assert client.get("/meetings").status_code == 200
        client.clock.pass_by(60 * SECOND)
        assert statuses(heavy, 6) == [200] * 6
        client.sandbox.fathom_rules = FathomRules(requests_per_minute=60, heavy_per_minute=5)
        refused = heavy()
        assert (refused.status_code, refused.headers["RateLimit-Limit"]) == (429, "5")
        client.clock.pass_by(60 * SECOND)
        assert statuses(heavy, 6) == [200] * 5 + [429]

    def test_every_heavy_request_counts_f_s9(self, fathom: Callable[[World], FathomClient]) -> None:
        client = self.served(fathom, heavy_per_minute=0)
        heavy = ("/recordings/1/transcript", "/recordings/1/summary", "/meetings?include_summary=true")
        assert [client.get(path).status_code for path in heavy] == [429] * 3
        assert [client.get(path).status_code for path in ("/meetings", "/teams")] == [200, 200]

    def test_keys_do_not_share_their_limits_f_s9(self, fathom: Callable[[World], FathomClient]) -> None:
        client = self.served(fathom, requests_per_minute=1)
        assert statuses(lambda: client.get("/meetings"), 2) == [200, 429]
        client.api_token = "noor-token"
        assert statuses(lambda: client.get("/meetings"), 2) == [200, 429]

    def test_a_wait_may_be_told_as_a_date_once_f_s9(self, fathom: Callable[[World], FathomClient]) -> None:
        client = self.served(fathom, requests_per_minute=1, retry_dates=1)
        client.clock.now += timedelta(milliseconds=300)
        waits = [client.get("/meetings").headers.get("Retry-After") for _ in range(3)]
        assert waits[0] is None
        assert parsedate_to_datetime(waits[1] or "") == NOW + 61 * SECOND
        assert waits[2] == "60"

    def test_headers_may_be_left_out_f_s9(self, fathom: Callable[[World], FathomClient]) -> None:
        client = self.served(fathom, requests_per_minute=60, headers_left_out=3)
        told = ["RateLimit-Limit" in client.get("/meetings").headers for _ in range(6)]
        assert told == [True, True, False, True, True, False]
        client.sandbox.fathom_rules = FathomRules(requests_per_minute=60, has_rate_headers=False)
        assert "RateLimit-Limit" not in client.get("/meetings").headers


def test_without_limits_nothing_is_refused(gong: Callable[[World], GongClient]) -> None:
    client = gong(world_of(call()))
    assert statuses(lambda: client.get("/v2/users"), 20) == [200] * 20
