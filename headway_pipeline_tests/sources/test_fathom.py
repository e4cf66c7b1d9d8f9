from collections.abc import Iterator
from dataclasses import replace
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
from headway_pipeline.model.windows import TimeWindow, day_end, day_start, windows_of
from headway_pipeline.sandbox.exchange import Reply, Request, html_reply, json_reply
from headway_pipeline.sandbox.fathom.shapes import recording_id
from headway_pipeline.sandbox.server import Sandbox
from headway_pipeline.sandbox.world import SandboxCall, Speaker
from headway_pipeline.sources.contract import Absence, CallRef, Hydration, NotHydrated, Page
from headway_pipeline.sources.fathom import FathomSource
from headway_pipeline.sources.gate import CostClass
from headway_pipeline.sources.people import Speakers
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
    fathom_of,
    many_calls,
    refs_of,
    world_of,
)

MEETINGS = "/external/v1/meetings"


def meeting(call_id: str = "call-1", **named: Any) -> SandboxCall:
    """A call in Fathom."""
    return call(call_id, source="fathom", **named)


@pytest.fixture
def sandbox(clock: MovableClock) -> Iterator[Sandbox]:
    calls = (meeting("call-1"), meeting("call-2", started_at=NOW - timedelta(days=2)), call("in-gong"))
    with Sandbox(world_of(*calls), clock=clock) as running:
        yield running


@pytest.fixture
def fathom(sandbox: Sandbox) -> FathomSource:
    return fathom_of(sandbox)


def walk(fathom: FathomSource, window: TimeWindow = WINDOW) -> list[Page]:
    pages = [fathom.list(window, None)]
    while pages[-1].next_token is not None:
        pages.append(fathom.list(window, pages[-1].next_token))
    return pages


def calls_of(fathom: FathomSource, window: TimeWindow = WINDOW) -> list[Call]:
    return [item for page in walk(fathom, window) for item in page.calls]


def record(**fields: Any) -> dict[str, Any]:
    """A listed meeting with only what it must have, and `fields`."""
    return {"recording_id": 123456789, "recording_start_time": "2026-11-19T08:00:00Z", **fields}


def listing(*records: Any, cursor: str | None = None) -> Reply:
    return json_reply(200, {"limit": 10, "next_cursor": cursor, "items": list(records)})


def page_of(sandbox: Sandbox, fathom: FathomSource, *records: Any) -> Page:
    sandbox.faults[:] = [Instead(listing(*records), path=MEETINGS)]
    return fathom.list(WINDOW, None)


def parsed(sandbox: Sandbox, fathom: FathomSource, **fields: Any) -> Call:
    (found,) = page_of(sandbox, fathom, record(**fields)).calls
    return found


def said_by(name: str, text: str = "Hello.", timestamp: str = "00:00:01", email: str | None = None) -> dict[str, Any]:
    speaker = {"display_name": name, "matched_calendar_invitee_email": email}
    return {"speaker": speaker, "text": text, "timestamp": timestamp}


def segments_of(sandbox: Sandbox, fathom: FathomSource, transcript: list[Any], **fields: Any) -> list[Segment]:
    """The segments of a call of a minute whose record is `fields` and whose transcript is `transcript`."""
    sandbox.faults[:] = [Instead(listing(record(transcript=transcript, **fields)), path=MEETINGS)]
    (answer,) = fathom.hydrate([CallRef("123456789", NOW, 60, {})])
    assert isinstance(answer, Hydration)
    return [*answer.transcript.segments]


def hydrated(fathom: FathomSource, refs: list[CallRef]) -> dict[str, Hydration | NotHydrated]:
    size = fathom.hydrate_batch_size
    answers = [answer for at in range(0, len(refs), size) for answer in fathom.hydrate(refs[at : at + size])]
    return {answer.external_id: answer for answer in answers}


