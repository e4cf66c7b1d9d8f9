import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from headway_pipeline.model.calls import Call, Participant, Segment, Side
from headway_pipeline.model.errors import (
    BadCredentialsError,
    CursorExpiredError,
    MissingPermissionError,
    RateLimitedError,
    RequestRefusedError,
    SourceContractError,
    SourceError,
    TransientSourceError,
    WrongHostError,
)
from headway_pipeline.model.ledger import Presence
from headway_pipeline.model.windows import TimeWindow
from headway_pipeline.sandbox.exchange import Reply, Request, html_reply, json_reply
from headway_pipeline.sandbox.server import Sandbox
from headway_pipeline.sandbox.world import Speaker
from headway_pipeline.sources.contract import Absence, CallRef, Hydration, NotHydrated, Page
from headway_pipeline.sources.gong import GongSource
from headway_pipeline.sources.gong.source import LISTING, TRANSCRIPTS
from headway_pipeline_tests.sandbox_fixtures import (
    CUSTOMER,
    NOW,
    SAID,
    VENDOR,
    WINDOW,
    Instead,
    MovableClock,
    OpenGate,
    call,
    gong_of,
    many_calls,
    refs_of,
    world_of,
)


def walk(gong: GongSource, window: TimeWindow = WINDOW) -> list[Page]:
    pages = [gong.list(window, None)]
    while pages[-1].next_token is not None:
        pages.append(gong.list(window, pages[-1].next_token))
    return pages


def record(**meta: Any) -> dict[str, Any]:
    """A listed call with only what it must have, and `meta`."""
    return {"metaData": {"id": "7782342274025937895", "started": "2026-11-19T08:00:00-07:00", **meta}}


def listing(*records: Any, cursor: str | None = None) -> Reply:
    paging = {"totalRecords": len(records), "currentPageSize": len(records), "currentPageNumber": 0}
    return json_reply(200, {"records": paging | ({"cursor": cursor} if cursor else {}), "calls": list(records)})


def list_of(sandbox: Sandbox, gong: GongSource, *records: Any) -> Page:
    sandbox.faults[:] = [Instead(listing(*records), path=LISTING)]
    return gong.list(WINDOW, None)


def transcripts(*records: Any) -> Reply:
    return json_reply(200, {"records": {"totalRecords": len(records)}, "callTranscripts": list(records)})


def hydrated(gong: GongSource, refs: list[CallRef]) -> dict[str, Hydration | NotHydrated]:
    return {answer.external_id: answer for answer in gong.hydrate(refs)}


def segments_of(
    sandbox: Sandbox, gong: GongSource, transcript: Any, raw: Mapping[str, Any] | None = None
) -> tuple[Segment, ...]:
    """The segments of a call whose transcript Gong gives as `transcript`."""
    sandbox.faults[:] = [Instead(transcripts({"callId": "7", "transcript": transcript}), path=TRANSCRIPTS)]
    (answer,) = gong.hydrate([CallRef("7", NOW, 60, raw or {})])
    assert isinstance(answer, Hydration)
    return answer.transcript.segments


