from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import fields
from datetime import UTC, datetime, timedelta, timezone
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz import fuzz, process

from headway_pipeline.model.calls import MIN_SPEECH_CHARS, Side
from headway_pipeline.model.errors import ConfigurationError, InputError
from headway_pipeline.model.features import FeatureType
from headway_pipeline.sandbox.expansion import demo_companies, demo_themes, planted_truth
from headway_pipeline.sandbox.filler import parse_filler, small_talk
from headway_pipeline.sandbox.scripts import CallScript, CompanyScript, DemoTheme, parse_calls, parse_company
from headway_pipeline.sandbox.world import Company, SandboxCall

NOON = datetime(2031, 3, 12, 12, tzinfo=UTC)
COMPANIES = demo_companies(NOON)
CALLS = [(company, call) for company in COMPANIES for call in company.calls]

VENDOR_OF = {
    prefix: parse_company(
        (resources.files("headway_pipeline.sandbox") / "calls" / f"{prefix}-company.txt").read_text(encoding="utf-8")
    )
    for prefix in ("fieldwren", "tallyport")
}
VENDOR = CompanyScript(
    name="Acme Billing",
    access_key="a",
    secret_key="s",
    email_domain="acme.example",
    themes=(DemoTheme("Exports", "Downloads", "#123456", "file"),),
)
HEAD = """=== first
title: A call
kind: demo
account: Peña & Sons
days_ago: 3
starts: 09:30
minutes: 10
details: the Tuesday list; Bob
V1 = Vic Tor | vendor | Seller
C1 = Cus Tomer | customer | Buyer
"""


def parsed(body: str, head: str = HEAD) -> CallScript:
    return next(parse_calls(f"{head}\n{body}\n", VENDOR))


def customer_lines(call: SandboxCall) -> Iterator[str]:
    sides = {speaker.id: speaker.side for speaker in call.speakers}
    return (line.text for line in call.utterances if sides[line.speaker_id] is not Side.VENDOR)


@pytest.mark.parametrize(
    "now",
    [
        datetime(2031, 3, 12, tzinfo=UTC),
        datetime(2031, 3, 12, 23, 59, tzinfo=UTC),
        datetime(2032, 3, 1, 0, 30, tzinfo=timezone(timedelta(hours=14))),
        datetime(2031, 1, 1, 22, tzinfo=timezone(timedelta(hours=-11))),
    ],
)
def test_every_call_lies_within_the_thirty_days_before_now(now: datetime) -> None:
    for company in demo_companies(now):
        for call in company.calls:
            assert call.started_at.utcoffset() == timedelta(0)
            assert now - timedelta(days=30) <= call.started_at
            assert call.started_at + timedelta(seconds=call.duration_s) <= now


def test_a_later_hour_of_the_same_day_finds_the_same_world() -> None:
    assert demo_companies(NOON + timedelta(hours=9)) == COMPANIES


def test_the_next_day_moves_every_call_by_a_day_and_changes_no_word() -> None:
    for company, tomorrow in zip(COMPANIES, demo_companies(NOON + timedelta(days=1)), strict=True):
        for call, moved in zip(company.calls, tomorrow.calls, strict=True):
            assert moved.started_at - call.started_at == timedelta(days=1)
            assert moved.utterances == call.utterances


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(InputError, match="zone"):
        demo_companies(datetime(2031, 3, 12))  # noqa: DTZ001


def test_there_are_two_companies_of_about_thirty_calls_or_more_with_keys_of_their_own() -> None:
    assert len(COMPANIES) == 2
    assert all(len(company.calls) >= 31 for company in COMPANIES)
    assert len({key for company in COMPANIES for key in (company.access_key, company.secret_key)}) == 4
    assert len({company.email_domain for company in COMPANIES}) == 2


@pytest.mark.parametrize("company", COMPANIES, ids=lambda company: company.name)
def test_an_id_is_unique_within_its_company(company: Company) -> None:
    assert max(Counter(call.id for call in company.calls).values()) == 1


def test_some_ids_stand_in_both_companies_with_the_same_title_and_other_words() -> None:
    first, second = ({call.id: call for call in company.calls} for company in COMPANIES)
    shared = first.keys() & second.keys()
    assert len(shared) >= 5
    for call_id in shared:
        assert first[call_id].title == second[call_id].title
        assert not set(customer_lines(first[call_id])) & set(customer_lines(second[call_id]))


def test_no_customer_line_occurs_twice_anywhere() -> None:
    said = Counter(line.casefold() for _, call in CALLS for line in customer_lines(call))
    assert [line for line, times in said.items() if times > 1] == []


def test_no_line_is_said_twice_in_one_call() -> None:
    for _, call in CALLS:
        said = Counter(line.text for line in call.utterances)
        assert [line for line, times in said.items() if times > 1] == [], call.id


