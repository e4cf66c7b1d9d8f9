"""Setting up: workspaces, themes, connectors, the database, and what is said when it cannot be."""

import json
import socket
from pathlib import Path

import pytest

from headway_pipeline.model.workspaces import ConnectorHealth
from headway_pipeline.settings import current_settings
from headway_pipeline.store.configured import open_configured_store
from headway_pipeline.store.schema import HEAD
from headway_pipeline_tests.cli.conftest import Headway
from headway_pipeline_tests.databases import free_port

SECRET = "hunter2-hunter2"
CREDENTIALS = json.dumps({"access_key": "a", "secret_key": SECRET})


def test_a_new_user_gets_from_nothing_to_a_connected_workspace(headway: Headway, empty_home: Path) -> None:
    made = headway("workspace", "add", "Acme", "--vendor-domain", "acme.example", "--format", "json")
    assert (made.code, json.loads(made.out)["slug"]) == (0, "acme")
    assert f"made {empty_home}" in made.err
    theme = headway("theme", "add", "--workspace-id", "acme", "--name", "Exports", "--format", "json")
    assert json.loads(theme.out)["name"] == "Exports"
    connector = headway(
        "connector",
        "add",
        "--workspace-id",
        json.loads(made.out)["id"],
        "--type",
        "gong",
        "--credentials",
        "-",
        "--base-url",
        "http://127.0.0.1:9/v2/",
        "--format",
        "json",
        stdin=CREDENTIALS,
    )
    assert json.loads(connector.out)["connector_type"] == "gong"
    listed = json.loads(headway("connector", "list", "--workspace-id", "acme", "--format", "json").out)
    assert (listed[0]["base_url"], listed[0]["health"]) == ("http://127.0.0.1:9", "untried")
    assert [row["slug"] for row in json.loads(headway("workspace", "list", "--format", "json").out)] == ["acme"]


@pytest.mark.parametrize(
    "spelling", [{"gong_access_key": "a", "gong_secret_key": SECRET}, {"access_key": "a", "secret_key": SECRET}]
)
def test_both_spellings_of_gongs_keys_are_taken(headway: Headway, empty_home: Path, spelling: dict[str, str]) -> None:
    headway("workspace", "add", "Acme")
    added = headway(
        "connector",
        "add",
        "--workspace-id",
        "acme",
        "--type",
        "gong",
        "--credentials",
        "-",
        stdin=json.dumps(spelling),
    )
    assert added.code == 0
    assert SECRET not in added.out + added.err


