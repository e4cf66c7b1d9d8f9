"""The soak's world and its oracle, held against what the sandbox really serves."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from headway_pipeline.model.ledger import MessageState
from headway_pipeline.sandbox.oracle import Expectation, Patience, expectations
from headway_pipeline.sandbox.soak import ERASED, FATHOM_USERS, Soak, make_soak
from headway_pipeline.sandbox.world import NEVER, Course, World
from headway_pipeline_tests.sandbox.clients import FathomClient, GongClient
from headway_pipeline_tests.sandbox_fixtures import NOW, call, company

START = datetime(2026, 10, 1, tzinfo=UTC)
DAY = timedelta(days=1)
_S = MessageState


@pytest.fixture(scope="module")
def soak() -> Soak:
    return make_soak(250, start=START, seed=7)


def listed_in_gong(client: GongClient) -> dict[str, dict[str, Any]]:
    return {row["metaData"]["id"]: row["metaData"] for page in client.walk() for row in page["calls"]}


def listed_in_fathom(client: FathomClient) -> dict[str, dict[str, Any]]:
    return {str(row["recording_id"]): row for page in client.walk(include_transcript="true") for row in page["items"]}


@pytest.mark.parametrize("days", [3, 16, 31, 42])
def test_the_oracle_agrees_with_what_gong_serves(soak: Soak, gong: Callable[[World], GongClient], days: int) -> None:
    client = gong(soak.world)
    client.auth = (soak.company.access_key, soak.company.secret_key)
    client.clock.now = START + days * DAY
    listed = listed_in_gong(client)
    transcribed = set()
    for first in range(0, len(listed), 100):
        transcribed |= set(client.transcripts(*[*listed][first : first + 100]))
    for (source, number), expected in expectations(soak.company, client.clock.now, FATHOM_USERS).items():
        if source == "gong":
            assert (number in listed) == bool(expected.states - {_S.DELETED} and not expected.may_be_absent)
            if number in listed:
                assert listed[number]["isPrivate"] == (expected.states == {_S.PRIVATE})
                assert listed[number]["title"] == expected.call.title
                if not listed[number]["isPrivate"]:
                    assert (number in transcribed) == expected.holds_words


@pytest.mark.parametrize("days", [3, 16, 31, 42])
def test_the_oracle_agrees_with_what_fathom_serves(
    soak: Soak, fathom: Callable[[World], FathomClient], days: int
) -> None:
    client = fathom(soak.world)
    client.clock.now = START + days * DAY
    listed: dict[str, dict[str, Any]] = {}
    for user in FATHOM_USERS:
        client.api_token = user.api_token
        listed |= listed_in_fathom(client)
    for (source, number), expected in expectations(soak.company, client.clock.now, FATHOM_USERS).items():
        if source == "fathom":
            assert (number in listed) == bool(expected.states and not expected.may_be_absent)
            if number in listed:
                is_private = listed[number].get("shared_with") == "no_teams"
                assert is_private == (expected.states == {_S.PRIVATE})
                assert is_private or bool(listed[number]["transcript"]) == expected.holds_words


def test_everything_happens(soak: Soak) -> None:
    found = expectations(soak.company, soak.quiet_at, FATHOM_USERS).values()
    for source in ("gong", "fathom"):
        states = {state for one in found if one.source == source for state in one.states}
        assert states >= {_S.ANALYSED, _S.TOO_SHORT, _S.NO_TRANSCRIPT, _S.PRIVATE, _S.DELETED}
    calls = soak.company.calls
    late = [one.course.visible_at - one.started_at for one in calls if one.course.visible_at]
    assert timedelta(hours=20) < max(late) <= timedelta(hours=26)
    numbers = sorted(one.number or "" for one in calls if one.source == "gong")
    assert numbers[0][:-1] == numbers[1][:-1]
    same_day = Counter((one.source, one.title, one.started_at.date()) for one in calls)
    assert max(same_day.values()) > 1
    for email in ERASED:
        assert all(one.course.deleted_at for one in calls if email in {speaker.email for speaker in one.speakers})


def test_two_fathom_keys_overlap(soak: Soak, fathom: Callable[[World], FathomClient]) -> None:
    client = fathom(soak.world)
    client.clock.now = soak.end
    seen = []
    for user in FATHOM_USERS:
        client.api_token = user.api_token
        seen.append(set(listed_in_fathom(client)))
    assert seen[0] & seen[1]
    assert seen[0] - seen[1]
    assert seen[1] - seen[0]


def test_nothing_changes_once_it_is_quiet(soak: Soak) -> None:
    then, later = (
        expectations(soak.company, moment, FATHOM_USERS) for moment in (soak.quiet_at, soak.quiet_at + 99 * DAY)
    )
    assert then == later


def test_the_same_seed_makes_the_same_world() -> None:
    assert make_soak(20, start=START, seed=1) == make_soak(20, start=START, seed=1)
    assert make_soak(20, start=START, seed=1).world != make_soak(20, start=START, seed=2).world


def test_no_two_calls_say_the_same(soak: Soak) -> None:
    said = [one.utterances[0].text for one in soak.company.calls if one.utterances]
    assert len(set(said)) == len(said)


class TestOracle:
    def expected(self, days: int = 0, **course: Any) -> Expectation:
        made = replace(call(), course=Course(**course))
        (found,) = expectations(company(made), NOW + days * DAY).values()
        return found

    def test_what_was_never_visible_must_not_be_held(self) -> None:
        found = self.expected(visible_at=NOW + DAY)
        assert (found.states, found.is_met_by(None), found.is_met_by(_S.LISTED)) == (frozenset(), True, False)

    def test_what_is_deleted_is_deleted_or_was_never_met(self) -> None:
        found = self.expected(deleted_at=NOW)
        assert [found.is_met_by(state) for state in (None, _S.DELETED, _S.ANALYSED)] == [True, True, False]
        assert not found.holds_words

    def test_a_transcript_that_never_comes_is_given_up(self) -> None:
        states = [self.expected(days, transcript_at=NEVER, visible_at=NOW).states for days in (0, 6, 8)]
        awaiting, given_up = frozenset({_S.AWAITING_TRANSCRIPT}), frozenset({_S.NO_TRANSCRIPT})
        assert states == [awaiting, awaiting | given_up, given_up]

    def test_few_words_are_too_short(self) -> None:
        made = company(call(said=[("c", "Wrong number.")]))
        states = [
            next(iter(expectations(made, NOW, patience=Patience(shortest=shortest)).values())).states
            for shortest in (200, 5)
        ]
        assert states == [{_S.TOO_SHORT}, {_S.TRANSCRIBED, _S.NOT_RELEVANT, _S.ANALYSED}]
