"""What a database holds of removed rows after it was told to let go of them."""

import random
import secrets
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from headway_pipeline.model.errors import DatabaseUnavailableError
from headway_pipeline.store import Store, compaction, open_store
from headway_pipeline.store.isolation.postgresql import roles_sql
from headway_pipeline.store.sealing import CredentialSealer
from headway_pipeline.store.tables import audit_log
from headway_pipeline_tests.conftest import TEST_KEY
from headway_pipeline_tests.databases import Postgres
from headway_pipeline_tests.store.rows import NOW, SPEECH, call, lease, place, transcript


def sealing() -> CredentialSealer:
    return CredentialSealer([TEST_KEY])


def fill(store: Store, words: str) -> None:
    """Two calls with these words."""
    at = place(store)
    with lease(store, at) as held:
        for number in range(2):
            (row,) = store.listings.record_page(held, at.connector.id, [call(str(number))], NOW)
            store.transcripts.record(held, row.message_id, transcript(f"{words} {SPEECH}"), content_hash="v1")


def churn(store: Store, words: str) -> None:
    """Rows that grow, move to other pages and go, until none with these words is left; the same every time."""
    rng = random.Random(3)
    with store.database.writing() as connection:
        run = connection.exec_driver_sql
        run("CREATE TABLE churned (id TEXT PRIMARY KEY, said TEXT) WITHOUT ROWID")
        live: list[tuple[str, str]] = []
        for _ in range(3000):
            live.append((f"{rng.random():.16f}", words if rng.random() < 0.1 else "apple"))
            run("INSERT INTO churned VALUES (?, ?)", (live[-1][0], f"{live[-1][1]} " * rng.randint(1, 120)))
            key, word = rng.choice(live)
            run("UPDATE churned SET said = ? WHERE id = ?", (f"{word} " * rng.randint(1, 200), key))
            if rng.random() < 0.2:
                run("DELETE FROM churned WHERE id = ?", (live.pop(rng.randrange(len(live)))[0],))
        run("DELETE FROM churned WHERE said LIKE ?", (f"{words}%",))


def holds(path: Path, words: str) -> list[str]:
    return [file.name for file in path.parent.glob(f"{path.name}*") if words.encode() in file.read_bytes()]


def test_no_file_of_sqlite_holds_a_removed_row(sqlite_template: Path, tmp_path: Path) -> None:
    """Overwriting what is deleted is not enough: pages that were split keep copies of rows that moved on."""
    path = tmp_path / "headway.db"
    path.write_bytes(sqlite_template.read_bytes())
    store = open_store(f"sqlite:///{path}", sealing=sealing)
    churn(store, "persimmon")
    with store.database.outside_transactions() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    assert holds(path, "persimmon") == ["headway.db"]
    assert "log emptied" in store.compact()
    assert holds(path, "persimmon") == []
    assert (path.parent / "headway.db-wal").stat().st_size == 0
    store.close()


def test_a_reader_that_keeps_the_log_is_told_of_and_the_next_try_finishes(
    sqlite_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction, "PATIENCE_S", 0)
    path = tmp_path / "headway.db"
    path.write_bytes(sqlite_template.read_bytes())
    store, reader = (open_store(f"sqlite:///{path}", sealing=sealing) for _ in range(2))
    fill(store, "persimmon")
    with reader.database.reading() as connection:
        connection.execute(sa.select(audit_log)).all()
        with pytest.raises(DatabaseUnavailableError, match="same command again"):
            store.compact()
    assert "log emptied" in store.compact()
    store.close()
    reader.close()


def test_where_the_role_may_not_vacuum_the_words_say_so(postgres: Postgres, postgres_template: str) -> None:
    url = postgres.create(template=postgres_template)
    owner = open_store(url, sealing=sealing)
    assert owner.compact().startswith("VACUUM ran over the tables. Until their pages are written over")
    role, password = f"reader_{secrets.token_hex(4)}", secrets.token_hex(8)
    with owner.database.as_login().writing() as connection:
        connection.exec_driver_sql(f"CREATE ROLE {role} LOGIN PASSWORD '{password}'")
        connection.exec_driver_sql(roles_sql(role))
    limited_url = make_url(url).set(username=role, password=password).render_as_string(hide_password=False)
    limited = open_store(limited_url, sealing=sealing)
    assert limited.compact().startswith("VACUUM was not permitted to this role")
    limited.close()
    with owner.database.as_login().writing() as connection:
        connection.exec_driver_sql(f"DROP ROLE {role}")
    owner.close()
    postgres.drop(url)
