"""OAuth of the local Gong and Fathom (G-S1, G-S2, F-S5, F-S10)."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import pytest
import requests

from headway_pipeline.sandbox.fathom.shapes import recording_id
from headway_pipeline.sandbox.keys import FathomUser, OAuthApp
from headway_pipeline.sandbox.rules import FathomRules, GongRules
from headway_pipeline.sandbox.server import Sandbox
from headway_pipeline.sandbox.world import SandboxCall, Sharing, World
from headway_pipeline_tests.sandbox.clients import FathomClient, GongClient
from headway_pipeline_tests.sandbox_fixtures import call, company

APP = OAuthApp("client", "client-secret", "first-refresh-token", scopes=frozenset({"api:calls:read:extensive"}))
GONG_PATH = "/oauth2/generate-customer-token"


def world(*calls: SandboxCall, app: OAuthApp = APP, users: tuple[FathomUser, ...] = ()) -> World:
    made = company(*calls or (call(), call("meeting", source="fathom")))
    return World((replace(made, oauth=app, fathom_users=users),))


def ask_gong(sandbox: Sandbox, refresh_token: str, secret: str = "client-secret") -> requests.Response:
    query = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    return requests.post(sandbox.base_url + GONG_PATH, params=query, auth=("client", secret), timeout=5)


def ask_fathom(sandbox: Sandbox, refresh_token: str, secret: str = "client-secret") -> requests.Response:
    form = {
        "grant_type": "refresh_token",
        "refresh_token": refresh_token,
        "client_id": "client",
        "client_secret": secret,
    }
    return requests.post(f"{sandbox.fathom_url}/oauth2/token", data=form, timeout=5)


@pytest.mark.parametrize("ask", [ask_gong, ask_fathom])
class TestTokens:
    def test_a_refresh_token_is_used_up_and_brings_the_next_g_s2_f_s10(
        self, gong: Callable[[World], GongClient], ask: Callable[..., requests.Response]
    ) -> None:
        sandbox = gong(world()).sandbox
        first = ask(sandbox, "first-refresh-token").json()
        again = ask(sandbox, "first-refresh-token")
        second = ask(sandbox, first["refresh_token"])
        assert (again.status_code, second.status_code) == (400, 200)
        assert second.json()["refresh_token"] not in ("first-refresh-token", first["refresh_token"])

    def test_of_two_at_once_one_is_refused_g_s2_f_s10(
        self, gong: Callable[[World], GongClient], ask: Callable[..., requests.Response]
    ) -> None:
        sandbox = gong(world()).sandbox
        with ThreadPoolExecutor(4) as pool:
            statuses = [*pool.map(lambda _: ask(sandbox, "first-refresh-token").status_code, range(4))]
        assert sorted(statuses) == [200, 400, 400, 400]

    def test_another_grant_or_secret_is_refused(
        self, gong: Callable[[World], GongClient], ask: Callable[..., requests.Response]
    ) -> None:
        sandbox = gong(world()).sandbox
        assert ask(sandbox, "first-refresh-token", secret="wrong").status_code == 401
        assert ask(sandbox, "wrong").status_code == 400

    def test_tokens_outlive_a_change_of_the_world(
        self, gong: Callable[[World], GongClient], ask: Callable[..., requests.Response]
    ) -> None:
        sandbox = gong(world()).sandbox
        ask(sandbox, "first-refresh-token")
        sandbox.world = world(call("other"))
        assert ask(sandbox, "first-refresh-token").status_code == 400


def authorized(answer: requests.Response) -> dict[str, str]:
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


class TestGong:
    def test_the_answer_names_the_customers_own_address_g_s2(self, gong: Callable[[World], GongClient]) -> None:
        client = gong(world())
        client.sandbox.gong_rules = GongRules(is_generic_host_closed=True)
        answer = ask_gong(client.sandbox, "first-refresh-token")
        client.auth, client.headers = None, authorized(answer)
        client.base_url = client.sandbox.generic_gong_url
        assert client.post("/v2/calls/extensive", {"filter": {}}).status_code == 401
        client.base_url = answer.json()["api_base_url_for_customer"]
        assert client.post("/v2/calls/extensive", {"filter": {}}).status_code == 200
        assert answer.json()["expires_in"] == 86_400

    def test_a_token_may_do_what_its_scopes_say_g_s1(self, gong: Callable[[World], GongClient]) -> None:
        client = gong(world())
        client.auth, client.headers = None, authorized(ask_gong(client.sandbox, "first-refresh-token"))
        assert client.get("/v2/workspaces").status_code == 403
        assert client.post("/v2/calls/transcript", {"filter": {}}).status_code == 403

    def test_an_access_token_expires(self, gong: Callable[[World], GongClient]) -> None:
        client = gong(world())
        client.auth, client.headers = None, authorized(ask_gong(client.sandbox, "first-refresh-token"))
        client.clock.pass_by(timedelta(days=1))
        assert client.post("/v2/calls/extensive", {"filter": {}}).status_code == 401

    def test_the_parameters_are_read_from_the_query_only_g_s2(self, gong: Callable[[World], GongClient]) -> None:
        form = {"grant_type": "refresh_token", "refresh_token": "first-refresh-token"}
        address = gong(world()).sandbox.base_url + GONG_PATH
        assert requests.post(address, data=form, auth=("client", "client-secret"), timeout=5).status_code == 400


class TestFathom:
    @pytest.mark.parametrize("include", ["include_transcript", "include_summary"])
    @pytest.mark.parametrize("status", [HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN])
    def test_an_app_reads_transcripts_one_by_one_f_s5(
        self, fathom: Callable[[World], FathomClient], include: str, status: HTTPStatus
    ) -> None:
        client = fathom(world())
        client.sandbox.fathom_rules = FathomRules(oauth_include_status=status)
        asked: dict[str, Any] = {include: "true"}
        assert client.get("/meetings", **asked).status_code == 200
        client.headers = authorized(ask_fathom(client.sandbox, "first-refresh-token"))
        assert client.get("/meetings", **asked).status_code == status
        assert len(client.meetings()) == 1
        number = recording_id(call("meeting", source="fathom"))
        assert len(client.get(f"/recordings/{number}/transcript").json()["transcript"]) == 3

    def test_an_app_sees_what_its_user_sees(self, fathom: Callable[[World], FathomClient]) -> None:
        user = FathomUser("noor@larkspur.example", "noor-token")
        own = replace(call("own", title="Own", source="fathom"), sharing=Sharing(user.email))
        client = fathom(world(own, call("other", source="fathom"), app=replace(APP, user=user.email), users=(user,)))
        client.headers = authorized(ask_fathom(client.sandbox, "first-refresh-token"))
        assert client.titles() == ["Own"]

    def test_an_access_token_expires_f_s10(self, fathom: Callable[[World], FathomClient]) -> None:
        client = fathom(world())
        client.headers = authorized(ask_fathom(client.sandbox, "first-refresh-token"))
        client.clock.pass_by(timedelta(minutes=59))
        before = client.get("/meetings").status_code
        client.clock.pass_by(timedelta(minutes=1))
        assert (before, client.get("/meetings").status_code) == (200, 401)

    def test_either_address_issues_tokens_f_s10(self, fathom: Callable[[World], FathomClient]) -> None:
        sandbox = fathom(world()).sandbox
        form = {
            "grant_type": "refresh_token",
            "refresh_token": "first-refresh-token",
            "client_id": "client",
            "client_secret": "client-secret",
        }
        address = f"{sandbox.generic_gong_url}/external/v1/oauth2/token"
        assert requests.post(address, data=form, timeout=5).status_code == 200


def test_neither_tokens_nor_secrets_are_shown() -> None:
    shown = repr(world())
    assert not [secret for secret in ("client-secret", "first-refresh-token") if secret in shown]
