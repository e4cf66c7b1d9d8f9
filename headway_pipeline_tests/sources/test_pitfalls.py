"""Pitfalls of Gong (G) and Fathom (F) that other integrations fell into, each by its number."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from headway_pipeline.model.calls import Call, Side
from headway_pipeline.sandbox.exchange import Reply, Request, json_reply
from headway_pipeline.sandbox.server import Sandbox
from headway_pipeline.sources.contract import Hydration
from headway_pipeline.sources.fathom import FathomSource
from headway_pipeline.sources.gong import GongSource
from headway_pipeline.sources.gong.source import LISTING
from headway_pipeline_tests.sandbox_fixtures import (
    WINDOW,
    Instead,
    MovableClock,
    call,
    fathom_of,
    gong_of,
    many_calls,
    refs_of,
    world_of,
)

#: Every parameter `GET /meetings` documents that may be sent beside a cursor.
MEETING_PARAMETERS = {
    "cursor",
    "created_after",
    "created_before",
    "include_transcript",
    "include_crm_matches",
}


class Served:
    """What a fault answers every request with, and the requests that came."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.reply: Reply | None = None
        self.requests: list[Request] = []
        sandbox.faults.append(self)

    def __call__(self, request: Request, /) -> Reply | None:
        self.requests.append(request)
        return self.reply


@pytest.fixture
def sandbox(clock: MovableClock) -> Iterator[Sandbox]:
    with Sandbox(world_of(), clock=clock) as running:
        yield running


@pytest.fixture
def served(sandbox: Sandbox) -> Served:
    return Served(sandbox)


@pytest.fixture
def gong(sandbox: Sandbox) -> GongSource:
    return gong_of(sandbox)


@pytest.fixture
def fathom(sandbox: Sandbox) -> FathomSource:
    return fathom_of(sandbox)


def gong_call(**fields: Any) -> dict[str, Any]:
    return {"metaData": {"id": "7782342274025937895", "started": "2026-11-19T08:00:00-07:00", **fields}}


def gong_lists(*records: Any) -> Reply:
    return json_reply(200, {"records": {"totalRecords": len(records)}, "calls": [*records]})


def meeting(**fields: Any) -> dict[str, Any]:
    return {"recording_id": 123456789, "recording_start_time": "2026-11-19T08:00:00Z", **fields}


def fathom_lists(*records: Any) -> Reply:
    return json_reply(200, {"limit": 10, "next_cursor": None, "items": [*records]})


def of_fathom(served: Served, fathom: FathomSource, *records: Mapping[str, Any]) -> list[Call]:
    served.reply = fathom_lists(*records)
    return [*fathom.list(WINDOW, None).calls]


def test_g2_the_cursor_of_a_post_stands_in_its_body(sandbox: Sandbox, served: Served, gong: GongSource) -> None:
    """In the query Gong ignores it, and the first page comes for ever."""
    sandbox.world = world_of(*many_calls(101))
    first = gong.list(WINDOW, None)
    second = gong.list(WINDOW, first.next_token)
    assert not {one.external_id for one in first.calls} & {one.external_id for one in second.calls}
    assert [request.query for request in served.requests] == [{}, {}]
    body = served.requests[1].json_object() or {}
    assert set(body) == {"cursor", "filter", "contentSelector"}


def test_g10_ids_that_differ_in_their_last_digit_are_two_calls(served: Served, gong: GongSource) -> None:
    served.reply = gong_lists(gong_call(id="9007199254740993001"), gong_call(id=9007199254740993002))
    assert [one.external_id for one in gong.list(WINDOW, None).calls] == [
        "9007199254740993001",
        "9007199254740993002",
    ]


def test_g12_a_calls_length_comes_in_seconds_and_its_words_in_milliseconds(
    sandbox: Sandbox, gong: GongSource
) -> None:
    sandbox.world = world_of(call())
    (found,) = gong.list(WINDOW, None).calls
    (answer,) = gong.hydrate(refs_of(gong.list(WINDOW, None)))
    assert isinstance(answer, Hydration)
    assert found.duration_s == 34
    assert [(one.start_ms, one.end_ms) for one in answer.transcript.segments] == [
        (0, 10_000),
        (12_000, 22_000),
        (24_000, 34_000),
    ]


