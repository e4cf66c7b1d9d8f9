"""The sandbox as an HTTP client meets it, without the pipeline's own source."""

import base64
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from headway_pipeline.model.calls import Side
from headway_pipeline.sandbox.addresses import long_id
from headway_pipeline.sandbox.gong.shapes import sentences_of, workspace_id
from headway_pipeline.sandbox.server import Sandbox
from headway_pipeline.sandbox.world import Company, Speaker, Utterance, World
from headway_pipeline_tests.sandbox_fixtures import (
    ACCESS_KEY,
    CUSTOMER,
    NOW,
    SECRET_KEY,
    VENDOR,
    MovableClock,
    call,
    company,
    many_calls,
    world_of,
)

EMPTY = ["No calls found corresponding to the provided filters"]
SPAN = {"fromDateTime": "2026-11-13T12:00:00Z", "toDateTime": "2026-11-20T05:00:00-07:00"}


class Client:
    """Plain HTTP with the keys of the fixtures' company."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.session = requests.Session()
        self.session.auth = (ACCESS_KEY, SECRET_KEY)

    def get(self, path: str, **params: str) -> requests.Response:
        return self.session.get(self.sandbox.base_url + path, params=params, timeout=5)

    def post(self, path: str, body: Any, **params: str) -> requests.Response:
        return self.session.post(self.sandbox.base_url + path, json=body, params=params, timeout=5)

    def listed(self, selector: dict[str, Any] | None = None) -> dict[str, Any]:
        body = {"filter": SPAN} | ({"contentSelector": selector} if selector else {})
        calls: list[dict[str, Any]] = self.post("/v2/calls/extensive", body).json()["calls"]
        return calls[0]


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def serve(clock: MovableClock) -> Iterator[Callable[[World], Client]]:
    with Sandbox(World(), clock=clock) as sandbox:
        clients: list[Client] = []

        def serve_world(world: World) -> Client:
            sandbox.world = world
            clients.append(Client(sandbox))
            return clients[-1]

        yield serve_world
        for client in clients:
            client.session.close()


@pytest.fixture
def client(serve: Callable[[World], Client]) -> Client:
    return serve(world_of(call()))


def basic(text: str) -> str:
    return f"Basic {base64.b64encode(text.encode()).decode()}"


@pytest.mark.parametrize(
    "header",
    [
        None,
        basic(f"{ACCESS_KEY}:wrong"),
        basic(f"wrong:{SECRET_KEY}"),
        basic(ACCESS_KEY),
        "Basic %%%",
        "Basic /w==",
        f"Bearer {SECRET_KEY}",
    ],
)
def test_without_the_right_pair_nothing_is_told_g_s1(client: Client, header: str | None) -> None:
    client.session.auth = None
    headers = {} if header is None else {"Authorization": header}
    answer = requests.get(f"{client.sandbox.base_url}/v2/users", headers=headers, timeout=5)
    assert answer.status_code == 401
    assert set(answer.json()) == {"requestId", "errors"}


def test_each_company_sees_its_own_calls_even_under_one_id(serve: Callable[[World], Client]) -> None:
    other = company(call("call-1", title="Theirs"), name="Fernhill", keys=("fern-access", "fern-secret"))
    client = serve(World((company(call("call-1", title="Ours")), other)))
    ours = client.listed()["metaData"]
    client.session.auth = ("fern-access", "fern-secret")
    theirs = client.listed()["metaData"]
    assert ours["id"] == theirs["id"]
    assert (ours["title"], theirs["title"]) == ("Ours", "Theirs")
    assert "Ours" in client.session.get(ours["url"], timeout=5).text
    assert "Theirs" in client.session.get(theirs["url"], timeout=5).text


class TestPaging:
    def test_pages_are_of_a_hundred_whatever_is_asked_g_s3(self, serve: Callable[[World], Client]) -> None:
        client = serve(world_of(*many_calls(250)))
        body: dict[str, Any] = {"filter": SPAN, "limit": 5}
        records = []
        ids = []
        while True:
            answer = client.post("/v2/calls/extensive", body).json()
            records.append({name: value for name, value in answer["records"].items() if name != "cursor"})
            ids += [row["metaData"]["id"] for row in answer["calls"]]
            if "cursor" not in answer["records"]:
                break
            body["cursor"] = answer["records"]["cursor"]
        assert records == [
            {"totalRecords": 250, "currentPageSize": size, "currentPageNumber": number}
            for number, size in enumerate((100, 100, 50))
        ]
        assert len(set(ids)) == 250

    def test_calls_come_oldest_first(self, serve: Callable[[World], Client]) -> None:
        client = serve(world_of(*many_calls(3)))
        rows = client.post("/v2/calls/extensive", {"filter": SPAN}).json()["calls"]
        times = [datetime.fromisoformat(row["metaData"]["started"]) for row in rows]
        assert times == sorted(times)

    def test_a_full_last_page_ends_the_walk_g_s3(self, serve: Callable[[World], Client]) -> None:
        answer = serve(world_of(*many_calls(100))).post("/v2/calls/extensive", {"filter": SPAN}).json()
        assert "cursor" not in answer["records"]

    def test_a_post_reads_its_cursor_from_the_body_only_g_s5(self, serve: Callable[[World], Client]) -> None:
        client = serve(world_of(*many_calls(101)))
        first = client.post("/v2/calls/extensive", {"filter": SPAN}).json()
        again = client.post("/v2/calls/extensive", {"filter": SPAN}, cursor=first["records"]["cursor"]).json()
        assert again["calls"] == first["calls"]

    def test_a_get_reads_it_from_the_query_g_s5(self, serve: Callable[[World], Client]) -> None:
        client = serve(world_of(*many_calls(101)))
        cursor = client.get("/v2/calls", **SPAN).json()["records"]["cursor"]
        assert len(client.get("/v2/calls", cursor=cursor, **SPAN).json()["calls"]) == 1

    def test_a_cursor_lives_an_hour_from_the_first_page_g_s4(
        self, serve: Callable[[World], Client], clock: MovableClock
    ) -> None:
        client = serve(world_of(*many_calls(250)))

        def page(cursor: str | None) -> requests.Response:
            return client.post("/v2/calls/extensive", {"filter": SPAN, "cursor": cursor})

        first = page(None).json()["records"]["cursor"]
        clock.pass_by(timedelta(minutes=59))
        second = page(first).json()["records"]["cursor"]
        clock.pass_by(timedelta(minutes=1))
        late = page(second)
        assert late.status_code == 400
        assert late.json()["errors"] == ["cursor has expired"]

    @pytest.mark.parametrize(
        "spoil", [lambda token: "x" + token, lambda token: token[:-3], lambda _: "a.b.c", lambda _: "ü"]
    )
    def test_a_cursor_that_is_not_ours_is_refused_g_s4(
        self, serve: Callable[[World], Client], spoil: Callable[[str], str]
    ) -> None:
        client = serve(world_of(*many_calls(101)))
        cursor = client.post("/v2/calls/extensive", {"filter": SPAN}).json()["records"]["cursor"]
        answer = client.post("/v2/calls/extensive", {"filter": SPAN, "cursor": spoil(cursor)})
        assert answer.status_code == 400
        assert answer.json()["errors"] == ["cursor is not valid"]

    def test_a_cursor_is_a_token_of_page_numbers_g_s4(self, serve: Callable[[World], Client]) -> None:
        client = serve(world_of(*many_calls(101)))
        token = client.post("/v2/calls/extensive", {"filter": SPAN}).json()["records"]["cursor"]
        claims = token.split(".")[1]
        read = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
        assert read == {"pageSize": 100, "total": 101, "pageNumber": 1, "exp": int(NOW.timestamp()) + 3600}


class TestFilters:
    @pytest.mark.parametrize("path", ["/v2/calls/extensive", "/v2/calls/transcript"])
    def test_no_match_is_a_404_of_exactly_this_text_g_s9(self, client: Client, path: str) -> None:
        empty = {"fromDateTime": "2020-01-01T00:00:00Z", "toDateTime": "2020-01-02T00:00:00Z"}
        for wanted in (empty, {"callIds": ["1"]}, {"workspaceId": "1"}):
            answer = client.post(path, {"filter": wanted})
            assert answer.status_code == 404
            assert answer.json()["errors"] == EMPTY

    @pytest.mark.parametrize(
        ("body", "error"),
        [
            ({}, "filter: must not be null"),
            ({"filter": []}, "filter: must not be null"),
            ([], "the request body is no JSON object"),
            ({"filter": {"callIds": "7"}}, "filter.callIds: must be a list of strings"),
            ({"filter": {"callIds": [7]}}, "filter.callIds: must be a list of strings"),
            (
                {"filter": {"fromDateTime": "2026-11-20T00:00:00Z", "toDateTime": "2026-11-20T00:00:00Z"}},
                "filter.fromDateTime: must be before toDateTime",
            ),
            (
                {"filter": {"fromDateTime": "yesterday"}},
                "filter.fromDateTime: must be an ISO-8601 date-time with an offset",
            ),
            (
                {"filter": {"toDateTime": "2026-11-20"}},
                "filter.toDateTime: must be an ISO-8601 date-time with an offset",
            ),
            ({"filter": {"toDateTime": 7}}, "filter.toDateTime: must be an ISO-8601 date-time with an offset"),
        ],
    )
    def test_a_malformed_request_is_told_why_g_s7(self, client: Client, body: Any, error: str) -> None:
        answer = client.post("/v2/calls/extensive", body)
        assert answer.status_code == 400
        assert answer.json()["errors"] == [error]

    def test_an_empty_filter_is_everything(self, client: Client) -> None:
        assert len(client.post("/v2/calls/extensive", {"filter": {}}).json()["calls"]) == 1

    def test_the_start_is_in_and_the_end_is_out_g_s7(self, serve: Callable[[World], Client]) -> None:
        start, end = (datetime.fromisoformat(SPAN[name]).astimezone(UTC) for name in ("fromDateTime", "toDateTime"))
        client = serve(world_of(call("a", started_at=start), call("b", started_at=end)))
        rows = client.post("/v2/calls/extensive", {"filter": SPAN}).json()["calls"]
        assert [row["metaData"]["id"] for row in rows] == [long_id("a")]

    def test_ids_that_are_unknown_are_left_out_in_silence_g_s10(self, client: Client) -> None:
        answer = client.post("/v2/calls/transcript", {"filter": {"callIds": ["1", long_id("call-1")]}})
        assert [row["callId"] for row in answer.json()["callTranscripts"]] == [long_id("call-1")]

    def test_the_plain_listing_goes_by_the_scheduled_time_g_s8(self, serve: Callable[[World], Client]) -> None:
        late = call(started_at=datetime(2026, 11, 19, 0, 10, tzinfo=UTC))
        client = serve(world_of(late))
        just_before = {"fromDateTime": "2026-11-19T00:00:00Z", "toDateTime": "2026-11-19T00:05:00Z"}
        assert late.scheduled_at == datetime(2026, 11, 19, tzinfo=UTC)
        assert client.get("/v2/calls", **just_before).status_code == 200
        assert client.post("/v2/calls/extensive", {"filter": just_before}).status_code == 404

    @pytest.mark.parametrize("missing", ["fromDateTime", "toDateTime"])
    def test_the_plain_listing_needs_both_dates_g_s7(self, client: Client, missing: str) -> None:
        dates = {name: value for name, value in SPAN.items() if name != missing}
        answer = client.get("/v2/calls", **dates)
        assert answer.status_code == 400
        assert missing in answer.json()["errors"][0]


class TestShapes:
    def test_a_call_has_the_fields_of_the_real_thing(self, client: Client) -> None:
        listed = client.listed()
        assert set(listed) == {"metaData", "context"}
        assert listed["context"] == []
        meta = listed["metaData"]
        assert meta["id"] == long_id("call-1")
        assert int(meta["id"]) > 2**53
        assert meta["language"] == "eng"
        assert meta["duration"] == 34
        assert meta["isPrivate"] is False
        assert [meta[name] for name in ("customData", "sdrDisposition", "calendarEventId")] == [None, None, None]
        assert datetime.fromisoformat(meta["started"]) == NOW - timedelta(days=1)

    def test_parties_come_only_when_asked_for_and_speak_under_another_id(self, client: Client) -> None:
        vendor, customer = client.listed({"exposedFields": {"parties": True}})["parties"]
        assert (vendor["affiliation"], customer["affiliation"]) == ("Internal", "External")
        assert vendor["id"] != vendor["speakerId"]
        assert vendor["userId"]
        assert "userId" not in customer
        spoken = client.post("/v2/calls/transcript", {"filter": SPAN}).json()["callTranscripts"][0]["transcript"]
        assert [turn["speakerId"] for turn in spoken] == [
            vendor["speakerId"],
            customer["speakerId"],
            vendor["speakerId"],
        ]

    def test_who_said_nothing_has_no_speaker_id_and_who_has_no_address_lacks_the_field(
        self, serve: Callable[[World], Client]
    ) -> None:
        quiet = Speaker("q", "Quiet One", Side.UNKNOWN)
        client = serve(world_of(call(speakers=(VENDOR, CUSTOMER, quiet))))
        party = client.listed({"exposedFields": {"parties": True}})["parties"][2]
        assert party["speakerId"] is None
        assert party["affiliation"] == "Unknown"
        assert not {"emailAddress", "title", "userId"} & set(party)

    def test_basic_context_links_and_extended_context_tells(self, client: Client) -> None:
        (basic_link,) = client.listed({"context": "Basic"})["context"][0]["objects"]
        (extended,) = client.listed({"context": "Extended"})["context"][0]["objects"]
        assert set(basic_link) == {"objectType", "objectId"}
        assert {"name": "Name", "value": "Brackwater Freight"} in extended["fields"]

    def test_further_parts_come_when_asked_for(self, client: Client) -> None:
        exposed = {
            "content": {"brief": True},
            "interaction": {"speakers": True},
            "collaboration": {"publicComments": True},
        }
        listed = client.listed({"exposedFields": exposed | {"parties": True}})
        assert set(listed["content"]) == {"brief"}
        assert listed["collaboration"] == {}
        talk_times = {row["id"]: row["talkTime"] for row in listed["interaction"]["speakers"]}
        assert [talk_times[party["id"]] for party in listed["parties"]] == [20, 10]

    def test_a_turn_is_cut_into_sentences_that_fill_its_time(self) -> None:
        sentences = sentences_of(Utterance("c", 1.5, 11.5, "One two. Three?  Four…"))
        assert [sentence.text for sentence in sentences] == ["One two.", "Three?", "Four…"]
        assert (sentences[0].start_ms, sentences[-1].end_ms) == (1500, 11_500)
        assert [one.end_ms for one in sentences[:-1]] == [one.start_ms for one in sentences[1:]]
        assert sentences[0].end_ms - sentences[0].start_ms > sentences[1].end_ms - sentences[1].start_ms

    def test_a_call_without_words_has_no_transcript(self, serve: Callable[[World], Client]) -> None:
        answer = serve(world_of(call(said=[]))).post("/v2/calls/transcript", {"filter": SPAN})
        assert answer.status_code == 404
        assert answer.json()["errors"] == EMPTY

    def test_what_no_utf_8_can_say_is_served_all_the_same(self, serve: Callable[[World], Client]) -> None:
        client = serve(world_of(call(title="half \ud83d a pair", said=[("c", "nul \x00 in it")])))
        assert client.listed()["metaData"]["title"] == "half \ud83d a pair"
        assert client.get("/call", id=long_id("call-1")).status_code == 200


class TestOtherEndpoints:
    def test_one_call_by_its_id_g_s9(self, client: Client) -> None:
        found = client.get(f"/v2/calls/{long_id('call-1')}")
        assert found.json()["call"]["title"] == "Rollout review"
        missing = client.get("/v2/calls/123")
        assert missing.status_code == 404
        assert missing.json()["errors"] == ["Call ID 123 was not found"]

    def test_users_are_the_companys_own_people(self, client: Client) -> None:
        users = client.get("/v2/users").json()["users"]
        assert [(user["emailAddress"], user["lastName"]) for user in users] == [("ines@larkspur.example", "Okafor")]

    def test_no_users_are_an_empty_list_and_no_404_g_s9(self, serve: Callable[[World], Client]) -> None:
        answer = serve(world_of()).get("/v2/users")
        assert (answer.status_code, answer.json()["users"]) == (200, [])

    def test_workspaces_name_the_one_calls_are_in(self, client: Client) -> None:
        (workspace,) = client.get("/v2/workspaces").json()["workspaces"]
        assert workspace["id"] == client.listed()["metaData"]["workspaceId"]
        assert workspace["id"] == workspace_id(company())

    @pytest.mark.parametrize("path", ["/", "/v2", "/v3/calls", "/v2/calls/extensive/more", "/v2/calls/extensive"])
    def test_an_unknown_path_is_a_web_page_g_s9(self, client: Client, path: str) -> None:
        answer = client.session.put(client.sandbox.base_url + path, timeout=5) if path == "/" else client.get(path)
        assert answer.status_code in (404, 501)
        assert "html" in answer.headers["Content-Type"] or path == "/v2/calls/extensive"


@pytest.mark.parametrize("companies", [(), (company(),)])
def test_a_call_page_that_is_not_there_is_a_404(
    serve: Callable[[World], Client], companies: tuple[Company, ...]
) -> None:
    assert serve(World(companies)).get("/call", id="1").status_code == 404