class TestListing:
    def test_a_call_comes_in_normal_form(self, gong: GongSource) -> None:
        found = {item.external_id: item for page in walk(gong) for item in page.calls}
        newest = max(found.values(), key=lambda item: item.occurred_at)
        assert len(found) == 2
        assert newest.source == "gong"
        assert newest.title == "Rollout review"
        assert newest.occurred_at == NOW - timedelta(days=1)
        assert newest.occurred_at.tzinfo is UTC
        assert newest.duration_s == 34
        assert newest.language == "en"
        assert newest.account == "brackwater.example"
        assert newest.metadata["system"] == "Zoom"
        assert not newest.is_private
        assert [(one.name, one.email, one.side) for one in newest.participants] == [
            ("Ines Okafor", "ines@larkspur.example", Side.VENDOR),
            ("Tomas Lindqvist", "tomas@brackwater.example", Side.CUSTOMER),
        ]
        assert len(newest.external_id) >= 18

    def test_g2_250_calls_cost_three_requests_and_none_is_missed(self, sandbox: Sandbox, gong: GongSource) -> None:
        sandbox.world = world_of(*many_calls(250))
        pages = walk(gong)
        assert [len(page.calls) for page in pages] == [100, 100, 50]
        assert len({item.external_id for page in pages for item in page.calls}) == 250
        assert sandbox.count(LISTING) == len(sandbox.requests) == 3
        assert [bool(logged.page_token) for logged in sandbox.requests] == [False, True, True]

    def test_the_window_takes_its_start_and_leaves_its_end_out(self, sandbox: Sandbox, gong: GongSource) -> None:
        start, end = NOW - timedelta(days=1), NOW
        at_start, at_end = call("a", started_at=start), call("b", started_at=end)
        sandbox.world = world_of(at_start, at_end)
        assert [item.occurred_at for item in gong.list(TimeWindow(start, end), None).calls] == [start]

    def test_g1_an_empty_window_is_an_empty_page_and_no_error(self, gong: GongSource) -> None:
        quiet = TimeWindow(NOW - timedelta(days=400), NOW - timedelta(days=399))
        assert gong.list(quiet, None) == Page((), None)

    @pytest.mark.parametrize(
        "text", ["No calls found corresponding to the provided filters.", "no CALLS found for the provided filters"]
    )
    def test_empty_is_told_by_its_text_in_any_spelling(self, sandbox: Sandbox, gong: GongSource, text: str) -> None:
        sandbox.faults.append(Instead(json_reply(404, {"errors": [text]})))
        assert gong.list(WINDOW, None).calls == ()

    @pytest.mark.parametrize(
        "reply",
        [
            html_reply(404, "<html>nothing here</html>"),
            json_reply(404, {"errors": ["Call ID 5 was not found"]}),
            json_reply(404, {"detail": "Not Found"}),
            Reply(404),
        ],
    )
    def test_g1_any_other_404_is_a_wrong_address_and_never_an_empty_day(
        self, sandbox: Sandbox, gong: GongSource, reply: Reply
    ) -> None:
        sandbox.faults.append(Instead(reply))
        with pytest.raises(WrongHostError, match="base URL"):
            gong.list(WINDOW, None)

    def test_g3_a_cursor_an_hour_old_starts_the_window_again(
        self, sandbox: Sandbox, gong: GongSource, clock: MovableClock
    ) -> None:
        sandbox.world = world_of(*many_calls(250))
        second = gong.list(WINDOW, gong.list(WINDOW, None).next_token)
        clock.pass_by(timedelta(hours=1))
        with pytest.raises(CursorExpiredError):
            gong.list(WINDOW, second.next_token)

    def test_another_400_is_a_refused_request(self, gong: GongSource) -> None:
        with pytest.raises(RequestRefusedError, match="must be before toDateTime"):
            gong.list(TimeWindow(NOW, NOW), None)

    def test_g14_g26_only_what_is_used_is_asked_for(self, sandbox: Sandbox, gong: GongSource) -> None:
        asked: list[Any] = []

        def remember(request: Request, /) -> Reply | None:
            asked.append(request.json_object())
            return None

        sandbox.faults.append(remember)
        gong.list(TimeWindow(NOW - timedelta(days=1), NOW), None)
        assert asked == [
            {
                "filter": {"fromDateTime": "2026-11-19T12:00:00Z", "toDateTime": "2026-11-20T12:00:00Z"},
                "contentSelector": {"context": "Basic", "exposedFields": {"parties": True}},
            }
        ]

    def test_a_bad_record_is_set_aside_and_the_page_goes_on(self, sandbox: Sandbox, gong: GongSource) -> None:
        page = list_of(
            sandbox,
            gong,
            record(id="1", started="yesterday"),
            record(id=None),
            record(id=7782342274025937895.0),
            "no object",
            {"metaData": []},
            record(id="2"),
        )
        assert [item.external_id for item in page.calls] == ["2"]
        assert [bad.external_id for bad in page.bad_records] == ["1", None, None, None, None]
        assert all(bad.problem for bad in page.bad_records)
        assert page.bad_records[0].raw["metaData"]["started"] == "yesterday"

    def test_g24_real_nulls_and_missing_fields_are_taken(self, sandbox: Sandbox, gong: GongSource) -> None:
        sparse = record(id=77823422740259378951, title=None, duration=None, language="zxx", url="javascript:alert(1)")
        sparse |= {"parties": [{"name": None, "speakerId": None}, "no object"], "context": None}
        (item,) = list_of(sandbox, gong, sparse).calls
        assert item.external_id == "77823422740259378951"
        assert (item.title, item.duration_s, item.language, item.url, item.account) == (None,) * 5
        assert item.participants == (Participant(None, None, Side.UNKNOWN, None),)

    def test_g24_unknown_fields_are_counted(self, sandbox: Sandbox, gong: GongSource) -> None:
        new = record(mood="good") | {"parties": [{"shoeSize": 1}, {"shoeSize": 2}], "weather": {}}
        page = list_of(sandbox, gong, new, record(id="2", mood="bad"))
        assert page.unknown_fields == {"metaData.mood": 2, "parties.shoeSize": 2, "weather": 1}

    def test_what_the_sandbox_serves_is_known(self, gong: GongSource) -> None:
        assert [page.unknown_fields for page in walk(gong)] == [{}]

    @pytest.mark.parametrize("flag", [True, "true", 1, "yes"])
    def test_of_a_private_call_only_the_id_and_the_day_are_taken(
        self, sandbox: Sandbox, gong: GongSource, flag: object
    ) -> None:
        private = record(isPrivate=flag, title="Salaries", url="https://app.gong.io/call?id=1")
        private |= {"parties": [{"name": "Ada", "emailAddress": "ada@brackwater.example"}]}
        assert list_of(sandbox, gong, private).calls == (
            Call("gong", "7782342274025937895", datetime(2026, 11, 19, tzinfo=UTC), is_private=True),
        )

    def test_g17_a_private_call_without_a_time_is_private_all_the_same(
        self, sandbox: Sandbox, gong: GongSource
    ) -> None:
        """As a bad record it would leave what was stored while it was public."""
        page = list_of(sandbox, gong, record(isPrivate=True, started=None, title="Salaries"))
        assert page.bad_records == ()
        assert [(call.is_private, call.external_id, call.raw) for call in page.calls] == [
            (True, "7782342274025937895", {})
        ]
        assert "Salaries" not in repr(page)

    def test_a_private_call_that_cannot_be_read_leaves_nothing_behind(
        self, sandbox: Sandbox, gong: GongSource
    ) -> None:
        (bad,) = list_of(sandbox, gong, record(isPrivate=True, id=None, title="Salaries")).bad_records
        assert bad.raw == {}
        assert "Salaries" not in repr(bad)

    @pytest.mark.parametrize("answer", [{"calls": None, "records": {}}, {"records": {}}, {"calls": [{}] * 100}])
    def test_an_answer_that_may_hide_calls_is_refused(
        self, sandbox: Sandbox, gong: GongSource, answer: dict[str, Any]
    ) -> None:
        sandbox.faults.append(Instead(json_reply(200, answer)))
        with pytest.raises(SourceContractError):
            gong.list(WINDOW, None)