@pytest.mark.parametrize(
    ("stdin", "words"),
    [
        ("", "are no JSON"),
        (f'{{"access_key": "{SECRET}"', "are no JSON"),
        (f'["{SECRET}"]', "no JSON object"),
        (f'{{"access_key": "{SECRET}"}}', "lack secret_key"),
        (f'{{"access_key": "a", "secret_key": "b", "token": "{SECRET}"}}', "no field 'token'"),
    ],
)
def test_unusable_credentials_are_an_error_that_shows_none_of_them(
    headway: Headway, empty_home: Path, stdin: str, words: str
) -> None:
    headway("workspace", "add", "Acme")
    said = headway("connector", "add", "--workspace-id", "acme", "--type", "gong", "--credentials", "-", stdin=stdin)
    assert said.code == 1
    assert words in said.err
    assert SECRET not in said.err
    verbose = headway(
        "connector", "add", "--workspace-id", "acme", "--type", "gong", "--credentials", "-", "--verbose", stdin=stdin
    )
    assert SECRET not in verbose.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("features", "--workspace-id", "nobody"), "there is no workspace 'nobody'"),
        (("workspace", "add", "Acme"), "there is a workspace 'acme' already"),
        (("theme", "add", "--workspace-id", "acme", "--name", "Exports"), "there is a theme 'Exports' already"),
        (("theme", "archive", "--workspace-id", "acme", "Nothing"), "there is no theme 'Nothing'"),
        (("connector", "check", "--workspace-id", "acme", "gong"), "there is no connector 'gong'"),
        (
            ("connector", "add", "--workspace-id", "acme", "--type", "zoom", "--credentials", "env"),
            "no source named 'zoom'",
        ),
        (
            (
                "connector",
                "add",
                "--workspace-id",
                "acme",
                "--type",
                "gong",
                "--credentials",
                "env",
                "--base-url",
                "https://elsewhere.example",
            ),
            "elsewhere.example",
        ),
        (
            ("messages", "--workspace-id", "acme", "--since", "yesterday"),
            "--since 'yesterday' is no day: write it as",
        ),
        (("ingest", "--workspace-id", "acme", "--since", "2026-02-30"), "'2026-02-30' is no day"),
        (("ingest", "--workspace-id", "acme", "--since", "2026-10-02", "--until", "2026-10-01"), "is reversed"),
        (("ingest", "--workspace-id", "acme", "--until", "2999-01-01"), "is in the future"),
        (("ingest", "--workspace-id", "acme", "--since", "2001-01-01"), "the first day of this installation"),
        (("ingest", "--workspace-id", "acme", "--since", "2026-10-02", "--days-back", "3"), "give one of them"),
        (("ingest", "--workspace-id", "acme", "--connector-type", "zoom"), "no source named 'zoom'"),
        (("ingest", "--workspace-id", "acme", "--since", "2999-01-01"), "name a day up to"),
        (("backfill", "--since", "2999-01-01"), "2999-01-01 is in the future"),
        (("reanalyse", "--workspace-id", "acme", "--since", "2999-01-01"), "2999-01-01 is in the future"),
        (
            ("ingest", "--workspace-id", "acme", "--connector-type", "gong"),
            "no active connector to Gong (it has: none)",
        ),
        (("messages", "--workspace-id", "acme", "--until", "9999-12-31"), "is out of reach"),
        (("features", "--workspace-id", "acme", "--since", "2026-10-02", "--until", "2026-10-01"), "is reversed"),
        (("workspace", "add", "x", "--vendor-domain", ""), "domain is empty"),
        (("workspace", "add", "x", "--vendor-domain", "acme example"), "'acme example' is no e-mail domain"),
        (("workspace", "add", "東京"), "no slug can be made from '東京'"),
        (("workspace", "add", " "), "needs a name"),
        (("workspace", "edit", "--workspace-id", "acme"), "nothing to change is named"),
        (("theme", "edit", "--workspace-id", "acme", "Exports"), "nothing to change is named"),
    ],
)
def test_bad_input_is_one_line_that_says_what_to_do(
    headway: Headway, empty_home: Path, arguments: tuple[str, ...], words: str
) -> None:
    headway("workspace", "add", "Acme")
    headway("theme", "add", "--workspace-id", "acme", "--name", "Exports")
    said = headway(*arguments)
    assert said.code == 1
    assert said.out == ""
    (line,) = said.err.splitlines()
    assert line.startswith("error: ")
    assert words in line


def test_verbose_shows_the_trace_before_the_line(headway: Headway, empty_home: Path) -> None:
    said = headway("features", "--workspace-id", "nobody", "--verbose")
    assert "Traceback" in said.err
    assert said.err.splitlines()[-1].startswith("error: there is no workspace")


def test_wrong_usage_exits_with_two(headway: Headway, empty_home: Path) -> None:
    assert headway("features").code == 2
    assert headway("nonsense").code == 2
    assert headway("ingest", "--workspace-id", "acme", "--limit", "0").code == 2


def test_a_database_that_is_down_is_one_line(
    headway: Headway, empty_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"postgresql://someone:{SECRET}@127.0.0.1:1/none")
    said = headway("workspace", "list")
    assert (said.code, len(said.err.splitlines())) == (1, 2)
    assert "cannot be reached or used: see that it runs" in said.err
    assert SECRET not in headway("workspace", "list", "--verbose").err


