"""Erasure of people and calls, over both databases: what goes, what stays, and that nothing comes back."""

import json
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from headway_pipeline.ingestion.erasure import ErasureRequest, plan_erasure
from headway_pipeline.model.calls import Call, Participant, Side
from headway_pipeline.model.erasure import ErasureScope
from headway_pipeline.model.errors import HeadwayError, InputError, StoreError, UnknownThingError, WorkspaceBusyError
from headway_pipeline.model.identity import derived_id
from headway_pipeline.sources.contract import BadRecord
from headway_pipeline.store import Store
from headway_pipeline.store.erasure import Erasures
from headway_pipeline.store.tables import METADATA, audit_log, decisions, messages, model_answers, webhook_events
from headway_pipeline_tests.ingestion.erasing import (
    HERS,
    IVO,
    IVO_SAYS,
    MAIL,
    NAME,
    ROSA,
    ROSA_SAYS,
    VERA,
    as_rows,
    call,
    erase_from,
    found_in,
    ingest,
    kept,
    rosa_and_ivo,
    said,
    speaking_bench,
    stored_rows,
)
from headway_pipeline_tests.ingestion.fakes import NOW, Bench

TURNS = ErasureScope.TURNS
MESSAGE = ErasureScope.MESSAGE
IVOS_CALL = call("3", IVO, VERA)
IVO_ALONE = said(("Ivo Castellan", Side.CUSTOMER, IVO_SAYS))


def message_id(at: Bench, external_id: str) -> uuid.UUID:
    return derived_id("message", str(at.workspace.id), "fake", external_id)


def add_derived_rows(at: Bench, external_id: str) -> None:
    """What later capabilities write about a call: decisions, answers, hints, entries in the audit log."""
    of = {"workspace_id": at.workspace.id, "message_id": message_id(at, external_id)}
    connector = at.store.connectors.list(at.workspace.id)[0]
    with at.store.database.writing() as connection:
        for values in (
            {"extracted_feature_id": uuid.uuid4(), "kind": "accept", "decided_by": MAIL, "note": f"{NAME} insists"},
            {"extracted_feature_id": uuid.uuid4(), "kind": "dismiss", "decided_by": "Ada", "note": None},
        ):
            connection.execute(decisions.insert().values(id=uuid.uuid4(), **of, **values))
        answer = {
            "fingerprint": external_id,
            "stage": "extract",
            "provider": "p",
            "model": "m",
            "prompt_version": "1",
        }
        connection.execute(
            model_answers.insert().values(**of, **answer, state="answered", raw_text=f"{NAME} wants {HERS} reports")
        )
        connection.execute(
            webhook_events.insert().values(
                id=uuid.uuid4(), workspace_id=at.workspace.id, connector_id=connector.id, delivery_id=external_id,
                external_id=external_id, received_at=NOW,
            )
        )  # fmt: skip
        for subject, actor in ((str(of["message_id"]), "Ada"), ("theme Exports", MAIL)):
            connection.execute(
                audit_log.insert().values(
                    id=uuid.uuid4(), workspace_id=at.workspace.id, actor=actor, action="edit", subject=subject,
                    details={"by": NAME},
                )
            )  # fmt: skip


@pytest.fixture
def at(store: Store) -> Bench:
    """Rosa by address on call 1 and 4, as a mere name over a turn on call 2; Ivo without her on call 3."""
    made = speaking_bench(
        store,
        (call("1", ROSA, IVO, VERA, title=f"Sync with {NAME}"), rosa_and_ivo()),
        (call("2", VERA), said((NAME.upper(), Side.UNKNOWN, ROSA_SAYS))),
        (IVOS_CALL, IVO_ALONE),
        (call("4", replace(ROSA, email=MAIL.upper()), days_ago=2), said((NAME, Side.CUSTOMER, ROSA_SAYS))),
    )
    ingest(made)
    add_derived_rows(made, "1")
    assert set(made.states.values()) == {"analysed"}
    return made


