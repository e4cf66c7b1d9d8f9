"""The tables: as the migrations make them, as the ingestion guide's SQL expects them, and cheap to look at."""

import subprocess
import sys
import uuid
from contextlib import ExitStack
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from headway_pipeline.model.errors import ConfigurationError, DatabaseUnavailableError, SchemaOutdatedError
from headway_pipeline.store import Store, open_store
from headway_pipeline.store.engine import Database
from headway_pipeline.store.engine import database_url as read_url
from headway_pipeline.store.schema import HEAD, MIGRATIONS, upgrade_database
from headway_pipeline.store.sealing import CredentialSealer
from headway_pipeline.store.tables import METADATA, decisions, extracted_features
from headway_pipeline_tests.databases import Postgres
from headway_pipeline_tests.store.rows import place


def sealing() -> CredentialSealer:
    raise AssertionError("no credential is touched here")


def test_the_migrations_make_the_tables_the_program_works_with(store: Store) -> None:
    with store.database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []


def test_the_program_names_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_every_tenant_table_names_its_workspace() -> None:
    tenantless = {table.name for table in METADATA.tables.values() if "workspace_id" not in table.c}
    assert tenantless == {"workspaces", "settings", "source_quotas", "idempotency_keys"}


def test_children_refer_to_their_parents_with_the_workspace() -> None:
    """So that no row can point into another workspace."""
    for table in METADATA.tables.values():
        for constraint in table.foreign_key_constraints:
            if constraint.referred_table.name != "workspaces":
                assert "workspace_id" in constraint.column_keys, f"{table.name}: {constraint.column_keys}"


def test_an_empty_database_is_set_up_when_it_is_opened(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'new.db'}", sealing=sealing)
    assert store.workspaces.list() == []
    assert "(wal)" in store.describe()
    store.close()


def test_tables_of_another_version_are_left_alone_and_the_words_say_what_to_do(
    database_url: str, store: Store
) -> None:
    with store.database.as_login().writing() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SchemaOutdatedError, match="headway db upgrade"):
        open_store(database_url, sealing=sealing)
    with pytest.raises(SchemaOutdatedError, match="does not know"):
        upgrade_database(database_url)


