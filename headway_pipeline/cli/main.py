"""The command group, and the one place where an error becomes words and an exit code.

Exit codes: 0 complete, 1 something failed, 2 wrong usage, 75 a source is paused and the rest follows later.
"""

import difflib
import importlib
import os
import sys
import traceback
from collections.abc import Sequence

import click

from headway_pipeline import __version__
from headway_pipeline.cli.output import say
from headway_pipeline.model.errors import HeadwayError
from headway_pipeline.settings import ignored_variables

__all__ = ["COMMANDS", "headway", "run"]

#: Every command: where it is, and what `headway --help` says of it without loading it.
COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("headway_pipeline.cli.demo", "Try everything in a minute, against a local sandbox."),
    "up": ("headway_pipeline.cli.up", "Start Dagster and the REST API on this machine."),
    "workspace": ("headway_pipeline.cli.workspace", "Add, list, edit and deactivate workspaces."),
    "connector": ("headway_pipeline.cli.connector", "Add, list, check and disable connectors to sources."),
    "theme": ("headway_pipeline.cli.theme", "Add, list, edit and archive themes."),
    "ingest": ("headway_pipeline.cli.ingest", "Pull a workspace's calls and turn them into filed features."),
    "backfill": ("headway_pipeline.cli.backfill", "The same over a range of days, for all workspaces; in batches."),
    "reanalyse": ("headway_pipeline.cli.reanalyse", "Read calls again with the present model; says its price first."),
    "messages": ("headway_pipeline.cli.messages", "List calls with their state in the ledger."),
    "features": ("headway_pipeline.cli.features", "List features filed under themes, with their quotes."),
    "inbox": ("headway_pipeline.cli.inbox", "List what was extracted but fits no theme."),
    "decide": ("headway_pipeline.cli.decide", "Accept, dismiss and move features; every run respects it."),
    "labels": ("headway_pipeline.cli.labels", "Write people's decisions as a labelled set for `eval`."),
    "missing": ("headway_pipeline.cli.missing", "List calls that sources no longer list, and confirm a loss."),
    "status": ("headway_pipeline.cli.status", "Show the ledger, the connectors' health and the lag."),
    "erase": ("headway_pipeline.cli.erase", "Remove a person or a call for good, with a receipt."),
    "eval": ("headway_pipeline.cli.eval", "Measure how right an analyst is, with intervals."),
    "doctor": ("headway_pipeline.cli.doctor", "Check this installation and say what to mend."),
    "keys": ("headway_pipeline.cli.keys", "Change the keys that seal credentials."),
    "api": ("headway_pipeline.cli.api", "Serve the REST API."),
    "token": ("headway_pipeline.cli.token", "Create, list and revoke tokens of the REST API."),
    "sandbox": ("headway_pipeline.cli.sandbox", "Serve a local Gong, Fathom, Claude and GPT."),
    "db": ("headway_pipeline.cli.db", "Bring the database's tables up to date; the roles it needs."),
}


class LazyGroup(click.Group):
    """Loads a command's module when the command is used, not for the list of commands."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click gives it
        """All names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command `name` of its module, or None."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(COMMANDS[cmd_name][0]).command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is asked for; where there is none, the error names the one that is spelt like it."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            near = difflib.get_close_matches(args[0], COMMANDS, n=1)
            if not near:
                raise
            raise click.UsageError(f"{error.message} Did you mean '{near[0]}'?", ctx) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The list of commands, from the table alone."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="headway")
def headway() -> None:
    """Turn customer calls into feature requests, bug reports and pain points, each resting on a quote."""
    for name, reason in ignored_variables(os.environ).items():
        say(f"warning: {name} is ignored ({reason})")


def run(arguments: Sequence[str] | None = None) -> None:
    """Entry point of the console script; never returns."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        answer = headway.main(args=given, prog_name="headway", standalone_mode=False)
    except click.exceptions.Abort:
        say("stopped; what was committed stays, run again to go on")
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except HeadwayError as error:
        sys.exit(_explain(error, verbose="--verbose" in given))
    except BrokenPipeError:
        # The reader of our output went away (`headway features | head`).
        sys.stderr.close()
        sys.exit(141)
    except Exception as error:  # noqa: BLE001  # the last resort: a person gets a line, not a trace
        sys.exit(_admit(error, verbose="--verbose" in given))
    sys.exit(answer if isinstance(answer, int) else 0)


def _admit(error: Exception, *, verbose: bool) -> int:
    """A defect of ours. Its message may quote a call, so it is shown only on request."""
    if verbose:
        say("".join(traceback.format_exception(error)).rstrip())
    remedy = "report it with the trace above" if verbose else "--verbose shows the trace; please report it"
    say(f"error: an unexpected {type(error).__name__}: {remedy}")
    return 1


def _explain(error: HeadwayError, *, verbose: bool) -> int:
    if verbose:
        say("".join(traceback.format_exception(error)).rstrip())
    say(f"error: {' '.join(str(error).split())}")
    return 1
