"""Whether the pipeline lives at all.

Concept: https://docs.dagster.io/guides/observe/asset-freshness-policies
Dagster judges an asset by its newest materialization of any partition, so one busy workspace keeps this green: the
check `workspace_lag` looks at each of them.
"""

from datetime import timedelta

import dagster as dg

from headway_pipeline.ingestion.lag import DEAD_AFTER

__all__ = ["ALIVE"]

#: The schedule `hourly` lists every workspace; two of its ticks may be missed before it is worth a look.
ALIVE = dg.FreshnessPolicy.time_window(fail_window=DEAD_AFTER, warn_window=timedelta(hours=3))
