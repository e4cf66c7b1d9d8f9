"""Runs whose process is gone without a word: after a power cut, a killed `headway ingest`, a killed `headway up`.

Dagster would show them as running until their longest time is over, and the limit of one run a workspace would keep
everything else of that workspace waiting. The code server that started a run notices by itself that its process
ended, and tells Dagster's records; where these are away at that moment, nobody ever says it again. So every run names
its process, and whoever is on the same machine can see that it is dead.
Concept: https://docs.dagster.io/deployment/execution/run-monitoring
"""

import hashlib
import json
import socket
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path

import dagster as dg

from headway_pipeline.orchestration.descriptions import described
from headway_pipeline.store.holders import Holder, is_dead, this_process

__all__ = [
    "PROCESS_TAG",
    "build_abandoned_sensor",
    "end_abandoned_runs",
    "process_tags",
    "server_folder_prefix",
    "why_abandoned",
]

#: A run names its process. The pages show no tags with this prefix.
PROCESS_TAG = ".dagster/headway_process"
#: Where Dagster notes the code server that started a run.
SERVER_TAG = "dagster/grpc_info"
UNDER_WAY = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
MOST_LOOKED_AT = 200


def process_tags(run_id: str) -> dict[str, str]:
    """The tags of a run that this process carries out. A retry gets a copy of them, so they name the run, too."""
    return {PROCESS_TAG: json.dumps({"run": run_id, "process": asdict(this_process())})}


def server_folder_prefix() -> str:
    """What the name of a folder with a code server's socket begins with, on this computer and on no other."""
    host = hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]
    return f"headway-{host}-"


def why_abandoned(
    run_id: str, tags: Mapping[str, str], answers: Callable[[str], bool], is_gone: Callable[[Holder], bool] = is_dead
) -> str | None:
    """Why a run under way is known to have no process any more, in words; None wherever there is a doubt.

    Args:
        answers: whether somebody listens at a Unix socket.
        is_gone: whether a process has ended.
    """
    try:
        carried_out = json.loads(tags.get(PROCESS_TAG, "{}"))
        if carried_out.get("run") == run_id:
            holder = Holder(**carried_out["process"])
            return f"{holder} ended before the run did" if is_gone(holder) else None
        server = json.loads(tags.get(SERVER_TAG, "{}")).get("socket")
    except (ValueError, TypeError, AttributeError, KeyError):
        # Anybody may tag a run.
        return None
    # The socket of another computer cannot be reached from here, and its run may be well.
    if not server or not Path(server).parent.name.startswith(server_folder_prefix()) or answers(server):
        return None
    return "the code server that started the run is gone"


def end_abandoned_runs(instance: dg.DagsterInstance) -> list[str]:
    """Mark runs as failed whose process is known to be gone; returns their ids.

    Where retries are on, Dagster starts them again.
    """
    ended = []
    for run in instance.get_runs(dg.RunsFilter(statuses=UNDER_WAY), limit=MOST_LOOKED_AT):
        why = why_abandoned(run.run_id, run.tags, _answers)
        if why is not None:
            instance.report_run_failed(run, message=f"{why}: what it committed stays, the rest is done again")
            ended.append(run.run_id)
    return ended


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
    def abandoned_runs(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        ended = end_abandoned_runs(context.instance)
        return dg.SkipReason(f"{len(ended)} runs without a process were ended" if ended else "none is abandoned")

    return abandoned_runs
