from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway_pipeline.model.windows import TimeWindow
from headway_pipeline.sandbox import speech
from headway_pipeline.sandbox.gong.views import DetailsView
from headway_pipeline.sandbox.server import Sandbox
from headway_pipeline.sandbox.speech import MadeUpSpeech
from headway_pipeline.sandbox.timeline import Timeline
from headway_pipeline.sandbox.world import Course, SandboxCall
from headway_pipeline_tests.sandbox.clients import GongClient
from headway_pipeline_tests.sandbox_fixtures import NOW, MovableClock, call, world_of

HOURS = st.integers(0, 12)


def at(hour: int) -> timedelta:
    return timedelta(hours=hour)


@dataclass(frozen=True)
class Asked:
    """A listing at a moment."""

    start: int
    end: int
    now: int


CALLS = st.lists(st.tuples(HOURS, st.none() | HOURS, st.none() | HOURS), max_size=8)
QUESTIONS = st.lists(st.builds(Asked, HOURS, HOURS, HOURS), min_size=1, max_size=8)


def made(number: int, start: int, visible: int | None, deleted: int | None) -> SandboxCall:
    course = Course(
        visible_at=None if visible is None else NOW + at(visible),
        deleted_at=None if deleted is None else NOW + at(deleted),
    )
    return replace(call(f"call-{number}", started_at=NOW + at(start)), course=course)


@given(CALLS, QUESTIONS, st.booleans())
def test_a_timeline_shows_what_looking_at_every_call_would(
    shapes: list[tuple[int, int | None, int | None]], questions: list[Asked], is_reversed: bool
) -> None:
    calls = [made(number, *shape) for number, shape in enumerate(shapes)]
    timeline = Timeline(calls, lambda one: one.started_at, is_reversed=is_reversed)
    view = DetailsView("key")
    for asked in questions:
        window, now = TimeWindow(NOW + at(asked.start), NOW + at(asked.end)), NOW + at(asked.now)
        within = [one for one in calls if window.start <= one.started_at < window.end]
        expected = sorted((one for one in within if view.sees(one, now)), key=lambda one: (one.started_at, one.id))
        pending = [one for one in within if (seen := view.seen(one)) is not None and one.ended_at <= now < seen.start]
        listing = timeline.listing(window, now, view)
        assert list(listing.rows) == expected[:: -1 if is_reversed else 1]
        assert listing.analysed == len(pending)


def test_what_was_seen_is_remembered_until_it_changes() -> None:
    timeline = Timeline([made(1, 0, None, 5)], lambda one: one.started_at)
    window, view = TimeWindow(NOW, NOW + at(12)), DetailsView("key")
    first, second, third = (timeline.listing(window, NOW + at(hour), view) for hour in (1, 4, 5))
    assert first is second
    assert third.rows == ()


def test_a_call_that_ends_is_in_analysis_from_then_on() -> None:
    late = made(1, 0, 5, None)
    timeline = Timeline([late], lambda one: one.started_at)
    window, view = TimeWindow(NOW, NOW + at(12)), DetailsView("key")
    moments = (NOW, late.ended_at, NOW + at(5))
    assert [timeline.listing(window, moment, view).analysed for moment in moments] == [0, 1, 0]


class TestSpeech:
    def test_it_is_the_same_at_every_reading(self) -> None:
        words = MadeUpSpeech(7, 400, ("a", "b"))
        assert [*words] == [words[number] for number in range(len(words))] == [*MadeUpSpeech(7, 400, ("a", "b"))]
        assert [*words] != [*MadeUpSpeech(8, 400, ("a", "b"))]
        assert words.duration_s == words[-1].end_s
        assert words.voices == {turn.speaker_id for turn in words}

    def test_it_is_about_as_long_as_asked_for(self) -> None:
        words = MadeUpSpeech(1, 9_000, ("a", "b"))
        assert 0.9 <= sum(len(turn.text.split()) for turn in words) / 9_000 <= 1.2

    def test_a_listing_makes_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(speech, "_made", lambda _: pytest.fail("speech was made"))
        spoken = replace(call(), utterances=MadeUpSpeech(1, 9_000, ("v", "c")))
        with Sandbox(world_of(spoken), clock=MovableClock()) as sandbox:
            client = GongClient(sandbox, MovableClock())
            row = client.page(selector={"exposedFields": {"parties": True}})["calls"][0]
        assert row["parties"][1]["speakerId"] is not None
        assert row["metaData"]["duration"] == 3_600
