"""`headway ingest` and the listings after it, over real HTTP and the real Dagster job."""

import csv
import io
import json
import os
import re
from datetime import UTC, datetime, timedelta

import pytest

from headway_pipeline.cli.output import plain
from headway_pipeline.model.workspaces import ConnectorHealth
from headway_pipeline.sandbox.exchange import html_reply, json_reply
from headway_pipeline_tests.cli.conftest import Headway
from headway_pipeline_tests.worlds import TODAY, Installation, sandbox_call, world

INGEST = ("ingest", "--workspace-id", "acme", "--days-back", "4")

RUN_FIELDS = {
    "listed", "new", "changed", "unchanged", "private", "awaiting_transcript", "transcribed", "not_relevant",
    "analysed", "quarantined", "requests", "health", "resume_at",
}  # fmt: skip
FEATURE_FIELDS = {
    "id", "type", "title", "description", "theme", "urgency", "urgency_reason", "sentiment", "sentiment_score",
    "confidence", "origin", "decisions", "message", "evidence",
}  # fmt: skip


def test_the_answer_in_json_has_the_fields_that_are_promised(headway: Headway, installation: Installation) -> None:
    said = headway(*INGEST, "--format", "json")
    assert said.code == 0, said.err
    answer = json.loads(said.out)
    assert set(answer) >= {"workspace", "since", "until", "sources", "features", "inbox", "model", "seconds"}
    gong = answer["sources"]["gong"]
    assert set(gong) >= RUN_FIELDS
    assert (gong["listed"], gong["new"], gong["analysed"], gong["health"]) == (3, 3, 3, "ok")
    paid = {"requests": 0, "cached": 0, "input_tokens": 0, "output_tokens": 0, "cost_usd": 0.0}
    assert answer["model"] == {"read_by": "offline", **paid}
    assert answer["features"] + answer["inbox"] == 3


def test_a_second_ingest_lists_and_does_nothing_else(headway: Headway, installation: Installation) -> None:
    headway(*INGEST)
    said = headway(*INGEST, "--format", "json")
    gong = json.loads(said.out)["sources"]["gong"]
    assert (gong["unchanged"], gong["new"], gong["analysed"]) == (3, 0, 3)


def test_features_come_with_their_quote_speaker_moment_and_link(headway: Headway, installation: Installation) -> None:
    headway(*INGEST)
    features = json.loads(headway("features", "--workspace-id", "acme", "--format", "json").out)
    assert len(features) == 3
    for feature in features:
        assert set(feature) == FEATURE_FIELDS
        assert set(feature["message"]) == {"source", "external_id", "title", "url", "occurred_at", "account"}
        (evidence,) = feature["evidence"]
        assert set(evidence) == {
            "segment_index", "char_start", "char_end", "quote", "speaker", "side", "start_ms", "url"
        }  # fmt: skip
        assert (evidence["speaker"], evidence["side"]) == ("Carl Customer", "customer")
        assert evidence["url"].startswith(feature["message"]["url"])


def test_the_tables_for_people_show_quote_and_speaker(headway: Headway, installation: Installation) -> None:
    headway(*INGEST)
    table = headway("features", "--workspace-id", "acme").out
    assert "Carl Customer" in table
    assert "“" in table
    assert "Check-in 1" in headway("messages", "--workspace-id", "acme").out
    status = headway("status", "--workspace-id", "acme")
    assert re.search(r"gong\s+analysed\s+3", status.out)
    assert json.loads(headway("status", "--workspace-id", "acme", "--format", "json").out)["workspace"] == "acme"


FILTERS = {
    ("--type", "feature_request"): 3,
    ("--type", "bug_report"): 0,
    ("--theme", "Exports"): 3,
    ("--source", "gong"): 3,
    ("--source", "fathom"): 0,
    ("--limit", "2"): 2,
    ("--since", "2999-01-01"): 0,
    ("--until", "2001-01-01"): 0,
}


def test_features_are_narrowed_by_every_filter(headway: Headway, installation: Installation) -> None:
    headway(*INGEST)
    found = {
        filters: len(json.loads(headway("features", "--workspace-id", "acme", *filters, "--format", "json").out))
        for filters in FILTERS
    }
    assert found == FILTERS


def test_messages_say_where_each_call_stands(headway: Headway, installation: Installation) -> None:
    headway(*INGEST, "--limit", "1")
    rows = json.loads(headway("messages", "--workspace-id", "acme", "--format", "json").out)
    assert [row["state"] for row in rows] == ["analysed", "listed", "listed"]
    assert set(rows[0]) == {"source", "external_id", "title", "occurred_at", "state", "reason"}
    assert rows[2]["reason"].startswith("limit: beyond --limit 1")
    listed = json.loads(headway("messages", "--workspace-id", "acme", "--state", "listed", "--format", "json").out)
    assert len(listed) == 2


