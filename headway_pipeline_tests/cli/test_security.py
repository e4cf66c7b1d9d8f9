"""`headway doctor --security`: everything it looks at can be wrong, and then it says what to do."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from cryptography.fernet import Fernet

from headway_pipeline.cli.listening import Listener, listeners
from headway_pipeline.model.access import Role
from headway_pipeline.model.workspaces import Connector, Credentials
from headway_pipeline.store import Store, open_store
from headway_pipeline.store.configured import open_configured_store
from headway_pipeline.store.key_file import add_key, load_or_make_key_file
from headway_pipeline.store.sealing import CredentialSealer
from headway_pipeline.store.tables import workspace_connectors
from headway_pipeline_tests.cli.conftest import Headway
from headway_pipeline_tests.conftest import TEST_KEY
from headway_pipeline_tests.databases import Postgres
from headway_pipeline_tests.worlds import use_home

SECRET = "planted-secret"
NOW = datetime.now(tz=UTC)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home_template: Path) -> Path:
    shutil.copytree(home_template, tmp_path / "home")
    monkeypatch.delenv("HEADWAY_PUBLIC_URL", raising=False)
    # What other tests and people run on this machine is not this installation's.
    monkeypatch.setattr("headway_pipeline.cli.listening.listeners", list)
    return use_home(tmp_path / "home", monkeypatch).home


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    from headway_pipeline.settings import current_settings

    opened = open_configured_store(current_settings())
    yield opened
    opened.close()


@pytest.fixture
def connector(store: Store) -> Connector:
    workspace = store.workspaces.add("Acme")
    return store.connectors.add(workspace.id, "gong", credentials=Credentials({"secret_key": SECRET}))


Look = Callable[[str], tuple[bool, str]]


@pytest.fixture
def look(headway: Headway) -> Look:
    """Whether an examination finds all well, and what it says."""

    def found(name: str) -> tuple[bool, str]:
        said = headway("doctor", "--security", "--format", "json")
        assert SECRET not in said.out + said.err
        results = {one["name"]: (one["ok"], one["words"]) for one in json.loads(said.out)}
        assert said.code == (0 if all(ok for ok, _ in results.values()) else 1)
        ok, words = results[name]
        return bool(ok), str(words)

    return found


def test_a_fresh_installation_is_found_well(headway: Headway, connector: Connector) -> None:
    said = headway("doctor", "--security")
    assert (said.code, "MEND" in said.out) == (0, False), said.out


@pytest.mark.parametrize("path", [".", "secret.key"])
def test_what_others_may_read_is_named(look: Look, connector: Connector, home: Path, path: str) -> None:
    (home / path).chmod(0o755 if path == "." else 0o640)
    ok, words = look("files")
    assert not ok
    assert f"chmod {'700' if path == '.' else '600'} {home / path}".rstrip("/.") in words


def test_a_database_outside_a_closed_folder_is_looked_at_itself(
    look: Look, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere.db"
    shutil.copy(home / "headway.db", elsewhere)
    elsewhere.chmod(0o644)
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{elsewhere}")
    ok, words = look("files")
    assert (ok, f"chmod 600 {elsewhere}" in words) == (False, True)


def test_an_older_key_at_hand_is_a_change_of_keys_that_is_not_finished(
    look: Look, connector: Connector, home: Path
) -> None:
    add_key(home / "secret.key")
    assert look("sealing key") == (
        False,
        "1 older keys are still at hand: finish the change of keys: `headway keys rotate --drop-old`",
    )
    assert look("seals") == (False, "older key: credentials of gong in acme: run `headway keys rotate`")


def test_a_key_file_beside_keys_in_the_environment_is_named(
    look: Look, connector: Connector, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (key,) = load_or_make_key_file(home / "secret.key")
    monkeypatch.setenv("HEADWAY_SECRET_KEY", key)
    ok, words = look("sealing key")
    assert (ok, "is not used" in words, key in words) == (False, True, False)


def test_what_no_key_opens_and_what_is_not_sealed_at_all_is_named(
    look: Look, store: Store, connector: Connector, home: Path
) -> None:
    (home / "secret.key").write_text(f"{Fernet.generate_key().decode()}\n")
    ok, words = look("seals")
    assert (ok, words.startswith("no key at hand: credentials of gong in acme")) == (False, True)
    with store.database.writing() as connection:
        connection.execute(workspace_connectors.update().values(credentials={"secret_key": SECRET}))
    ok, words = look("seals")
    assert (ok, words.startswith("not sealed: credentials of gong in acme")) == (False, True)


def test_credentials_that_leave_the_machine_without_tls_are_named(
    look: Look, store: Store, connector: Connector
) -> None:
    store.connectors.readdress(connector.id, base_url="http://127.0.0.1:8950")
    assert look("connectors")[0]
    store.connectors.readdress(connector.id, base_url="http://gong.internal")
    ok, words = look("connectors")
    assert (ok, "gong in acme" in words) == (False, True)


@pytest.mark.parametrize(
    "host", ["10.0.0.7", "169.254.169.254", "127.0.0.1:8080", "vault", "db.internal", "[::1]:80"]
)
def test_a_host_inside_the_network_must_not_be_askable_by_tenants(
    look: Look, home: Path, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setenv("HEADWAY_ALLOWED_HOSTS", "api.partner.example")
    assert look("allowed hosts")[0]
    monkeypatch.setenv("HEADWAY_ALLOWED_HOSTS", f"api.partner.example,{host}")
    ok, words = look("allowed hosts")
    assert (ok, host in words) == (False, True)


def test_a_webhook_that_goes_elsewhere_and_one_that_is_forged_much_are_named(
    look: Look, store: Store, connector: Connector, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"https://headway.example/webhooks/gong/{connector.id}"
    store.webhooks.save(connector, "key", url=url, remote_id=None, now=NOW)
    assert "HEADWAY_PUBLIC_URL is not set" in look("webhooks")[1]
    monkeypatch.setenv("HEADWAY_PUBLIC_URL", "https://headway.example")
    assert look("webhooks") == (True, "1 webhooks")
    store.webhooks.count(connector, NOW.date(), "bad_signature", 20)
    ok, words = look("webhooks")
    assert (ok, "gong in acme (20)" in words) == (False, True)
    monkeypatch.setenv("HEADWAY_PUBLIC_URL", "https://other.example")
    ok, words = look("webhooks")
    assert (ok, "another address" in words) == (False, True)


def test_tokens_that_never_end_or_that_nobody_uses_are_named(look: Look, store: Store, connector: Connector) -> None:
    endless, _ = store.api_tokens.create("ci", Role.VIEWER, workspace_id=connector.workspace_id)
    ok, words = look("tokens")
    assert (ok, "ci (viewer)" in words) == (False, True)
    store.api_tokens.revoke(str(endless.id))
    store.api_tokens.create("ops", Role.OPERATOR, expires_at=NOW + timedelta(days=1))
    assert look("tokens") == (True, "1 tokens, 1 of them operators'")
    past = NOW - timedelta(days=100)
    with store.database.writing() as connection:
        connection.execute(
            sa.text("UPDATE api_tokens SET created_at = :at"), {"at": past.replace(tzinfo=None).isoformat(" ")}
        )
    ok, words = look("tokens")
    assert (ok, "90 days: ops" in words) == (False, True)


def test_tokens_must_not_cross_a_network_in_the_clear(
    look: Look, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for url, is_well in [("http://127.0.0.1:8000", True), ("https://h.example", True), ("http://h.example", False)]:
        monkeypatch.setenv("HEADWAY_PUBLIC_URL", url)
        assert look("public address")[0] is is_well, url


def test_a_socket_that_others_reach_is_named(look: Look, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = [Listener("dagster-webserver", "0.0.0.0", 3000), Listener("headway", "127.0.0.1", 8000)]
    monkeypatch.setattr("headway_pipeline.cli.listening.listeners", lambda: found)
    ok, words = look("listening")
    assert (ok, "dagster-webserver at 0.0.0.0:3000" in words, "8000" in words) == (False, True, False)
    monkeypatch.setattr("headway_pipeline.cli.listening.listeners", lambda: found[1:])
    assert look("listening")[0]


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="only Linux tells")
@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "::"])
def test_the_sockets_of_a_real_process_are_found(tmp_path: Path, host: str) -> None:
    program = tmp_path / "dagster-webserver"
    program.write_text(
        "import socket, sys, time\n"
        f"s = socket.socket(socket.AF_INET6 if ':' in {host!r} else socket.AF_INET)\n"
        f"s.bind(({host!r}, 0)); s.listen(); print(s.getsockname()[1], flush=True); time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, str(program)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        found = [one for one in listeners() or [] if one.port == port]
        assert found == [Listener("dagster-webserver", host, port)]
        assert found[0].is_loopback is (host == "127.0.0.1")
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def in_postgres(
    home: Path, postgres: Postgres, postgres_template: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    url = postgres.create(template=postgres_template)
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setenv("HEADWAY_SECRET_KEY", TEST_KEY)
    (home / "secret.key").unlink(missing_ok=True)
    yield url
    postgres.drop(url)


def test_a_role_that_may_do_anything_is_named_and_one_that_may_not_is_well(
    look: Look, in_postgres: str, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    ok, words = look("database role")
    assert (ok, "is a superuser" in words) == (False, True)
    name = f"app_{os.getpid()}_{time.time_ns()}"
    admin = open_store(in_postgres, sealing=lambda: CredentialSealer([TEST_KEY]))
    try:
        with admin.database.as_login().writing() as connection:
            connection.execute(sa.text(f"CREATE ROLE {name} LOGIN PASSWORD 'x'"))
            connection.execute(sa.text(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {name}"))
        as_app = sa.make_url(in_postgres).set(username=name, password="x").render_as_string(hide_password=False)
        monkeypatch.setenv("DATABASE_URL", as_app)
        assert look("database role") == (True, f"{name} owns nothing and is no superuser")
        with admin.database.as_login().writing() as connection:
            connection.execute(sa.text(f"ALTER TABLE settings OWNER TO {name}"))
        ok, words = look("database role")
        assert (ok, f"the role {name} owns settings" in words) == (False, True)
        with admin.database.as_login().writing() as connection:
            connection.execute(sa.text("ALTER TABLE settings OWNER TO CURRENT_USER"))
            connection.execute(sa.text(f"ALTER ROLE {name} BYPASSRLS"))
        ok, words = look("database role")
        assert (ok, "free of row-level security" in words) == (False, True)
    finally:
        with admin.database.as_login().writing() as connection:
            connection.execute(sa.text(f"DROP OWNED BY {name}"))
            connection.execute(sa.text(f"DROP ROLE {name}"))
        admin.close()


@pytest.mark.parametrize(
    "undone",
    [
        "ALTER TABLE messages DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE messages NO FORCE ROW LEVEL SECURITY",
        "DROP POLICY tenant ON messages",
    ],
)
def test_a_table_whose_rows_are_not_guarded_is_named(look: Look, in_postgres: str, undone: str) -> None:
    admin = open_store(in_postgres, sealing=lambda: CredentialSealer([TEST_KEY]))
    try:
        assert look("row-level security") == (True, f"forced on {admin.hardening.guarded} tables")
        with admin.database.as_login().writing() as connection:
            connection.execute(sa.text(undone))
        ok, words = look("row-level security")
        assert (ok, "messages" in words) == (False, True)
    finally:
        admin.close()


@pytest.mark.parametrize(
    ("url", "is_well"),
    [
        ("postgresql://u:planted-secret@127.0.0.1/d", True),
        ("postgresql://u:planted-secret@/d", True),
        ("postgresql://u:planted-secret@db.example/d", False),
        ("postgresql://u:planted-secret@db.example/d?sslmode=require", False),
        ("postgresql://u:planted-secret@db.example/d?sslmode=verify-full", True),
    ],
)
def test_the_way_to_a_database_elsewhere_must_be_encrypted_and_its_end_known(url: str, is_well: bool) -> None:
    from headway_pipeline.sources.addresses import LOOPBACK_NAMES
    from headway_pipeline.store.engine import Database
    from headway_pipeline.store.hardening import Hardening

    database = Database(url)
    assert Hardening(database).is_way_trusted(LOOPBACK_NAMES) is is_well
    database.close()
