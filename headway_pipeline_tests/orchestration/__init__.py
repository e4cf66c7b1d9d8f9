"""Dagster: the graph, the job over real parts, checks, the sensor, and what the event log must not hold."""
