"""What anybody of a workspace reads: messages, transcripts, features, the inbox, counts, files, status."""

import csv
import io
import json
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from fastapi.testclient import TestClient

from headway_pipeline.model.access import Role
from headway_pipeline.model.ledger import Reason, ReasonCode
from headway_pipeline.store import Store
from headway_pipeline_tests.store.filed import Desk, desk, one_item
from headway_pipeline_tests.store.rows import NOW, SPEECH, call, item, lease

Clients = Callable[..., TestClient]
ROOT = "/api/v1/workspaces/acme"


@pytest.fixture
def at(store: Store) -> Desk:
    return desk(store)


@pytest.fixture
def viewer(at: Desk, client_of: Clients) -> TestClient:
    return client_of(at.at.workspace, Role.VIEWER)


def read(client: TestClient, path: str, **query: Any) -> Any:
    answer = client.get(ROOT + path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_feature_comes_with_its_quote_speaker_moment_link_and_call(at: Desk, viewer: TestClient) -> None:
    key = one_item(at)
    at.file(at.exports)
    (shown,) = read(viewer, "/features")["items"]
    assert (shown["id"], shown["theme"], shown["type"]) == (str(key), "Exports", "pain_point")
    assert shown["best_themes"][0] == {"theme_id": str(at.exports), "theme": "Exports", "score": 0.8}
    (evidence,) = shown["evidence"]
    assert (evidence["quote"], evidence["speaker"], evidence["start_ms"]) == (SPEECH[:40], "Rosa", 0)
    assert evidence["url"].startswith("https://calls.example/700")
    assert shown["message"]["external_id"] == "700"
    assert shown == read(viewer, f"/features/{key}")
    assert read(viewer, "/inbox")["items"] == []


def test_pages_follow_one_another_by_next_and_by_the_link_header(at: Desk, viewer: TestClient) -> None:
    keys = {str(one_item(at, f"c{number}", hours=number)) for number in range(5)}
    at.file(None)
    seen: list[str] = []
    address = f"{ROOT}/inbox?limit=2"
    for _ in range(3):
        answer = viewer.get(address)
        seen += [row["id"] for row in answer.json()["items"]]
        if answer.json()["next"] is None:
            assert "link" not in answer.headers
            break
        address = answer.links["next"]["url"]
        assert f"cursor={answer.json()['next']}" in address
        assert "limit=2" in address
    assert (len(seen), set(seen)) == (5, keys)


@pytest.mark.parametrize("cursor", ["AAAA", "", "1-2", f"{'9' * 18}-{'0' * 32}", f"-1-{'0' * 32}", f"1-{'0' * 32}\n"])
def test_a_cursor_that_is_none_of_ours_is_refused(at: Desk, viewer: TestClient, cursor: str) -> None:
    one_item(at)
    for listing in ("features", "inbox", "messages"):
        answer = viewer.get(f"{ROOT}/{listing}", params={"cursor": cursor})
        assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")


@pytest.mark.parametrize("cursor", [f"0-{'f' * 32}", f"{'9' * 17}-{'0' * 32}"])
def test_whatever_has_the_form_of_a_cursor_is_a_place_in_the_listing(
    at: Desk, viewer: TestClient, cursor: str
) -> None:
    one_item(at)
    found = [len(read(viewer, listing, cursor=cursor)["items"]) for listing in ("/inbox", "/messages")]
    assert found == ([0, 0] if cursor.startswith("0") else [1, 1])


@pytest.mark.parametrize(
    "query",
    [
        "limit=0", "limit=201", "type=wish", "urgency=very", "confidence=1.1", "confidence=nan", "since=2026-13-01",
        "since=1764547200", "since=2026-11-20T00:00:00", "theme_id=x", "decided=perhaps", "text=", "text=%00",
        "account=%0a", "connector_id=1", "source=Gong!",
    ],
)  # fmt: skip
def test_a_filter_that_means_nothing_is_refused(viewer: TestClient, query: str) -> None:
    assert viewer.get(f"{ROOT}/features?{query}").status_code == 422


def test_filters_narrow_what_is_listed_counted_and_exported(at: Desk, viewer: TestClient) -> None:
    (first,) = at.read(replace(call(), account="Globex"), item(SPEECH[:40]))
    (second,) = at.read(replace(call("701", hours=-48), account="Initech"), item(SPEECH[50:90], char_start=50))
    at.file({first: at.exports, second: at.billing})
    for query in (
        {"account": "Globex"},
        {"since": "2026-11-20", "until": "9999-12-31"},
        {"theme_id": [str(at.exports), str(uuid.uuid4())]},
        {"text": SPEECH[:30].upper()},
        {"message_id": read(viewer, "/messages", account="Globex")["items"][0]["id"]},
    ):
        assert [row["id"] for row in read(viewer, "/features", **query)["items"]] == [str(first)], query
        assert read(viewer, "/features/summary", **query)["by_theme"] == [
            {"theme_id": str(at.exports), "theme": "Exports", "features": 1}
        ]
        assert [row["account"] for row in read(viewer, "/accounts", **query)["items"]] == ["Globex"]
        table = viewer.get(f"{ROOT}/features/export", params=query).text
        # A spreadsheet takes a file without the mark for one of its own country's letters.
        assert table.startswith("\ufeff")
        assert [row["id"] for row in csv.DictReader(io.StringIO(table[1:]))] == [str(first)]
    assert read(viewer, "/features", source="fathom", urgency=["low", "medium"])["items"] == []


def test_a_summary_counts_by_theme_kind_urgency_tone_and_week(at: Desk, viewer: TestClient) -> None:
    one_item(at)
    at.file(at.exports)
    found = read(viewer, "/features/summary")
    assert (found["features"], found["calls"], found["accounts"]) == (1, 1, 0)
    assert found["by_type"] == [{"type": "pain_point", "features": 1}]
    assert found["by_week"] == [{"week": "2026-11-16", "features": 1}]


def test_a_message_its_transcript_and_the_reason_why_there_is_none(at: Desk, viewer: TestClient) -> None:
    one_item(at)
    (shown,) = read(viewer, "/messages", state=["analysed", "listed"])["items"]
    assert shown == read(viewer, f"/messages/{shown['id']}")
    assert (shown["state"], shown["title"]) == ("analysed", "Weekly sync")
    words = read(viewer, f"/messages/{shown['id']}/transcript")
    assert words["segments"][0]["text"] == SPEECH
    assert words["segments"][0]["url"].startswith("https://calls.example/700")
    missing = viewer.get(f"{ROOT}/messages/{uuid.uuid4()}/transcript")
    assert (missing.status_code, missing.json()["type"]) == (404, "/problems/not-found")


def test_cells_that_a_spreadsheet_would_compute_are_words_in_a_table(at: Desk, viewer: TestClient) -> None:
    formula = replace(item(SPEECH[:40]), title='=HYPERLINK("https://evil.example")', description="-1+2")
    at.read(replace(call(), title="@SUM(A1)", account="+49"), formula)
    at.file(at.exports)
    (row,) = csv.DictReader(io.StringIO(viewer.get(f"{ROOT}/features/export").text))
    assert (row["title"], row["description"]) == ('\'=HYPERLINK("https://evil.example")', "'-1+2")
    assert (row["call"], row["account"], row["sentiment_score"]) == ("'@SUM(A1)", "'+49", "-0.4")
    (message,) = csv.DictReader(io.StringIO(viewer.get(f"{ROOT}/messages/export").text))
    assert message["title"] == "'@SUM(A1)"


def test_an_export_holds_every_row_in_the_form_of_the_listing(at: Desk, viewer: TestClient) -> None:
    for number in range(3):
        one_item(at, f"c{number}", hours=number)
    at.file(None)
    answer = viewer.get(f"{ROOT}/inbox/export", params={"format": "ndjson"})
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    assert answer.headers["content-disposition"] == 'attachment; filename="acme-inbox.ndjson"'
    assert [json.loads(line) for line in answer.text.splitlines()] == read(viewer, "/inbox")["items"]
    nothing = viewer.get(f"{ROOT}/features/export")
    assert (nothing.status_code, len(nothing.text.splitlines())) == (200, 1)


@pytest.mark.parametrize("url", ["javascript:alert(document.cookie)", "file:///exports/javascript.vtt"])
def test_an_address_that_is_none_of_the_web_is_never_given_as_a_link(at: Desk, viewer: TestClient, url: str) -> None:
    at.read(replace(call(), url=url), item(SPEECH[:40]))
    at.file(at.exports)
    for path in ("/features", "/messages", "/features/export", f"/messages/{_only_message(viewer)}/transcript"):
        assert "javascript" not in viewer.get(ROOT + path).text, path


def _only_message(viewer: TestClient) -> str:
    (shown,) = read(viewer, "/messages")["items"]
    return str(shown["id"])


def test_the_status_counts_every_call_once(at: Desk, viewer: TestClient) -> None:
    one_item(at)
    found = read(viewer, "/status")
    assert found["ledger"] == [{"source": "gong", "state": "analysed", "calls": 1}]
    assert [one["health"] for one in found["connectors"]] == ["untried"]
    assert found["model"]["cost_usd"] == 0


def test_the_status_counts_calls_by_reason_with_a_few_of_its_wordings(at: Desk, viewer: TestClient) -> None:
    with lease(at.store, at.at) as held:
        for number, words in enumerate(["no page 3", "no page 2", "no page 1", "no words: none", "no words: none"]):
            (listed,) = at.store.listings.record_page(held, at.at.connector.id, [call(f"c{number}")], NOW)
            at.store.messages.wait(held, [listed.message_id], Reason(ReasonCode.SOURCE_FAILED, words))
    (counted,) = read(viewer, "/status")["reasons"]
    assert counted == {
        "source": "gong",
        "state": "listed",
        "reason": "source_failed",
        "calls": 5,
        "examples": ["no words: none", "no page 1", "no page 2"],
    }


def test_a_feature_that_did_not_change_is_not_sent_again(at: Desk, viewer: TestClient) -> None:
    key = one_item(at)
    etag = viewer.get(f"{ROOT}/features/{key}").headers["etag"]
    assert viewer.get(f"{ROOT}/features/{key}", headers={"If-None-Match": etag}).status_code == 304
    at.store.decisions.accept(at.id, key, decided_by="rosa")
    assert viewer.get(f"{ROOT}/features/{key}", headers={"If-None-Match": etag}).status_code == 200


def test_a_token_of_another_workspace_finds_nothing(at: Desk, store: Store, client_of: Clients) -> None:
    key = one_item(at)
    stranger = client_of(store.workspaces.add("Globex"), Role.ADMIN)
    message = store.reading.messages(at.id)[0]["id"]
    for path in ("/features", f"/features/{key}", "/messages", f"/messages/{message}/transcript", "/status"):
        assert stranger.get(ROOT + path).status_code == 404
        assert stranger.get(f"/api/v1/workspaces/globex{path}").status_code in (200, 404)
    assert stranger.get(f"/api/v1/workspaces/globex/features/{key}").status_code == 404
    assert stranger.get(f"/api/v1/workspaces/globex/messages/{message}/transcript").status_code == 404
