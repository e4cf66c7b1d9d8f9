"""The documentation is true: what exists is described, what is described exists."""

import re
from pathlib import Path

import click
import pytest

from headway_pipeline.cli.main import COMMANDS, headway
from headway_pipeline.llm.discovery import discover as discover_providers
from headway_pipeline.settings import ENVIRONMENT_VARIABLES
from headway_pipeline.sources.discovery import discover

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_sub_command_is_in_the_readme(name: str) -> None:
    command = headway.get_command(click.Context(headway), name)
    assert f"`headway {name}" in README
    if isinstance(command, click.Group):
        row = next(line for line in README.splitlines() if line.startswith(f"| `headway {name}"))
        for sub_command in command.commands:
            assert re.search(rf"[` ]{sub_command}`", row), f"headway {name} {sub_command} is not in the README"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_has_a_help_text(name: str) -> None:
    command = headway.get_command(click.Context(headway), name)
    assert command is not None
    parts = list(command.commands.values()) if isinstance(command, click.Group) else [command]
    for part in parts:
        assert part.help, f"{name} {part.name} has no help"
        for option in part.params:
            assert not isinstance(option, click.Option) or option.help, f"{name} {part.name} {option.name}"


@pytest.mark.parametrize("name", ENVIRONMENT_VARIABLES)
def test_every_environment_variable_is_in_the_readme(name: str) -> None:
    assert f"`{name}`" in README


def test_every_environment_variable_that_is_read_is_declared() -> None:
    declared = set(ENVIRONMENT_VARIABLES) | {
        "DAGSTER_HOME",
        "DAGSTER_DISABLE_TELEMETRY",
        "PYTHONWARNINGS",
        "VIRTUAL_ENV",
    }
    for path in (ROOT / "headway_pipeline").rglob("*.py"):
        for found in re.findall(
            r"environ(?:ment)?(?:\.get|\.setdefault)?[\[(]\"([A-Z_]+)\"", path.read_text(encoding="utf-8")
        ):
            assert found in declared, f"{path.name} reads {found}"
    for source in discover().values():
        assert {field.environment for field in source.credential_fields} <= declared
    for provider in discover_providers().values():
        assert {provider.key_variable, provider.url_variable} <= declared


@pytest.mark.parametrize("name", list(discover()))
def test_every_source_is_in_the_documentation(name: str) -> None:
    assert discover()[name].label in README
    assert f"`{name}`" in (ROOT / "docs" / "assets.md").read_text(encoding="utf-8")


def test_links_between_documents_lead_somewhere() -> None:
    for document in DOCUMENTS:
        for target in re.findall(r"\]\((?!https?://)([^)#]+)\)", document.read_text(encoding="utf-8")):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"


def test_files_that_the_documents_name_exist() -> None:
    for document in DOCUMENTS:
        for named in re.findall(
            r"`((?:headway_pipeline|headway_pipeline_tests|docs)/[\w./]+)`", document.read_text(encoding="utf-8")
        ):
            assert (ROOT / named).exists(), f"{document.name} names {named}"


def test_decisions_are_numbered_without_gaps_and_dated() -> None:
    decisions = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert [path.name[:4] for path in decisions] == [f"{number:04}" for number in range(1, len(decisions) + 1)]
    for path in decisions:
        assert re.search(r"^\d{4}-\d{2}-\d{2}$", path.read_text(encoding="utf-8"), re.MULTILINE)


def test_the_pins_name_no_host() -> None:
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    assert "://" not in pins
    assert "--index" not in pins
    assert re.search(r"^dagster==", pins, re.MULTILINE)
