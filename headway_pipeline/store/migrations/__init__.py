"""Alembic's folder: the environment, the triggers, and one file a revision."""
