"""`headway token` and `headway api`."""

import json
from pathlib import Path

import pytest

from headway_pipeline.model.access import Role
from headway_pipeline.settings import current_settings
from headway_pipeline.store.configured import open_configured_store
from headway_pipeline_tests.cli.conftest import Headway


def test_a_token_is_shown_once_listed_without_its_secret_and_revoked(headway: Headway, empty_home: Path) -> None:
    headway("workspace", "add", "Acme")
    made = headway(
        "token", "create", "--workspace-id", "acme", "--role", "editor", "--name", "ci", "--format", "json"
    )
    token = json.loads(made.out)
    assert (token["role"], token["name"]) == ("editor", "ci")
    assert token["token"] not in made.err
    store = open_configured_store(current_settings())
    caller = store.api_tokens.caller(token["token"])
    assert caller is not None
    assert caller.role is Role.EDITOR
    listed = headway("token", "list", "--format", "json")
    (shown,) = json.loads(listed.out)
    assert (shown["workspace"], shown["revoked_at"]) == ("acme", None)
    assert token["token"] not in listed.out
    assert headway("token", "revoke", token["id"]).code == 0
    assert store.api_tokens.caller(token["token"]) is None
    assert headway("token", "revoke", "ci").code == 1
    store.close()


def test_for_a_person_the_token_alone_is_on_standard_output(headway: Headway, empty_home: Path) -> None:
    made = headway("token", "create", "--role", "operator", "--name", "me", "--expires-in-days", "30")
    assert made.out.strip().startswith("headway_")
    assert "operator in every workspace" in made.err


def test_a_role_in_a_workspace_needs_one(headway: Headway, empty_home: Path) -> None:
    refused = headway("token", "create", "--role", "viewer", "--name", "x")
    assert refused.code == 1
    assert "exactly one" in refused.err


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "headway.example"])
def test_the_api_is_open_to_other_machines_only_behind_a_proxy(headway: Headway, empty_home: Path, host: str) -> None:
    refused = headway("api", "--host", host)
    assert refused.code == 1
    assert "--behind-proxy" in refused.err


def test_what_is_changed_at_the_keyboard_is_in_the_audit_log(headway: Headway, empty_home: Path) -> None:
    headway("workspace", "add", "Acme")
    headway("workspace", "edit", "--workspace-id", "acme", "--no-redact")
    headway("theme", "add", "--workspace-id", "acme", "--name", "Exports")
    headway("theme", "edit", "--workspace-id", "acme", "Exports", "--icon", "bolt")
    headway("theme", "archive", "--workspace-id", "acme", "Exports")
    secret = json.dumps({"access_key": "hunter2", "secret_key": "hunter3"})
    add = ("connector", "add", "--workspace-id", "acme", "--type", "gong", "--credentials", "-")
    headway(*add, stdin=secret)
    headway("connector", "edit", "--workspace-id", "acme", "gong", "--credentials", "-", stdin=secret)
    headway("connector", "disable", "--workspace-id", "acme", "gong")
    headway("token", "create", "--workspace-id", "acme", "--role", "viewer", "--name", "ci")
    store = open_configured_store(current_settings())
    entries = store.audit_log.list(store.workspaces.find("acme").id)
    assert [entry.action for entry in reversed(entries)] == [
        "workspace.add",
        "workspace.edit",
        "theme.add",
        "theme.edit",
        "theme.archive",
        "connector.add",
        "connector.edit",
        "connector.disable",
        "token.create",
    ]
    assert {entry.actor for entry in entries} == {"command line"}
    assert "hunter" not in str(entries)
    store.close()