@pytest.mark.parametrize("named", [MAIL, "Rosa@Buyer.Example", NAME, "  rosa   LINDGREN "])
def test_of_an_erased_person_no_word_stays_in_any_table_or_in_the_receipt(
    at: Bench, tmp_path: Path, named: str
) -> None:
    assert found_in(kept(at.store)) != []
    receipt = erase_from(at, tmp_path, named)
    assert found_in(kept(at.store)) == []
    assert found_in(json.dumps(receipt)) == []
    assert at.states == {"1": "deleted", "2": "deleted", "3": "analysed", "4": "deleted"}
    assert stored_rows(at.store, "webhook_events") == []


def test_what_others_said_elsewhere_stays(at: Bench, tmp_path: Path) -> None:
    erase_from(at, tmp_path)
    (feature,) = at.store.reading.features(at.workspace.id)
    assert feature.message.external_id == "3"


def test_the_receipt_tells_what_how_much_when_by_whom_and_by_hashes(at: Bench, tmp_path: Path) -> None:
    receipt = erase_from(at, tmp_path)
    assert [entry["external_id"] for entry in receipt["calls"]] == ["1", "2", "4"]
    assert all(len(entry["sha256"]) == 64 for entry in receipt["calls"])
    assert receipt["rows"] == {
        "audit_log": 1, "audit_log (names only)": 1, "decisions": 2, "evidence": 3, "extracted_features": 3,
        "features": 3, "messages": 3, "model_answers": 1, "relevance_scores": 3, "transcripts": 3,
        "webhook_events": 1,
    }  # fmt: skip
    assert (receipt["by"], receipt["scope"], len(receipt["subject"])) == ("tester", "calls", 64)
    (entry,) = [row for row in stored_rows(at.store, "audit_log") if row["action"] == "erase"]
    assert entry["details"] == receipt


def test_a_token_with_their_name_that_asked_for_an_ingest_is_not_named_either(at: Bench, tmp_path: Path) -> None:
    at.store.ingest_requests.add(at.workspace.id, NOW.date(), NOW.date(), requested_by=f"token {NAME}")
    erase_from(at, tmp_path)
    assert found_in(kept(at.store)) == []


def test_who_erases_themself_is_not_named_either(at: Bench, tmp_path: Path) -> None:
    assert erase_from(at, tmp_path, actor=NAME)["by"] == "[erased]"
    assert found_in(kept(at.store)) == []


def test_equal_names_make_other_keyed_hashes_in_another_workspace(at: Bench) -> None:
    other = at.store.workspaces.add("Other")
    keys = [at.store.erasures.pseudonyms(place.id).key("name", NAME) for place in (at.workspace, other)]
    assert keys[0] != keys[1]


def test_the_same_call_of_a_person_has_the_hash_of_what_was_there(at: Bench, tmp_path: Path) -> None:
    hashes = {entry["sha256"] for entry in erase_from(at, tmp_path)["calls"]}
    assert len(hashes) == 3


@pytest.mark.parametrize("content_hash", ["v1", "v2"])
def test_a_call_that_was_erased_never_comes_back_from_its_source(
    at: Bench, tmp_path: Path, content_hash: str
) -> None:
    erase_from(at, tmp_path)
    at.script.calls = [replace(made, content_hash=content_hash) for made in at.script.calls]
    hydrated = len(at.script.hydrated)
    ingest(at)
    ingest(at)
    assert found_in(kept(at.store)) == []
    assert at.states["1"] == "deleted"
    assert at.reasons["1"] == "erased: erased on request; only the id and the day are kept"
    assert not {"1", "2", "4"} & {call_id for batch in at.script.hydrated[hydrated:] for call_id in batch}


