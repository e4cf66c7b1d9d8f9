"""Keys are changed without losing anything: not what is sealed, not what is keyed, and not in the middle."""

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from cryptography.fernet import Fernet

from headway_pipeline.model.errors import ConfigurationError, CredentialsSealedError, InputError
from headway_pipeline.model.workspaces import Credentials
from headway_pipeline.settings import Settings, current_settings
from headway_pipeline.store import Store, open_store
from headway_pipeline.store.configured import open_configured_store
from headway_pipeline.store.key_file import held, load_or_make_key_file
from headway_pipeline.store.rotation import Rotation, rotate_keys
from headway_pipeline.store.sealing import CredentialSealer
from headway_pipeline.store.seals import Seal
from headway_pipeline.store.tables import settings as settings_table
from headway_pipeline.store.tables import workspace_connectors
from headway_pipeline_tests.conftest import TEST_KEY
from headway_pipeline_tests.worlds import use_home

NOW = datetime(2026, 11, 20, tzinfo=UTC)
#: Beyond the minute in which older keys may be in use.
LATER = 2_000_000_000.0
SECRETS = {"access_key": "a", "secret_key": "correct-horse"}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home_template: Path) -> Settings:
    shutil.copytree(home_template, tmp_path / "home")
    return use_home(tmp_path / "home", monkeypatch)


def fill(store: Store) -> dict[str, str]:
    """One of everything that is sealed; returns what is keyed."""
    workspace = store.workspaces.add("Acme")
    connector = store.connectors.add(workspace.id, "gong", credentials=Credentials(SECRETS))
    store.webhooks.save(connector, "whsec_c2VjcmV0", url="https://h.example/w", remote_id="wh_1", now=NOW)
    return keyed(store)


def keyed(store: Store) -> dict[str, str]:
    """Hashes that must mean the same after a rotation: of erased people, and of quota owners."""
    workspace = store.workspaces.find("acme")
    person = store.erasures.pseudonyms(workspace.id).key("email", "carl@buyer.example")
    return {"person": person, "owner": store.connectors.fingerprint("gong a")}


def contents(store: Store) -> tuple[dict[str, str], str]:
    """What was sealed."""
    connector = store.connectors.find(store.workspaces.find("acme").id, "gong")
    hook = store.webhooks.find(connector.id)
    assert hook is not None
    return dict(store.connectors.credentials(connector)), store.webhooks.secret(hook)


@contextmanager
def opened(settings: Settings) -> Iterator[Store]:
    store = open_configured_store(settings)
    try:
        yield store
    finally:
        store.close()


def rotated(settings: Settings, *, drop_old: bool = False) -> Rotation:
    return rotate_keys(settings, drop_old=drop_old, clock=lambda: LATER)


def test_everything_is_sealed_anew_and_nothing_means_anything_else(home: Settings) -> None:
    with opened(home) as store:
        before = fill(store)
    (old,) = load_or_make_key_file(home.key_file)
    done = rotated(home)
    assert (done.is_new_key, done.sealed, done.resealed, done.unopened, done.kept) == (True, 4, 4, (), 1)
    done = rotated(home, drop_old=True)
    assert (done.is_new_key, done.sealed, done.resealed, done.dropped, done.kept) == (False, 4, 0, 1, 0)
    (new,) = load_or_make_key_file(home.key_file)
    assert new != old
    assert stat.S_IMODE(home.key_file.stat().st_mode) == 0o600
    with opened(home) as store:
        assert contents(store) == (SECRETS, "whsec_c2VjcmV0")
        assert keyed(store) == before


def test_a_stolen_old_key_opens_nothing_afterwards(home: Settings) -> None:
    with opened(home) as store:
        fill(store)
    (old,) = load_or_make_key_file(home.key_file)
    rotated(home)
    stolen = open_store(home.database_url, sealing=lambda: CredentialSealer([old]))
    try:
        assert {value.seal for value in stolen.seals.examine()} == {Seal.UNKNOWN}
        with pytest.raises(CredentialsSealedError):
            contents(stolen)
    finally:
        stolen.close()


def test_every_sealed_value_of_every_table_is_found(store: Store) -> None:
    """A new sealed column that a rotation does not know would be lost with the old key."""
    fill(store)
    stored = 0
    with store.database.reading() as connection:
        for table in settings_table.metadata.tables.values():
            for row in connection.execute(sa.select(table)).mappings():
                stored += sum(isinstance(value, dict) and "sealed" in value for value in row.values())
    assert len(store.seals.examine()) == stored == 4


def test_on_either_database_values_move_to_the_newest_key_and_stay_bound_to_their_row(
    store: Store, database_url: str
) -> None:
    fill(store)
    old, new = TEST_KEY, Fernet.generate_key().decode()
    both = open_store(database_url, sealing=lambda: CredentialSealer([new, old]))
    alone = open_store(database_url, sealing=lambda: CredentialSealer([new]))
    try:
        assert {value.seal for value in both.seals.examine()} == {Seal.OLDER}
        assert both.seals.reseal() == 4
        assert both.seals.reseal() == 0
        assert contents(alone) == (SECRETS, "whsec_c2VjcmV0")
        rival = alone.connectors.add(alone.workspaces.add("Rival").id, "gong", credentials=Credentials(SECRETS))
        with alone.database.writing() as connection:
            table = workspace_connectors
            moved = sa.select(table.c.credentials).where(table.c.id != rival.id)
            connection.execute(
                table.update()
                .where(table.c.id == rival.id)
                .values(credentials=connection.execute(moved).scalar_one())
            )
        with pytest.raises(CredentialsSealedError, match="another connector"):
            alone.connectors.credentials(rival)
    finally:
        both.close()
        alone.close()


