"""What every stage of one run works with, and what it reports back."""

import os
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Protocol
from uuid import UUID

from headway_pipeline.analysis.contract import Analyst
from headway_pipeline.llm.contract import LLMUsage, Stage
from headway_pipeline.model.ledger import ReasonCode
from headway_pipeline.model.usage import Usage
from headway_pipeline.model.workspaces import Workspace
from headway_pipeline.sources.contract import Bucket, Source
from headway_pipeline.sources.gate import CostClass
from headway_pipeline.store import Lease, Store

__all__ = [
    "Allowance",
    "Analysts",
    "Effects",
    "Part",
    "Progress",
    "Run",
    "SourceTuning",
    "StageReport",
    "Trouble",
]


@dataclass(frozen=True, slots=True)
class Effects:
    """Clock, sleep and randomness, injected so that tests own them.

    Attributes:
        now: aware UTC.
        sleep: seconds.
        jitter: a number in [0, 1) at each call.
    """

    now: Callable[[], datetime] = lambda: datetime.now(tz=UTC)
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random


@dataclass(frozen=True, slots=True)
class SourceTuning:
    """How one source is asked in this run; the fields of its Dagster resource.

    Attributes:
        base_url: used by connectors that name none.
        buckets: spans and dearer requests that the vendor limits apart, beside the steady pace.
        requests_per_day: budget of a quota owner a UTC day.
        requests_per_run: budget of a connector in one run.
        timeout_s: longest silence within one answer.
        deadline_s: longest time for one answer as a whole.
        patience_s: how long a connector may wait in one run, all in all, for pauses the source asks for and for
            failures to pass.
        retries: further tries after a transient failure.
    """

    base_url: str
    requests_per_second: float
    buckets: tuple[Bucket, ...]
    requests_per_day: int
    requests_per_run: int
    timeout_s: float
    deadline_s: float
    patience_s: float
    longest_window_days: int
    lookback_days: int
    retries: int = 3

    @classmethod
    def of(cls, source: type[Source]) -> "SourceTuning":
        """The source's own defaults."""
        defaults = source.request_defaults
        return cls(
            base_url=source.default_base_url,
            requests_per_second=defaults.requests_per_second,
            buckets=defaults.buckets,
            requests_per_day=defaults.requests_per_day,
            requests_per_run=defaults.requests_per_run,
            timeout_s=defaults.timeout_s,
            deadline_s=defaults.deadline_s,
            patience_s=defaults.patience_s,
            longest_window_days=defaults.longest_window.days,
            lookback_days=defaults.lookback.days,
        )

    @property
    def all_buckets(self) -> tuple[Bucket, ...]:
        """The steady pace as a bucket, and the others; of several for one span and class the smallest."""
        at_once = max(1, int(self.requests_per_second))
        found: dict[tuple[float, CostClass | None], Bucket] = {}
        for bucket in (Bucket(at_once, at_once / self.requests_per_second), *self.buckets):
            key = (bucket.per_s, bucket.cost)
            found[key] = min(bucket, found.get(key, bucket), key=lambda one: one.requests)
        return (*found.values(),)


@dataclass(slots=True)
class Allowance:
    """What one connector has waited and asked in this run, over all its stages.

    Attributes:
        waited_s: for pauses the source asked for and for failures to pass; not for our own pace.
    """

    waited_s: float = 0.0
    requests: int = 0


#: Told how far a stage is: stage, workspace, done, and the total or None while that is unknown.
Progress = Callable[[str, str, int, int | None], None]


def no_progress(_stage: str, _workspace: str, _done: int, _total: int | None) -> None:
    """Shows nothing."""


class Analysts(Protocol):
    """The language models that read calls, where there are any. `analysts.LanguageModels` is the real one."""

    def analyst(self, stage: Stage, workspace: Workspace, message_id: UUID) -> Analyst | None:
        """Who reads one call at one stage; None for the run's own analyst."""
        ...

    def read_by(self, stage: Stage, workspace: Workspace) -> tuple[str, str] | None:
        """Name and version of the model's analyst at a stage; None for the run's own analyst."""
        ...

    def price_usd(self, stage: Stage, workspace: Workspace, usage: LLMUsage, at: datetime) -> float | None:
        """What `usage` costs at whoever reads; None where nobody knows."""
        ...

    def release_others(self, lease: Lease) -> None:
        """Free what runs that ended were asking for in the lease's workspace."""
        ...

    def hand_in(self) -> None:
        """Hand in what a stage collected for a batch.

        Raises:
            ModelError: the provider does not take it.
        """
        ...


