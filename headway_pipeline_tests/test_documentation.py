"""The documentation is true: what exists is described, what is described exists."""

import re
from pathlib import Path

import click
import pytest

from headway_pipeline.cli.main import COMMANDS, headway
from headway_pipeline.llm.discovery import discover as discover_providers
from headway_pipeline.orchestration.graph import build_defs
from headway_pipeline.sandbox.scenarios import SCENARIOS
from headway_pipeline.settings import ENVIRONMENT_VARIABLES
from headway_pipeline.sources.discovery import discover

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS_PAGE, SETTINGS_PAGE, TESTING_PAGE = (
    (ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("commands.md", "settings.md", "testing.md")
)
DOCUMENTS = [ROOT / "README.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_sub_command_is_in_the_document_of_the_commands(name: str) -> None:
    command = headway.get_command(click.Context(headway), name)
    assert f"`headway {name}" in COMMANDS_PAGE
    assert re.search(rf"`(headway )?{name}`", README), f"{name} is not in the README's table"
    if isinstance(command, click.Group):
        row = next(line for line in COMMANDS_PAGE.splitlines() if line.startswith(f"| `headway {name}"))
        for sub_command in command.commands:
            assert re.search(rf"[` ]{sub_command}`", row), f"headway {name} {sub_command} is not in the document"


#: Every listing and every command takes these; the document says so once.
EVERYWHERE = {"--workspace-id", "--format", "--verbose"}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_documented_beside_its_command(name: str) -> None:
    command = headway.get_command(click.Context(headway), name)
    assert command is not None
    row = next(line for line in COMMANDS_PAGE.splitlines() if line.startswith(f"| `headway {name}"))
    # What is shown in use is described, too; `inbox` refers to `features`.
    described = row + README.split("### The commands in short")[0]
    if name == "inbox":
        described += next(line for line in COMMANDS_PAGE.splitlines() if line.startswith("| `headway features"))
    for part in command.commands.values() if isinstance(command, click.Group) else [command]:
        for option in part.params:
            if isinstance(option, click.Option) and not EVERYWHERE & set(option.opts):
                named = [*option.opts, *option.secondary_opts]
                assert any(re.search(rf"{found}(?![\w-])", described) for found in named), f"{name}: {named}"


def test_what_every_command_takes_is_documented() -> None:
    assert [option for option in sorted(EVERYWHERE) if f"`{option}" not in COMMANDS_PAGE] == []


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
def test_every_environment_variable_is_in_the_document_of_the_settings(name: str) -> None:
    assert f"`{name}`" in SETTINGS_PAGE


def test_every_environment_variable_that_is_read_is_declared() -> None:
    declared = set(ENVIRONMENT_VARIABLES) | {
        "DAGSTER_HOME",
        "DAGSTER_DISABLE_TELEMETRY",
        "DAGSTER_EVENT_BATCH_SIZE",
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


@pytest.mark.parametrize("name", list(discover_providers()))
def test_every_provider_of_language_models_is_in_its_document(name: str) -> None:
    assert f"| `{name}` |" in (ROOT / "docs" / "language_models.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", list(SCENARIOS))
def test_every_scenario_of_the_sandbox_is_in_its_document(name: str) -> None:
    assert f"| `{name}` |" in (ROOT / "docs" / "sandbox.md").read_text(encoding="utf-8")


def test_everything_dagster_shows_is_in_the_document_of_the_assets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADWAY_EVAL_DATA", "labelled")
    defs = build_defs()
    graph, repository = defs.resolve_asset_graph(), defs.get_repository_def()
    # The job that Dagster itself makes for all assets begins with two lines.
    jobs = {name for name in repository.job_names if not name.startswith("__")}
    shown = {
        *(key.to_user_string() for key in graph.get_all_asset_keys()),
        *(key.name for key in graph.asset_check_keys),
        *jobs,
        *(schedule.name for schedule in repository.schedule_defs),
        *(sensor.name for sensor in repository.sensor_defs),
        *repository.get_top_level_resources(),
    }
    text = (ROOT / "docs" / "assets.md").read_text(encoding="utf-8")
    assert {name for name in shown if not re.search(rf"(^\| |stands )`{name}`", text, re.MULTILINE)} == set()


def test_every_folder_of_the_package_is_in_the_tree_of_the_readme() -> None:
    tree = README.split("## How it is built")[1].split("```")[1]
    folders = [path.parent.name for path in (ROOT / "headway_pipeline").glob("*/__init__.py")]
    assert [folder for folder in folders if f"  {folder}/ " not in tree] == []


def test_benchmarks_that_the_documents_name_exist() -> None:
    for document in DOCUMENTS:
        for named in re.findall(r"python -m benchmarks\.(\w+)", document.read_text(encoding="utf-8")):
            assert (ROOT / "benchmarks" / f"{named}.py").exists(), f"{document.name} names benchmarks.{named}"


def test_every_benchmark_is_in_the_document_of_the_tests() -> None:
    named = set(
        re.findall(r"`(?:python -m benchmarks)?\.(\w+)", TESTING_PAGE.split("Speed is measured")[1].split("\n\n")[0])
    )
    made = {
        path.stem for path in (ROOT / "benchmarks").glob("*.py") if "__main__" in path.read_text(encoding="utf-8")
    }
    assert named == made


def test_the_changelog_says_everything_once() -> None:
    entries = re.findall(r"^\* (.{25})", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(entries) == sorted(set(entries))


def test_the_changelog_names_every_command() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    entry = re.search(r"^\* The command `headway` with (.+?)\.\n", text, re.MULTILINE | re.DOTALL)
    assert entry is not None
    assert {name.split()[0] for name in re.findall(r"`([^`]+)`", entry[1])} == set(COMMANDS)


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
