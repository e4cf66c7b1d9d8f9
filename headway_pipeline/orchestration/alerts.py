"""The sensor that tells people of failed runs: once each, with what to do, in the log and at a Slack-compatible URL.

Concept: https://docs.dagster.io/guides/automate/sensors
A `run_failure_sensor` would tell of every failed run; an hourly schedule against a refused key fails 24 times a day.
So this one remembers what it told: the same trouble of the same workspace is told again only after it was over, or
after a day.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta

import dagster as dg

from headway_pipeline.ingestion.notices import deliver
from headway_pipeline.orchestration.descriptions import described
from headway_pipeline.orchestration.failures import NEXT_STEP, WHAT_TO_DO
from headway_pipeline.orchestration.partitions import workspaces_of
from headway_pipeline.settings import current_settings

__all__ = ["Alert", "EndedRun", "Told", "build_alert_sensor", "decide_alerts"]

#: How long the same trouble is not told again while it lasts.
SILENCE = timedelta(hours=24)
#: How far a first tick looks back; and how long a row of a run may be committed behind one that is newer.
FIRST_LOOK = timedelta(hours=1)
OVERLAP = timedelta(minutes=1)
#: The most that one tick tells one by one, that waits for an address that does not answer, and that one alert says.
MOST_TOLD = 20
MOST_PENDING = 100
MOST_CHARS = 1500
WILL_RETRY_TAG = "dagster/will_retry"
EVENTS = {dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.RUN_FAILURE}
ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]


@dataclass(frozen=True, slots=True)
class EndedRun:
    """A run that ended.

    Attributes:
        trouble: what went wrong, in words for people; "" where it succeeded.
        what_to_do: the remedy, or "".
        next_step: what happens by itself, or "".
    """

    run_id: str
    job: str
    workspaces: tuple[str, ...]
    ended_at: datetime
    trouble: str = ""
    what_to_do: str = ""
    next_step: str = ""

    @property
    def fingerprint(self) -> str:
        """Equal for the same trouble of the same workspaces: days, counts and request ids change each hour."""
        words = re.sub(r"\S*[0-9]\S*", "#", self.trouble)
        return f"{','.join(self.workspaces)} {self.job} {words}"[:MOST_CHARS]


@dataclass(frozen=True, slots=True)
class Told:
    """What was told of, and when."""

    workspaces: tuple[str, ...]
    job: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Alert:
    """One message to people."""

    run_id: str
    text: str


def decide_alerts(
    ended: Iterable[EndedRun], told: Mapping[str, Told], now: datetime, dagster_url: str
) -> tuple[list[Alert], dict[str, Told]]:
    """What to tell of, and what is remembered of it from now on.

    Args:
        ended: runs that ended, in any order.
        told: by fingerprint, what was told before.
        dagster_url: where the pages of Dagster are, for links.
    """
    remembered = {key: one for key, one in told.items() if now - one.at < SILENCE}
    alerts = []
    for run in sorted(ended, key=lambda one: (one.ended_at, one.run_id)):
        if not run.trouble:
            over = [key for key, one in remembered.items() if _is_over(one, run)]
            for key in over:
                del remembered[key]
        elif run.fingerprint not in remembered:
            alerts.append(Alert(run.run_id, _text(run, dagster_url)))
            remembered[run.fingerprint] = Told(run.workspaces, run.job, run.ended_at)
    return alerts, remembered


def _is_over(told: Told, success: EndedRun) -> bool:
    """Whether a success of the same job, in every workspace the trouble was of, came after it."""
    return success.job == told.job and set(told.workspaces) <= set(success.workspaces) and success.ended_at > told.at


def _text(run: EndedRun, dagster_url: str) -> str:
    of = f" of {', '.join(run.workspaces)}" if run.workspaces else ""
    lines = [f"The run {run.job}{of} failed.", run.trouble]
    if run.what_to_do and run.what_to_do not in run.trouble:
        lines.append(f"What to do: {run.what_to_do}")
    if run.next_step:
        lines.append(f"Next: {run.next_step}")
    return "\n".join([_short(line) for line in lines] + [f"{dagster_url.rstrip('/')}/runs/{run.run_id}"])


def _short(text: str) -> str:
    return text if len(text) <= MOST_CHARS else f"{text[: MOST_CHARS - 1]}…"


@dataclass(slots=True)
class _Memory:
    """The sensor's cursor.

    Attributes:
        after: runs updated before it were looked at.
        seen: of the overlap, run ids with the time of their last change.
        pending: texts that could not be delivered yet.
    """

    after: datetime
    seen: dict[str, float] = field(default_factory=dict)
    told: dict[str, Told] = field(default_factory=dict)
    pending: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, cursor: str | None, now: datetime) -> "_Memory":
        if not cursor:
            return cls(now - FIRST_LOOK)
        kept = json.loads(cursor)
        told = {
            key: Told(tuple(one["workspaces"]), one["job"], datetime.fromisoformat(one["at"]))
            for key, one in kept["told"].items()
        }
        return cls(datetime.fromisoformat(kept["after"]), kept["seen"], told, kept["pending"])

    def to_cursor(self) -> str:
        kept = {
            "after": self.after.isoformat(),
            "seen": self.seen,
            "told": {key: asdict(one) | {"at": one.at.isoformat()} for key, one in self.told.items()},
            "pending": self.pending,
        }
        return json.dumps(kept)


def build_alert_sensor() -> dg.SensorDefinition:
    """Tells of failed runs, of whatever job."""

    @dg.sensor(
        name="failed_runs",
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=described(
            "Tells people of failed runs, each trouble once, with what to do: in the log, and at the "
            "Slack-compatible webhook that HEADWAY_ALERT_URL names.",
            "alerts",
        ),
    )
    def failed_runs(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        now, settings = datetime.now(tz=UTC), current_settings()
        memory = _Memory.of(context.cursor, now)
        alerts, memory.told = decide_alerts(_ended(context.instance, memory), memory.told, now, settings.dagster_url)
        for alert in alerts:
            context.log.error(alert.text)
        words = _send(settings.alert_url, memory, [alert.text for alert in alerts])
        if words:
            context.log.warning(words)
        context.update_cursor(memory.to_cursor())
        return dg.SkipReason(f"{len(alerts)} failed runs were told of" if alerts else "no run failed anew")

    return failed_runs


def _send(url: str | None, memory: _Memory, texts: Sequence[str]) -> str | None:
    """Deliver what waits, oldest first, until one is refused; says in words what could not be delivered."""
    if url is None:
        memory.pending = []
        return None
    waiting = memory.pending + _bundled(texts)
    while waiting:
        words = deliver(url, waiting[0])
        if words is not None:
            memory.pending = waiting[-MOST_PENDING:]
            return f"{len(waiting)} alerts wait, for HEADWAY_ALERT_URL does not take them: {words}"
        del waiting[0]
    memory.pending = []
    return None


def _bundled(texts: Sequence[str]) -> list[str]:
    """Many at once are one message more: a fault of everything must not bury a channel."""
    if len(texts) <= MOST_TOLD:
        return list(texts)
    return [*texts[:MOST_TOLD], f"{len(texts) - MOST_TOLD} more runs failed; Dagster's page of runs has them."]


def _ended(instance: dg.DagsterInstance, memory: _Memory) -> Iterator[EndedRun]:
    """The runs that ended since the last look; the memory is moved on past them."""
    since = memory.after - OVERLAP
    records = instance.get_run_records(
        dg.RunsFilter(statuses=ENDED, updated_after=since), order_by="update_timestamp", ascending=True
    )
    seen = memory.seen
    memory.seen = {record.dagster_run.run_id: record.update_timestamp.timestamp() for record in records}
    for record in records:
        memory.after = max(memory.after, _aware(record.update_timestamp))
        run = record.dagster_run
        is_new = seen.get(run.run_id) != record.update_timestamp.timestamp()
        # A run that is going to be retried is told of when its last retry failed.
        if is_new and run.tags.get(WILL_RETRY_TAG) != "true":
            ended_at = datetime.fromtimestamp(record.end_time or memory.after.timestamp(), tz=UTC)
            yield _ended_run(instance, run, ended_at)


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _ended_run(instance: dg.DagsterInstance, run: dg.DagsterRun, ended_at: datetime) -> EndedRun:
    workspaces, job = tuple(sorted(workspaces_of(run.tags))), run.job_name
    job = "materialization" if job.startswith("__") else job
    if run.status is dg.DagsterRunStatus.SUCCESS:
        return EndedRun(run.run_id, job, workspaces, ended_at)
    return EndedRun(run.run_id, job, workspaces, ended_at, *_trouble(instance, run.run_id))


def _trouble(instance: dg.DagsterInstance, run_id: str) -> tuple[str, str, str]:
    """What went wrong, what to do about it and what happens by itself; from the run's first failed step."""
    of_run = ""
    for entry in instance.all_logs(run_id, of_type=EVENTS):
        event = entry.dagster_event
        if event is None:
            continue
        if event.event_type is dg.DagsterEventType.STEP_FAILURE:
            data = event.step_failure_data
            if data.user_failure_data is not None:
                told = data.user_failure_data.metadata
                shown = [str(told[name].value) if name in told else "" for name in (WHAT_TO_DO, NEXT_STEP)]
                return data.user_failure_data.description or f"{event.step_key} failed", shown[0], shown[1]
            kind = data.error.cls_name if data.error else "an error"
            return f"{event.step_key} failed: {kind}", "look at the run's page", ""
        of_run = event.message or of_run
    return of_run or "it ended without a word", "look at the run's page", ""