class TestSides:
    @pytest.mark.parametrize(
        ("affiliation", "side"),
        [("Internal", Side.VENDOR), ("External", Side.CUSTOMER), ("Unknown", Side.UNKNOWN), (None, Side.UNKNOWN)],
    )
    def test_the_affiliation_tells_the_side(
        self, sandbox: Sandbox, gong: GongSource, affiliation: str | None, side: Side
    ) -> None:
        (item,) = list_of(sandbox, gong, record() | {"parties": [{"affiliation": affiliation}]}).calls
        assert item.participants[0].side is side

    @pytest.mark.parametrize("affiliation", ["External", "Unknown", None])
    def test_who_writes_from_a_vendor_domain_is_the_vendor(self, sandbox: Sandbox, affiliation: str | None) -> None:
        gong = gong_of(sandbox, vendor_domains=frozenset({"larkspur.example"}))
        party = {"affiliation": affiliation, "emailAddress": "Ines@Support.Larkspur.example"}
        (item,) = list_of(sandbox, gong, record() | {"parties": [party]}).calls
        assert item.participants[0].side is Side.VENDOR
        assert item.account is None

    def test_the_account_is_named_by_the_crm_where_it_says(self, sandbox: Sandbox, gong: GongSource) -> None:
        objects = [
            {"objectType": "Opportunity", "fields": [{"name": "Name", "value": "Renewal"}]},
            {
                "objectType": "Account",
                "fields": [{"name": "Industry", "value": 7}, {"name": "Name", "value": "Acme"}],
            },
        ]
        linked = record() | {"context": [{"system": "Salesforce", "objects": objects}]}
        linked["parties"] = [{"affiliation": "External", "emailAddress": "a@acme.example"}]
        (item,) = list_of(sandbox, gong, linked).calls
        assert item.account == "Acme"