def test_no_two_planted_passages_are_alike() -> None:
    quotes = [truth.quote.casefold() for truth in planted_truth()]
    for place, quote in enumerate(quotes):
        assert process.extractOne(quote, quotes[:place], scorer=fuzz.ratio, score_cutoff=90) is None


def test_at_least_420_passages_are_planted_and_each_is_a_slice_of_its_utterance() -> None:
    calls = {(company.name, call.id): call for company, call in CALLS}
    truths = planted_truth()
    assert len(truths) >= 420
    for truth in truths:
        call = calls[truth.company, truth.call_id]
        utterance = call.utterances[truth.segment_index]
        side = next(speaker.side for speaker in call.speakers if speaker.id == utterance.speaker_id)
        assert utterance.text[truth.char_start : truth.char_end] == truth.quote == truth.quote.strip()
        assert side is truth.side


def test_no_vendor_words_are_planted_and_some_are_of_an_unknown_side() -> None:
    assert {truth.side for truth in planted_truth()} == {Side.CUSTOMER, Side.UNKNOWN}


@pytest.mark.parametrize("company", COMPANIES, ids=lambda company: company.name)
def test_every_theme_and_type_and_the_inbox_have_feedback(company: Company) -> None:
    truths = [truth for truth in planted_truth() if truth.company == company.name]
    by_theme = Counter(truth.theme for truth in truths)
    assert by_theme.keys() == {theme.name for theme in demo_themes()[company.name]} | {None}
    assert min(by_theme.values()) >= 8
    assert {truth.type for truth in truths} == set(FeatureType)


def test_themes_have_a_description_a_colour_and_an_icon() -> None:
    for themes in demo_themes().values():
        assert 6 <= len(themes) <= 7
        for name, description, color, icon in themes:
            assert name
            assert description.endswith(".")
            assert int(color.removeprefix("#"), 16) >= 0
            assert icon


def test_at_least_six_full_calls_hold_nothing_to_extract() -> None:
    planted = {(truth.company, truth.call_id) for truth in planted_truth()}
    assert sum((company.name, call.id) not in planted and call.duration_s >= 300 for company, call in CALLS) >= 6


def test_at_least_five_calls_are_in_spanish_and_hold_feedback() -> None:
    planted = Counter((truth.company, truth.call_id) for truth in planted_truth())
    spanish = [(company.name, call.id) for company, call in CALLS if call.language == "es"]
    assert len(spanish) >= 5
    assert all(planted[key] > 0 for key in spanish)


def test_calls_last_from_five_minutes_to_two_hours_but_for_those_too_short_to_read() -> None:
    minutes = []
    for _, call in CALLS:
        if sum(len(line.text) for line in call.utterances) >= MIN_SPEECH_CHARS:
            minutes.append(call.duration_s / 60)
    assert (min(minutes), max(minutes)) == (5, 120)
    assert 1 <= len(CALLS) - len(minutes) <= 4


def test_two_to_six_people_speak_and_both_sides_do() -> None:
    for _, call in CALLS:
        heard = {line.speaker_id for line in call.utterances}
        assert heard == {speaker.id for speaker in call.speakers}
        assert 2 <= len(heard) <= 6
        assert {Side.CUSTOMER, Side.VENDOR} <= {speaker.side for speaker in call.speakers}


def test_utterances_follow_each_other_at_a_pace_people_speak_at() -> None:
    for _, call in CALLS:
        end_s = 0.0
        for line in call.utterances:
            assert line.start_s == end_s < line.end_s
            end_s = line.end_s
        words = sum(len(line.text.split()) for line in call.utterances)
        assert words <= call.duration_s / 60 * 180, call.id


def test_a_gap_is_filled_to_the_length_of_the_call() -> None:
    longest = max((call for _, call in CALLS), key=lambda call: call.duration_s)
    assert 120 <= sum(len(line.text.split()) for line in longest.utterances) / (longest.duration_s / 60) <= 150


def test_vendors_write_from_their_company_and_everybody_from_an_example_domain() -> None:
    nobody = 0
    for company, call in CALLS:
        for speaker in call.speakers:
            if speaker.email is None:
                nobody += 1
                continue
            assert speaker.email.isascii()
            assert speaker.email.endswith(".example")
            assert speaker.email.endswith(f"@{company.email_domain}") == (speaker.side is Side.VENDOR)
    assert nobody >= 3


def test_nothing_of_the_marks_is_left_in_what_is_served() -> None:
    assert "planted" not in " ".join(field.name for field in fields(SandboxCall))
    for _, call in CALLS:
        for line in call.utterances:
            assert not set("{}|") & set(line.text)


def test_the_details_of_a_call_are_its_own() -> None:
    owners = defaultdict(list)
    for file in (resources.files("headway_pipeline.sandbox") / "calls").iterdir():
        if "-calls-" in file.name:
            for script in parse_calls(file.read_text(encoding="utf-8"), VENDOR_OF[file.name.split("-")[0]]):
                for detail in script.details:
                    owners[detail.casefold()].append(script.id)
    assert {detail: ids for detail, ids in owners.items() if len(ids) > 1} == {}