def test_a_call_that_was_erased_stays_so_through_private_and_back(at: Bench, tmp_path: Path) -> None:
    erase_from(at, tmp_path)
    as_listed = at.script.calls
    at.script.calls = [Call("fake", made.external_id, made.occurred_at, is_private=True) for made in as_listed]
    ingest(at)
    assert at.states["1"] == "deleted"
    at.script.calls = as_listed
    ingest(at)
    assert (at.states["1"], at.states["3"]) == ("deleted", "analysed")


def test_a_missing_call_that_is_erased_is_looked_for_no_more(at: Bench, tmp_path: Path) -> None:
    at.pass_by(hours=1)
    at.script.calls = [listed for listed in at.script.calls if listed.external_id != "1"]
    ingest(at)
    assert [missing.external_id for missing in at.store.missing.list(at.workspace.id)] == ["1"]
    erase_from(at, tmp_path)
    at.script.looked_up.clear()
    at.pass_by(days=2)
    ingest(at)
    assert (at.store.missing.list(at.workspace.id), at.script.looked_up) == ([], [])
    assert str(at.reasons["1"]).startswith("erased: ")


def test_the_database_itself_keeps_an_erased_call_a_tombstone(at: Bench, tmp_path: Path) -> None:
    erase_from(at, tmp_path)
    with pytest.raises(StoreError), at.store.database.writing() as connection:
        connection.execute(messages.update().where(messages.c.external_id == "1").values(state="listed"))


def test_the_ledger_still_balances(at: Bench, tmp_path: Path) -> None:
    erase_from(at, tmp_path)
    assert at.store.audit.unbalanced_listings(at.workspace.id, None) == []
    assert at.store.audit.unexplained_messages(at.workspace.id, None) == []
    ingest(at)
    assert at.store.audit.unbalanced_listings(at.workspace.id, None) == []


def test_a_call_of_the_person_that_is_listed_late_is_a_tombstone_at_once(at: Bench, tmp_path: Path) -> None:
    erase_from(at, tmp_path)
    at.script.calls.append(call("late", ROSA, days_ago=3))
    at.script.calls.append(call("late label", VERA, days_ago=3))
    at.run.sources["fake"].spoken["late label"] = said((NAME, Side.CUSTOMER, ROSA_SAYS))  # type: ignore[attr-defined]
    at.script.bad_records = (BadRecord("odd", "no time", {"who": MAIL}),)
    ingest(at)
    assert (at.states["late"], at.states["late label"]) == ("deleted", "deleted")
    assert found_in(kept(at.store)) == []
    assert at.store.audit.unbalanced_listings(at.workspace.id, None) == []


def test_a_call_that_starts_after_the_erasure_is_a_new_one(at: Bench, tmp_path: Path) -> None:
    erase_from(at, tmp_path)
    begun = datetime.now(tz=UTC)
    at.script.calls.append(replace(call("new", ROSA), occurred_at=begun + timedelta(hours=1)))
    with at.store.leases.hold(at.workspace.id, "r") as lease:
        connector = at.store.connectors.list(at.workspace.id)[0]
        at.store.listings.record_page(lease, connector.id, at.script.calls, begun)
    assert at.states["new"] == "listed"


def test_turns_alone_go_and_the_call_is_read_again_without_them(at: Bench, tmp_path: Path) -> None:
    receipt = erase_from(at, tmp_path, scope=TURNS)
    assert found_in(kept(at.store)) == []
    assert found_in(json.dumps(receipt)) == []
    assert receipt["rows"] == {
        "audit_log (names only)": 2, "decisions": 2, "evidence": 3, "extracted_features": 3, "features": 3,
        "model_answers": 1, "relevance_scores": 3, "turns": 3,
    }  # fmt: skip
    assert len(stored_rows(at.store, "webhook_events")) == 1
    assert at.states == {"1": "transcribed", "2": "too_short", "3": "analysed", "4": "too_short"}
    ingest(at)
    assert at.states["1"] == "analysed"
    transcript = at.store.transcripts.get(at.workspace.id, message_id(at, "1"))
    assert [segment.speaker for segment in transcript.segments] == ["Ivo Castellan", "Vera Vendor"]
    assert transcript.segments[1].text == "Thanks, [erased], we heard you. Write me from [erased], please."
    assert found_in(kept(at.store)) == []
    assert at.store.audit.evidence(at.workspace.id, None).unverbatim == ()


