"""`headway erase`: remove a person, or one call, and print a receipt."""

import getpass
import sys
from typing import TYPE_CHECKING, Any

import click

from headway_pipeline.cli.context import made_format_option, opened, ready_settings, verbose_option, workspace_option
from headway_pipeline.cli.output import say, show_json, tell
from headway_pipeline.model.erasure import ErasureScope
from headway_pipeline.model.errors import InputError

if TYPE_CHECKING:
    from headway_pipeline.ingestion.erasure import Plan, Receipt

__all__ = ["command"]

MOST_SHOWN = 20


@click.command(name="erase")
@workspace_option
@click.option("--person", metavar="EMAIL|NAME", help="Everything of this person: their calls, or their turns.")
@click.option("--message", metavar="ID|SOURCE:ID", help="One call, by id or as `headway messages` lists it.")
@click.option("--turns-only", is_flag=True, help="Keep the person's calls without their turns; they are read again.")
@click.option("--dry-run", is_flag=True, help="Show what would go; change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask; needed where nobody sits at a terminal.")
@made_format_option
@verbose_option
def command(
    workspace_ref: str,
    person: str | None,
    message: str | None,
    turns_only: bool,
    dry_run: bool,
    yes: bool,
    output_format: str,
    verbose: bool,  # noqa: ARG001
) -> int:
    """Remove a person or a call with everything derived from it, for good, and print a receipt.

    A call that was erased never comes back from its source. A request that was interrupted is finished by the same
    command.
    """
    from datetime import UTC, datetime

    from headway_pipeline.ingestion.erasure import ErasureRequest, erase, plan_erasure

    scope, named = _asked(person, message, turns_only=turns_only)
    if not (dry_run or yes or _is_at_terminal()):
        raise InputError("nobody is here to be asked", "look with --dry-run first, then give --yes")
    with opened() as store:
        workspace = store.workspaces.find(workspace_ref)
        request = ErasureRequest(workspace, scope, named, ready_settings().exports)
        if dry_run or not yes:
            plan = plan_erasure(store, request)
            _show_plan(plan, scope, output_format if dry_run else "text", to_stderr=not dry_run)
            if dry_run:
                return 0
            if not click.confirm("Erase this for good?", err=True):
                say("nothing was erased")
                return 1
        receipt = erase(store, request, actor=_actor(), now=lambda: datetime.now(tz=UTC))
    _show_receipt(receipt, output_format)
    return 0


def _asked(person: str | None, message: str | None, *, turns_only: bool) -> tuple[ErasureScope, str]:
    if (person is None) == (message is None):
        raise InputError("it is not said what to erase", "give either --person or --message")
    if message is not None:
        if turns_only:
            raise InputError("--turns-only is about a person", "give --person, or leave it out")
        return ErasureScope.MESSAGE, message
    return ErasureScope.TURNS if turns_only else ErasureScope.CALLS, person or ""


def _is_at_terminal() -> bool:
    return sys.stdin.isatty()


def _actor() -> str:
    """The operating system's user, for the receipt."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "cli"


def _show_plan(plan: "Plan", scope: ErasureScope, output_format: str, *, to_stderr: bool) -> None:
    calls = [
        {"id": str(call.id), "source": call.source, "external_id": call.external_id, "day": f"{call.occurred_at:%F}"}
        for call in plan.calls
    ]
    files = [str(path) for path in plan.files]
    if output_format == "json":
        shown: dict[str, Any] = {"dry_run": True, "scope": scope.value, "calls": calls, "rows": dict(plan.rows)}
        mentioned = [{"id": str(call.id), "external_id": call.external_id} for call in plan.mentions]
        show_json({**shown, "files": files, "mentioned_in": mentioned})
        return
    fate = "kept without the person's turns" if scope == ErasureScope.TURNS else "removed"
    lines = [f"{len(calls)} calls would be {fate}:"]
    lines += [f"  {call['day']}  {call['source']}:{call['external_id']}" for call in calls[:MOST_SHOWN]]
    if len(calls) > MOST_SHOWN:
        lines.append(f"  and {len(calls) - MOST_SHOWN} more; --format json lists all")
    lines += [f"rows that hang on them: {_counted(plan.rows)}", f"exported files that would go: {len(files)}"]
    if plan.mentions:
        lines.append(f"other calls on which others mention the person, which stay: {len(plan.mentions)}")
    if plan.is_resumed:
        lines.append("an erasure like this was begun and not finished; this one goes on with it")
    for line in lines:
        (say if to_stderr else tell)(line)


def _show_receipt(receipt: "Receipt", output_format: str) -> None:
    if output_format == "json":
        show_json({"id": receipt["erasure"], **receipt})
        return
    tell(f"erasure {receipt['erasure']} in {receipt['workspace']}, by {receipt['by']}")
    tell(f"begun {receipt['begun_at']}, finished {receipt['finished_at']}")
    tell(f"of {receipt['subject']} (keyed hash of what was named)")
    tell(f"{len(receipt['calls'])} calls, {receipt['scope']}:")
    for call in receipt["calls"]:
        tell(f"  {call['source']}:{call['external_id']} ({call['id']}) sha256 {call['sha256']}")
    tell(f"rows: {_counted(receipt['rows'])}")
    for file in receipt["files"]:
        tell(f"  removed {file['path']} sha256 {file['sha256']}")
    for call in receipt["mentioned_in"]:
        tell(f"  mentioned in {call['source']}:{call['external_id']} ({call['id']})")
    for note in receipt["notes"]:
        tell(note)


def _counted(rows: Any) -> str:
    return ", ".join(f"{number} {name}" for name, number in rows.items()) or "none"
