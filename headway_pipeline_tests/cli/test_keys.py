"""`headway keys rotate`: says what it did, and no key."""

import json

import pytest

from headway_pipeline.store.key_file import load_or_make_key_file
from headway_pipeline_tests.cli.conftest import Headway
from headway_pipeline_tests.worlds import Installation


def test_a_change_of_keys_says_what_it_did_and_shows_no_key(
    headway: Headway, installation_on_disk: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = installation_on_disk.settings.key_file
    made = headway("keys", "rotate")
    assert (made.code, "a new key was made; 1 values are sealed" in made.out) == (0, True)
    assert "--drop-old" in made.err
    keys = load_or_make_key_file(path)
    early = headway("keys", "rotate", "--drop-old")
    assert (early.code, "less than a minute old" in early.err) == (1, True)
    monkeypatch.setattr("headway_pipeline.store.rotation.OLDEST_READER_S", 0.0)
    dropped = headway("keys", "rotate", "--drop-old", "--format", "json")
    assert (dropped.code, json.loads(dropped.out)["dropped"]) == (0, 1)
    assert load_or_make_key_file(path) == keys[:1]
    said = "".join(one.out + one.err for one in (made, early, dropped))
    assert not [key for key in keys if key in said]
    assert headway("connector", "check", "--workspace-id", "acme", "gong").code == 0
