"""What sensors ask for: from the runs that would do something now to the few that are requested in this tick.

Demands are level-triggered: they are read from the database at every tick and stand until they are met. What was
asked for before is read from Dagster's own runs: nothing is forgotten by a restart, and nothing asked for twice.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import dagster as dg

from headway_pipeline.model.windows import consecutive_runs
from headway_pipeline.orchestration.partitions import ASKED_BY, WORKSPACE_PARTITIONS, range_tags, workspaces_of
from headway_pipeline.orchestration.resources import scope_config

__all__ = [
    "ASKED_BY",
    "ASKED_FOR",
    "IN_PROGRESS",
    "REST",
    "Asked",
    "Demand",
    "Memory",
    "Request",
    "ask",
    "busy_workspaces",
    "decide_requests",
    "joined_days",
    "remember",
    "run_request",
    "within",
]

#: The tag of a run that says what a sensor asked for it for; who did is in `ASKED_BY`.
ASKED_FOR = "asked_for"
#: After one run for the same thing that failed, after two, and so on; the last for all further ones.
BACKOFF = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=20),
    timedelta(hours=1),
    timedelta(hours=3),
    timedelta(hours=6),
)
#: How long what succeeded is not asked for again.
REST = timedelta(minutes=15)
#: How far back requests are remembered: over the longest wait for the next one.
REMEMBERED = timedelta(hours=26)
#: A run that is said to be on its way for longer has most likely died where nobody noticed.
LONGEST_RUN = timedelta(hours=3)
#: Days this far apart are one stretch: an idle day costs less than a run of its own.
FAR_APART = timedelta(days=7)
IN_PROGRESS = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


@dataclass(frozen=True, slots=True)
class Demand:
    """A run that would do something now.

    Attributes:
        first, last: UTC days, both included.
        what: what for, in words; the same words as long as the same thing is wanted.
        assets: only these of the chain; all where none is named.
        rest: how long after a run that succeeded the same thing is not asked for again.
        is_undone_by_others: whether a later run for another thing makes it new again, without any wait.
        is_of_known_calls: whether it is about calls that were read before, and reads none that a bounded run left.
    """

    slug: str
    first: date
    last: date
    what: str
    assets: tuple[str, ...] = ()
    rest: timedelta = REST
    is_undone_by_others: bool = False
    is_of_known_calls: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """The runs that were asked for the same thing.

    Attributes:
        last_run_id: of the newest.
        failures: how many of the newest failed, one after the other.
        is_open: whether one of them is on its way.
    """

    last_run_id: str
    last_at: datetime
    failures: int = 0
    is_open: bool = False

    def may_be_repeated(self, now: datetime, rest: timedelta) -> bool:
        """Whether the same thing may be asked for again."""
        wait = BACKOFF[min(self.failures, len(BACKOFF)) - 1] if self.failures else rest
        return not self.is_open and now >= self.last_at + wait


@dataclass(frozen=True, slots=True)
class Memory:
    """What was asked for by workspace and words, and the workspaces with any run on its way.

    Attributes:
        newest: by workspace, the words of what was asked for last.
    """

    asked: Mapping[tuple[str, str], Asked] = field(default_factory=dict)
    busy: Collection[str] = frozenset()
    newest: Mapping[str, str] = field(default_factory=dict)

    def may_be_met(self, demand: Demand, now: datetime) -> bool:
        """Whether no run for the same thing is in the way."""
        asked = self.asked.get((demand.slug, demand.what))
        if asked is None:
            return True
        if demand.is_undone_by_others and not asked.is_open and self.newest.get(demand.slug) != demand.what:
            return True
        return asked.may_be_repeated(now, demand.rest)


@dataclass(frozen=True, slots=True)
class Request:
    """A demand that is asked for now; Dagster carries out a key once."""

    demand: Demand
    key: str


def decide_requests(
    demands: Iterable[Demand], memory: Memory, now: datetime, *, partitions: Collection[str]
) -> list[Request]:
    """At most one request a workspace, the first demand that may be met now; none while a run of it is on its way.

    Args:
        demands: the more urgent ones first.
        partitions: workspace keys that Dagster knows; a run over another one would find no day.
    """
    left = set(partitions) - set(memory.busy)
    requests = []
    for demand in demands:
        if demand.slug not in left or not memory.may_be_met(demand, now):
            continue
        left.remove(demand.slug)
        asked = memory.asked.get((demand.slug, demand.what))
        # The same tick twice, after a crash, is the same run; a later attempt is another one.
        after = f"after {asked.last_run_id[:8]}" if asked else f"{now:%Y-%m-%d %H}h"
        requests.append(Request(demand, f"{demand.slug}: {demand.what}, {after}"))
    return requests


def within(first: date, last: date, start: date, today: date) -> tuple[date, date] | None:
    """The part of the days that has partitions; None where there is none."""
    first, last = max(first, start), min(last, today)
    return (first, last) if first <= last else None


def joined_days(days: Iterable[date], *, start: date, today: date) -> list[tuple[date, date]]:
    """The stretches that cover `days`, as (first, last), newest first; no day without a partition."""
    joined: list[tuple[date, date]] = []
    for first, last in consecutive_runs([day for day in days if start <= day <= today]):
        if joined and first - joined[-1][1] <= FAR_APART:
            joined[-1] = (joined[-1][0], last)
        else:
            joined.append((first, last))
    return joined[::-1]


def remember(instance: dg.DagsterInstance, asked_by: str, now: datetime) -> Memory:
    """What `asked_by` asked for lately, and who is busy, from Dagster's runs."""
    found: dict[tuple[str, str], Asked] = {}
    newest: dict[str, str] = {}
    ended_well: set[tuple[str, str]] = set()
    mine = dg.RunsFilter(tags={ASKED_BY: asked_by}, created_after=now - REMEMBERED)
    for record in instance.get_run_records(mine):
        run = record.dagster_run
        key = (run.tags.get("workspace", ""), run.tags.get(ASKED_FOR, ""))
        newest.setdefault(*key)
        before = found.get(key) or Asked(run.run_id, record.create_timestamp)
        if run.status in (dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED):
            failures = before.failures + (key not in ended_well)
        else:
            failures = before.failures
            ended_well.add(key)
        is_open = before.is_open or run.status in IN_PROGRESS
        found[key] = Asked(before.last_run_id, before.last_at, failures, is_open)
    return Memory(found, busy_workspaces(instance, now), newest)