def test_postgresql_without_a_key_says_how_to_make_one(
    headway: Headway, empty_home: Path, monkeypatch: pytest.MonkeyPatch, database_url: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    headway("workspace", "add", "Acme")
    said = headway(
        "connector", "add", "--workspace-id", "acme", "--type", "gong", "--credentials", "-", stdin=CREDENTIALS
    )
    if database_url.startswith("sqlite"):
        assert said.code == 0
        assert (empty_home / "secret.key").stat().st_mode & 0o777 == 0o600
    else:
        assert "HEADWAY_SECRET_KEY is not set" in said.err


def test_upgrading_says_where_the_tables_are(headway: Headway, empty_home: Path) -> None:
    said = headway("db", "upgrade")
    assert (said.code, said.err.splitlines()[-1]) == (0, f"the tables are at revision {HEAD} (were at none)")
    assert headway("db", "upgrade").err.strip() == f"the tables are at revision {HEAD}"


def test_the_sql_for_the_roles_is_printed_for_a_login_and_is_no_ones_on_sqlite(
    headway: Headway, empty_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = headway("db", "roles")
    assert (refused.code, refused.out) == (1, "")
    assert "SQLite has no roles" in refused.err
    monkeypatch.setenv("DATABASE_URL", "postgresql://ada:hunter2@127.0.0.1:1/none")
    assert "quote_ident('ada')" in headway("db", "roles").out
    assert "quote_ident('o''hara')" in headway("db", "roles", "--login", "o'hara").out
    monkeypatch.setenv("DATABASE_URL", "postgresql://127.0.0.1:1/none")
    assert "names no login" in headway("db", "roles").err


def test_the_doctor_finds_a_fresh_installation_fit(headway: Headway, empty_home: Path) -> None:
    said = headway("doctor", "--format", "json")
    findings = {found["name"]: found for found in json.loads(said.out)}
    assert said.code == 0
    looked_at = {"home", "database", "credentials", "sources", "analyst", "dagster"}
    looked_at |= {"versions", "instance", "records", "daemons", "automation", "pools"}
    assert looked_at == set(findings)
    assert "7 assets" in findings["dagster"]["words"]


def test_the_doctor_names_what_to_mend_and_exits_with_one(headway: Headway, empty_home: Path) -> None:
    headway("workspace", "add", "Acme")
    headway("connector", "add", "--workspace-id", "acme", "--type", "gong", "--credentials", "-", stdin=CREDENTIALS)
    (empty_home / "secret.key").chmod(0o644)
    said = headway("doctor")
    assert said.code == 1
    (line,) = [line for line in said.out.splitlines() if line.startswith("MEND")]
    assert "chmod 600" in line


def test_the_doctor_gives_every_fault_a_line_that_says_what_to_do(headway: Headway, empty_home: Path) -> None:
    headway("doctor")
    config = empty_home / "dagster" / "dagster.yaml"
    config.write_text(config.read_text(encoding="utf-8").replace("enabled: true", "enabled: false"), encoding="utf-8")
    config.write_text(config.read_text(encoding="utf-8").replace("limit: 1", "limit: 3"), encoding="utf-8")
    said = headway("doctor")
    assert said.code == 1
    lines = [line for line in said.out.splitlines() if line.startswith("MEND  instance: ")]
    assert [("run_monitoring: {enabled: true" in line, "the tag `workspace`" in line) for line in lines] == [
        (True, False),
        (False, True),
    ]


def test_a_disabled_connector_is_listed_only_on_request(headway: Headway, empty_home: Path) -> None:
    headway("workspace", "add", "Acme")
    headway("connector", "add", "--workspace-id", "acme", "--type", "gong", "--credentials", "env")
    headway("connector", "disable", "--workspace-id", "acme", "gong")
    assert json.loads(headway("connector", "list", "--workspace-id", "acme", "--format", "json").out) == []
    everything = json.loads(headway("connector", "list", "--workspace-id", "acme", "--all", "--format", "json").out)
    assert everything[0]["is_active"] is False


def test_a_dagster_home_that_is_missing_is_one_line(
    headway: Headway, empty_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(empty_home / "nowhere"))
    headway("workspace", "add", "Acme")
    said = headway("ingest", "--workspace-id", "acme")
    assert said.code == 1
    assert "DAGSTER_HOME names" in said.err


@pytest.mark.parametrize(("written", "words"), [("", "is empty"), ("nonsense \u00ff", "no Fernet key")])
def test_a_damaged_key_file_is_named(headway: Headway, empty_home: Path, written: str, words: str) -> None:
    headway("workspace", "add", "Acme")
    (empty_home / "secret.key").touch(mode=0o600)
    (empty_home / "secret.key").write_text(written, encoding="latin-1")
    said = headway(
        "connector", "add", "--workspace-id", "acme", "--type", "gong", "--credentials", "-", stdin=CREDENTIALS
    )
    assert said.code == 1
    assert words in said.err
    assert "secret.key" in said.err


def test_a_defect_is_a_line_that_quotes_nothing(
    headway: Headway, empty_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_arguments: object, **_options: object) -> None:
        raise ZeroDivisionError("private words")

    monkeypatch.setattr("headway_pipeline.store.workspaces.Workspaces.list", broken)
    said = headway("workspace", "list")
    assert said.code == 1
    assert said.err.splitlines()[-1].startswith("error: an unexpected ZeroDivisionError")
    assert "private words" not in said.err


def test_fathom_is_connected_under_either_spelling_of_its_key(headway: Headway, empty_home: Path) -> None:
    headway("workspace", "add", "Acme")
    for name, spelling in (("a", "api_token"), ("b", "fathom_api_token")):
        said = headway(
            "connector",
            "add",
            "--workspace-id",
            "acme",
            "--type",
            "fathom",
            "--name",
            name,
            "--credentials",
            "-",
            stdin=json.dumps({spelling: SECRET}),
        )
        assert (said.code, SECRET in said.out + said.err) == (0, False)
    refused = headway(
        "connector", "add", "--workspace-id", "acme", "--type", "fathom", "--credentials", "-", stdin="x"
    )
    assert '{"api_token": "..."}' in refused.err


def test_a_fathom_project_is_ignored_with_a_warning(
    headway: Headway, empty_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FATHOM_PROJECT_ID", "42")
    said = headway("workspace", "list", "--format", "json")
    assert (said.code, json.loads(said.out)) == (0, [])
    assert "warning: FATHOM_PROJECT_ID is ignored (Fathom has no projects" in said.err
    monkeypatch.delenv("FATHOM_PROJECT_ID")
    assert "warning" not in headway("workspace", "list").err


def test_a_port_that_is_taken_is_one_line(headway: Headway, empty_home: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        said = headway("up", "--port", str(taken.getsockname()[1]))
    assert said.code == 1
    assert "give another --port" in said.err


def test_an_oauth_connector_is_added_with_its_choices_and_its_secrets_are_sealed(
    headway: Headway, empty_home: Path
) -> None:
    headway("workspace", "add", "Acme")
    oauth = {"client_id": "id", "client_secret": "hush-1", "refresh_token": "hush-2"}
    said = headway(
        *("connector", "add", "--workspace-id", "acme", "--type", "gong", "--credentials", "-"),
        *("--setting", "workspace=Sales EMEA", "--setting", "workspace=a=b"),
        stdin=json.dumps(oauth | {"token_url": "https://app.gong.io/oauth2/generate-customer-token/"}),
    )
    assert said.code == 0, said.err
    store = open_configured_store(current_settings())
    connector = store.connectors.find(store.workspaces.find("acme").id, "gong")
    assert dict(connector.settings) == {"workspace": ["Sales EMEA", "a=b"]}
    held = store.connectors.credentials(connector)
    assert held["token_url"] == "https://app.gong.io/oauth2/generate-customer-token"
    store.close()
    assert "hush" not in said.out + said.err


@pytest.mark.parametrize(
    ("arguments", "more", "named"),
    [
        ((), {"token_url": "https://evil.example/token"}, "no address of Gong"),
        ((), {"token_url": "http://app.gong.io/token"}, "https only"),
        ((), {"refresh_token": ""}, "refresh_token"),
        (("--setting", "team=x"), {}, "no setting 'team'"),
        (("--setting", "workspace"), {}, "has no value"),
    ],
)
def test_an_oauth_connector_that_cannot_work_is_refused_in_one_line(
    headway: Headway, empty_home: Path, arguments: tuple[str, ...], more: dict[str, str], named: str
) -> None:
    headway("workspace", "add", "Acme")
    given = {"client_id": "id", "client_secret": "hush-1", "refresh_token": "hush-2"} | more
    said = headway(
        *("connector", "add", "--workspace-id", "acme", "--type", "gong", "--credentials", "-", *arguments),
        stdin=json.dumps(given),
    )
    assert said.code == 1
    assert named in said.err
    assert "hush" not in said.err


EDIT = ("connector", "edit", "--workspace-id", "acme", "gong")


def connected(headway: Headway) -> None:
    headway("workspace", "add", "Acme")
    made = headway(
        *("connector", "add", "--workspace-id", "acme", "--type", "gong", "--credentials", "-"),
        *("--setting", "workspace=Sales", "--base-url", "https://us-1.api.gong.io"),
        stdin=CREDENTIALS,
    )
    assert made.code == 0, made.err


def test_a_connector_is_given_new_credentials_and_a_fresh_start(headway: Headway, empty_home: Path) -> None:
    """What a refused refresh token asks for; the calls of the connector stay its own."""
    connected(headway)
    headway("connector", "disable", "--workspace-id", "acme", "gong")
    store = open_configured_store(current_settings())
    before = store.connectors.find(store.workspaces.find("acme").id, "gong")
    store.connectors.record_health(before.id, ConnectorHealth.BAD_CREDENTIALS, last_error="refused")
    oauth = {"client_id": "id", "client_secret": "hush-1", "refresh_token": "hush-2"}
    said = headway(*EDIT, "--credentials", "-", stdin=json.dumps(oauth))
    assert (said.code, "connector check" in said.err) == (0, True), said.err
    after = store.connectors.find(before.workspace_id, "gong")
    assert (after.id, after.base_url, dict(after.settings)) == (before.id, before.base_url, {"workspace": ["Sales"]})
    assert (after.is_active, after.health, after.last_error) == (True, ConnectorHealth.UNTRIED, None)
    assert dict(store.connectors.credentials(after)) == oauth
    store.close()
    assert "hush" not in said.out + said.err


def test_an_edited_connector_keeps_what_was_not_named(headway: Headway, empty_home: Path) -> None:
    connected(headway)
    assert headway(*EDIT, "--setting", "workspace=EMEA", "--setting", "workspace=US").code == 0
    store = open_configured_store(current_settings())
    found = store.connectors.find(store.workspaces.find("acme").id, "gong")
    assert dict(found.settings) == {"workspace": ["EMEA", "US"]}
    assert dict(store.connectors.credentials(found)) == json.loads(CREDENTIALS)
    assert headway(*EDIT, "--setting", "workspace=", "--base-url", "", "--credentials", "env").code == 0
    found = store.connectors.find(found.workspace_id, "gong")
    assert (dict(found.settings), found.base_url, found.uses_environment) == ({}, None, True)
    store.close()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ((), "nothing to change is named"),
        (("--base-url", "https://us-2.api.gong.io"), "another address needs the credentials again"),
        (("--base-url", "https://evil.example", "--credentials", "-"), "no address of Gong"),
        (("--setting", "team=x"), "no setting 'team'"),
        (("--setting", "team="), "no setting 'team'"),
    ],
)
def test_an_edit_that_cannot_be_is_one_line_and_changes_nothing(
    headway: Headway, empty_home: Path, arguments: tuple[str, ...], named: str
) -> None:
    connected(headway)
    said = headway(*EDIT, *arguments, stdin=CREDENTIALS)
    assert (said.code, named in said.err) == (1, True), said.err
    (row,) = json.loads(headway("connector", "list", "--workspace-id", "acme", "--format", "json").out)
    assert (row["base_url"], row["settings"]) == ("https://us-1.api.gong.io", {"workspace": ["Sales"]})


def test_a_workspace_is_renamed_deactivated_and_taken_up_again(headway: Headway, empty_home: Path) -> None:
    headway("workspace", "add", "Acme", "--vendor-domain", "acme.example")
    edit = ("workspace", "edit", "--workspace-id", "acme")
    said = headway(
        *edit, "--name", "Acme Products", "--vendor-domain", "acme.example", "--vendor-domain", "acme.test"
    )
    assert "own people at acme.example, acme.test" in said.out
    assert "is inactive" in headway(*edit, "--inactive").out
    assert json.loads(headway("workspace", "list", "--format", "json").out) == []
    (row,) = json.loads(headway("workspace", "list", "--all", "--format", "json").out)
    assert (row["slug"], row["name"], row["is_active"]) == ("acme", "Acme Products", False)
    assert row["vendor_domains"] == ["acme.example", "acme.test"]

    for command in ("ingest", "backfill", "reanalyse"):
        since = () if command == "ingest" else ("--since", "2026-01-01")
        refused = headway(command, "--workspace-id", "acme", *since)
        assert (refused.code, "--active" in refused.err) == (1, True)
    assert "there is no active workspace" in headway("backfill", "--since", "2026-01-01").err
    assert "is inactive" not in headway(*edit, "--active", "--vendor-domain", "").out
    (row,) = json.loads(headway("workspace", "list", "--format", "json").out)
    assert row["vendor_domains"] == []


def test_an_edit_of_what_a_workspace_is_leaves_how_it_is_read(headway: Headway, empty_home: Path) -> None:
    headway("workspace", "add", "Acme")
    edit = ("workspace", "edit", "--workspace-id", "acme")
    headway(*edit, "--no-redact", "--monthly-budget-usd", "5")
    headway(*edit, "--name", "Other")
    found = open_configured_store(current_settings()).workspaces.find("acme")
    assert (found.name, found.reading.is_redacting, found.reading.monthly_budget_usd) == ("Other", False, 5.0)


def test_a_theme_is_found_in_any_case_where_one_is_meant(headway: Headway, empty_home: Path) -> None:
    headway("workspace", "add", "Acme")
    headway("theme", "add", "--workspace-id", "acme", "--name", "Exports")
    assert headway("theme", "edit", "--workspace-id", "acme", "exports", "--icon", "bolt").code == 0
    headway("theme", "add", "--workspace-id", "acme", "--name", "EXPORTS")
    edit = ("theme", "edit", "--workspace-id", "acme")
    assert "use one of these: Exports, EXPORTS" in headway(*edit, "exports", "--icon", "x").err
    assert headway(*edit, "EXPORTS", "--icon", "x").code == 0


def test_a_misspelt_command_is_met_with_the_one_that_is_meant(headway: Headway) -> None:
    said = headway("ingst")
    assert (said.code, "Did you mean 'ingest'?" in said.err) == (2, True)
    assert "Did you mean" not in headway("zzz").err


def test_an_empty_listing_says_whether_a_filter_made_it_so(headway: Headway, empty_home: Path) -> None:
    headway("workspace", "add", "Acme")
    for listing in ("features", "inbox", "messages"):
        everything = headway(listing, "--workspace-id", "acme").err
        assert "yet: " in everything
        narrowed = headway(listing, "--workspace-id", "acme", "--source", "gong").err
        assert "leave a filter out" in narrowed


@pytest.mark.parametrize("group", ["workspace", "connector", "theme", "token", "decide", "keys", "db"])
def test_no_line_in_a_list_of_commands_is_cut_short(headway: Headway, group: str) -> None:
    _, _, commands = headway(group, "--help").out.partition("Commands:")
    assert commands
    assert "..." not in commands


def test_a_second_up_over_the_same_records_is_refused_for_two_daemons_would_launch_all_twice(
    headway: Headway, empty_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[int] = []

    def supervise(*_given: object) -> int:
        started.append(1)
        if len(started) == 1:
            second = headway("up", *ports)
            assert (second.code, "another `headway up` runs over the records" in second.err) == (1, True)
        return 0

    monkeypatch.setattr("headway_pipeline.cli.up.supervise", supervise)
    ports = ("--port", str(free_port()), "--read-only-port", "0", "--api-port", "0")
    assert headway("up", *ports).code == 0
    # The first one ended, however it did: the records are free again.
    assert headway("up", *ports).code == 0
    assert len(started) == 2
