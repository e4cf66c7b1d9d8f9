"""Runs whose process is gone without a word: after a power cut, a killed `headway ingest`, a killed `headway up`.

Dagster would show them as running until their longest time is over, and the limit of one run a workspace would keep
everything else of that workspace waiting. The code server that started a run notices by itself that its process
ended, and tells Dagster's records; where these are away at that moment, nobody ever says it again. So every run names
its process, and whoever is on the same machine can see that it is dead. One that never comes to naming it was cut off
in its first second. On another machine nobody sees the process: there a lease on a workspace's ledger that is not
renewed any more tells.
Concept: https://docs.dagster.io/deployment/execution/run-monitoring
"""

import hashlib
import json
import socket
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import dagster as dg

from headway_pipeline.orchestration.assets import CHAIN
from headway_pipeline.orchestration.descriptions import described
from headway_pipeline.orchestration.failures import translated
from headway_pipeline.orchestration.jobs import BATCHES_JOB, INGEST_JOB
from headway_pipeline.orchestration.process_names import named_process
from headway_pipeline.orchestration.resources import LedgerResource
from headway_pipeline.store.holders import Holder, is_dead

__all__ = [
    "NAMED_WITHIN",
    "Silence",
    "build_abandoned_sensor",
    "end_abandoned_runs",
    "end_silent_runs",
    "server_folder_prefix",
    "why_abandoned",
]

#: A run's process names itself before its first step, a second or two after Dagster says that it started. One that
#: did not by then ended in between.
NAMED_WITHIN = timedelta(minutes=5)
#: A lease that ended is looked at again after so long, seconds: who lives renews it three times meanwhile.
SECOND_LOOK_S = 55.0
#: Where Dagster notes the code server that started a run.
SERVER_TAG = "dagster/grpc_info"
UNDER_WAY = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
MOST_LOOKED_AT = 200


def server_folder_prefix() -> str:
    """What the name of a folder with a code server's socket begins with, on this computer and on no other."""
    host = hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]
    return f"headway-{host}-"


def why_abandoned(
    run_id: str,
    tags: Mapping[str, str],
    answers: Callable[[str], bool],
    *,
    is_gone: Callable[[Holder], bool] = is_dead,
    nameless_for: timedelta | None = None,
) -> str | None:
    """Why a run under way is known to have no process any more, in words; None wherever there is a doubt.

    Args:
        answers: whether somebody listens at a Unix socket.
        is_gone: whether a process has ended.
        nameless_for: how long ago a run started whose process names itself; None of runs whose process need not.
    """
    try:
        holder = named_process(run_id, tags)
        if holder is not None:
            return f"{holder} ended before the run did" if is_gone(holder) else None
        server = json.loads(tags.get(SERVER_TAG, "{}")).get("socket")
    except (ValueError, TypeError, AttributeError, KeyError):
        # Anybody may tag a run.
        return None
    if nameless_for is not None and nameless_for > NAMED_WITHIN:
        return "its process ended before it did anything"
    # The socket of another computer cannot be reached from here, and its run may be well.
    if not server or not Path(server).parent.name.startswith(server_folder_prefix()) or answers(server):
        return None
    return "the code server that started the run is gone"


@dataclass(frozen=True, slots=True)
class Silence:
    """Leases that had ended when somebody looked.

    Attributes:
        at: when that was, in seconds.
        lapsed: when each ended, by owner.
    """

    at: float
    lapsed: Mapping[str, str]

    def to_text(self) -> str:
        """For a sensor's cursor."""
        return json.dumps({"at": self.at, "lapsed": dict(self.lapsed)}, sort_keys=True)

    @classmethod
    def parse(cls, text: str | None) -> "Silence":
        """From a sensor's cursor; what cannot be read is as if nobody had looked."""
        try:
            kept = json.loads(text or "")
            return cls(float(kept["at"]), {str(owner): str(ended) for owner, ended in kept["lapsed"].items()})
        except (ValueError, TypeError, AttributeError, KeyError):
            return cls(0.0, {})

    def since(self, before: "Silence") -> frozenset[str]:
        """Owners that had a whole look's time to renew and did not: the database was there at both looks."""
        if self.at - before.at < SECOND_LOOK_S:
            return frozenset()
        return frozenset(owner for owner, ended in self.lapsed.items() if before.lapsed.get(owner) == ended)


def end_abandoned_runs(instance: dg.DagsterInstance, now: Callable[[], float] = time.time) -> list[str]:
    """Mark runs as failed whose process is known to be gone; returns their ids.

    Where retries are on, Dagster starts them again.

    Args:
        now: the time in seconds, as Dagster notes when a run started.
    """
    ended = []
    for record in instance.get_run_records(dg.RunsFilter(statuses=UNDER_WAY), limit=MOST_LOOKED_AT):
        run = record.dagster_run
        started = record.start_time if _is_over_ledger(run) else None
        why = why_abandoned(
            run.run_id,
            run.tags,
            _answers,
            nameless_for=None if started is None else timedelta(seconds=now() - started),
        )
        if why is not None:
            _end(instance, run, why)
            ended.append(run.run_id)
    return ended


def end_silent_runs(instance: dg.DagsterInstance, silent: Collection[str]) -> list[str]:
    """Mark those runs as failed that are under way and own a lease that is not renewed any more; returns their ids.

    Args:
        silent: owners of such leases; not every one is a run.
    """
    if not silent:
        return []
    runs = instance.get_runs(dg.RunsFilter(run_ids=sorted(silent), statuses=UNDER_WAY))
    for run in runs:
        _end(instance, run, "its process gives no sign of life any more")
    return [run.run_id for run in runs]


def _end(instance: dg.DagsterInstance, run: dg.DagsterRun, why: str) -> None:
    instance.report_run_failed(run, message=f"{why}: what it committed stays, the rest is done again")


def _is_over_ledger(run: dg.DagsterRun) -> bool:
    """Whether the run's process must name itself: records may be shared with code that knows nothing of it."""
    chain = {dg.AssetKey(name) for name in CHAIN}
    return run.job_name in (INGEST_JOB, BATCHES_JOB) or not chain.isdisjoint(run.asset_selection or ())


def _answers(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1)
        try:
            return probe.connect_ex(path) == 0
        except OSError:
            # No path of a socket at all.
            return False


def build_abandoned_sensor() -> dg.SensorDefinition:
    """Looks once a minute."""

    @dg.sensor(
        name="abandoned_runs",
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=described("Marks runs as failed whose process is gone, so that they hold up nothing.", "sensors"),
    )
    def abandoned_runs(context: dg.SensorEvaluationContext, ledger: LedgerResource) -> dg.SkipReason:
        ended = end_abandoned_runs(context.instance)
        with translated():
            lapsed = ledger.store.leases.lapsed()
        silence = Silence(time.time(), {owner: until.isoformat() for owner, until in lapsed.items()})
        before = Silence.parse(context.cursor)
        ended += end_silent_runs(context.instance, silence.since(before))
        # An earlier look that was too short ago is kept: somebody may press the button again and again.
        if silence.at - before.at >= SECOND_LOOK_S:
            context.update_cursor(silence.to_text())
        return dg.SkipReason(f"{len(ended)} runs without a process were ended" if ended else "none is abandoned")

    return abandoned_runs
