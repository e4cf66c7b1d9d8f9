"""Which days recurring runs list again, because a source tells neither what came late nor what changed.

A call may become visible a day after it started, its transcript days after that, and it may be deleted at any time.
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta

from headway_pipeline.ingestion.run import SourceTuning
from headway_pipeline.model.windows import days_between

__all__ = ["DELETIONS_LOOKBACK_DAYS", "LATEST_CALL", "swept_days", "swept_for_deletions"]

#: The longest a call was seen to take from its start until a source lists it.
LATEST_CALL = timedelta(hours=26)
BETWEEN_SWEEPS = timedelta(days=1)
#: How far back the weekly sweep looks for deletions.
DELETIONS_LOOKBACK_DAYS = 30


def swept_days(tunings: Mapping[str, SourceTuning], at: datetime) -> dict[str, list[date]]:
    """The days a nightly run at `at` lists of each source, oldest first: its lookback, and today.

    However short a source's lookback is set, the days of calls that came since the last nightly run are among them.
    """
    least = (at - LATEST_CALL - BETWEEN_SWEEPS).date()
    return {
        source: days_between(min(at.date() - timedelta(days=tuning.lookback_days), least), at.date())
        for source, tuning in tunings.items()
    }


def swept_for_deletions(at: datetime) -> list[date]:
    """The days a weekly run at `at` lists again to find what was deleted, oldest first."""
    return days_between(at.date() - timedelta(days=DELETIONS_LOOKBACK_DAYS), at.date())