#: Dies at the moment that is counted down to: before or after each step that writes anything.
KILLED = """
import os, sys
from pathlib import Path
from headway_pipeline.settings import current_settings
from headway_pipeline.store import key_file, rotation, seals
left = int(sys.argv[1])
def dying(step):
    def wrapped(*given, **named):
        global left
        for moment in ("before", "after"):
            if left == 0:
                os._exit(9)
            left -= 1
            if moment == "before":
                done = step(*given, **named)
        return done
    return wrapped
key_file._write = dying(key_file._write)
Path.replace = dying(Path.replace)
seals.Seals._reseal = dying(seals.Seals._reseal)
rotation.rotate_keys(current_settings(), drop_old=sys.argv[2] == "drop", clock=lambda: 2e9)
print("done")
"""


def killed_at(step: int, what: str) -> int:
    run = subprocess.run([sys.executable, "-c", KILLED, str(step), what], env=dict(os.environ), timeout=60)
    return run.returncode


@pytest.mark.parametrize("step", range(12))
def test_a_rotation_that_is_killed_at_any_step_loses_nothing_and_goes_on(home: Settings, step: int) -> None:
    """Two keys at most: a second try must not pile up keys, nor take out one that something still needs."""
    with opened(home) as store:
        before = fill(store)
    assert killed_at(step, "make") == 9
    with opened(home) as store:
        assert contents(store) == (SECRETS, "whsec_c2VjcmV0")
        assert keyed(store) == before
    done = rotated(home)
    assert done.unopened == ()
    assert len(load_or_make_key_file(home.key_file)) == (3 if step == 11 else 2)
    killed_at(step % 4, "drop")
    rotated(home, drop_old=True)
    assert len(load_or_make_key_file(home.key_file)) == 1
    assert [path.name for path in home.home.glob("secret.key*")] == ["secret.key"]
    with opened(home) as store:
        assert contents(store) == (SECRETS, "whsec_c2VjcmV0")
        assert keyed(store) == before


def test_the_older_key_stays_while_something_may_still_seal_with_it(home: Settings) -> None:
    with opened(home) as store:
        fill(store)
    rotated(home)
    made_at = home.key_file.stat().st_mtime
    with pytest.raises(InputError, match="less than a minute old"):
        rotate_keys(home, drop_old=True, clock=lambda: made_at + 59)
    assert rotate_keys(home, drop_old=True, clock=lambda: made_at + 61).dropped == 1


def test_what_no_key_opens_is_named_and_keeps_the_older_keys(home: Settings) -> None:
    with opened(home) as store:
        fill(store)
    lost = CredentialSealer([Fernet.generate_key().decode()])
    with opened(home) as store:
        connector = store.connectors.find(store.workspaces.find("acme").id, "gong")
        other = open_store(home.database_url, sealing=lambda: lost)
        other.webhooks.save(connector, "whsec_bG9zdA==", url="https://h.example/w", remote_id=None, now=NOW)
        other.close()
    done = rotated(home)
    assert done.unopened == ("webhook secret of gong in acme",)
    assert (done.sealed, done.resealed) == (3, 3)
    with pytest.raises(InputError, match="no key opens webhook secret of gong in acme"):
        rotated(home, drop_old=True)
    assert len(load_or_make_key_file(home.key_file)) == 2


def test_a_lost_key_of_fingerprints_is_made_anew_for_nothing_depends_on_it(home: Settings) -> None:
    with opened(home) as store:
        before = fill(store)
        with store.database.writing() as connection:
            lost = CredentialSealer([Fernet.generate_key().decode()]).seal_key(b"lost", "key")
            connection.execute(
                settings_table.update().where(settings_table.c.key == "fingerprint_key").values(value=lost)
            )
    assert rotated(home).unopened == ()
    with opened(home) as store:
        assert keyed(store)["person"] == before["person"]
        assert keyed(store)["owner"] != before["owner"]


def test_two_rotations_at_once_would_lose_a_key_so_one_of_them_is_refused(home: Settings) -> None:
    with opened(home) as store:
        fill(store)
    with held(home.key_file), pytest.raises(ConfigurationError, match="another process"):
        rotated(home)
    assert rotated(home).resealed == 4


def test_keys_in_the_environment_are_the_operators_to_change(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    monkeypatch.setenv("HEADWAY_SECRET_KEY", old)
    with opened(current_settings()) as store:
        before = fill(store)
    with pytest.raises(InputError, match="put a new key before it") as refused:
        rotate_keys(current_settings(), drop_old=False)
    assert old not in str(refused.value)
    monkeypatch.setenv("HEADWAY_SECRET_KEY", f"{new},{old}")
    done = rotate_keys(current_settings(), drop_old=False)
    assert (done.has_key_file, done.is_new_key, done.resealed, done.kept) == (False, False, 4, 1)
    monkeypatch.setenv("HEADWAY_SECRET_KEY", new)
    with opened(current_settings()) as store:
        assert contents(store) == (SECRETS, "whsec_c2VjcmV0")
        assert keyed(store) == before
    assert not home.key_file.exists()