class TestContentHash:
    def hash_of(self, sandbox: Sandbox, gong: GongSource, listed: dict[str, Any]) -> str:
        (item,) = list_of(sandbox, gong, listed).calls
        return item.content_hash

    def test_g14_what_changes_by_itself_does_not_count(self, sandbox: Sandbox, gong: GongSource) -> None:
        people = [{"name": "A", "speakerId": "1"}, {"name": "B", "speakerId": "2"}]
        before = record(title="Review") | {"parties": people, "context": []}
        after = record(title="Review", started="2026-11-19T15:00:00.000Z", sdrDisposition="x") | {
            "parties": people[::-1],
            "context": [{"system": "HubSpot", "objects": [{"objectType": "Deal", "fields": []}]}],
            "content": {"brief": "now there"},
            "media": {"audioUrl": "https://signed.example/?X-Amz-Expires=28799"},
        }
        assert self.hash_of(sandbox, gong, before) == self.hash_of(sandbox, gong, after)

    @pytest.mark.parametrize(
        "change",
        [
            {"title": "Renamed"},
            {"duration": 61},
            {"language": "spa"},
            {"started": "2026-11-19T08:00:01-07:00"},
            {"scope": "Internal"},
        ],
    )
    def test_what_people_see_does(self, sandbox: Sandbox, gong: GongSource, change: dict[str, Any]) -> None:
        before = self.hash_of(sandbox, gong, record(title="Review", duration=60, language="eng"))
        after = self.hash_of(sandbox, gong, record(**{"title": "Review", "duration": 60, "language": "eng"} | change))
        assert before != after

    def test_a_speaker_named_later_does(self, sandbox: Sandbox, gong: GongSource) -> None:
        silent, known = ({"parties": [{"name": "A", "speakerId": key}]} for key in (None, "1"))
        assert self.hash_of(sandbox, gong, record() | silent) != self.hash_of(sandbox, gong, record() | known)

    def test_two_readings_of_one_call_are_equal(self, gong: GongSource) -> None:
        assert gong.list(WINDOW, None) == gong.list(WINDOW, None)


