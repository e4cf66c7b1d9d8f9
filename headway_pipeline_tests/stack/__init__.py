"""Dagster as it runs in production: code server, webserver and daemon as processes, everything on a PostgreSQL."""