def test_g13_times_of_any_offset_become_one_utc_time(served: Served, gong: GongSource) -> None:
    served.reply = gong_lists(
        gong_call(id="1", started="2026-11-19T00:30:00.041977+03:00"),
        gong_call(id="2", started="2026-11-18T13:30:00.041977-08:00"),
    )
    one, two = gong.list(WINDOW, None).calls
    assert one.occurred_at == two.occurred_at == datetime(2026, 11, 18, 21, 30, 0, 41977, tzinfo=UTC)
    assert one.occurred_at.tzinfo is UTC


def test_g14_addresses_that_are_signed_anew_at_every_request_change_no_hash(served: Served, gong: GongSource) -> None:
    hashes = set()
    for signature in ("a", "b"):
        served.reply = gong_lists(gong_call() | {"media": {"audioUrl": f"https://x.example/?sig={signature}"}})
        (found,) = gong.list(WINDOW, None).calls
        hashes.add(found.content_hash)
    assert len(hashes) == 1


def test_g24_a_new_field_or_a_null_anywhere_costs_no_call(served: Served, gong: GongSource) -> None:
    odd = gong_call(title=None, duration=None, novel={"deep": [1]}, primaryUserId=None, language=None)
    served.reply = gong_lists(odd | {"parties": None, "context": None, "novel": 1})
    page = gong.list(WINDOW, None)
    assert (len(page.calls), page.bad_records) == (1, ())
    assert page.unknown_fields == {"metaData.novel": 1, "novel": 1}


def test_g26_a_listing_asks_for_participants_and_links_and_nothing_that_makes_it_slow(
    served: Served, gong: GongSource
) -> None:
    served.reply = gong_lists()
    gong.list(WINDOW, None)
    (request,) = served.requests
    assert request.path == LISTING
    assert (request.json_object() or {})["contentSelector"] == {
        "context": "Basic",
        "exposedFields": {"parties": True},
    }


def test_f2_two_recordings_of_one_meeting_stay_two_calls_that_can_be_seen_to_be_one(
    served: Served, fathom: FathomSource
) -> None:
    """Each recorder's key lists one of its own; the meeting's address is kept beside either, never merged on."""
    same = {"title": "Review", "meeting_url": "https://meetings.example/j/1", "created_at": "2026-11-19T09:00:00Z"}
    one, two = of_fathom(served, fathom, meeting(recording_id=1, **same), meeting(recording_id=2, **same))
    assert (one.external_id, two.external_id) == ("1", "2")
    assert one.content_hash != two.content_hash
    assert one.raw["meeting_url"] == two.raw["meeting_url"]


def test_f7_a_record_that_lacks_most_of_its_required_fields_is_taken(served: Served, fathom: FathomSource) -> None:
    (found,) = of_fathom(served, fathom, {"recording_id": 7, "created_at": "2026-11-19T09:00:00Z"})
    assert (found.external_id, found.title, found.participants) == ("7", None, ())


def test_f8_a_meeting_without_an_invitation_is_not_taken_for_an_internal_one(
    served: Served, fathom: FathomSource
) -> None:
    (found,) = of_fathom(
        served,
        fathom,
        meeting(
            title="Impromptu Zoom Meeting",
            meeting_url=None,
            calendar_invitees=[],
            calendar_invitees_domains_type="only_internal",
            crm_matches={"companies": [{"name": "Brackwater"}]},
        ),
    )
    assert (found.account, found.is_private, found.participants) == ("Brackwater", False, ())


def test_f9_the_demo_meeting_of_several_years_is_set_aside_and_not_analysed(
    served: Served, fathom: FathomSource
) -> None:
    served.reply = fathom_lists(
        meeting(recording_start_time="2021-03-01T00:00:00Z", recording_end_time="2026-03-01T00:00:00Z")
    )
    page = fathom.list(WINDOW, None)
    assert page.calls == ()
    assert [bad.external_id for bad in page.bad_records] == ["123456789"]


def test_f10_a_recording_of_several_customers_keeps_them_all(served: Served, fathom: FathomSource) -> None:
    invitees = [
        {"name": name, "email": f"{name}@{domain}.example", "is_external": True}
        for name, domain in (("ann", "brackwater"), ("bob", "saltmarsh"), ("cy", "brackwater"), ("di", "fenland"))
    ]
    (found,) = of_fathom(
        served, fathom, meeting(calendar_invitees=invitees, recording_end_time="2026-11-19T09:33:00Z")
    )
    assert [(person.name, person.side) for person in found.participants] == [
        (name, Side.CUSTOMER) for name in ("ann", "bob", "cy", "di")
    ]
    assert found.duration_s == 93 * 60


