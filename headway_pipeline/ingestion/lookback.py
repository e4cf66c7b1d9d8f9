"""How many days recurring runs list again, because a source tells neither what came late nor what changed.

A call may become visible a day after it started, its transcript days after that, and it may be deleted at any time.
"""

from collections.abc import Iterable
from datetime import timedelta
from math import ceil

from headway_pipeline.ingestion.run import SourceTuning

__all__ = ["LATEST_CALL", "WEEKLY_DAYS_BACK", "days_back", "nightly_days_back"]

#: The longest a call was seen to take from its start until a source lists it.
LATEST_CALL = timedelta(hours=26)
BETWEEN_NIGHTS = timedelta(days=1)
#: How far back the weekly sweep looks for deletions.
WEEKLY_DAYS_BACK = 30


def days_back(tuning: SourceTuning) -> int:
    """How many days before its own day a nightly run lists of a source: its lookback.

    However short that is set, the days of calls that came since the last nightly run are among them.
    """
    return max(tuning.lookback_days, ceil((LATEST_CALL + BETWEEN_NIGHTS) / timedelta(days=1)))


def nightly_days_back(tunings: Iterable[SourceTuning]) -> int:
    """The days back of a nightly run over several sources: those of the one that needs most."""
    return max(map(days_back, tunings), default=0)