def test_the_files_stay_small() -> None:
    files = list((resources.files("headway_pipeline.sandbox") / "calls").iterdir())
    assert sum(len(file.read_bytes()) for file in files) < 700_000


def test_a_mark_is_taken_out_and_its_place_kept() -> None:
    script = parsed("C1: Fine. {{bug | Exports | It hangs.}} Really. {{pain | - | I wait.}}")
    ((line,),) = script.stretches
    assert line.text == "Fine. It hangs. Really. I wait."
    assert [(line.text[mark.char_start : mark.char_end], mark.type, mark.theme) for mark in line.marks] == [
        ("It hangs.", FeatureType.BUG_REPORT, "Exports"),
        ("I wait.", FeatureType.PAIN_POINT, None),
    ]


WORDS = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "Zs"), exclude_characters="{}|"), min_size=1)


@given(st.lists(st.tuples(st.booleans(), WORDS), min_size=1))
def test_marks_name_their_words_whatever_stands_around_them(pieces: list[tuple[bool, str]]) -> None:
    body = "".join(f"{{{{request | Exports | {words}}}}}" if marked else words for marked, words in pieces)
    ((line,),) = parsed(f"C1: <{body}>").stretches
    assert line.text == "<" + "".join(words for _, words in pieces) + ">"
    assert [line.text[mark.char_start : mark.char_end] for mark in line.marks] == [
        words for marked, words in pieces if marked
    ]


def test_an_address_is_made_of_the_name_and_the_account_unless_given() -> None:
    head = (
        HEAD + "C2 = Añe Ríos | customer | | no email\nC3 = Z | unknown | | z@z.example\nC4 = Añe Ríos | customer |\n"
    )
    emails = {speaker.id: speaker.email for speaker in parsed("V1: Hello.", head).speakers}
    assert emails == {
        "V1": "vic.tor@acme.example",
        "C1": "cus.tomer@penasons.example",
        "C2": None,
        "C3": "z@z.example",
        "C4": "ane.rios@penasons.example",
    }


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("C9: Hello.", "nobody is called 'C9'"),
        ("no colon here", "':' is missing"),
        ("C1: {{wish | Exports | Text.}}", "no type or theme"),
        ("C1: {{bug | Imports | Text.}}", "no type or theme"),
        ("C1: {{bug | Exports}}", "a brace is left over"),
    ],
)
def test_a_malformed_line_is_named(body: str, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        parsed(body)


@pytest.mark.parametrize(
    ("wrong", "right", "problem"),
    [
        ("title: A call\n", "", "'title' is missing"),
        ("minutes: 10", "minutes: ten", "no whole number"),
        ("starts: 09:30", "starts: 25:00", "09:30"),
        ("| vendor |", "| seller |", "side"),
        ("V1 = Vic Tor | vendor | Seller", "V1 = Vic Tor", "a name, a side"),
        ("kind: demo", "kind: demo\nlanguage: eo", "language"),
    ],
)
def test_a_malformed_header_is_named(wrong: str, right: str, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        parsed("V1: Hello.", HEAD.replace(wrong, right))


def test_a_theme_with_a_column_too_few_is_named() -> None:
    with pytest.raises(ConfigurationError, match="4 columns"):
        parse_company("name: X\ntheme = Exports | #123456 | file")


def test_filled_in_talk_takes_turns_and_mentions_the_details() -> None:
    filler = parse_filler(
        "== topic one\nA.\nB.\nC.\n== frames\nAbout {detail}.\nOn {detail}.\n== openers\nOkay.\nSure.\n"
    )
    talk = small_talk(parsed("V1: Hello."), filler)
    lines = [next(talk) for _ in range(8)]
    assert [line.speaker_id for line in lines] == ["V1", "C1"] * 4
    assert all("the Tuesday list" in line.text or "Bob" in line.text for line in lines[1::2])
    assert len({line.text for line in lines[1::2]}) == 4


def test_a_filler_file_that_runs_out_goes_round_again() -> None:
    talk = small_talk(
        parsed("V1: Hello."), parse_filler("== topic one\nA.\n== frames\nOn {detail}.\n== openers\nOkay.\n")
    )
    lines = [next(talk).text for _ in range(6)]
    assert lines[::2] == ["A."] * 3
    assert set(lines[1::2]) == {"Okay. On Bob.", "Okay. On the Tuesday list."}


def test_a_call_without_details_is_left_as_written() -> None:
    script = parsed("V1: Hello.\n...\nC1: Bye.", HEAD.replace("details: the Tuesday list; Bob\n", ""))
    assert list(small_talk(script, parse_filler("== topic one\nA.\n"))) == []
