"""The database of Dagster's records, where they are kept on PostgreSQL: beside our tables, in a schema of their own.

Dagster's tables and ours both keep their revision in `alembic_version`, so they cannot share a schema
(docs/decisions/0021). The schema is chosen by the URL's `options`, as libpq takes them
(https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNECT-OPTIONS); PgBouncer takes none, so behind it
DAGSTER_DATABASE_URL names a database, or a role whose search path is set.
"""

import sqlalchemy as sa
from sqlalchemy.engine import URL

from headway_pipeline.model.errors import ConfigurationError, StoreError
from headway_pipeline.settings import Settings
from headway_pipeline.store.engine import Database, database_url

__all__ = ["RECORDS_SCHEMA", "prepare_records", "records_url"]

RECORDS_SCHEMA = "dagster_records"
#: Any number that no other program on the database uses for its advisory lock.
SCHEMA_LOCK = 0x4845_4144
#: A table of ours that Dagster has none like.
OUR_TABLE = "workspace_connectors"


def records_url(settings: Settings) -> str | None:
    """The URL of Dagster's records with its driver named, password included; None where they are SQLite files.

    Raises:
        ConfigurationError: the variable it comes from is not usable.
    """
    if settings.dagster_database_url is not None:
        url = database_url(settings.dagster_database_url, variable="DAGSTER_DATABASE_URL")
        if url.get_backend_name() == "sqlite":
            raise ConfigurationError(
                "DAGSTER_DATABASE_URL names SQLite", "unset it: SQLite files are made in Dagster's own folder"
            )
        return url.render_as_string(hide_password=False)
    url = database_url(settings.database_url)
    if url.get_backend_name() == "sqlite":
        return None
    return _with_schema(url).render_as_string(hide_password=False)


def _with_schema(url: URL) -> URL:
    given = url.query.get("options", ())
    options = [given] if isinstance(given, str) else [*given]
    return url.update_query_dict({"options": " ".join([*options, f"-csearch_path={RECORDS_SCHEMA}"])})


def prepare_records(url: str) -> str:
    """Make the schema of the records where the URL names it and it is missing; returns where they are, for people.

    Raises:
        ConfigurationError: our own tables are there, or the role may not make the schema.
        StoreError: the database cannot be reached.
    """
    database = Database(url, variable="DAGSTER_DATABASE_URL")
    try:
        with database.reading() as connection:
            schema = connection.execute(sa.text("SELECT current_schema()")).scalar()
            found = sa.text("SELECT 1 FROM pg_tables WHERE schemaname = current_schema() AND tablename = :name")
            if connection.execute(found, {"name": OUR_TABLE}).scalar():
                raise ConfigurationError(
                    f"Dagster's records would be among the tables of calls, in the schema {schema}",
                    "name a database of its own in DAGSTER_DATABASE_URL, or unset it",
                )
        if schema is None:
            _make_schema(database)
            schema = RECORDS_SCHEMA
        return f"{database.place}, schema {schema}"
    finally:
        database.close()


def _make_schema(database: Database) -> None:
    try:
        with database.writing() as connection:
            # IF NOT EXISTS alone fails where two processes make it at the same moment.
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": SCHEMA_LOCK})
            connection.execute(sa.text(f"CREATE SCHEMA IF NOT EXISTS {RECORDS_SCHEMA}"))
    except StoreError as error:
        raise ConfigurationError(
            f"the schema {RECORDS_SCHEMA} for Dagster's records is missing, and this role may not make it",
            f"let the database's owner run: CREATE SCHEMA {RECORDS_SCHEMA} AUTHORIZATION the role in DATABASE_URL",
        ) from error