def test_turns_that_went_do_not_come_back_when_the_call_changes(at: Bench, tmp_path: Path) -> None:
    erase_from(at, tmp_path, scope=TURNS)
    ingest(at)
    asked = len(at.analyst.asked)
    others = [made for made in at.script.calls if made.external_id == "3"]
    hers = [made for made in at.script.calls if made.external_id != "3"]
    at.script.calls = [*others, *(replace(made, content_hash="v2", title=f"About {NAME}") for made in hers)]
    ingest(at)
    assert found_in(kept(at.store)) == []
    assert "1" in at.script.hydrated[-2] + at.script.hydrated[-1]
    # The same words again: nothing is read twice.
    assert len(at.analyst.asked) == asked


def test_turns_of_a_call_that_is_listed_late_are_left_out(at: Bench, tmp_path: Path) -> None:
    erase_from(at, tmp_path, scope=TURNS)
    at.script.calls.append(call("late", ROSA, IVO, VERA, days_ago=3))
    at.run.sources["fake"].spoken["late"] = rosa_and_ivo()  # type: ignore[attr-defined]
    ingest(at)
    assert at.states["late"] == "analysed"
    assert found_in(kept(at.store)) == []


def test_turns_that_the_source_labels_by_the_emptied_record_stay_out(at: Bench, tmp_path: Path) -> None:
    """Gong names speakers by the parties in the stored record, which are emptied."""
    erase_from(at, tmp_path, scope=TURNS)
    (row,) = [found for found in stored_rows(at.store, "messages") if found["external_id"] == "1"]
    party = row["raw"]["parties"][0]  # type: ignore[index]
    assert party == {"name": "[erased]", "emailAddress": "[erased]", "speakerId": "s1", "title": "[erased]"}
    assert row["participants"] == as_rows([IVO, VERA])
    at.run.sources["fake"].spoken["1"] = said(  # type: ignore[attr-defined]
        ("[erased]", Side.UNKNOWN, f"{HERS}!"), ("Ivo Castellan", Side.CUSTOMER, IVO_SAYS)
    )
    at.script.calls = [replace(made, content_hash="v3") for made in at.script.calls]
    ingest(at)
    assert found_in(kept(at.store)) == []


def test_one_call_goes_by_its_id_or_by_its_sources(at: Bench, tmp_path: Path) -> None:
    erase_from(at, tmp_path, "fake:1", MESSAGE)
    erase_from(at, tmp_path, str(message_id(at, "4")), MESSAGE)
    assert at.states == {"1": "deleted", "2": "analysed", "3": "analysed", "4": "deleted"}
    with pytest.raises(InputError, match="erased already"):
        erase_from(at, tmp_path, "fake:1", MESSAGE)
    with pytest.raises(UnknownThingError, match="no call 'fake:9'"):
        erase_from(at, tmp_path, "fake:9", MESSAGE)
    at.script.calls = [replace(made, content_hash="v2") for made in at.script.calls]
    ingest(at)
    assert (at.states["1"], at.states["2"], at.states["4"]) == ("deleted", "analysed", "deleted")
    assert at.store.audit.unbalanced_listings(at.workspace.id, None) == []


@pytest.mark.parametrize("named", ["nobody@buyer.example", "Rosa", "Vera", " "])
def test_nobody_of_that_name_is_an_error_and_changes_nothing(at: Bench, tmp_path: Path, named: str) -> None:
    at.store.erasures.pseudonyms(at.workspace.id)
    before = {name: rows for name, rows in json.loads(kept(at.store)).items() if name != "locks"}
    with pytest.raises(InputError):
        erase_from(at, tmp_path, named)
    assert {name: rows for name, rows in json.loads(kept(at.store)).items() if name != "locks"} == before