class TestListing:
    def test_a_call_comes_in_normal_form(self, fathom: FathomSource) -> None:
        newest, older = calls_of(fathom)
        assert (newest.occurred_at, older.occurred_at) == (NOW - timedelta(days=1), NOW - timedelta(days=2))
        assert newest.occurred_at.tzinfo is UTC
        assert newest.external_id == str(recording_id(meeting("call-1")))
        assert (newest.source, newest.title, newest.language) == ("fathom", "Rollout review", "en")
        assert newest.duration_s == 34
        assert newest.account == "brackwater.example"
        assert newest.url is not None
        assert newest.url.startswith("http")
        assert not newest.is_private
        assert [(one.name, one.email, one.side) for one in newest.participants] == [
            ("Ines Okafor", "ines@larkspur.example", Side.VENDOR),
            ("Tomas Lindqvist", "tomas@brackwater.example", Side.CUSTOMER),
        ]

    def test_the_public_link_is_never_kept_as_the_address(self, sandbox: Sandbox, fathom: FathomSource) -> None:
        assert parsed(sandbox, fathom, share_url="https://fathom.video/share/x").url is None
        assert parsed(sandbox, fathom, url="javascript:alert(1)").url is None
        assert parsed(sandbox, fathom, url="https://fathom.video/calls/1").url == "https://fathom.video/calls/1"

    def test_25_calls_cost_three_light_requests_and_none_is_missed(self, sandbox: Sandbox) -> None:
        sandbox.world = world_of(*many_calls(25, source="fathom"))
        gate = OpenGate()
        pages = walk(fathom_of(sandbox, gate=gate))
        assert [len(page.calls) for page in pages] == [10, 10, 5]
        assert len({item.external_id for page in pages for item in page.calls}) == 25
        assert gate.admitted == [CostClass.NORMAL] * 3
        assert [bool(logged.page_token) for logged in sandbox.requests] == [False, True, True]

    def test_listed_records_hold_no_speech_and_no_contacts_or_deals(
        self, sandbox: Sandbox, fathom: FathomSource
    ) -> None:
        assert all("transcript" not in item.raw for item in calls_of(fathom))
        crm = {"contacts": [{"name": "A"}], "companies": [{"name": "Brackwater"}], "deals": [{"amount": 5}]}
        found = parsed(sandbox, fathom, crm_matches=crm)
        assert found.raw["crm_matches"] == {"companies": [{"name": "Brackwater"}]}
        assert found.account == "Brackwater"

    def test_an_empty_window_is_an_empty_page(self, fathom: FathomSource) -> None:
        quiet = TimeWindow(NOW - timedelta(days=400), NOW - timedelta(days=399))
        assert fathom.list(quiet, None) == Page((), None)

    def test_f15_a_call_before_midnight_that_was_created_after_it_is_met_and_placed_on_its_own_day(
        self, sandbox: Sandbox, fathom: FathomSource
    ) -> None:
        """created_at is after the end: a listing that stops at midnight would never see the day's last calls."""
        late = datetime(2026, 11, 17, 23, 50, tzinfo=UTC)
        said = [("c", "word")] * 60
        sandbox.world = world_of(meeting("late", started_at=late, said=said))
        day = late.date()
        assert fathom.list(TimeWindow(day_start(day), day_end(day)), None).calls == ()
        (window,) = windows_of([day], longest=timedelta(days=7), until=NOW, margin=fathom.listing_margin)
        (found,) = calls_of(fathom, window)
        assert found.raw["created_at"] > "2026-11-18T00:00:00Z"
        assert found.occurred_at == late
        (next_day,) = windows_of(
            [day + timedelta(days=1)], longest=timedelta(days=7), until=NOW, margin=fathom.listing_margin
        )
        assert [item.occurred_at.date() for item in calls_of(fathom, next_day)] == [day]

    def test_what_was_created_at_the_very_start_of_a_window_is_in_it(
        self, sandbox: Sandbox, fathom: FathomSource
    ) -> None:
        """The filters leave their bounds out: two windows that meet would lose what was created between them."""
        created = datetime.fromisoformat(calls_of(fathom)[0].raw["created_at"])
        before, after = TimeWindow(WINDOW.start, created), TimeWindow(created, NOW)
        assert [len(calls_of(fathom, window)) for window in (before, after)] == [1, 1]

    @pytest.mark.parametrize(
        ("fields", "hour"),
        [
            ({"recording_start_time": "2026-11-19T08:00:00-07:00"}, 15),
            ({"recording_start_time": None, "scheduled_start_time": "2026-11-19T09:00:00Z"}, 9),
            ({"recording_start_time": "soon", "created_at": "2026-11-19T11:00:00Z"}, 11),
        ],
    )
    def test_a_call_is_placed_by_the_best_time_it_has(
        self, sandbox: Sandbox, fathom: FathomSource, fields: dict[str, Any], hour: int
    ) -> None:
        assert parsed(sandbox, fathom, **fields).occurred_at == datetime(2026, 11, 19, hour, tzinfo=UTC)

    def test_either_form_of_no_next_page_ends_the_walk(self, sandbox: Sandbox, fathom: FathomSource) -> None:
        for end in (None, ""):
            sandbox.faults[:] = [Instead(listing(record(), cursor=end))]
            assert fathom.list(WINDOW, None).next_token is None

    @pytest.mark.parametrize(
        "answer",
        [{}, {"items": None}, {"items": {}}, {"items": [record(recording_id=n) for n in range(10)]}],
    )
    def test_an_answer_without_its_form_is_a_broken_contract(
        self, sandbox: Sandbox, fathom: FathomSource, answer: dict[str, Any]
    ) -> None:
        sandbox.faults.append(Instead(json_reply(200, answer)))
        with pytest.raises(SourceContractError):
            fathom.list(WINDOW, None)

    def test_bad_records_are_named_while_the_page_goes_on(self, sandbox: Sandbox, fathom: FathomSource) -> None:
        page = page_of(
            sandbox,
            fathom,
            "no object",
            {"title": "no id"},
            {"recording_id": 1.5e300},
            {"recording_id": 5, "recording_start_time": "soon"},
            record(recording_id=6, recording_end_time="2031-01-01T00:00:00Z", title="Fathom Demo"),
            record(recording_id="seven"),
        )
        assert [item.external_id for item in page.calls] == ["seven"]
        assert [bad.external_id for bad in page.bad_records] == [None, None, None, "5", "6"]
        assert "24 hours" in page.bad_records[-1].problem
        assert "Demo" not in page.bad_records[-1].problem

    @pytest.mark.parametrize("end", [None, "late", "2026-11-19T07:00:00Z"])
    def test_a_duration_that_makes_no_sense_is_unknown(
        self, sandbox: Sandbox, fathom: FathomSource, end: str | None
    ) -> None:
        assert parsed(sandbox, fathom, recording_end_time=end).duration_s is None

    def test_of_a_private_call_only_the_id_and_the_day_are_given(
        self, sandbox: Sandbox, fathom: FathomSource
    ) -> None:
        sandbox.world = world_of(replace(meeting("mine", title="Salaries"), is_private=True))
        (found,) = calls_of(fathom)
        day = day_start((NOW - timedelta(days=1)).date())
        assert found == Call("fathom", str(recording_id(meeting("mine"))), day, is_private=True)

    def test_f7_an_older_record_without_its_sharing_is_no_private_one(
        self, sandbox: Sandbox, fathom: FathomSource
    ) -> None:
        assert not parsed(sandbox, fathom).is_private

    def test_unknown_fields_are_counted(self, sandbox: Sandbox, fathom: FathomSource) -> None:
        odd = record(mood="fine", calendar_invitees=[{"name": "A", "shoe_size": 9}, {"shoe_size": 8}])
        assert page_of(sandbox, fathom, odd).unknown_fields == {"mood": 1, "calendar_invitees.shoe_size": 2}
        sandbox.faults.clear()
        assert not any(page.unknown_fields for page in walk(fathom))

    def test_what_changes_without_the_call_changing_changes_no_hash(
        self, sandbox: Sandbox, fathom: FathomSource
    ) -> None:
        def hash_of(**fields: Any) -> str:
            return parsed(sandbox, fathom, **fields).content_hash

        volatile: list[dict[str, Any]] = [
            {"meeting_type": "Renamed", "shared_with": "all_teams"},
            {"crm_matches": {"companies": [{"name": "B"}], "error": "no CRM connected"}},
            {"share_url": "https://fathom.video/share/y", "default_summary": {"template_name": "general"}},
            {"recorded_by": None},
        ]
        assert {hash_of(**fields) for fields in volatile} == {hash_of()}
        assert hash_of(title="Renamed") != hash_of()
        assert hash_of(calendar_invitees=[{"name": "A"}]) != hash_of()

    def test_two_readings_of_one_call_are_equal(self, fathom: FathomSource) -> None:
        assert walk(fathom) == walk(fathom)


