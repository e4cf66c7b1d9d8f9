"""Sensors: what is decided, and that Dagster does it."""
