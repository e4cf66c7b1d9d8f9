"""No change at the keyboard without its entry: where the entry cannot be written, nothing is changed."""

import json

import pytest

from headway_pipeline_tests.cli.conftest import Headway
from headway_pipeline_tests.store.refusing import refused_entries
from headway_pipeline_tests.store.tenants import everything
from headway_pipeline_tests.worlds import Installation

OF_ACME = ("--workspace-id", "acme")
FATHOM = ("--type", "fathom", "--credentials", "-")


@pytest.mark.parametrize(
    ("command", "stdin"),
    [
        (("workspace", "add", "Globex"), ""),
        (("workspace", "edit", *OF_ACME, "--monthly-budget-usd", "5"), ""),
        (("theme", "add", *OF_ACME, "--name", "Billing"), ""),
        (("theme", "edit", *OF_ACME, "Exports", "--name", "Reports"), ""),
        (("theme", "archive", *OF_ACME, "Exports"), ""),
        (("connector", "add", *OF_ACME, *FATHOM), json.dumps({"api_token": "t"})),
        (("connector", "edit", *OF_ACME, "gong", "--credentials", "-"), '{"access_key": "a", "secret_key": "b"}'),
        (("connector", "disable", *OF_ACME, "gong"), ""),
        (("token", "create", *OF_ACME, "--role", "viewer", "--name", "ci"), ""),
        (("token", "revoke", "TOKEN"), ""),
        (("decide", "dismiss", *OF_ACME, "FEATURE"), ""),
    ],
    ids=lambda given: " ".join(given[:2]) if isinstance(given, tuple) else "",
)
def test_a_change_whose_entry_is_refused_is_none(
    headway: Headway, installation: Installation, command: tuple[str, ...], stdin: str
) -> None:
    store = installation.store
    names = {}
    if "TOKEN" in command:
        made = headway("token", "create", "--role", "operator", "--name", "me", "--format", "json")
        names["TOKEN"] = json.loads(made.out)["id"]
    if "FEATURE" in command:
        headway("ingest", *OF_ACME, "--days-back", "7")
        names["FEATURE"] = json.loads(headway("features", *OF_ACME, "--format", "json").out)[0]["id"]
    arguments = [names.get(one, one) for one in command]

    before = everything(store)
    with refused_entries(store):
        assert headway(*arguments, stdin=stdin).code == 1
    assert everything(store) == before
    said = headway(*arguments, stdin=stdin)
    assert said.code == 0, said.err
    after = everything(store)
    assert len(after["audit_log"]) == len(before["audit_log"]) + 1
    assert {name for name in after if after[name] != before[name]} > {"audit_log"}
