import json

import pytest

from headway_pipeline.model.calls import Side
from headway_pipeline.sandbox.call_page import call_page
from headway_pipeline.sandbox.world import SandboxCall, Speaker
from headway_pipeline_tests.sandbox_fixtures import call, company


def page_of(shown: SandboxCall, highlights: str = "", timestamp: str = "") -> str:
    return call_page(company(shown), shown, highlights, timestamp).body.decode()


def share(start_s: int, end_s: int) -> str:
    return json.dumps([{"type": "SHARE", "from": start_s, "to": end_s}])


def test_the_transcript_is_shown_with_who_and_when() -> None:
    page = page_of(call())
    assert "<h1>Rollout review</h1>" in page
    assert 'Tomas Lindqvist <span class="side">customer</span>' in page
    assert "<time>0:00:12</time>" in page
    assert "<mark" not in page


@pytest.mark.parametrize("highlights", ["", share(0, 30)])
def test_untrusted_text_stays_text(highlights: str) -> None:
    nasty = '<script>alert(1)</script> & "quotes"'
    speaker = Speaker("c", nasty, Side.CUSTOMER)
    shown = call(said=[("c", nasty)], speakers=(speaker,), title=nasty, account=nasty, language='en"><script>')
    reply = call_page(company(shown), shown, highlights)
    assert reply.body.decode().count("<script>") == 1
    assert "script-src 'sha256-" in reply.headers["Content-Security-Policy"]


def test_the_shared_moment_is_marked_and_scrolled_to() -> None:
    page = page_of(call(), share(12, 42))
    assert page.count('<mark id="moment">') == 1
    assert '<mark id="moment">Mostly fine.</mark> <mark>The route map keeps freezing' in page
    assert "<mark>Thanks for telling us.</mark>" in page
    assert "<mark>Good to see you" not in page


def test_a_sentence_under_way_is_marked_from_its_beginning() -> None:
    page = page_of(call(), share(20, 21))
    assert '<mark id="moment">The route map keeps freezing' in page
    assert page.count("<mark") == 1


def test_a_moment_of_fathoms_opens_there_too() -> None:
    page = page_of(call(), timestamp="12")
    assert '<mark id="moment">Mostly fine.</mark>' in page
    assert "<mark>Good to see you" not in page


@pytest.mark.parametrize("spoiled", ["", "-1", "1.5", "x", "9" * 5000])
def test_a_spoiled_moment_shows_the_transcript_unmarked(spoiled: str) -> None:
    assert "<mark" not in page_of(call(), timestamp=spoiled)


@pytest.mark.parametrize(
    "spoiled",
    ["", "nonsense", "[]", "{}", '[{"from": "x", "to": 1}]', "[[]]", "[" * 10_000, '[{"from": 1e999, "to": 2}]'],
)
def test_a_spoiled_address_shows_the_transcript_unmarked(spoiled: str) -> None:
    page = page_of(call(), spoiled)
    assert "Rollout review" in page
    assert "<mark" not in page


def test_who_is_not_on_the_list_is_an_unknown_speaker() -> None:
    assert "Unknown speaker" in page_of(call(said=[("ghost", "Who am I?")]))
