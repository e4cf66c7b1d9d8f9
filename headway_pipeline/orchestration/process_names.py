"""Every run over the ledger names the process that carries it out, so that somebody else can see that it is dead."""

import json
from collections.abc import Mapping
from dataclasses import asdict

from headway_pipeline.store.holders import Holder, this_process

__all__ = ["PROCESS_TAG", "named_process", "process_tags"]

#: A run names its process. The pages show no tags with this prefix.
PROCESS_TAG = ".dagster/headway_process"


def process_tags(run_id: str) -> dict[str, str]:
    """The tags of a run that this process carries out. A retry gets a copy of them, so they name the run, too."""
    return {PROCESS_TAG: json.dumps({"run": run_id, "process": asdict(this_process())})}


def named_process(run_id: str, tags: Mapping[str, str]) -> Holder | None:
    """The process that named itself for this run, not for one that it repeats; None where none did.

    Raises:
        ValueError, TypeError, AttributeError, KeyError: the tag is none of ours.
    """
    named = json.loads(tags.get(PROCESS_TAG, "{}"))
    return Holder(**named["process"]) if named.get("run") == run_id else None