class TestSides:
    def people(self, sandbox: Sandbox, fathom: FathomSource, *invitees: Any, **fields: Any) -> dict[str, Side]:
        found = parsed(sandbox, fathom, calendar_invitees=[*invitees], **fields)
        return {person.name or person.email or "": person.side for person in found.participants}

    def test_invitees_are_told_apart_by_is_external(self, sandbox: Sandbox, fathom: FathomSource) -> None:
        flags = {"a": True, "b": False, "c": None, "d": "yes"}
        invitees = [{"name": name, "is_external": flag} for name, flag in flags.items()]
        assert self.people(sandbox, fathom, *invitees) == {
            "a": Side.CUSTOMER,
            "b": Side.VENDOR,
            "c": Side.UNKNOWN,
            "d": Side.UNKNOWN,
        }

    def test_who_recorded_is_the_vendor_invited_or_not(self, sandbox: Sandbox, fathom: FathomSource) -> None:
        recorder = {"name": "Ines", "email": "Ines@larkspur.example"}
        invited = {"name": "Ines O.", "email": "ines@larkspur.example", "is_external": True}
        assert self.people(sandbox, fathom, recorded_by=recorder) == {"Ines": Side.VENDOR}
        assert self.people(sandbox, fathom, invited, recorded_by=recorder) == {"Ines O.": Side.VENDOR}

    def test_the_workspaces_own_domains_are_the_vendor(self, sandbox: Sandbox) -> None:
        fathom = fathom_of(sandbox, vendor_domains=frozenset({"larkspur.example"}))
        invitee = {"name": "Contractor", "email": "c@eu.larkspur.example", "is_external": True}
        assert self.people(sandbox, fathom, invitee) == {"Contractor": Side.VENDOR}

    @pytest.mark.parametrize("broken", [None, "x", 5, [None, "x", 5], [{"name": 5, "email": ["x"]}]])
    def test_people_without_form_are_nobody(self, sandbox: Sandbox, fathom: FathomSource, broken: object) -> None:
        found = parsed(sandbox, fathom, calendar_invitees=broken, recorded_by=broken)
        assert all(person.name is None and person.email is None for person in found.participants)

    def test_speakers_are_matched_by_address_then_by_a_name_that_leaves_no_doubt(self) -> None:
        speakers = Speakers(
            [
                Participant("Tomas", "tomas@brackwater.example", Side.CUSTOMER),
                Participant("Ines", "ines@larkspur.example", Side.VENDOR),
                Participant("Alex", "alex@larkspur.example", Side.VENDOR),
                Participant("Alex", "alex@brackwater.example", Side.CUSTOMER),
                Participant("Sam", None, Side.CUSTOMER, speaker_key="Sam (phone)"),
                Participant("Sam", None, Side.CUSTOMER),
                Participant(None, None, Side.CUSTOMER),
            ],
            {"larkspur.example"},
        )
        assert speakers.side("whoever", "TOMAS@brackwater.example") is Side.CUSTOMER
        assert speakers.side("Alex", "alex@larkspur.example") is Side.VENDOR
        assert speakers.side("Alex", None) is Side.UNKNOWN
        assert speakers.side("Tomas", "new@larkspur.example") is Side.VENDOR
        assert speakers.side("  tomas ", None) is Side.CUSTOMER
        assert speakers.side("Sam", None) is Side.CUSTOMER
        assert speakers.side("sam (PHONE)", None) is Side.CUSTOMER
        assert speakers.side("Somebody", "else@nowhere.example") is Side.UNKNOWN
        assert speakers.side(None, None) is Side.UNKNOWN

    def test_f8_a_call_without_an_invitation_knows_only_its_recorder(
        self, sandbox: Sandbox, fathom: FathomSource
    ) -> None:
        guest = Speaker("g", "iPhone", Side.UNKNOWN)
        sandbox.world = world_of(meeting(said=[("g", "Hello?"), ("x", "Who?")], speakers=(guest,)))
        page = fathom.list(WINDOW, None)
        assert (page.calls[0].raw["calendar_invitees"], page.calls[0].raw["meeting_url"]) == ([], None)
        (answer,) = fathom.hydrate(refs_of(page))
        assert isinstance(answer, Hydration)
        assert [one.side for one in answer.transcript.segments] == [Side.UNKNOWN] * 2

    def test_f11_sides_survive_addresses_that_were_not_recognised(
        self, sandbox: Sandbox, fathom: FathomSource
    ) -> None:
        sandbox.world = world_of(*many_calls(40, source="fathom"))
        answers = hydrated(fathom, [ref for page in walk(fathom) for ref in refs_of(page)])
        sides = {
            tuple(one.side for one in answer.transcript.segments)
            for answer in answers.values()
            if isinstance(answer, Hydration)
        }
        assert len(answers) == 40
        assert sides == {(Side.VENDOR, Side.CUSTOMER, Side.VENDOR)}