class TestHydrating:
    def test_a_turn_becomes_a_segment_with_a_mark_for_every_sentence(self, gong: GongSource) -> None:
        refs = refs_of(gong.list(WINDOW, None))
        answers = hydrated(gong, refs)
        assert len(answers) == 2
        answer = answers[refs[0].external_id]
        assert isinstance(answer, Hydration)
        segments = answer.transcript.segments
        assert [(one.speaker, one.side, one.text) for one in segments] == [
            ("Ines Okafor", Side.VENDOR, SAID[0][1]),
            ("Tomas Lindqvist", Side.CUSTOMER, SAID[1][1]),
            ("Ines Okafor", Side.VENDOR, SAID[2][1]),
        ]
        assert [(one.start_ms, one.end_ms) for one in segments] == [(0, 10_000), (12_000, 22_000), (24_000, 34_000)]
        two_sentences = segments[1]
        assert [mark.char_start for mark in two_sentences.marks] == [0, len("Mostly fine. ")]
        assert 12_000 < (two_sentences.spoken_at_ms(20) or 0) < 22_000
        assert segments[2].marks == ()

    def test_250_transcripts_cost_three_requests(self, sandbox: Sandbox, gong: GongSource) -> None:
        sandbox.world = world_of(*many_calls(250))
        refs = [ref for page in walk(gong) for ref in refs_of(page)]
        size = gong.hydrate_batch_size
        answers = [answer for at in range(0, 250, size) for answer in gong.hydrate(refs[at : at + size])]
        assert len(answers) == 250
        assert all(isinstance(answer, Hydration) for answer in answers)
        batches = [logged.ids_count for logged in sandbox.requests if logged.path == TRANSCRIPTS]
        assert batches == [100, 100, 50]

    def test_no_calls_cost_no_request(self, sandbox: Sandbox, gong: GongSource) -> None:
        assert list(gong.hydrate([])) == []
        assert sandbox.requests == ()

    def test_a_call_left_out_is_not_ready(self, sandbox: Sandbox, gong: GongSource) -> None:
        sandbox.world = world_of(call("spoken"), call("silent", said=[]))
        answers = list(hydrated(gong, refs_of(gong.list(WINDOW, None))).values())
        missing = [answer for answer in answers if isinstance(answer, NotHydrated)]
        assert len(answers) == 2
        assert [answer.absence for answer in missing] == [Absence.NOT_READY]

    def test_none_of_them_ready_is_a_404_and_no_error(self, gong: GongSource) -> None:
        (answer,) = gong.hydrate([CallRef("123", NOW, 60, {})])
        assert isinstance(answer, NotHydrated)
        assert answer.absence is Absence.NOT_READY

    @pytest.mark.parametrize("transcript", [None, "soon", {}])
    def test_a_transcript_without_form_is_not_ready_and_never_empty_text(
        self, sandbox: Sandbox, gong: GongSource, transcript: object
    ) -> None:
        sandbox.faults.append(Instead(transcripts({"callId": "7", "transcript": transcript}), path=TRANSCRIPTS))
        (answer,) = gong.hydrate([CallRef("7", NOW, 60, {})])
        assert isinstance(answer, NotHydrated)

    def test_a_call_without_words_has_a_transcript_without_segments(self, sandbox: Sandbox, gong: GongSource) -> None:
        wordless = [
            {"speakerId": "1", "sentences": []},
            {"sentences": None},
            "no object",
            {"sentences": [{"text": " "}]},
        ]
        assert segments_of(sandbox, gong, wordless) == ()

    def test_a_batch_goes_on_over_its_pages(self, sandbox: Sandbox, gong: GongSource) -> None:
        def page(call_id: str, cursor: str | None) -> Reply:
            rows = [{"callId": call_id, "transcript": [{"sentences": [{"text": f"words of {call_id}"}]}]}]
            records = {"totalRecords": 2} | ({"cursor": cursor} if cursor else {})
            return json_reply(200, {"records": records, "callTranscripts": rows})

        sandbox.faults += [Instead(page("1", "next"), times=1), Instead(page("2", None), times=1)]
        answers = hydrated(gong, [CallRef("1", NOW, 60, {}), CallRef("2", NOW, 60, {})])
        assert {key: type(answer) for key, answer in answers.items()} == {"1": Hydration, "2": Hydration}
        assert [logged.page_token for logged in sandbox.requests] == [None, "next"]

    def test_pages_without_end_are_given_up(self, sandbox: Sandbox, gong: GongSource) -> None:
        sandbox.faults.append(Instead(json_reply(200, {"records": {"cursor": "again"}, "callTranscripts": []})))
        with pytest.raises(SourceContractError, match="does not end"):
            list(gong.hydrate([CallRef("1", NOW, 60, {})]))
        assert sandbox.count(TRANSCRIPTS) == 100

    def test_g11_speakers_are_joined_by_speaker_id_and_never_by_participant_id(
        self, sandbox: Sandbox, gong: GongSource
    ) -> None:
        raw = {
            "parties": [
                {"id": "1", "speakerId": "2", "name": "Ada", "affiliation": "External"},
                {"id": "2", "name": "Bo", "affiliation": "Internal"},
                {"id": "3", "speakerId": "4", "emailAddress": "cy@brackwater.example", "affiliation": "External"},
            ]
        }
        turns = [{"speakerId": key, "sentences": [{"text": "Hello."}]} for key in ("2", 4, "1", None)]
        assert [(one.speaker, one.side) for one in segments_of(sandbox, gong, turns, raw)] == [
            ("Ada", Side.CUSTOMER),
            ("cy@brackwater.example", Side.CUSTOMER),
            ("Unknown speaker", Side.UNKNOWN),
            ("Unknown speaker", Side.UNKNOWN),
        ]

    def test_a_speaker_no_party_has_is_unknown(self, sandbox: Sandbox, gong: GongSource) -> None:
        sandbox.world = world_of(
            call(said=[("ghost", "Who am I?"), ("c", "Hello there.")], speakers=(VENDOR, CUSTOMER))
        )
        (answer,) = gong.hydrate(refs_of(gong.list(WINDOW, None)))
        assert isinstance(answer, Hydration)
        assert [one.speaker for one in answer.transcript.segments] == ["Unknown speaker", "Tomas Lindqvist"]

    def test_segments_are_numbered_without_gaps_and_times_may_miss(self, sandbox: Sandbox, gong: GongSource) -> None:
        turns = [
            {"sentences": [{"text": " "}]},
            {"sentences": [{"text": " One. ", "start": None, "end": 5}, {"text": "Two.", "start": 7.4}]},
            {"sentences": [{"text": "Three.", "start": 9, "end": "late"}]},
        ]
        first, second = segments_of(sandbox, gong, turns)
        assert (first.index, first.text, first.start_ms, first.end_ms) == (0, "One. Two.", None, 5)
        assert [(mark.char_start, mark.start_ms) for mark in first.marks] == [(5, 7)]
        assert first.text[5:] == "Two."
        assert (second.index, second.start_ms, second.end_ms) == (1, 9, None)

    def test_any_alphabet_comes_through(self, sandbox: Sandbox, gong: GongSource) -> None:
        text = "¿Podéis arreglarlo? נשמע טוב \U0001f600 ok"
        sandbox.world = world_of(
            call(said=[("c", text)], speakers=(Speaker("c", "Zoë", Side.CUSTOMER),), language="es")
        )
        page = gong.list(WINDOW, None)
        (answer,) = gong.hydrate(refs_of(page))
        assert isinstance(answer, Hydration)
        assert answer.transcript.segments[0].text == text
        assert page.calls[0].language == "es"


