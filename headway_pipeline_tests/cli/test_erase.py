"""`headway erase` over a real Gong, the real job and real files: what it says, and that the disk holds nothing."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from headway_pipeline_tests.cli.conftest import Headway
from headway_pipeline_tests.worlds import ASK, CHAT, TODAY, Installation

INGEST = ("ingest", "--workspace-id", "acme", "--days-back", "4")
ERASE = ("erase", "--workspace-id", "acme")
NAME = "Carl Customer"
MAIL = "carl@buyer.example"
#: Name, address and speech of the customer on every call of the sandbox.
WORDS = (NAME, MAIL, ASK, CHAT, "Mostly fine, I would say")


def files_holding(home: Path, words: tuple[str, ...] = WORDS) -> dict[str, list[str]]:
    """Files below a folder that hold one of the words, in UTF-8 or UTF-16, whatever the case of ASCII letters."""
    found = {}
    for path in sorted(home.rglob("*")):
        if path.is_file():
            content = path.read_bytes().lower()
            held = [
                word
                for word in words
                if word.lower().encode() in content or word.lower().encode("utf-16-le") in content
            ]
            if held:
                found[str(path.relative_to(home))] = held
    return found


@pytest.fixture
def ingested(headway: Headway, installation_on_disk: Installation) -> Installation:
    assert headway(*INGEST).code == 0
    assert files_holding(installation_on_disk.settings.home)
    return installation_on_disk


def test_after_an_erasure_no_file_holds_a_name_an_address_or_a_word(headway: Headway, ingested: Installation) -> None:
    home = ingested.settings.home
    (home / "exports" / "acme").mkdir()
    (home / "exports" / "acme" / "features.json").write_text(
        headway("features", "--workspace-id", "acme", "--format", "json").out
    )
    said = headway(*ERASE, "--person", MAIL, "--yes", "--format", "json")
    assert said.code == 0, said.err
    receipt = json.loads(said.out)
    assert (len(receipt["calls"]), receipt["rows"]["transcripts"], receipt["scope"]) == (3, 3, "calls")
    assert receipt["id"] == receipt["erasure"]
    assert [file["path"] for file in receipt["files"]] == ["exports/acme/features.json"]
    assert not [word for word in WORDS if word.lower() in said.out.lower()]
    assert files_holding(home) == {}
    # The next run meets the same calls at the source.
    assert headway(*INGEST).code == 0
    assert files_holding(home) == {}
    rows = json.loads(headway("messages", "--workspace-id", "acme", "--format", "json").out)
    assert {(row["state"], row["title"]) for row in rows} == {("deleted", None)}
    assert headway(*ERASE, "--person", MAIL, "--yes").code == 1


def test_turns_alone_leave_the_vendors_words(headway: Headway, ingested: Installation) -> None:
    assert headway(*ERASE, "--person", NAME, "--turns-only", "--yes").code == 0
    home = ingested.settings.home
    assert files_holding(home) == {}
    assert files_holding(home, ("Thanks for joining",))
    assert headway(*INGEST).code == 0
    assert files_holding(home) == {}


def test_one_call_goes_and_the_receipt_for_people_names_it(headway: Headway, ingested: Installation) -> None:
    (row, *_others) = json.loads(headway("messages", "--workspace-id", "acme", "--format", "json").out)
    said = headway(*ERASE, "--message", f"gong:{row['external_id']}", "--yes")
    assert said.code == 0, said.err
    assert f"gong:{row['external_id']}" in said.out
    assert "Backups made before hold what was removed" in said.out
    assert sorted(state for state in ingested.states.values()) == ["analysed", "analysed", "deleted"]


def test_a_dry_run_shows_what_would_go_and_changes_nothing(headway: Headway, ingested: Installation) -> None:
    said = headway(*ERASE, "--person", NAME.upper(), "--dry-run")
    assert said.code == 0
    assert "3 calls would be removed" in said.out
    shown = json.loads(headway(*ERASE, "--person", MAIL, "--dry-run", "--format", "json").out)
    assert (len(shown["calls"]), shown["rows"]["evidence"], shown["files"]) == (3, 3, [])
    assert set(ingested.states.values()) == {"analysed"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--person", MAIL), "give --yes"),
        (("--person", "nobody@buyer.example", "--yes"), "nobody of that name or address"),
        (("--message", "gong:0", "--yes"), "no call 'gong:0'"),
        (("--yes",), "either --person or --message"),
        (("--person", MAIL, "--message", "gong:1", "--yes"), "either --person or --message"),
        (("--message", "gong:1", "--turns-only", "--yes"), "--turns-only is about a person"),
    ],
)
def test_what_cannot_be_done_exits_with_one_and_says_why(
    headway: Headway, installation: Installation, options: tuple[str, ...], words: str
) -> None:
    said = headway(*ERASE, *options)
    assert said.code == 1
    assert words in said.err


@pytest.mark.parametrize(("answer", "code", "state"), [("n\n", 1, "listed"), ("y\n", 0, "deleted")])
def test_at_a_terminal_it_asks_first(
    headway: Headway,
    installation: Installation,
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
    code: int,
    state: str,
) -> None:
    headway(*INGEST, "--limit", "1")
    monkeypatch.setattr("headway_pipeline.cli.erase._is_at_terminal", lambda: True)
    rows = json.loads(headway("messages", "--workspace-id", "acme", "--state", "listed", "--format", "json").out)
    named = f"gong:{rows[0]['external_id']}"
    said = headway(*ERASE, "--message", named, stdin=answer)
    assert (said.code, "Erase this for good?" in said.err) == (code, True)
    rows = json.loads(headway("messages", "--workspace-id", "acme", "--format", "json").out)
    assert [row["state"] for row in rows if named.endswith(row["external_id"])] == [state]


#: Erases and is killed right after its first call is gone.
KILLED = """
import os, signal, sys
from headway_pipeline.store.erasure import Erasures
original = Erasures.erase_call
def dying(self, *arguments):
    original(self, *arguments)
    os.kill(os.getpid(), signal.SIGKILL)
Erasures.erase_call = dying
from headway_pipeline.cli.main import run
run(sys.argv[1:])
"""


def test_an_erasure_whose_process_is_killed_is_finished_by_the_same_command(
    headway: Headway, ingested: Installation
) -> None:
    command = (*ERASE, "--person", NAME, "--yes")
    done = subprocess.run(
        [sys.executable, "-c", KILLED, *command], env=dict(os.environ), capture_output=True, check=False
    )
    assert done.returncode == -signal.SIGKILL
    assert sorted(ingested.states.values(), key=str) == ["analysed", "analysed", "deleted"]
    said = headway(*command, "--format", "json")
    assert said.code == 0, said.err
    assert len(json.loads(said.out)["calls"]) == 3
    assert files_holding(ingested.settings.home) == {}
    assert json.loads(said.out)["begun_at"][:4] == f"{TODAY:%Y}"