def test_a_name_that_several_people_bear_lists_them_and_changes_nothing(store: Store, tmp_path: Path) -> None:
    namesake = Participant(NAME, "rosa@elsewhere.example", Side.CUSTOMER, "s4")
    at = speaking_bench(
        store,
        (call("1", ROSA), said((NAME, Side.CUSTOMER, ROSA_SAYS))),
        (call("2", namesake), said((NAME, Side.CUSTOMER, IVO_SAYS))),
        (call("3", VERA), said((NAME, Side.CUSTOMER, IVO_SAYS))),
    )
    ingest(at)
    with pytest.raises(InputError, match=r"2 people bear that name: rosa@buyer\.example, rosa@elsewhere\.example"):
        erase_from(at, tmp_path, NAME)
    assert set(at.states.values()) == {"analysed"}
    # By address one of them goes; who is meant by the mere name on call 3 nobody can tell.
    erase_from(at, tmp_path, MAIL)
    assert at.states == {"1": "deleted", "2": "analysed", "3": "analysed"}
    ingest(at)
    assert at.states == {"1": "deleted", "2": "analysed", "3": "analysed"}


def test_calls_on_which_others_mention_the_person_are_told_and_stay(store: Store, tmp_path: Path) -> None:
    at = speaking_bench(
        store,
        (call("1", ROSA), said((NAME, Side.CUSTOMER, ROSA_SAYS))),
        (call("2", IVO), said(("Ivo Castellan", Side.CUSTOMER, f"{IVO_SAYS} Ask Rosa  Lindgren about it."))),
        (call("3", IVO), said(("Ivo Castellan", Side.CUSTOMER, f"{IVO_SAYS} Ask Rosa about it."))),
    )
    ingest(at)
    receipt = erase_from(at, tmp_path)
    assert [entry["external_id"] for entry in receipt["mentioned_in"]] == ["2"]
    assert any("--message" in note for note in receipt["notes"])
    assert at.states == {"1": "deleted", "2": "analysed", "3": "analysed"}


def test_a_plan_shows_what_would_go_and_changes_nothing(at: Bench, tmp_path: Path) -> None:
    at.store.erasures.pseudonyms(at.workspace.id)
    before = kept(at.store)
    plan = plan_erasure(at.store, ErasureRequest(at.workspace, ErasureScope.CALLS, MAIL, tmp_path / "exports"))
    assert [found.external_id for found in plan.calls] == ["4", "1", "2"]
    assert (plan.rows["messages"], plan.rows["transcripts"], plan.is_resumed) == (3, 3, False)
    assert kept(at.store) == before


def test_exports_of_the_workspace_go_and_those_of_others_stay(at: Bench, tmp_path: Path) -> None:
    exports = tmp_path / "exports"
    for name in ("acme/week.csv", f"acme/deep/{NAME}.bin", "loose.json", "other/week.csv"):
        (exports / name).parent.mkdir(parents=True, exist_ok=True)
        (exports / name).write_text(ROSA_SAYS)
    outside = tmp_path / "outside.csv"
    outside.write_text("not ours")
    (exports / "acme/link.csv").symlink_to(outside)
    receipt = erase_from(at, tmp_path)
    assert [path.name for path in exports.rglob("*") if path.is_file()] == ["week.csv"]
    assert (outside.exists(), (exports / "other/week.csv").exists()) == (True, True)
    assert [file["path"] for file in receipt["files"]] == [
        "[erased]", "exports/acme/link.csv", "exports/acme/week.csv", "exports/loose.json"
    ]  # fmt: skip
    assert found_in(kept(at.store)) == []


