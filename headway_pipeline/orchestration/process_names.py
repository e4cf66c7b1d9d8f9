"""Every run over the ledger names the process that carries it out, so that somebody else can see that it is dead."""

import json
from collections.abc import Mapping
from dataclasses import asdict

from headway_pipeline.store.holders import Holder, this_process

__all__ = ["PROCESS_TAG", "has_name", "named_process", "process_tags"]

#: A run names its process. The pages show no tags with this prefix.
PROCESS_TAG = ".dagster/headway_process"


def process_tags(run_id: str) -> dict[str, str]:
    """The tags of a run that this process carries out. A retry gets a copy of them, so they name the run, too."""
    return {PROCESS_TAG: json.dumps({"run": run_id, "process": asdict(this_process())})}


def has_name(run_id: str, tags: Mapping[str, str]) -> bool:
    """Whether a process named itself for this run, not for one that it repeats.

    Raises:
        ValueError, AttributeError: the tag is none of ours.
    """
    return bool(json.loads(tags.get(PROCESS_TAG, "{}")).get("run") == run_id)


def named_process(tags: Mapping[str, str]) -> Holder:
    """The process of a run that has a name.

    Raises:
        ValueError, TypeError, KeyError: the tag is none of ours.
    """
    return Holder(**json.loads(tags[PROCESS_TAG])["process"])
