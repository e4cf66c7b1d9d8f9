"""`headway labels`: people's decisions as a labelled set, which `headway eval` reads."""

import click

from headway_pipeline.cli.context import opened, verbose_option, workspace_option
from headway_pipeline.cli.output import say, show_json

__all__ = ["command"]


@click.command(name="labels")
@workspace_option
@verbose_option
def command(workspace_ref: str, verbose: bool) -> None:  # noqa: ARG001
    """Write calls with what was accepted, dismissed and moved in them, one a line, to standard output.

    Name the file decided_calls_….jsonl; then `headway eval --data` of its folder measures any analyst against it. It
    holds whole transcripts.
    """
    calls = items = 0
    with opened() as store:
        workspace = store.workspaces.find(workspace_ref)
        for call in store.reading.decided_calls(workspace.id):
            show_json(call.to_json())
            calls, items = calls + 1, items + len(call.items)
    say(f"{items} decided items of {calls} calls" if items else "nothing was decided yet: see `headway decide`")
