"""The tables' version: what is there, what this program needs, and how the one becomes the other.

Looking costs one query. Alembic is imported only where tables are made or changed.
"""

from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from headway_pipeline.model.errors import SchemaOutdatedError
from headway_pipeline.store.engine import Database

__all__ = ["HEAD", "current_revision", "ensure_schema", "upgrade_database"]

#: The revision this program works with; a test holds it against the migrations.
HEAD = "0009"
MIGRATIONS = Path(__file__).with_name("migrations")


def current_revision(database: Database) -> str | None:
    """The revision of the tables; None for an empty database."""
    with database.reading() as connection:
        return _revision(connection)


def _revision(connection: Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
    return revision


def ensure_schema(database: Database) -> None:
    """Set up an empty database; leave one of this version alone.

    Raises:
        SchemaOutdatedError: the tables are of another version.
    """
    revision = current_revision(database)
    if revision == HEAD:
        return
    if revision is None:
        _upgrade(database)
        return
    raise SchemaOutdatedError(
        f"the tables are at revision {revision}, this program needs {HEAD}",
        "run `headway db upgrade`; if it stays so, a newer program made these tables",
    )


def upgrade_database(named: str) -> tuple[str | None, str]:
    """Apply the missing migrations; returns the revision before and after.

    Raises:
        SchemaOutdatedError: the tables are newer than this program.
    """
    database = Database(named)
    try:
        before = current_revision(database)
        _upgrade(database)
        return before, HEAD
    finally:
        database.close()


def _upgrade(database: Database) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with database.writing() as connection:
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise SchemaOutdatedError(
                "the tables are of a revision this program does not know", "use the program that made them, or newer"
            ) from error