@dataclass(frozen=True, slots=True)
class Run:
    """One run over any rectangle of workspaces and days.

    Attributes:
        id: Dagster's run id; the owner of the leases.
        until: no call after this instant is asked for; fixed at the start of the run.
        limit: at most this many calls a workspace are transcribed and at most as many analysed, newest first.
        connector_type: only connectors of this source, or None for all.
        left_alone: calls that wait for one of these reasons are not read in this run.
        analyst: reads where no language model does.
        models: the language models; None where there are none.
        calls_at_once: how many calls are read at the same time.
        tuning: per source name.
        environment: where connectors made with `--credentials env` find theirs.
        allowed_hosts: API hosts the operator vouches for.
        allowances: by connector; shared by all stages of the run.
    """

    id: str
    store: Store
    analyst: Analyst
    sources: Mapping[str, type[Source]]
    tuning: Mapping[str, SourceTuning]
    until: datetime
    effects: Effects = field(default_factory=Effects)
    limit: int | None = None
    connector_type: str | None = None
    left_alone: tuple[ReasonCode, ...] = ()
    progress: Progress = no_progress
    models: Analysts | None = None
    calls_at_once: int = 1
    environment: Mapping[str, str] = field(repr=False, default_factory=lambda: os.environ)
    allowed_hosts: frozenset[str] = frozenset()
    allowances: dict[UUID, Allowance] = field(default_factory=dict)

    def read_by(self, stage: Stage, workspace: Workspace) -> tuple[str, str]:
        """Name and version of who reads at a stage."""
        model = None if self.models is None else self.models.read_by(stage, workspace)
        return (self.analyst.name, self.analyst.version) if model is None else model

    def at_once(self, stage: Stage, workspace: Workspace) -> int:
        """How many calls are read at the same time; rules take a processor each, so one."""
        asks_model = self.models is not None and self.models.read_by(stage, workspace) is not None
        return self.calls_at_once if asks_model else 1

    def analyst_of(self, stage: Stage, workspace: Workspace, message_id: UUID) -> Analyst:
        """Who reads one call at one stage.

        Raises:
            ConfigurationError: the model cannot be asked.
            ModelError: the provider knows no such model.
        """
        chosen = None if self.models is None else self.models.analyst(stage, workspace, message_id)
        return self.analyst if chosen is None else chosen


@dataclass(frozen=True, slots=True)
class Part:
    """The days of one workspace that a stage works on; newest matter first, order does not."""

    workspace: Workspace
    days: list[date]


@dataclass(frozen=True, slots=True)
class Trouble:
    """A connector that could not finish, in words for people.

    Attributes:
        resume_at: when it may go on, if it is only paused.
    """

    workspace: str
    connector: str
    source: str
    code: str
    words: str
    resume_at: datetime | None = None


@dataclass(slots=True)
class StageReport:
    """What one stage did to one workspace.

    Attributes:
        counts: by (day, source, what), e.g. (2026-11-20, "gong", "new").
        confidences: of the relevance judgements made, by day.
        usage: what the analyst's answers cost, by day.
    """

    counts: Counter[tuple[date, str, str]] = field(default_factory=Counter)
    troubles: list[Trouble] = field(default_factory=list)
    confidences: dict[date, list[float]] = field(default_factory=dict)
    usage: dict[date, Usage] = field(default_factory=dict)

    def count(self, day: date, source: str, what: str, by: int = 1) -> None:
        """Add to one count."""
        self.counts[day, source, what] += by

    def charge(self, day: date, usage: Usage) -> None:
        """Add what an answer about a call of that day cost."""
        self.usage[day] = self.usage.get(day, Usage()) + usage

    def on(self, day: date) -> Mapping[str, Mapping[str, int]]:
        """The day's counts, by source and what."""
        found: dict[str, dict[str, int]] = {}
        for (counted_day, source, what), number in sorted(self.counts.items()):
            if counted_day == day:
                found.setdefault(source, {})[what] = number
        return found