class TestHydrating:
    def test_an_item_becomes_a_segment_of_whole_seconds(self, fathom: FathomSource) -> None:
        refs = refs_of(fathom.list(WINDOW, None))
        answer = hydrated(fathom, refs)[refs[0].external_id]
        assert isinstance(answer, Hydration)
        segments = answer.transcript.segments
        assert [(one.index, one.speaker, one.side, one.text) for one in segments] == [
            (0, "Ines Okafor", Side.VENDOR, SAID[0][1]),
            (1, "Tomas Lindqvist", Side.CUSTOMER, SAID[1][1]),
            (2, "Ines Okafor", Side.VENDOR, SAID[2][1]),
        ]
        assert [(one.start_ms, one.end_ms) for one in segments] == [
            (0, 12_000),
            (12_000, 24_000),
            (24_000, 34_000),
        ]

    def test_ten_transcripts_that_follow_each_other_cost_one_heavy_request(self, sandbox: Sandbox) -> None:
        sandbox.world = world_of(*many_calls(35, source="fathom"))
        gate = OpenGate()
        fathom = fathom_of(sandbox, gate=gate)
        refs = [ref for page in walk(fathom) for ref in refs_of(page)]
        gate.admitted.clear()
        answers = hydrated(fathom, refs)
        assert len(answers) == 35
        assert all(isinstance(answer, Hydration) for answer in answers.values())
        assert gate.admitted == [CostClass.HEAVY] * 4

    def test_calls_far_apart_cost_a_request_each_and_not_the_pages_between_them(self, sandbox: Sandbox) -> None:
        """One transcript that does not come must not cost a walk over a week of others every hour."""
        sandbox.world = world_of(*many_calls(300, source="fathom"))
        gate = OpenGate()
        fathom = fathom_of(sandbox, gate=gate)
        refs = [ref for page in walk(fathom) for ref in refs_of(page)]
        gate.admitted.clear()
        answers = [*fathom.hydrate([refs[0], refs[150], refs[299]])]
        assert all(isinstance(answer, Hydration) for answer in answers)
        assert len(gate.admitted) == 3

    def test_calls_whose_creation_is_unknown_are_found_by_their_start(
        self, sandbox: Sandbox, fathom: FathomSource
    ) -> None:
        sandbox.world = world_of(*many_calls(25, source="fathom"))
        refs = [replace(ref, raw={}) for page in walk(fathom) for ref in refs_of(page)]
        assert all(isinstance(answer, Hydration) for answer in fathom.hydrate(refs[15:25]))

    def test_a_list_in_another_order_is_walked_to_its_end(self, sandbox: Sandbox, fathom: FathomSource) -> None:
        def item(number: int, minute: int) -> dict[str, Any]:
            return record(
                recording_id=number, created_at=f"2026-11-19T08:{minute:02}:00Z", transcript=[said_by("Ada")]
            )

        pages = {None: listing(item(1, 10), item(2, 50), cursor="two"), "two": listing(item(3, 20), cursor="three")}
        pages["three"] = listing(item(4, 30))

        def serve(request: Request, /) -> Reply | None:
            return pages[request.query.get("cursor")]

        sandbox.faults.append(serve)
        wanted = [
            CallRef(str(n), NOW, 60, {"created_at": f"2026-11-19T08:{minute}:00Z"})
            for n, minute in ((4, 30), (3, 20))
        ]
        assert all(isinstance(answer, Hydration) for answer in fathom.hydrate(wanted))
        assert [logged.page_token for logged in sandbox.requests] == [None, "two", "three"]

    def test_no_calls_cost_no_request(self, sandbox: Sandbox, fathom: FathomSource) -> None:
        assert list(fathom.hydrate([])) == []
        assert sandbox.requests == ()

    def test_a_transcript_comes_late_as_null_then_empty_then_words(
        self, sandbox: Sandbox, fathom: FathomSource, clock: MovableClock
    ) -> None:
        sandbox.world = world_of(meeting(started_at=NOW - timedelta(seconds=34 + 180)))
        refs = refs_of(fathom.list(TimeWindow(NOW - timedelta(days=1), NOW + timedelta(days=1)), None))
        kinds = []
        for _minute in range(3):
            (answer,) = fathom.hydrate(refs)
            kinds.append(answer.absence if isinstance(answer, NotHydrated) else None)
            clock.pass_by(timedelta(minutes=1))
        assert kinds == [Absence.NOT_READY, Absence.NOT_READY, None]

    def test_a_call_that_is_gone_is_not_ready_and_ends_the_search(
        self, sandbox: Sandbox, fathom: FathomSource
    ) -> None:
        sandbox.world = world_of(*many_calls(60, source="fathom"))
        refs = [ref for page in walk(fathom) for ref in refs_of(page)]
        sandbox.world = world_of(*(one for one in many_calls(60, source="fathom") if one.id != "call-0"))
        sandbox.forget_requests()
        gone, there = fathom.hydrate([refs[0], refs[50]])
        assert isinstance(gone, NotHydrated)
        assert gone.absence is Absence.NOT_READY
        assert isinstance(there, Hydration)
        assert sandbox.count(MEETINGS) <= 3

    def test_words_of_a_call_that_became_private_are_not_taken(self, sandbox: Sandbox, fathom: FathomSource) -> None:
        private = record(shared_with="no_teams", transcript=[said_by("Ada", "Salaries are up.")])
        sandbox.faults.append(Instead(listing(private)))
        (answer,) = fathom.hydrate([CallRef("123456789", NOW, 60, {})])
        assert isinstance(answer, NotHydrated)

    @pytest.mark.parametrize("transcript", [None, [], "soon", {}])
    def test_a_transcript_without_form_is_not_ready(
        self, sandbox: Sandbox, fathom: FathomSource, transcript: object
    ) -> None:
        sandbox.faults.append(Instead(listing(record(transcript=transcript))))
        (answer,) = fathom.hydrate([CallRef("123456789", NOW, 60, {})])
        assert isinstance(answer, NotHydrated)
        assert answer.absence is Absence.NOT_READY

    def test_times_run_on_over_items_of_one_second_and_past_nine_hours(
        self, sandbox: Sandbox, fathom: FathomSource
    ) -> None:
        stamps = ["00:00:05", "00:00:05", "late", "00:00:09", "00:00:09", "10:02:03", "100:00:00"]
        segments = segments_of(sandbox, fathom, [said_by("A", timestamp=stamp) for stamp in stamps])
        ten, hundred = 36_123_000, 360_000_000
        assert [(one.start_ms, one.end_ms) for one in segments] == [
            (5000, 9000),
            (5000, 9000),
            (None, None),
            (9000, ten),
            (9000, ten),
            (ten, hundred),
            (hundred, None),
        ]

    def test_items_without_words_leave_no_gap(self, sandbox: Sandbox, fathom: FathomSource) -> None:
        items = [said_by("A", " "), "no object", {"text": None}, {"text": " One. "}, {"text": "Two.", "speaker": 5}]
        segments = segments_of(sandbox, fathom, items)
        assert [(one.index, one.text, one.speaker, one.side) for one in segments] == [
            (0, "One.", "Unknown speaker", Side.UNKNOWN),
            (1, "Two.", "Unknown speaker", Side.UNKNOWN),
        ]

    def test_pages_without_end_are_given_up(self, sandbox: Sandbox, fathom: FathomSource) -> None:
        sandbox.faults.append(Instead(listing(record(), cursor="again")))
        with pytest.raises(SourceContractError, match="does not end"):
            list(fathom.hydrate([CallRef("1", NOW, 60, {})]))

    def test_any_alphabet_comes_through(self, sandbox: Sandbox, fathom: FathomSource) -> None:
        text = "¿Podéis arreglarlo? נשמע טוב \U0001f600 ok"
        sandbox.world = world_of(meeting(said=[("c", text)], language="es", speakers=(VENDOR, CUSTOMER)))
        page = fathom.list(WINDOW, None)
        (answer,) = fathom.hydrate(refs_of(page))
        assert isinstance(answer, Hydration)
        assert (answer.transcript.segments[0].text, page.calls[0].language) == (text, "es")