def busy_workspaces(instance: dg.DagsterInstance, now: datetime) -> frozenset[str]:
    """Workspaces that some run on its way is about, whoever asked for it."""
    on_their_way = dg.RunsFilter(statuses=IN_PROGRESS, created_after=now - LONGEST_RUN)
    return frozenset().union(*(workspaces_of(run.tags) for run in instance.get_runs(on_their_way)))


def ask(
    context: dg.SensorEvaluationContext, demands: Sequence[Demand], *, by: str, now: datetime
) -> dg.SensorResult | dg.SkipReason:
    """A sensor's answer: runs for the demands that may be met now.

    Args:
        by: the name of the sensor, as `asked_by` says it.
    """
    if not demands:
        return dg.SkipReason("there is nothing to do")
    known = context.instance.get_dynamic_partitions(WORKSPACE_PARTITIONS)
    requests = decide_requests(demands, remember(context.instance, by, now), now, partitions=known)
    if not requests:
        return dg.SkipReason("its runs are on their way, or were asked for a while ago")
    return dg.SensorResult(run_requests=[run_request(request, by) for request in requests])


def run_request(request: Request, asked_by: str) -> dg.RunRequest:
    """One run over the days of the demand. Dagster does not repeat it: the demand stands until it is met."""
    demand = request.demand
    return dg.RunRequest(
        run_key=request.key,
        asset_selection=[dg.AssetKey(name) for name in demand.assets] or None,
        # Nobody asked this run for what somebody's --limit or budget left out.
        run_config=scope_config(leave_left_out=demand.is_of_known_calls),
        tags={
            **range_tags(demand.slug, demand.first, demand.last, asked_by=asked_by),
            ASKED_FOR: demand.what,
            "dagster/max_retries": "0",
        },
    )