def test_ids_that_hold_the_name_are_not_in_the_receipt(store: Store, tmp_path: Path) -> None:
    at = speaking_bench(
        store,
        (call("rosa_lindgren.vtt", ROSA), said((NAME, Side.CUSTOMER, ROSA_SAYS))),
    )
    ingest(at)
    receipt = erase_from(at, tmp_path)
    assert found_in(json.dumps(receipt)) == []
    assert any("rename them there" in note for note in receipt["notes"])


def test_a_run_that_writes_the_workspace_is_waited_for_and_nothing_is_erased(at: Bench, tmp_path: Path) -> None:
    at.store.leases._sleep = lambda _seconds: None
    with at.store.leases.hold(at.workspace.id, "a run"), pytest.raises(WorkspaceBusyError):
        erase_from(at, tmp_path)
    assert set(at.states.values()) == {"analysed"}


class CrashError(Exception):
    """The process ends here."""


@pytest.mark.parametrize("scope", [ErasureScope.CALLS, TURNS])
@pytest.mark.parametrize("dies_in", ["begin", 0, 1, 2, "scrub_records", "note_files", "finish"], ids=str)
def test_an_erasure_that_was_interrupted_is_finished_by_the_same_request(
    at: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scope: ErasureScope, dies_in: str | int
) -> None:
    """Dies after each transaction, whichever comes last before it, and is asked again by the same name."""
    (tmp_path / "exports/acme").mkdir(parents=True)
    (tmp_path / "exports/acme/week.csv").write_text(ROSA_SAYS)
    step = "strip_turns" if scope == TURNS else "erase_call"
    method = dies_in if isinstance(dies_in, str) else step
    survives = dies_in if isinstance(dies_in, int) else 0
    original = getattr(Erasures, method)
    done: list[object] = []

    def dying(self: Erasures, *arguments: object) -> object:
        if method == "finish":
            raise CrashError
        answer = original(self, *arguments)
        done.append(arguments)
        if len(done) > survives:
            raise CrashError
        return answer

    with monkeypatch.context() as patched:
        patched.setattr(Erasures, method, dying)
        with pytest.raises(CrashError):
            erase_from(at, tmp_path, NAME, scope)
    receipt = erase_from(at, tmp_path, NAME, scope)
    assert found_in(kept(at.store)) == []
    assert len(receipt["calls"]) == 3
    assert [file["path"] for file in receipt["files"]] == ["exports/acme/week.csv"]
    assert list((tmp_path / "exports").rglob("*.csv")) == []
    assert len(stored_rows(at.store, "erasures")) == 1
    with pytest.raises(HeadwayError, match="nobody"):
        erase_from(at, tmp_path, NAME, scope)


def test_an_erased_call_is_missing_no_more(at: Bench, tmp_path: Path) -> None:
    """Else it is looked for at its source, and shown to people as a call to confirm."""
    at.script.calls = []
    at.pass_by(hours=1)
    ingest(at)
    missing = {found.external_id for found in at.store.missing.list(at.workspace.id)}
    erase_from(at, tmp_path, "fake:1", MESSAGE)
    assert "1" in missing
    assert {found.external_id for found in at.store.missing.list(at.workspace.id)} == missing - {"1"}


def test_every_table_that_names_a_call_is_emptied_of_it() -> None:
    """A table that is added later must be thought of here."""
    from headway_pipeline.store.erasure import OF_CALLS

    by_message = {name for name, table in METADATA.tables.items() if "message_id" in table.c}
    assert by_message == {table.name for table in OF_CALLS} | {"sightings", "erased_calls", "missing_calls"}
    by_external_id = {name for name, table in METADATA.tables.items() if "external_id" in table.c}
    assert by_external_id == {"messages", "webhook_events", "model_batches"}


def test_keyed_hashes_can_be_used_after_the_key_was_read_from_the_database(at: Bench, tmp_path: Path) -> None:
    erase_from(at, tmp_path)
    with at.store.database.reading() as connection:
        value = connection.execute(sa.text("SELECT value FROM settings WHERE key = 'pseudonym_key'")).scalar_one()
    assert "sealed" in str(value)
