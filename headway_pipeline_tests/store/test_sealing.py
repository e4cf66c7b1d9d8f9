"""Credentials at rest: sealed, bound to their row, and shown by nothing."""

import json
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa
from cryptography.fernet import Fernet

from headway_pipeline.model.errors import ConfigurationError, CredentialsSealedError
from headway_pipeline.model.workspaces import Credentials
from headway_pipeline.store import Store, open_store
from headway_pipeline.store.key_file import load_or_make_key_file
from headway_pipeline.store.sealing import CredentialSealer, keys_of
from headway_pipeline.store.tables import workspace_connectors
from headway_pipeline_tests.store.rows import place

SECRET = "correct-horse-battery"


def add(store: Store, workspace: str) -> object:
    made = store.workspaces.add(workspace)
    return store.connectors.add(made.id, "gong", credentials=Credentials({"access_key": "a", "secret_key": SECRET}))


def stored(store: Store) -> str:
    with store.database.reading() as connection:
        return json.dumps(
            [dict(row) for row in connection.execute(sa.select(workspace_connectors)).mappings()], default=str
        )


def test_what_goes_in_comes_out_and_is_nowhere_in_the_table(store: Store) -> None:
    add(store, "Acme")
    connector = store.connectors.list(store.workspaces.find("acme").id)[0]
    opened = store.connectors.credentials(connector)
    assert dict(opened) == {"access_key": "a", "secret_key": SECRET}
    assert SECRET not in stored(store)
    assert SECRET not in repr(opened)
    assert SECRET not in f"{opened}"


def test_a_ciphertext_copied_to_another_row_does_not_open(store: Store) -> None:
    add(store, "Acme")
    add(store, "Rival")
    table = workspace_connectors
    with store.database.writing() as connection:
        envelope = connection.execute(
            sa.select(table.c.credentials).where(table.c.workspace_id == store.workspaces.find("acme").id)
        ).scalar_one()
        connection.execute(table.update().values(credentials=envelope))
    rival = store.connectors.list(store.workspaces.find("rival").id)[0]
    with pytest.raises(CredentialsSealedError, match="belong to another connector"):
        store.connectors.credentials(rival)


def test_another_key_does_not_open_and_the_words_say_what_to_do(store: Store, database_url: str) -> None:
    at = place(store)
    other = open_store(database_url, sealing=lambda: CredentialSealer([Fernet.generate_key().decode()]))
    try:
        with pytest.raises(CredentialsSealedError, match="give HEADWAY_SECRET_KEY every key"):
            other.connectors.credentials(at.connector)
    finally:
        other.close()


def test_an_older_key_still_opens_when_a_newer_one_stands_before_it() -> None:
    at = (Fernet.generate_key().decode(), Fernet.generate_key().decode())
    workspace, connector = uuid4(), uuid4()
    envelope = CredentialSealer(at[:1]).seal(Credentials({"api_token": SECRET}), workspace, connector)
    opened = CredentialSealer(keys_of(f"{at[1]}, {at[0]}")).open(envelope, workspace, connector)
    assert opened["api_token"] == SECRET


def test_a_key_that_is_none_is_refused_without_being_shown() -> None:
    with pytest.raises(ConfigurationError, match="no Fernet key") as caught:
        CredentialSealer(["hunter2"])
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_the_key_file_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    made = load_or_make_key_file(path)
    assert load_or_make_key_file(path) == made
    assert path.stat().st_mode & 0o777 == 0o600
    assert [found.name for found in tmp_path.iterdir()] == ["secret.key"]


def test_a_key_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    load_or_make_key_file(path)
    path.chmod(0o644)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        load_or_make_key_file(path)


def test_processes_that_make_the_key_file_at_once_agree_on_one_key(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib\n"
        "from headway_pipeline.store.key_file import load_or_make_key_file\n"
        "print(load_or_make_key_file(pathlib.Path(sys.argv[1])))"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", program, str(tmp_path / "k")], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    keys = {process.communicate(timeout=60)[0] for process in running}
    assert len(keys) == 1
    assert "[" in keys.pop()