class TestChecking:
    def test_a_good_key_is_told_what_it_sees(self, sandbox: Sandbox) -> None:
        sandbox.world = world_of(*many_calls(3))
        standing = gong_of_now(sandbox).check()
        assert standing.sees_calls is True
        assert "3 calls" in standing.words
        assert [logged.path for logged in sandbox.requests] == [LISTING, TRANSCRIPTS]

    def test_more_than_a_page_is_at_least_so_many(self, sandbox: Sandbox) -> None:
        sandbox.world = world_of(*many_calls(101))
        assert "at least 100 calls" in gong_of_now(sandbox).check().words

    def test_g16_a_key_that_sees_nothing_is_good_and_said_to_see_nothing(self, sandbox: Sandbox) -> None:
        sandbox.world = world_of()
        standing = gong_of_now(sandbox).check()
        assert standing.sees_calls is False
        assert sandbox.count(TRANSCRIPTS) == 0

    def test_the_transcript_of_a_private_call_is_not_asked_for(self, sandbox: Sandbox) -> None:
        sandbox.faults.append(Instead(listing(record(isPrivate=True)), path=LISTING))
        assert gong_of_now(sandbox).check().sees_calls is True
        assert sandbox.count(TRANSCRIPTS) == 0

    @pytest.mark.parametrize("wrong", [{"access_key": "hunter2"}, {"secret_key": "hunter2"}])
    def test_a_wrong_pair_is_bad_credentials(self, sandbox: Sandbox, wrong: dict[str, str]) -> None:
        with pytest.raises(BadCredentialsError, match="base URL") as raised:
            gong_of(sandbox, **wrong).check()  # type: ignore[arg-type]  # texts only
        assert "hunter2" not in str(raised.value)

    @pytest.mark.parametrize(
        ("path", "scope"),
        [(LISTING, "api:calls:read:extensive"), (TRANSCRIPTS, "api:calls:read:transcript")],
    )
    def test_a_missing_scope_is_named(self, sandbox: Sandbox, path: str, scope: str) -> None:
        sandbox.world = world_of(*many_calls(1))
        sandbox.faults.append(Instead(json_reply(403, {"errors": ["forbidden"]}), path=path))
        with pytest.raises(MissingPermissionError, match=f"the key is valid.*{scope}"):
            gong_of_now(sandbox).check()


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (json_reply(401, {}), BadCredentialsError),
        (json_reply(403, {}), MissingPermissionError),
        (json_reply(429, {}, {"Retry-After": "20000"}), RateLimitedError),
        (json_reply(500, {}), TransientSourceError),
        (html_reply(502, "<html>bad gateway</html>"), TransientSourceError),
        (Reply(200, b'{"records": {}, "calls": []}', cut_after=9), TransientSourceError),
        (Reply(200, b'{"records": {}, "ca'), TransientSourceError),
    ],
)
def test_faults_come_out_as_themselves_from_either_phase(
    sandbox: Sandbox, gong: GongSource, reply: Reply, expected: type[SourceError]
) -> None:
    sandbox.faults.append(Instead(reply))
    with pytest.raises(expected):
        gong.list(WINDOW, None)
    with pytest.raises(expected):
        list(gong.hydrate([CallRef("1", NOW, 60, {})]))


