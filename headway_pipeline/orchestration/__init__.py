"""The only place that knows Dagster: assets, checks, partitions, jobs, sensors, resources and their launch.

What belongs here: what Dagster calls and shows. What does not: what the work is (`ingestion/`). Names follow
Dagster's concepts (https://docs.dagster.io/guides). No module here uses postponed annotations: Dagster reads them.
"""
