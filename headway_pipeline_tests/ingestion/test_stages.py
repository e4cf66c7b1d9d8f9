"""The five stages over a scripted source and analyst, on both databases."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from headway_pipeline.ingestion.completeness import incomplete_days
from headway_pipeline.ingestion.extraction import extract_features
from headway_pipeline.ingestion.filing import file_features
from headway_pipeline.ingestion.hydration import fetch_transcripts
from headway_pipeline.ingestion.listing import list_calls
from headway_pipeline.ingestion.relevance import score_relevance
from headway_pipeline.ingestion.run import Run, StageReport
from headway_pipeline.model.calls import Transcript
from headway_pipeline.model.errors import (
    BadCredentialsError,
    CursorExpiredError,
    RateLimitedError,
    SourceContractError,
    SourceError,
    TransientSourceError,
    WorkspaceBusyError,
)
from headway_pipeline.model.windows import TimeWindow
from headway_pipeline.model.workspaces import ConnectorHealth, Credentials
from headway_pipeline.sources.contract import Absence, BadRecord, Page
from headway_pipeline.store import Store
from headway_pipeline_tests.ingestion.fakes import ASK, AT, NOW, SPEECH, Bench, FakeSource, bench, call, transcript

STAGES = (list_calls, fetch_transcripts, score_relevance, extract_features, file_features)


def ingest(at: Bench, run: Run | None = None) -> dict[str, int]:
    """All stages; what they counted, over all days."""
    run = run or at.run
    counted: Counter[str] = Counter()
    with at.store.leases.hold(at.workspace.id, run.id) as lease:
        for stage in STAGES:
            for (_day, _source, what), number in stage(run, at.part(), lease).counts.items():
                counted[what] += number
    return dict(counted)


def list_only(at: Bench) -> StageReport:
    with at.store.leases.hold(at.workspace.id, at.run.id) as lease:
        return list_calls(at.run, at.part(), lease)


def health(at: Bench) -> ConnectorHealth:
    return at.store.connectors.list(at.workspace.id)[0].health


def failing(error: SourceError, *numbers: int):  # type: ignore[no-untyped-def]
    """Raise at the requests of these numbers; at all of them, for none."""

    def before(number: int) -> None:
        if not numbers or number in numbers:
            raise error

    return before


def test_every_listed_call_ends_filed_with_its_quote(store: Store) -> None:
    at = bench(store, *(call(str(n), days_ago=n) for n in range(5)))
    ingest(at)
    assert at.states == dict.fromkeys("01234", "analysed")
    found = store.reading.features(at.workspace.id)
    assert len(found) == 5
    assert {row.evidence[0].quote for row in found} == {ASK}
    assert health(at) == ConnectorHealth.OK
    assert incomplete_days(at.run, at.part()) == []


def test_a_second_run_costs_its_listing_and_asks_for_nothing_else(store: Store) -> None:
    at = bench(store, *(call(str(n), days_ago=n) for n in range(5)))
    first = ingest(at)
    hydrated, asked = len(at.script.hydrated), len(at.analyst.asked)
    second = ingest(at)
    assert (first["new"], second["unchanged"]) == (5, 5)
    assert (len(at.script.hydrated), len(at.analyst.asked)) == (hydrated, asked)


def test_all_pages_are_walked_and_transcripts_come_in_batches(store: Store) -> None:
    at = bench(store, *(call(str(n), hour=n) for n in range(7)))
    ingest(at)
    assert [token for _, token in at.script.listed] == [None, "2", "4", "6"]
    assert [len(ids) for ids in at.script.hydrated] == [3, 3, 1]


def test_g22_the_window_never_reaches_past_the_start_of_the_run_and_never_moves(store: Store) -> None:
    at = bench(store, *(call(str(n), hour=n) for n in range(7)))
    at.script.before_list = lambda _number: at.clock.sleep(60)
    list_only(at)
    windows = {window for window, _ in at.script.listed}
    assert {window.end for window in windows} == {NOW}
    assert all(window.end - window.start <= timedelta(days=7) for window in windows)


def test_g3_an_expired_page_token_starts_the_window_again_without_duplicates(store: Store) -> None:
    at = bench(store, *(call(str(n), hour=n) for n in range(5)))
    at.script.before_list = failing(CursorExpiredError("expired", at=AT), 2)
    report = list_only(at)
    assert report.troubles == []
    assert len(at.states) == 5
    assert report.on(NOW.date())["fake"]["listed"] == 5


def test_a_token_that_always_expires_ends_the_connectors_work(store: Store) -> None:
    at = bench(store, *(call(str(n), hour=n) for n in range(5)))
    at.script.before_list = lambda number: (
        failing(CursorExpiredError("expired", at=AT))(0) if number % 2 == 0 else None
    )
    report = list_only(at)
    assert len(report.troubles) == 1
    assert len(at.script.listed) == 8


def test_g2_a_listing_that_never_ends_is_stopped(store: Store) -> None:
    """A cursor sent in the wrong place returns the first page for ever."""
    at = bench(store, *(call(str(n), hour=n) for n in range(5)))
    kind = at.run.sources["fake"]
    original = kind.list
    looping = type("Looping", (kind,), {"list": lambda self, window, token: original(self, window, None)})
    at.run = at.with_run(sources={"fake": looping})
    report = list_only(at)
    assert "does not end" in report.troubles[0].words
    assert len(at.script.listed) == 2


def test_g2_new_tokens_over_calls_that_are_all_known_are_stopped(store: Store) -> None:
    at = bench(store, *(call(str(n), hour=n) for n in range(5)))
    kind = at.run.sources["fake"]
    original = kind.list

    def turning(self: FakeSource, window: TimeWindow, token: str | None) -> Page:
        page = original(self, window, None)
        return Page(page.calls, f"{len(self.script.listed)}")

    at.run = at.with_run(sources={"fake": type("Turning", (kind,), {"list": turning})})
    report = list_only(at)
    assert "only calls of earlier pages" in report.troubles[0].words
    assert len(at.script.listed) == 2


def test_transient_failures_are_tried_again_with_growing_waits(store: Store) -> None:
    at = bench(store, call("1"))
    at.script.before_list = failing(TransientSourceError("reset", at=AT), 1, 2)
    assert list_only(at).troubles == []
    waits = [seconds for seconds in at.clock.slept if seconds > 0.01]
    assert waits == [0.375, 0.75]


def test_g8_a_source_that_stays_down_fails_its_days_and_nothing_is_lost(store: Store) -> None:
    at = bench(store, call("1"))
    ingest(at)
    at.script.before_list = failing(TransientSourceError("reset", "try later", at=AT))
    report = list_only(at)
    assert report.troubles[0].code == "unreachable"
    assert health(at) == ConnectorHealth.UNREACHABLE
    assert [found.day for found in incomplete_days(at.run, at.part())] == sorted(at.part().days)
    assert at.states == {"1": "analysed"}


def test_g19_a_short_wait_is_kept_to_the_second_and_a_long_one_pauses_the_connector(store: Store) -> None:
    at = bench(store, call("1"))
    at.script.before_list = failing(RateLimitedError("slow down", at=AT, retry_after_s=20), 1)
    assert list_only(at).troubles == []
    assert 20 in at.clock.slept
    at.script.before_list = failing(RateLimitedError("day is spent", at=AT, retry_after_s=20_000))
    report = list_only(at)
    connector = store.connectors.list(at.workspace.id)[0]
    assert connector.health == ConnectorHealth.PAUSED_UNTIL
    assert connector.resume_at == at.clock.now + timedelta(seconds=20_000)
    assert report.troubles[0].resume_at == connector.resume_at


def test_g19_no_request_is_made_before_a_paused_connector_may_go_on(store: Store) -> None:
    at = bench(store, call("1"))
    at.script.before_list = failing(RateLimitedError("day is spent", at=AT, retry_after_s=20_000))
    list_only(at)
    at.script.before_list = lambda _number: None
    made = len(at.script.listed)
    assert list_only(at).troubles[0].code == "paused_until"
    assert len(at.script.listed) == made
    at.clock.now += timedelta(seconds=20_001)
    assert list_only(at).troubles == []
    assert at.states == {"1": "listed"}


def test_wrong_credentials_are_not_tried_again(store: Store) -> None:
    at = bench(store, call("1"))
    at.script.before_list = failing(BadCredentialsError("401", "mend the key", at=AT))
    report = list_only(at)
    assert len(at.script.listed) == 1
    assert (report.troubles[0].code, health(at)) == ("bad_credentials", ConnectorHealth.BAD_CREDENTIALS)
    assert "mend the key" in report.troubles[0].words


def test_one_failing_connector_does_not_stop_the_other(store: Store) -> None:
    at = bench(store, call("1"))
    store.connectors.add(at.workspace.id, "fake", name="another", credentials=Credentials({"api_token": "t"}))
    at.script.before_list = failing(BadCredentialsError("401", at=AT), 1)
    counted = ingest(at)
    assert counted["analysed"] == 1
    assert len(incomplete_days(at.run, at.part())) == 7


def test_a_day_that_was_listed_before_the_failure_stays_complete(store: Store) -> None:
    at = bench(store, call("old", days_ago=9), call("new"))
    at.script.before_list = failing(SourceContractError("odd answer", at=AT), 2)
    with store.leases.hold(at.workspace.id, "r") as lease:
        list_calls(at.run, at.part(days_back=9), lease)
    incomplete = {found.day for found in incomplete_days(at.run, at.part(days_back=9))}
    assert NOW.date() in incomplete
    assert (NOW - timedelta(days=9)).date() not in incomplete
    assert at.states == {"old": "listed"}


def test_a_transcript_that_is_not_there_yet_is_asked_for_again_until_it_is_given_up(store: Store) -> None:
    at = bench(store, call("1"))
    at.script.absent["1"] = Absence.NOT_READY
    ingest(at)
    assert at.states == {"1": "awaiting_transcript"}
    assert at.reasons["1"] == "not_ready: the source has no transcript of this call yet"
    at.clock.now += timedelta(days=8)
    ingest(at)
    assert at.states == {"1": "no_transcript"}
    assert str(at.reasons["1"]).startswith("gave_up")


def test_a_late_transcript_is_read_once_it_comes(store: Store) -> None:
    at = bench(store, call("1"))
    at.script.absent["1"] = Absence.NOT_READY
    ingest(at)
    del at.script.absent["1"]
    at.clock.now += timedelta(hours=2)
    ingest(at)
    assert at.states == {"1": "analysed"}
    assert at.analyst.asked.count("extraction") == 1


def test_a_forbidden_transcript_ends_visibly(store: Store) -> None:
    at = bench(store, call("1"))
    at.script.absent["1"] = Absence.FORBIDDEN
    ingest(at)
    assert at.states == {"1": "forbidden"}
    assert at.reasons["1"] == "refused: says the script"


@pytest.mark.parametrize("refused", ["t", "u"])
def test_f1_a_call_whose_words_one_key_may_not_have_is_read_through_the_other(store: Store, refused: str) -> None:
    """The key that lists a call last need not be the one that may read it."""
    at = bench(store, call("1"))
    store.connectors.add(at.workspace.id, "fake", name="second", credentials=Credentials({"api_token": "u"}))
    at.script.refused[refused] = {"1"}
    ingest(at)
    assert at.states == {"1": "analysed"}


def test_f1_a_call_that_no_key_may_read_is_forbidden(store: Store) -> None:
    at = bench(store, call("1"))
    store.connectors.add(at.workspace.id, "fake", name="second", credentials=Credentials({"api_token": "u"}))
    at.script.refused = {"t": {"1"}, "u": {"1"}}
    assert ingest(at)["forbidden"] == 1
    assert at.states == {"1": "forbidden"}
    assert at.script.hydrated == [["1"], ["1"]]


def test_f1_what_a_failing_connector_did_not_bring_is_asked_of_the_other(
    store: Store,
) -> None:
    at = bench(store, *(call(str(n), hour=n) for n in range(5)))
    store.connectors.add(at.workspace.id, "fake", name="second", credentials=Credentials({"api_token": "u"}))
    at.script.before_hydrate = failing(BadCredentialsError("401", "mend the key", at=AT), 2)
    ingest(at)
    assert Counter(at.states.values()) == {"analysed": 5}
    assert "bad_credentials" in {found.health.value for found in store.connectors.list(at.workspace.id)}


def test_calls_whose_transcripts_the_source_failed_to_give_wait_and_say_so(store: Store) -> None:
    at = bench(store, *(call(str(n), hour=n) for n in range(5)))
    at.script.before_hydrate = failing(BadCredentialsError("401", "mend the key", at=AT), 2)
    ingest(at)
    assert Counter(at.states.values()) == {"analysed": 3, "listed": 2}
    assert [found.day for found in incomplete_days(at.run, at.part())] == [NOW.date()]
    ingest(at)
    assert Counter(at.states.values()) == {"analysed": 5}
    assert incomplete_days(at.run, at.part()) == []


def test_a_limit_takes_the_newest_and_the_rest_waits_and_says_so(store: Store) -> None:
    at = bench(store, *(call(str(n), days_ago=n) for n in range(5)))
    ingest(at, at.with_run(limit=2))
    assert at.states == {"0": "analysed", "1": "analysed", "2": "listed", "3": "listed", "4": "listed"}
    assert str(at.reasons["4"]).startswith("limit: beyond --limit 2")
    assert incomplete_days(at.run, at.part()) == []
    ingest(at)
    assert set(at.states.values()) == {"analysed"}
    assert set(at.reasons.values()) == {None}


def test_another_connector_type_is_left_alone(store: Store) -> None:
    at = bench(store, call("1"))
    assert ingest(at, at.with_run(connector_type="gong")) == {}
    assert at.states == {}


def test_without_themes_calls_are_transcribed_and_wait_and_the_words_say_what_to_do(store: Store) -> None:
    at = bench(store, call("1"))
    store.themes.archive(store.themes.current(at.workspace.id)[0].id)
    ingest(at)
    assert at.states == {"1": "transcribed"}
    (incomplete,) = incomplete_days(at.run, at.part())
    assert "headway theme add --workspace-id acme" in incomplete.reasons[0]
    store.themes.add(at.workspace.id, "Schedules")
    ingest(at)
    assert at.states == {"1": "analysed"}
    assert incomplete_days(at.run, at.part()) == []


def test_an_off_topic_call_is_not_read_and_a_new_theme_judges_it_again(store: Store) -> None:
    at = bench(store, call("1"), call("2"))
    at.script.speech["2"] = "We only talked about the weather and the holidays in the mountains today. " * 4
    ingest(at)
    assert at.states == {"1": "analysed", "2": "not_relevant"}
    asked = Counter(at.analyst.asked)
    store.themes.add(at.workspace.id, "Weather")
    ingest(at)
    again = Counter(at.analyst.asked) - asked
    assert again == {"relevance": 1, "matching": 1}


def test_a_call_the_analyst_fails_on_is_set_aside_and_the_rest_goes_on(store: Store) -> None:
    at = bench(store, call("1"), call("2"))
    at.script.speech["2"] = SPEECH + " poison"
    at.analyst.fails_on = "poison"
    counted = ingest(at)
    assert at.states == {"1": "analysed", "2": "quarantined"}
    assert at.reasons["2"] == "analysis_failed: the analyst choked: try again"
    assert counted["quarantined"] == 1
    ingest(at)
    assert at.analyst.asked.count("relevance") == 2
    at.analyst.fails_on = None
    at.clock.now += timedelta(minutes=16)
    ingest(at)
    assert at.states == {"1": "analysed", "2": "analysed"}


def test_a_defect_of_the_analyst_costs_one_call_and_says_its_kind_without_speech(store: Store) -> None:
    at = bench(store, call("1"), call("2"))
    at.script.speech["2"] = SPEECH + " poison"
    original = at.analyst.extract

    def broken(transcript):  # type: ignore[no-untyped-def]
        if "poison" in transcript.segments[0].text:
            raise ZeroDivisionError("poison: private words")
        return original(transcript)

    at.analyst.extract = broken  # type: ignore[method-assign]
    ingest(at)
    assert at.states == {"1": "analysed", "2": "quarantined"}
    assert at.reasons["2"] == "analysis_failed: unexpected ZeroDivisionError; the log has the trace"


def test_what_the_analyst_invents_is_refused_and_counted_and_the_call_is_analysed(store: Store) -> None:
    at = bench(store, call("1"))
    at.analyst.quote = "we will leave for a competitor next week if this goes on"
    counted = ingest(at)
    assert (counted["refused"], counted.get("grounded", 0)) == (1, 0)
    assert at.states == {"1": "analysed"}
    assert store.reading.features(at.workspace.id) == []


def test_a_record_without_usable_form_is_counted_and_set_aside(store: Store) -> None:
    at = bench(store, call("1"))
    at.script.bad_records = (BadRecord("2", "no start time", {"id": "2"}), BadRecord(None, "no id", {"x": 1}))
    counted = ingest(at)
    assert counted["bad_records"] == 2
    (nameless,) = [name for name in at.states if name.startswith("unidentified-")]
    assert at.states == {"1": "analysed", "2": "quarantined", nameless: "quarantined"}
    assert at.reasons["2"] == "bad_record: no start time"
    assert store.audit.unbalanced_listings(at.workspace.id, None) == []


def test_the_ledger_balances_when_a_good_call_turns_bad(store: Store) -> None:
    at = bench(store, call("1"))
    ingest(at)
    at.script.calls, at.script.bad_records = [], (BadRecord("1", "no start time", {"id": "1"}),)
    ingest(at)
    assert at.states == {"1": "analysed"}
    assert store.audit.unbalanced_listings(at.workspace.id, None) == []


def test_a_connector_that_never_showed_a_call_is_worth_a_look(store: Store) -> None:
    at = bench(store)
    list_only(at)
    assert health(at) == ConnectorHealth.SEES_NOTHING


def test_credentials_of_the_environment_are_named_when_they_are_missing(store: Store) -> None:
    at = bench(store, call("1"))
    store.connectors.disable(store.connectors.list(at.workspace.id)[0].id)
    store.connectors.add(at.workspace.id, "fake", name="env", uses_environment=True)
    report = list_only(at)
    assert "FAKE_API_TOKEN not set" in report.troubles[0].words
    at.run = at.with_run(environment={"FAKE_API_TOKEN": "t"})
    assert list_only(at).troubles == []


def test_a_run_that_lost_its_lease_stops_and_is_not_taken_for_a_failing_call(store: Store) -> None:
    at = bench(store, call("1"))
    with store.leases.hold(at.workspace.id, "run-1") as lease:
        list_calls(at.run, at.part(), lease)
        fetch_transcripts(at.run, at.part(), lease)
        with store.leases.hold(at.workspace.id, "run-1"), pytest.raises(WorkspaceBusyError):
            score_relevance(at.run, at.part(), lease)
    assert at.states == {"1": "transcribed"}


def test_a_failure_that_is_over_leaves_no_day_red(store: Store) -> None:
    at = bench(store, call("1"))
    ingest(at)
    at.script.calls = [call("1", content_hash="v2")]
    at.script.before_hydrate = failing(BadCredentialsError("401", "mend the key", at=AT))
    ingest(at)
    (incomplete,) = incomplete_days(at.run, at.part())
    assert incomplete.day == NOW.date()
    assert at.states == {"1": "analysed"}
    at.script.before_hydrate = lambda _number: None
    ingest(at)
    assert incomplete_days(at.run, at.part()) == []
    assert at.reasons == {"1": None}


def test_calls_of_a_disabled_connector_do_not_keep_a_day_red(store: Store) -> None:
    at = bench(store, call("1"))
    at.script.before_hydrate = failing(BadCredentialsError("401", "mend the key", at=AT))
    ingest(at)
    assert len(incomplete_days(at.run, at.part())) == 1
    store.connectors.disable(store.connectors.list(at.workspace.id)[0].id)
    assert incomplete_days(at.run, at.part()) == []


def test_a_call_the_source_cannot_answer_for_is_set_aside_and_the_others_come(store: Store) -> None:
    """A batch that fails must not block the older calls behind it for ever."""
    at = bench(store, *(call(str(n), hour=n) for n in range(9)))
    kind = at.run.sources["fake"]
    original = kind.hydrate

    def hydrate(self, refs):  # type: ignore[no-untyped-def]
        if any(ref.external_id == "7" for ref in refs):
            raise SourceContractError("odd answer", at=AT)
        return original(self, refs)

    at.run = at.with_run(sources={"fake": type("Odd", (kind,), {"hydrate": hydrate})})
    ingest(at)
    assert Counter(at.states.values()) == {"analysed": 8, "quarantined": 1}
    assert at.reasons["7"] == "bad_record: odd answer"


def test_a_source_that_answers_for_no_call_is_taken_for_changed_not_its_calls(store: Store) -> None:
    at = bench(store, *(call(str(n), hour=n) for n in range(12)))
    at.script.before_hydrate = failing(SourceContractError("odd answer", at=AT))
    ingest(at)
    assert Counter(at.states.values()) == {"quarantined": 6, "listed": 6}
    assert health(at) == ConnectorHealth.DRIFTING


def test_a_token_that_expires_while_transcripts_come_is_tried_once_more(store: Store) -> None:
    at = bench(store, call("1"))
    at.script.before_hydrate = failing(CursorExpiredError("expired", at=AT), 1)
    ingest(at)
    assert at.states == {"1": "analysed"}


def test_a_transcript_that_was_just_missing_is_not_asked_for_within_the_hour(store: Store) -> None:
    at = bench(store, call("1"))
    at.script.absent["1"] = Absence.NOT_READY
    ingest(at)
    ingest(at)
    assert len(at.script.hydrated) == 1
    at.clock.now += timedelta(hours=1)
    ingest(at)
    assert len(at.script.hydrated) == 2


def test_a_connector_that_once_showed_calls_does_not_see_nothing_on_a_quiet_day(store: Store) -> None:
    at = bench(store, call("1"))
    list_only(at)
    at.script.before_list = failing(TransientSourceError("reset", at=AT))
    list_only(at)
    at.script.before_list, at.script.calls = lambda _number: None, []
    list_only(at)
    assert health(at) == ConnectorHealth.OK


def test_what_the_log_says_of_a_defect_quotes_nothing(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    at = bench(store, call("1"))

    def broken(transcript):  # type: ignore[no-untyped-def]
        raise ValueError(transcript.segments[0].text)

    at.analyst.extract = broken  # type: ignore[method-assign]
    ingest(at)
    assert "ValueError" in caplog.text
    assert ASK not in caplog.text


def test_f4_a_transcript_is_asked_for_ever_less_often_and_one_that_comes_late_is_read(store: Store) -> None:
    at = bench(store, call("1"))
    at.script.absent["1"] = Absence.NOT_READY
    asked: list[float] = []
    for quarter in range(4 * 24):
        ingest(at)
        if len(at.script.hydrated) > len(asked):
            asked.append(quarter / 4)
        at.pass_by(minutes=15)
    assert asked == [0, 0.25, 1.25, 4.25, 10.25, 22.25]
    del at.script.absent["1"]
    at.pass_by(hours=24)
    ingest(at)
    assert at.states == {"1": "analysed"}


def test_g5_a_transcript_that_was_given_up_is_welcome_later(store: Store) -> None:
    at = bench(store, call("1"))
    at.script.absent["1"] = Absence.NOT_READY
    at.pass_by(days=8)
    ingest(at)
    assert at.states == {"1": "no_transcript"}
    del at.script.absent["1"]
    asked = len(at.script.hydrated)
    at.pass_by(days=6)
    ingest(at)
    assert len(at.script.hydrated) == asked, "a call that was given up is not asked for at every run"
    at.pass_by(days=1)
    ingest(at)
    assert at.states == {"1": "analysed"}


def test_a_call_that_was_given_up_and_then_changed_is_asked_for_at_once(store: Store) -> None:
    at = bench(store, call("1"))
    at.script.absent["1"] = Absence.NOT_READY
    at.pass_by(days=8)
    with store.leases.hold(at.workspace.id, "r") as lease:
        list_calls(at.run, at.part(14), lease)
    ingest(at)
    assert at.states == {"1": "no_transcript"}
    at.script.calls, at.script.absent = [call("1", content_hash="v2")], {}
    with store.leases.hold(at.workspace.id, "r") as lease:
        list_calls(at.run, at.part(14), lease)
    assert at.states == {"1": "awaiting_transcript"}
    ingest(at)
    assert at.states == {"1": "analysed"}


def test_a_call_that_changed_keeps_its_words_while_the_source_has_no_new_ones(store: Store) -> None:
    at = bench(store, call("1"))
    ingest(at)
    at.script.calls, at.script.absent["1"] = [call("1", content_hash="v2")], Absence.NOT_READY
    asked = len(at.script.hydrated)
    for _hour in range(3):
        ingest(at)
        at.pass_by(hours=1)
    assert at.states == {"1": "analysed"}
    assert len(at.script.hydrated) == asked + 1
    del at.script.absent["1"]
    at.pass_by(hours=12)
    ingest(at)
    assert len(at.script.hydrated) == asked + 2
    assert store.transcripts.awaiting(at.workspace.id, at.part().days, at.clock.now) == []


def test_transcripts_are_recorded_as_they_come_and_a_batch_that_breaks_off_is_asked_for_the_rest(
    store: Store,
) -> None:
    at = bench(store, *(call(str(n), hour=n) for n in range(3)))
    seen: list[int] = []
    kind = at.run.sources["fake"]
    original = kind.hydrate

    def breaking(self, refs):  # type: ignore[no-untyped-def]
        for number, answer in enumerate(original(self, refs)):
            seen.append(sum(state == "transcribed" for state in at.states.values()))
            if len(seen) == 2:
                raise TransientSourceError("reset", at=AT)
            assert number < 3
            yield answer

    at.run = at.with_run(sources={"fake": type("Breaking", (kind,), {"hydrate": breaking})})
    with store.leases.hold(at.workspace.id, "r") as lease:
        list_calls(at.run, at.part(), lease)
        assert fetch_transcripts(at.run, at.part(), lease).troubles == []
    assert set(at.states.values()) == {"transcribed"}
    assert [sorted(ids) for ids in at.script.hydrated] == [["0", "1", "2"], ["0", "1"]]
    assert seen == [0, 1, 1, 2]


def test_a_call_that_is_odd_after_a_change_keeps_what_was_read_in_it(store: Store) -> None:
    at = bench(store, call("1"))
    ingest(at)
    at.script.calls = [call("1", content_hash="v2")]
    at.script.before_hydrate = failing(SourceContractError("no transcript in it", at=AT))
    ingest(at)
    assert at.states == {"1": "analysed"}
    at.script.before_hydrate = lambda _number: None
    at.pass_by(hours=25)
    ingest(at)
    assert store.transcripts.awaiting(at.workspace.id, at.part().days, at.clock.now) == []


def test_a_turn_that_a_source_gives_twice_is_stored_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be read, and paid for, twice, and `no_duplicate_segments` would stop its workspace for ever."""
    said = transcript(SPEECH).segments[0]
    monkeypatch.setattr(
        "headway_pipeline_tests.ingestion.fakes.transcript", lambda _text: Transcript((said, replace(said, index=1)))
    )
    at = bench(store, call("1"))
    ingest(at)
    assert at.states == {"1": "analysed"}
    assert store.audit.repeated_segments(at.workspace.id, None) == []