def test_after_a_fault_the_same_request_succeeds(sandbox: Sandbox, gong: GongSource) -> None:
    sandbox.faults.append(Instead(Reply(200, b"{}", cut_after=1), times=1))
    with pytest.raises(TransientSourceError):
        gong.list(WINDOW, None)
    assert len(gong.list(WINDOW, None).calls) == 2


class TestLinks:
    def test_a_link_opens_the_moment_in_gongs_own_form(self) -> None:
        link = GongSource.link("https://app.gong.io/call?id=778&tab=x%20y#top", 61_999)
        parts = urlsplit(link)
        query = parse_qs(parts.query)
        assert json.loads(query.pop("highlights")[0]) == [{"type": "SHARE", "from": 61, "to": 91}]
        assert query == {"id": ["778"], "tab": ["x y"]}
        assert parts.fragment == "top"
        assert "%5B%7B%22type%22%3A%22SHARE%22%2C%22from%22%3A61%2C%22to%22%3A91%7D%5D" in link

    def test_a_moment_replaces_an_earlier_one(self) -> None:
        once = GongSource.link("https://app.gong.io/call?id=778", 1000)
        assert GongSource.link(once, 2000) == GongSource.link("https://app.gong.io/call?id=778", 2000)


def gong_of_now(sandbox: Sandbox) -> GongSource:
    """The source, its clock standing with the sandbox's."""
    gong = gong_of(sandbox)
    gong.rest.now = lambda: NOW
    return gong


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (json_reply(200, {"requestId": "r", "call": {"id": "7", "isPrivate": True}}), Presence.PRESENT),
        (json_reply(404, {"requestId": "r", "errors": ["Call ID 7 was not found"]}), Presence.GONE),
        (json_reply(404, {"requestId": "r", "errors": ["No route"]}), Presence.UNKNOWN),
        (json_reply(400, {"requestId": "r", "errors": ["bad id"]}), Presence.UNKNOWN),
        (json_reply(403, {"requestId": "r", "errors": ["scope"]}), Presence.UNKNOWN),
    ],
)
def test_a_second_look_takes_only_gongs_own_words_for_a_call_that_is_gone(reply: Reply, expected: Presence) -> None:
    with Sandbox(world_of()) as sandbox:
        sandbox.faults.append(Instead(reply, path="/v2/calls/7"))
        gate = OpenGate()
        assert gong_of(sandbox, gate=gate).look_up(CallRef("7", NOW, None, {})) is expected
    assert [answer.endpoint for answer in gate.answers] == ["/v2/calls/{id}"], "requests are not counted by call"


def test_a_second_look_at_a_web_page_is_an_error_and_no_deletion() -> None:
    with Sandbox(world_of()) as sandbox:
        sandbox.faults.append(Instead(html_reply(404, "<h1>Call ID 7 was not found</h1>"), path="/v2/calls/7"))
        with pytest.raises(WrongHostError):
            gong_of(sandbox).look_up(CallRef("7", NOW, None, {}))