def test_a_wrong_key_exits_with_one_and_says_which_source_why_and_what_to_do(
    headway: Headway, installation: Installation
) -> None:
    installation.reconnect(secret_key="wrong")
    said = headway(*INGEST, "--format", "json")
    assert said.code == 1
    assert json.loads(said.out)["sources"]["gong"]["health"] == "bad_credentials"
    assert "connector gong" in said.err
    assert "base URL" in said.err
    installation.reconnect()
    assert headway(*INGEST).code == 0


def test_a_host_that_is_not_gong_exits_with_one(headway: Headway, installation: Installation) -> None:
    installation.sandbox.faults.append(lambda _request: html_reply(200, "<html>Welcome</html>"))
    said = headway(*INGEST, "--format", "json")
    assert said.code == 1
    assert json.loads(said.out)["sources"]["gong"]["health"] == "wrong_host"


def test_a_source_that_asks_for_a_long_pause_exits_with_seventy_five(
    headway: Headway, installation: Installation
) -> None:
    installation.sandbox.faults.append(
        lambda _request: json_reply(429, {"errors": ["limit"]}, {"Retry-After": "20000"})
    )
    said = headway(*INGEST, "--format", "json")
    assert said.code == 75, said.err
    gong = json.loads(said.out)["sources"]["gong"]
    assert (gong["health"], bool(gong["resume_at"])) == ("paused_until", True)


def test_a_workspace_without_themes_is_listed_and_transcribed_and_told_what_to_do(
    headway: Headway, installation: Installation
) -> None:
    headway("theme", "archive", "--workspace-id", "acme", "Exports")
    said = headway(*INGEST)
    assert said.code == 1
    assert "headway theme add --workspace-id acme --name NAME" in said.err
    assert set(installation.states.values()) == {"transcribed"}
    headway("theme", "add", "--workspace-id", "acme", "--name", "Reports", "--description", "exports and schedules")
    assert headway(*INGEST).code == 0
    assert set(installation.states.values()) == {"analysed"}


def test_a_workspace_without_a_connector_is_told_so_for_nothing_can_be_listed(
    headway: Headway, installation: Installation
) -> None:
    said = headway(*INGEST, "--connector-type", "fathom")
    assert (said.code, "no active connector to Fathom (it has: gong)" in said.err) == (1, True)
    headway("connector", "disable", "--workspace-id", "acme", "gong")
    said = headway(*INGEST)
    assert said.code == 0
    assert "`headway connector add --workspace-id acme --type SOURCE` adds one" in said.err


def test_a_spreadsheet_is_given_what_a_terminal_has_no_room_for(headway: Headway, installation: Installation) -> None:
    headway(*INGEST)
    of_acme = ("--workspace-id", "acme", "--format")
    (first, *_) = json.loads(headway("features", *of_acme, "json").out)
    row = next(csv.DictReader(io.StringIO(headway("features", *of_acme, "csv").out)))
    assert (row["id"], row["theme"], row["type"]) == (first["id"], first["theme"], first["type"])
    assert (row["quote"], row["heard_at"]) == (first["evidence"][0]["quote"], first["evidence"][0]["url"])
    # No apostrophe before a number below 0.
    assert float(row["sentiment_score"]) == first["sentiment_score"]


def test_a_second_process_writing_is_one_line_and_nothing_is_lost(
    headway: Headway, installation: Installation
) -> None:
    with installation.store.leases.hold(installation.workspace.id, "another run"):
        said = headway(*INGEST)
        status = headway("status", "--workspace-id", "acme")
        writer = json.loads(headway("status", "--workspace-id", "acme", "--format", "json").out)["writer"]
    assert "written now by run another run, process" in status.err
    assert (writer["run"], writer["pid"]) == ("another run", os.getpid())
    assert said.code == 1
    assert [line for line in said.err.splitlines() if line.startswith("error: another process writes this workspace")]
    assert headway(*INGEST).code == 0


def test_checking_a_connector_says_what_it_sees(headway: Headway, installation: Installation) -> None:
    said = headway("connector", "check", "--workspace-id", "acme", "gong")
    assert (said.code, said.out.startswith("gong: ok.")) == (0, True)
    installation.reconnect(secret_key="wrong")
    failed = headway("connector", "check", "--workspace-id", "acme", "gong")
    assert failed.code == 1
    assert failed.out == ""


def test_dagsters_own_log_is_silent_unless_asked_for(headway: Headway, installation: Installation) -> None:
    assert "dagster" not in headway(*INGEST).err
    assert "STEP_SUCCESS" in headway(*INGEST, "--verbose").err