class TestChecking:
    def test_a_good_key_is_told_what_it_sees_for_one_light_request(self, sandbox: Sandbox) -> None:
        gate = OpenGate()
        standing = fathom_of(sandbox, gate=gate).check()
        assert standing.sees_calls is True
        assert "2 meetings" in standing.words
        assert gate.admitted == [CostClass.NORMAL]

    def test_more_than_a_page_is_at_least_so_many(self, sandbox: Sandbox, fathom: FathomSource) -> None:
        sandbox.world = world_of(*many_calls(11, source="fathom"))
        assert "at least 10 meetings" in fathom.check().words

    def test_a_key_that_sees_nothing_is_good_and_said_to_see_nothing(
        self, sandbox: Sandbox, fathom: FathomSource
    ) -> None:
        sandbox.world = world_of(call())
        assert fathom.check().sees_calls is False

    @pytest.mark.parametrize("key", ["hunter2", "hünter2\nInjected: yes"])
    def test_a_wrong_key_is_bad_credentials_and_not_shown(self, sandbox: Sandbox, key: str) -> None:
        with pytest.raises(BadCredentialsError) as raised:
            fathom_of(sandbox, api_token=key).check()
        assert "nter2" not in str(raised.value)


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (json_reply(401, {}), BadCredentialsError),
        (Reply(401, b"nope", {"Content-Type": "text/plain"}), BadCredentialsError),
        (Reply(403), MissingPermissionError),
        (json_reply(404, {"error": "not found"}), WrongHostError),
        (html_reply(404, "<html></html>"), WrongHostError),
        (json_reply(400, {"message": "bad"}), RequestRefusedError),
        (json_reply(429, {}, {"Retry-After": "55"}), RateLimitedError),
        (json_reply(503, {}), TransientSourceError),
        (Reply(200, b'{"items": [], "next', cut_after=9), TransientSourceError),
    ],
)
def test_faults_come_out_as_themselves_from_either_phase(
    sandbox: Sandbox, fathom: FathomSource, reply: Reply, expected: type[SourceError]
) -> None:
    sandbox.faults.append(Instead(reply))
    with pytest.raises(expected):
        fathom.list(WINDOW, None)
    with pytest.raises(expected):
        list(fathom.hydrate([CallRef("1", NOW, 60, {})]))