def test_upgrading_again_changes_nothing(database_url: str) -> None:
    assert upgrade_database(database_url) == (HEAD, HEAD)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_decisions_made_before_learn_which_call_they_are_about(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Revision 0004 on tables with rows; a decision about an item that is nowhere decides nothing, and goes."""
    url = f"sqlite:///{tmp_path / 'old.db'}" if kind == "sqlite" else request.getfixturevalue("postgres").create()
    database = Database(url)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    ids = {name: uuid.uuid4() for name in ("workspace", "message", "item", "decision")}
    with database.as_login().writing() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        for statement in OLD_ROWS:
            connection.exec_driver_sql(statement.format(**ids, other=uuid.uuid4()))
    upgrade_database(url)
    with database.reading() as connection:
        rows = connection.execute(sa.select(decisions.c.id, decisions.c.message_id)).all()
    assert [tuple(row) for row in rows] == [(ids["decision"], ids["message"])]
    database.close()


OLD_ROWS = (
    "INSERT INTO workspaces (id, slug, name) VALUES ('{workspace}', 'acme', 'Acme')",
    "INSERT INTO locks (workspace_id, token) VALUES ('{workspace}', 7)",
    "INSERT INTO messages (id, workspace_id, source, external_id, occurred_at, state) "
    "VALUES ('{message}', '{workspace}', 'gong', '1', '2026-11-20 12:00:00', 'analysed')",
    "INSERT INTO extracted_features (id, workspace_id, message_id, position, type, title, description, urgency, "
    "urgency_reason, sentiment, sentiment_score, confidence, origin, analyst, analyst_version, text_hash) VALUES "
    "('{item}', '{workspace}', '{message}', 0, 'bug_report', 't', 'd', 'low', '', 'neutral', 0, 1, 'volunteered', "
    "'a', '1', 'h')",
    "INSERT INTO decisions (id, workspace_id, extracted_feature_id, kind, decided_by) "
    "VALUES ('{decision}', '{workspace}', '{item}', 'accept', 'Ada')",
    "INSERT INTO decisions (id, workspace_id, extracted_feature_id, kind, decided_by) "
    "VALUES ('{other}', '{workspace}', '{other}', 'accept', 'Ada')",
)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_what_was_found_and_decided_before_is_searchable_and_stands_once(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Revision 0007 on tables with rows: of two verdicts the newer one stays."""
    url = f"sqlite:///{tmp_path / 'old.db'}" if kind == "sqlite" else request.getfixturevalue("postgres").create()
    database = Database(url)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    names = ("workspace", "message", "item", "decision", "other", "theme", "older", "newer", "unfiled")
    ids = {name: uuid.uuid4() for name in names}
    with database.as_login().writing() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0006")
        for statement in (*OLD_ROWS[:4], *ROWS_OF_0006):
            connection.exec_driver_sql(statement.format(**ids))
    upgrade_database(url)
    with database.reading() as connection:
        rows = connection.execute(sa.select(decisions.c.id, decisions.c.kind).order_by(decisions.c.kind)).all()
        table = extracted_features.c
        found = connection.execute(
            sa.select(table.id, table.matched_theme_id, table.best_themes, table.search_text).order_by(table.position)
        ).all()
    assert [tuple(row) for row in rows] == [(ids["newer"], "dismiss"), (ids["decision"], "move")]
    assert [tuple(row) for row in found] == [
        (ids["item"], ids["theme"], [[str(ids["theme"]), 0.75]], "t\nd\nthe export\nüberall"),
        (ids["unfiled"], None, None, "grosse\nd"),
    ]
    database.close()


ROWS_OF_0006 = (
    "INSERT INTO themes (id, workspace_id, name) VALUES ('{theme}', '{workspace}', 'Exports')",
    "INSERT INTO transcripts (workspace_id, message_id, segments, text_hash, content_hash, speech_chars, fetched_at) "
    'VALUES (\'{workspace}\', \'{message}\', \'[{{"index": 0, "side": "customer", "speaker": null, '
    '"start_ms": 0, "end_ms": 9, "text": "The export. Überall"}}]\', \'h\', \'c\', 20, \'2026-11-20 12:00:00\')',
    "INSERT INTO evidence (id, workspace_id, extracted_feature_id, message_id, position, segment_index, char_start, "
    "char_end, quote) VALUES ('{older}', '{workspace}', '{item}', '{message}', 1, 0, 12, 19, 'Überall')",
    "INSERT INTO evidence (id, workspace_id, extracted_feature_id, message_id, position, segment_index, char_start, "
    "char_end, quote) VALUES ('{newer}', '{workspace}', '{item}', '{message}', 0, 0, 0, 10, 'The export')",
    "INSERT INTO features (id, workspace_id, message_id, theme_id, extracted_feature_id, title, description, type, "
    "urgency, sentiment_score, theme_score) VALUES ('{other}', '{workspace}', '{message}', '{theme}', '{item}', 't', "
    "'d', 'bug_report', 'low', 0, 0.75)",
    "INSERT INTO extracted_features (id, workspace_id, message_id, position, type, title, description, urgency, "
    "urgency_reason, sentiment, sentiment_score, confidence, origin, analyst, analyst_version, text_hash) VALUES "
    "('{unfiled}', '{workspace}', '{message}', 1, 'bug_report', 'GROẞE', 'd', 'low', '', 'neutral', 0, 1, "
    "'volunteered', 'a', '1', 'h')",
    "INSERT INTO decisions (id, workspace_id, message_id, extracted_feature_id, kind, decided_by, created_at) "
    "VALUES ('{older}', '{workspace}', '{message}', '{item}', 'accept', 'Ada', '2026-11-20 12:00:00')",
    "INSERT INTO decisions (id, workspace_id, message_id, extracted_feature_id, kind, decided_by, created_at) "
    "VALUES ('{newer}', '{workspace}', '{message}', '{item}', 'dismiss', 'Ada', '2026-11-20 13:00:00')",
    "INSERT INTO decisions (id, workspace_id, message_id, extracted_feature_id, kind, theme_id, decided_by) "
    "VALUES ('{decision}', '{workspace}', '{message}', '{item}', 'move', '{theme}', 'Ada')",
)


def test_a_database_whose_connections_are_all_in_use_can_be_asked_later(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store.database.engine.pool, "_timeout", 0.01)
    pool = store.database.engine.pool
    assert isinstance(pool, sa.QueuePool)
    with ExitStack() as held:
        for _ in range(pool.size() + pool._max_overflow):
            held.enter_context(store.database.reading())
        with pytest.raises(DatabaseUnavailableError, match="in use"):
            store.ping()
    store.ping()


def test_a_database_that_is_down_is_named_without_its_password() -> None:
    with pytest.raises(DatabaseUnavailableError, match=r"127\.0\.0\.1:1/none cannot be reached") as caught:
        open_store("postgresql://someone:hunter2@127.0.0.1:1/none", sealing=sealing)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "named",
    [
        "nonsense",
        "mysql://u:hunter2@h/d",
        "postgresql://u:p@hunter2/w:rd@host/db",
        "postgresql://u:hunter2@host:sekrit/db",
    ],
)
def test_a_url_of_no_supported_database_is_refused_without_being_shown(named: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_url(named)
    assert "hunter2" not in str(caught.value)
    assert "sekrit" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+psycopg2", "postgresql+psycopg"])
def test_postgresql_means_the_driver_that_is_installed(scheme: str) -> None:
    assert read_url(f"{scheme}://u@h/d").drivername == "postgresql+psycopg2"


def test_the_guides_sql_for_a_theme_works_as_written_on_postgresql(
    postgres: Postgres, postgres_template: str
) -> None:
    url = postgres.create(template=postgres_template)
    store = open_store(url, sealing=sealing)
    workspace = store.workspaces.add("Acme")
    statement = """
        INSERT INTO themes (id, workspace_id, name, description, color, icon, sort_order, is_default, created_at)
        VALUES (uuid_generate_v4(), 'workspace_id', 'AI Features', 'AI-powered features', '#6366F1', 'sparkles',
                1, false, NOW());
    """
    with store.database.writing() as connection:
        connection.exec_driver_sql(statement.replace("'workspace_id'", f"'{workspace.id}'"))
    (theme,) = store.themes.current(workspace.id)
    assert (theme.name, theme.description) == ("AI Features", "AI-powered features")
    store.close()
    postgres.drop(url)


def test_the_guides_sql_for_connectors_means_what_it_says(store: Store) -> None:
    at = place(store)
    off = store.connectors.add(at.workspace.id, "gong", name="old key")
    store.connectors.disable(off.id)
    query = f"SELECT * FROM workspace_connectors WHERE workspace_id = '{at.workspace.id}' AND is_active = true"
    with store.database.reading() as connection:
        rows = connection.exec_driver_sql(query).mappings().all()
    assert [row["name"] for row in rows] == ["gong"]


def test_looking_at_the_store_loads_nothing_heavy() -> None:
    program = (
        "import sys, headway_pipeline.store\n"
        "heavy = {'alembic', 'cryptography', 'dagster', 'pandas', 'requests', 'sqlalchemy.orm', 'psycopg2'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
