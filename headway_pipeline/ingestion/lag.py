"""How far behind its sources a workspace is, judged by the database alone: also where nothing runs any more."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from headway_pipeline.model.windows import day_end
from headway_pipeline.store import Standing

__all__ = ["DEAD_AFTER", "Lag", "lags", "reached_at"]

#: A schedule that is only late catches up before this; what is further behind stands still.
DEAD_AFTER = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Lag:
    """A connector that is further behind than it may be.

    Attributes:
        behind: how old what is known of its calls is.
    """

    standing: Standing
    behind: timedelta
    has_been_listed: bool

    @property
    def is_dead(self) -> bool:
        """Whether it stands still, beyond what a pause or a late run explains."""
        return self.behind > DEAD_AFTER

    @property
    def words(self) -> str:
        """In a sentence, with what to do."""
        connector = self.standing.connector
        hours = f"{self.behind.total_seconds() / 3600:.0f} hours"
        never = f"was not listed in the {hours} since it was made"
        since = f"was last listed {hours} ago" if self.has_been_listed else never
        return (
            f"connector {connector.name} ({connector.health_words}) {since}: see that Dagster's daemon and the "
            "schedule `hourly` run, then "
            f"`headway connector check --workspace-id {self.standing.slug} {connector.name}`"
        )


def reached_at(standing: Standing) -> datetime | None:
    """Until when the connector's calls are known; None before its first complete listing.

    A complete listing of old days alone says nothing about today.
    """
    heard_at = standing.connector.last_ok_at
    if heard_at is None or standing.newest_day is None:
        return None
    return min(heard_at, day_end(standing.newest_day))


def lags(standings: Iterable[Standing], now: datetime, *, warn_after: timedelta) -> list[Lag]:
    """Connectors that are further behind than `warn_after`, the furthest first."""
    found = []
    for standing in standings:
        reached = reached_at(standing)
        behind = now - (reached or standing.created_at)
        if behind > warn_after:
            found.append(Lag(standing, behind, has_been_listed=reached is not None))
    return sorted(found, key=lambda lag: lag.behind, reverse=True)