def test_a_page_token_that_is_refused_starts_the_walk_again(fathom: FathomSource) -> None:
    with pytest.raises(CursorExpiredError):
        fathom.list(WINDOW, "no token of ours")


class TestLinks:
    def test_a_link_opens_the_moment_in_fathoms_own_form(self) -> None:
        link = FathomSource.link("https://fathom.video/calls/7?tab=x%20y#top", 61_999)
        parts = urlsplit(link)
        assert parse_qs(parts.query) == {"tab": ["x y"], "timestamp": ["61"]}
        assert parts.fragment == "top"

    def test_a_moment_replaces_an_earlier_one(self) -> None:
        assert FathomSource.link("https://fathom.video/calls/7?timestamp=5", 2000).endswith("/7?timestamp=2")

    def test_the_sandboxs_page_opens_at_the_moment(self, sandbox: Sandbox, fathom: FathomSource) -> None:
        import requests

        (newest, _older) = calls_of(fathom)
        page = requests.get(FathomSource.link(newest.url or "", 12_000), timeout=5)
        assert '<mark id="moment">Mostly fine.</mark>' in page.text


def test_the_base_url_is_what_stands_before_meetings() -> None:
    from headway_pipeline.sources.addresses import clean_base_url

    for written in ("https://api.fathom.ai/external/v1", "https://api.fathom.ai/external/v1/meetings/"):
        assert clean_base_url(FathomSource, written) == FathomSource.default_base_url


#: Refusals have no set form.
PAGE_404 = Reply(404, b"<html>Not Found</html>", {"Content-Type": "text/html"})


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (json_reply(200, {"transcript": []}), Presence.PRESENT),
        (json_reply(404, {"error": "Recording not found"}), Presence.GONE),
        (PAGE_404, Presence.GONE),
        (json_reply(403, {"error": "Forbidden"}), Presence.GONE),
        (json_reply(422, {"error": "what"}), Presence.UNKNOWN),
    ],
)
def test_a_second_look_asks_for_the_recording_at_the_cost_of_a_heavy_request(
    reply: Reply, expected: Presence
) -> None:
    gate = OpenGate()
    with Sandbox(world_of()) as sandbox:
        sandbox.faults.append(Instead(reply, path="/external/v1/recordings/7/transcript"))
        assert fathom_of(sandbox, gate=gate).look_up(CallRef("7", NOW, None, {})) is expected
    assert gate.admitted == [CostClass.HEAVY]
    assert [answer.endpoint for answer in gate.answers] == ["/recordings/{id}/transcript"]