def test_f11_one_person_under_two_addresses_and_nobody_recognised_are_taken(
    sandbox: Sandbox, served: Served, fathom: FathomSource
) -> None:
    invitees = [
        {"name": "Ann", "email": "ann@brackwater.example", "is_external": True},
        {"name": "Ann", "email": "ann@mail.example", "is_external": True},
    ]
    spoken = {"text": "It freezes.", "timestamp": "00:00:01"}
    speakers = [{"display_name": "Ann", "matched_calendar_invitee_email": None}, {"display_name": "Someone"}, None]
    transcript = [{"speaker": speaker, **spoken} for speaker in speakers]
    (found,) = of_fathom(served, fathom, meeting(calendar_invitees=invitees))
    served.reply = fathom_lists(meeting(calendar_invitees=invitees, transcript=transcript))
    (answer,) = fathom.hydrate(refs_of(fathom.list(WINDOW, None)))
    assert isinstance(answer, Hydration)
    assert len(found.participants) == 2
    assert [one.side for one in answer.transcript.segments] == [Side.CUSTOMER, Side.UNKNOWN, Side.UNKNOWN]


def test_f13_the_key_is_the_recordings_id_as_text_and_not_the_number_in_its_address(
    served: Served, fathom: FathomSource
) -> None:
    url = "https://fathom.video/calls/555"
    one, two = of_fathom(served, fathom, meeting(recording_id=42, url=url), meeting(recording_id="43", url=url))
    assert (one.external_id, two.external_id) == ("42", "43")


def test_f15_a_call_belongs_to_the_day_it_began_whenever_it_was_created(served: Served, fathom: FathomSource) -> None:
    (found,) = of_fathom(
        served,
        fathom,
        meeting(recording_start_time="2026-11-18T23:40:00Z", created_at="2026-11-19T00:45:00Z"),
    )
    assert found.occurred_at == datetime(2026, 11, 18, 23, 40, tzinfo=UTC)


def test_f16_f18_only_documented_parameters_are_sent_and_no_summaries_which_are_always_english(
    sandbox: Sandbox, served: Served, fathom: FathomSource
) -> None:
    sandbox.world = world_of(*many_calls(12, source="fathom"))
    page = fathom.list(WINDOW, None)
    fathom.list(WINDOW, page.next_token)
    list(fathom.hydrate(refs_of(page)))
    fathom.check()
    assert {name for request in served.requests for name in request.query} <= MEETING_PARAMETERS
    assert {request.path for request in served.requests} == {"/external/v1/meetings"}


def test_f19_a_length_is_the_time_between_start_and_end_and_never_a_field(
    served: Served, fathom: FathomSource
) -> None:
    one, two = of_fathom(
        served,
        fathom,
        meeting(recording_id=1, recording_end_time="2026-11-19T08:30:00Z"),
        meeting(recording_id=2, recording_end_time="2026-11-19T08:30:00Z", duration=5),
    )
    assert (one.duration_s, two.duration_s) == (1800, 1800)


@pytest.mark.parametrize("status", [401, 403])
def test_f17_the_key_of_a_user_who_was_deactivated_says_what_to_see_to(
    sandbox: Sandbox, fathom: FathomSource, status: int
) -> None:
    from headway_pipeline.model.errors import BadCredentialsError, MissingPermissionError

    sandbox.faults[:] = [Instead(json_reply(status, {"error": "deactivated"}))]
    with pytest.raises((BadCredentialsError, MissingPermissionError)) as raised:
        fathom.list(WINDOW, None)
    assert raised.value.remedy
    assert sandbox.count("/external/v1/meetings") == 1


def test_f3_a_call_that_appears_during_the_walk_repeats_one_and_loses_none(
    sandbox: Sandbox, fathom: FathomSource
) -> None:
    """Page tokens are page numbers over a list that grows at its head."""
    known = many_calls(25, source="fathom")
    sandbox.world = world_of(*known)
    page = fathom.list(WINDOW, None)
    met = [one.external_id for one in page.calls]
    newcomer = call("newcomer", source="fathom", started_at=known[0].started_at + timedelta(minutes=1))
    sandbox.world = world_of(newcomer, *known)
    while page.next_token is not None:
        page = fathom.list(WINDOW, page.next_token)
        met += [one.external_id for one in page.calls]
    assert len(met) == 26
    assert len(set(met)) == 25
    again: list[str] = []
    page = fathom.list(WINDOW, None)
    while True:
        again += [one.external_id for one in page.calls]
        if page.next_token is None:
            break
        page = fathom.list(WINDOW, page.next_token)
    assert len(set(again) | set(met)) == 26
