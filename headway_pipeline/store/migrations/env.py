"""Alembic's entry: migrate over the connection the store hands in, inside its transaction."""

from alembic import context

from headway_pipeline.store.tables import METADATA

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=METADATA, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
