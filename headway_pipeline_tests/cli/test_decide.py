"""Deciding about features on the command line, and measuring an analyst against it."""

import json
from pathlib import Path
from typing import Any

from headway_pipeline_tests.cli.conftest import Headway
from headway_pipeline_tests.worlds import Installation

OF_ACME = ("--workspace-id", "acme")


def listed(headway: Headway, listing: str, *options: str) -> list[dict[str, Any]]:
    said = headway(listing, *OF_ACME, *options, "--format", "json")
    assert said.code == 0, said.err
    found: list[dict[str, Any]] = json.loads(said.out)
    return found


def test_decisions_hold_through_the_next_ingest_and_become_labels(
    headway: Headway, installation: Installation, tmp_path: Path
) -> None:
    headway("ingest", *OF_ACME, "--days-back", "7")
    first, second, third = (row["id"] for row in listed(headway, "features"))
    said = headway("decide", "accept", *OF_ACME, first[:8], "--note", "sold two")
    assert (said.code, "accepted, under Exports" in said.err) == (0, True), said.err
    assert headway("decide", "dismiss", *OF_ACME, second).code == 0
    headway("theme", "add", *OF_ACME, "--name", "Billing")
    assert headway("decide", "move", *OF_ACME, third[:12].upper(), "--theme", "Billing").code == 0
    headway("ingest", *OF_ACME, "--days-back", "7")

    assert {row["id"]: row["theme"] for row in listed(headway, "features")} == {first: "Exports", third: "Billing"}
    assert listed(headway, "inbox") == []
    (accepted,) = listed(headway, "features", "--decided", "accept")
    assert (accepted["id"], accepted["decisions"][0]["note"]) == (first, "sold two")
    assert [row["id"] for row in listed(headway, "features", "--decided", "dismiss")] == [second]
    assert [row["id"] for row in listed(headway, "features", "--theme", "Billing", "--theme", "Exports")] == [
        first,
        third,
    ]

    labels = headway("labels", *OF_ACME)
    assert "3 decided items of 3 calls" in labels.err
    (tmp_path / "sets").mkdir()
    (tmp_path / "sets" / "decided_calls_acme.jsonl").write_text(labels.out, encoding="utf-8")
    told = headway("eval", "--data", str(tmp_path / "sets"), "--format", "json")
    (done,) = json.loads(told.out)
    found = {row["figure"]: row["value"] for row in done["figures"]}
    # The offline analyst finds again what it found before.
    assert (found["accepted items found"], found["dismissed items left out"]) == (1, 0)

    assert headway("decide", "undo", *OF_ACME, second).code == 0
    assert headway("decide", "undo", *OF_ACME, third, "--move").code == 0
    assert len(listed(headway, "features")) + len(listed(headway, "inbox")) == 3
    assert listed(headway, "features", "--decided", "move") == []
    actions = [entry.action for entry in installation.store.audit_log.list(installation.workspace.id)]
    assert [action for action in actions if action.startswith("feature.")] == [
        "feature.undo_move",
        "feature.undo_verdict",
        "feature.move",
        "feature.dismiss",
        "feature.accept",
    ]


def test_what_cannot_be_decided_is_refused_before_anything_is(headway: Headway, installation: Installation) -> None:
    headway("ingest", *OF_ACME, "--days-back", "7")
    key = listed(headway, "features")[0]["id"]
    for arguments, words in (
        (("accept", key, "0" * 8), "there is no feature"),
        (("accept", key, "12"), "nor the beginning of one"),
        (("move", key), "--theme NAME, or --inbox"),
        (("move", key, "--theme", "Nothing"), "there is no theme"),
    ):
        said = headway("decide", arguments[0], *OF_ACME, *arguments[1:])
        assert (said.code, words in said.err) == (1, True), said.err
    assert listed(headway, "features", "--decided", "any") == []
