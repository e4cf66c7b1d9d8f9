"""What a command writes: customers' words pass through it, and a terminal must obey none of them."""

import ast
import json
import unicodedata
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

import headway_pipeline.cli
from headway_pipeline.cli.output import say, show_json, show_made, tell
from headway_pipeline.model.cells import safe_cell
from headway_pipeline.model.errors import InputError
from headway_pipeline_tests.cli.conftest import Headway

#: Clear the screen; the same in one character, which terminals obey in UTF-8, too; write the window's title; go back
#: to the start of the line; write from right to left.
HOSTILE = "a\x1b[2Jb\x9b2Jc\x1b]0;t\x07d\re\u202ef\x00g"
OBEYED = "\x1b\x9b\x07\r\u202e\x00"


def test_words_reach_a_terminal_without_what_it_would_obey(capsys: pytest.CaptureFixture[str]) -> None:
    say(f"one {HOSTILE}\ntwo\tñ👋")
    tell(f"one {HOSTILE}\ntwo\tñ👋")
    show_made({}, "text", HOSTILE)
    told = capsys.readouterr()
    assert not set(told.out + told.err) & set(OBEYED)
    assert told.err == "one a[2Jb2Jc]0;tdefg\ntwo ñ👋\n"
    assert told.out.startswith(told.err)


@pytest.mark.parametrize("indent", [None, 2])
def test_json_says_the_same_in_escapes_that_a_terminal_does_not_obey(
    capsys: pytest.CaptureFixture[str], indent: int | None
) -> None:
    value = {"title": HOSTILE, "ñ👋": ["\u2028", "\U000e0001", "\ud800"]}
    show_json(value, indent=indent)
    out = capsys.readouterr().out
    assert json.loads(out) == value
    assert not set(out) & set(OBEYED)
    assert "ñ👋" in out


def test_a_cell_of_a_table_holds_neither_a_formula_nor_what_a_terminal_would_obey() -> None:
    assert safe_cell(HOSTILE) == "".join(char for char in HOSTILE if unicodedata.category(char) != "Cc")
    assert [safe_cell(text) for text in ("\0=1+1", "a\nb", "-1", "ñ👋")] == ["'=1+1", "a\nb", "'-1", "ñ👋"]
    assert [safe_cell(value) for value in (-1, None)] == [-1, None]


def test_json_knows_times_and_ids_and_refuses_what_it_does_not_know(capsys: pytest.CaptureFixture[str]) -> None:
    show_json({"at": datetime(2026, 1, 1, tzinfo=UTC), "id": UUID(int=1)})
    assert json.loads(capsys.readouterr().out) == {"at": "2026-01-01T00:00:00+00:00", "id": str(UUID(int=1))}
    with pytest.raises(TypeError):
        show_json({"what": object()})


def test_an_error_that_quotes_somebody_is_shown_without_what_a_terminal_would_obey(
    headway: Headway, empty_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_given: object, **_named: object) -> None:
        raise InputError(f"the source says {HOSTILE}", "see there")

    monkeypatch.setattr("headway_pipeline.store.workspaces.Workspaces.list", refuse)
    for verbose in ((), ("--verbose",)):
        said = headway("workspace", "list", *verbose)
        assert (said.code, "the source says a" in said.err) == (1, True)
        assert not set(said.err) & set(OBEYED)


def test_nothing_else_in_the_command_line_writes_to_a_terminal() -> None:
    """Whoever writes past `output.py` writes past the one place that takes control characters out."""
    past = []
    for path in Path(headway_pipeline.cli.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name(id="click"), attr="echo" | "secho")):
                    past.append(f"{path.name}:{node.lineno}")
                case ast.Call(func=ast.Name(id="print")):
                    past.append(f"{path.name}:{node.lineno}")
                case ast.Attribute(
                    value=ast.Attribute(value=ast.Name(id="sys"), attr="stdout" | "stderr"), attr="write" | "buffer"
                ):
                    past.append(f"{path.name}:{node.lineno}")
    assert {place.partition(":")[0] for place in past} == {"output.py"}