def test_a_title_that_a_spreadsheet_would_compute_becomes_text(headway: Headway, installation: Installation) -> None:
    evil = sandbox_call(1)
    evil = type(evil)(**{name: getattr(evil, name) for name in evil.__slots__} | {"title": "=HYPERLINK(1)\x1b[31m"})
    installation.sandbox.world = world(evil)
    headway(*INGEST)
    rows = list(csv.DictReader(io.StringIO(headway("messages", "--workspace-id", "acme", "--format", "csv").out)))
    assert rows[0]["title"].startswith("'=HYPERLINK")
    assert "\x1b" not in headway("messages", "--workspace-id", "acme").out


@pytest.mark.parametrize(
    ("text", "shown"), [("a\x1b[0mb", "a[0mb"), ("a\nb", "a b"), ("\u202etxt", "txt"), ("ñ👋", "ñ👋")]
)
def test_what_a_terminal_would_obey_is_taken_out(text: str, shown: str) -> None:
    assert plain(text) == shown


def test_what_is_listed_only_is_in_the_report(headway: Headway, installation: Installation) -> None:
    said = headway(*INGEST, "--limit", "1")
    assert "2 listed only, 1 analysed" in said.out


def test_one_paused_and_one_broken_connector_exit_with_one(headway: Headway, installation: Installation) -> None:
    from headway_pipeline.model.workspaces import Credentials

    installation.store.connectors.add(
        installation.workspace.id, "gong", name="zz broken", base_url=installation.sandbox.base_url,
        credentials=Credentials({"access_key": "the-access-key", "secret_key": "wrong"}),
    )  # fmt: skip
    paused = installation.store.connectors.find(installation.workspace.id, "gong")
    installation.store.connectors.record_health(
        paused.id, ConnectorHealth.PAUSED_UNTIL, resume_at=TODAY + timedelta(days=3)
    )
    assert headway(*INGEST).code == 1


def test_a_check_keeps_the_pause_a_source_asked_for(headway: Headway, installation: Installation) -> None:
    asks_for_a_pause = json_reply(429, {"errors": ["limit"]}, {"Retry-After": "20000"})
    installation.sandbox.faults.append(lambda _request: asks_for_a_pause)
    assert headway(*INGEST).code == 75
    installation.sandbox.faults.clear()
    made = len(installation.sandbox.requests)
    said = headway("connector", "check", "--workspace-id", "acme", "gong")
    assert said.code == 1
    assert "asked for a pause" in said.err
    assert len(installation.sandbox.requests) == made


def test_requests_of_a_check_count_against_the_days_budget(headway: Headway, installation: Installation) -> None:
    headway("connector", "check", "--workspace-id", "acme", "gong")
    connector = installation.store.connectors.find(installation.workspace.id, "gong")
    today = datetime.now(tz=UTC).date()
    assert installation.store.quotas.requests_on(connector.id, today) == len(installation.sandbox.requests)


def test_a_new_theme_tells_how_to_file_all_calls_again(headway: Headway, installation: Installation) -> None:
    headway(*INGEST)
    oldest = (TODAY - timedelta(days=3)).date()
    said = headway("theme", "add", "--workspace-id", "acme", "--name", "Weather")
    assert f"headway ingest --workspace-id acme --since {oldest}" in said.err


def test_g16_a_key_that_never_returned_a_call_is_a_warning_wherever_its_health_is_shown(
    headway: Headway, installation: Installation
) -> None:
    installation.sandbox.world = world()
    installation.sandbox.faults.append(
        lambda request: json_reply(404, {"errors": ["No calls found corresponding to the provided filters"]})
    )
    said = headway(*INGEST)
    assert said.code == 0, said.err
    assert "gong: 0 listed, 0 new, 0 changed, 0 unchanged; 1 requests; sees nothing" in said.out
    assert "warning: gong: sees nothing: the credentials work, but have never shown a call" in said.err
    assert said.err.count("never shown a call") == 1
    assert "sees nothing" in headway("status", "--workspace-id", "acme").out
    listed = json.loads(headway("connector", "list", "--workspace-id", "acme", "--format", "json").out)
    assert (listed[0]["health"], listed[0]["health_words"]) == ("sees_nothing", "sees nothing")
    checked = headway("connector", "check", "--workspace-id", "acme", "gong")
    assert checked.out.startswith("gong: sees nothing.")
    assert "warning: gong: the credentials work" in checked.err


def test_what_a_person_must_mend_is_said_once(headway: Headway, installation: Installation) -> None:
    """The checks of the page say the same; here it stood three times."""
    installation.sandbox.faults.append(lambda _request: json_reply(401, {"errors": ["who are you"]}))
    said = headway(*INGEST)
    assert (said.code, said.err.count("gong answers 401")) == (1, 1), said.err
